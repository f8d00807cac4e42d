"""What users hand in as an image with labels, as checked tensors."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from graphrw.core.arrays import as_tensor, whole_values
from graphrw.core.memory import require_memory
from graphrw.core.scale import unit_of
from graphrw.core.warn import warn
from graphrw.core.whole import check_positive, is_number, is_whole

AN_IMAGE = "(H, W) or (D, H, W) numbers, with `channel_axis` one axis more"
# Of what an integer type holds: 12 bits in 16, or a tomogram's units, leave β of the usual size hardly an edge.
LEAST_RANGE = 0.1
MOST_RANGE = 20.0  # of floats: beyond it every difference is an edge, that of noise, too


# What segmenting over superpixels takes for each pixel, labels and all, and for each channel more: measured on a volume
# of 215³, and less on larger ones (`benchmarks/volume_memory.py`).
BYTES, CHANNEL = 110, 8
EXACT = (torch.bool, torch.uint8, torch.int8, torch.int16, torch.uint16, torch.float16, torch.bfloat16, torch.float32)
ADVICE = "Segment it in parts that overlap, or at half the resolution."


def read_labels(labels: NDArray[Any] | Tensor) -> Tensor:
    """(H, W) or (D, H, W) int64, from whole numbers of any type; true is 1."""
    label_image = as_tensor("labels", labels, "(H, W) or (D, H, W) whole numbers")
    if label_image.ndim not in (2, 3) or label_image.numel() == 0:
        raise ValueError(f"`labels` must be (H, W) or (D, H, W) and not empty; got {tuple(label_image.shape)}.")
    return label_image.long() if label_image.dtype == torch.bool else whole_values("labels", label_image)


def read_pixels(
    image: NDArray[Any] | Tensor, inside: Tensor, *, channel_axis: int | None, data_range: float | None
) -> Tensor:
    """(N, C) floats: the pixels in C order, over the range of the data; 0 where they are not finite, as outside."""
    values = _flat(image, inside, channel_axis)
    single = values.dtype == torch.float32 and isinstance(image, Tensor)
    pixels = _finite(values if single else values.double(), inside)
    if data_range is not None:
        return pixels / check_positive("data_range", data_range, reason=", or None")
    if values.dtype == torch.bool or (values.is_floating_point() and channel_axis is not None):
        return pixels  # colours of Lab, and features, have ranges of their own
    seen = pixels.detach() if bool(inside.all()) else pixels.detach()[inside.reshape(-1)]
    if seen.numel():
        low, high = torch.aminmax(seen)
        warn_of_range(float(low), float(high), values.dtype)
    return pixels if values.is_floating_point() else pixels / torch.iinfo(values.dtype).max


def read_colours(image: Tensor, inside: Tensor, channel_axis: int | None) -> Tensor:
    """(N, C) float32: the pixels in C order, in whatever units they come; 0 where they are not finite, as outside.

    Raises:
        MemoryError: before anything is made, if what follows will not fit.
    """
    pixels = _flat(image, inside, channel_axis)
    needed = len(pixels) * (BYTES + CHANNEL * (pixels.shape[1] - 1))
    require_memory(needed, f"Segmenting {tuple(inside.shape)} pixels", ADVICE)
    inside = inside.cpu()
    return _as_singles(_finite(pixels.detach().cpu(), inside), inside.reshape(-1))


def read_spacing(spacing: Sequence[float], axes: int) -> list[float]:
    """The distance of pixels along each of the `axes`."""
    steps: list[Any] = list(spacing) if isinstance(spacing, Iterable) else [spacing]
    numbers = [float(step) for step in steps if is_number(step) and 0 < float(step) < np.inf]
    if len(numbers) != axes or len(steps) != axes:
        raise ValueError(
            f"`spacing` must be {axes} positive, finite numbers, one for each spatial axis; got {spacing!r}."
        )
    return numbers


def relative(spacing: Sequence[float]) -> tuple[float, ...]:
    """In units of the smallest, so that the answer hangs on no unit.

    >>> relative([0.5, 0.25])
    (2.0, 1.0)
    """
    return tuple(step / min(spacing) for step in spacing)


def check_alike(image: object, labels: object) -> None:
    """Raise `ValueError` unless both are arrays of NumPy, or both of torch."""
    if isinstance(image, Tensor) != isinstance(labels, Tensor):
        got = f"{type(image).__name__} and {type(labels).__name__}"
        cure = "`torch.from_numpy(…)` makes a tensor of an array, `.numpy()` an array of a tensor"
        raise ValueError(f"`image` and `labels` must both be NumPy arrays or both torch tensors; got {got}. {cure}.")


def check_channel_axis(image: Tensor, channel_axis: int | None) -> None:
    """Raise `ValueError` unless it is None or an axis of `image`."""
    if channel_axis is None or (is_whole(channel_axis) and -image.ndim <= channel_axis < image.ndim):
        return
    raise ValueError(f"`channel_axis` must be an axis of `image` {tuple(image.shape)}, or None; got {channel_axis!r}.")


def warn_of_range(low: float, high: float, kind: torch.dtype) -> None:
    """Warn of integers that use little of their type, by whose largest value they are divided; of floats far from 1."""
    if kind.is_floating_point:
        wrong = high - low > MOST_RANGE
        why = "Floats are taken as they are, and so far from [0, 1] noise is an edge, too"
    else:
        most = torch.iinfo(kind).max
        wrong = 0 < high - low < LEAST_RANGE * most
        why = f"Integers are divided by the most that their type holds, here {most}, so that hardly an edge is left"
    if wrong:
        name, span = str(kind).removeprefix("torch."), f"{high - low:.7g}"
        warn(
            f"`image` is {name} and uses {low:.7g} to {high:.7g}. {why}. Say what the range of your data is, such as "
            f"`data_range={span}` (`--data-range {span}`), or pass floats in [0, 1]."
        )


def channels_last(values: Tensor, channel_axis: int | None, shape: tuple[int, ...]) -> Tensor:
    """(\\*shape, C)"""
    check_channel_axis(values, channel_axis)
    last = values[..., None] if channel_axis is None else values.movedim(channel_axis, -1)
    if last.shape[:-1] != shape:
        extra = "" if channel_axis is None else ", `image` with channels along `channel_axis`"
        got = f"{tuple(values.shape)} and {shape}{_cure(tuple(values.shape), shape)}"
        raise ValueError(f"`image` and `labels` must share the spatial shape (H, W) or (D, H, W){extra}; got {got}.")
    if last.shape[-1] == 0:
        raise ValueError(f"`image` must have at least one channel along `channel_axis`; got {tuple(values.shape)}.")
    return last


def _cure(size: tuple[int, ...], shape: tuple[int, ...]) -> str:
    """What to say if one axis of an image is that of its channels, in words."""
    for axis, rest in ((-1, size[:-1]), (0, size[1:])):
        if rest == shape:
            return f". If its {'last' if axis else 'first'} axis holds channels, say `channel_axis={axis}`"
    return ""


def _flat(image: NDArray[Any] | Tensor, inside: Tensor, channel_axis: int | None) -> Tensor:
    """(N, C), of the type that they have."""
    values = as_tensor("image", image, AN_IMAGE)
    if values.is_complex():
        raise ValueError(f"`image` must be real; got {values.dtype}. Take its `abs`, or its two parts as channels.")
    return channels_last(values, channel_axis, tuple(inside.shape)).reshape(inside.numel(), -1)


def _as_singles(pixels: Tensor, inside: Tensor) -> Tensor:
    """(N, C) float32 that differ as `pixels` do, to scale. What float32 may not hold is moved to 0 and brought to about
    1 first: beside an offset of 1e9 it has no digits left, and beyond 3e38 no numbers."""
    if pixels.dtype in EXACT:
        return pixels.float()
    values = pixels.double()
    values = values / unit_of(values[inside])  # the difference below shall not overflow
    values -= values[inside].amin()
    return values.div_(unit_of(values[inside])).float()


def _finite(pixels: Tensor, inside: Tensor) -> Tensor:
    """`pixels`, (N, C), with 0 where they are not finite: outside anything may stand, such as NaN, which 0 · NaN would
    spread."""
    finite = torch.isfinite(pixels).all(1)
    if bool(finite.all()):
        return pixels
    if not bool(finite[inside.reshape(-1)].all()):
        raise ValueError("`image` holds NaN or infinite values; fill them, or mark their pixels −1 in `labels`.")
    return torch.where(finite[:, None], pixels, 0.0)
