"""How the numbers in an image file become what a network reads."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from graphrw.core.whole import check_whole, is_number


@dataclass(frozen=True)
class InputScale:
    """Pixel values as a network reads them: x = (value / unit − mean_c) / std_c, with numbers that are fixed.

    They come from the training set (`InputScale.fit`) and are saved with the model. Nothing is taken from the image at
    hand: its own mean or percentiles would make the answer at a pixel depend on what else is in the picture, so that
    tiles would not fit together and a crop would be labelled differently.

    Args:
        unit: > 0, the value that counts as 1; None: the largest of an integer type (255, 65535), 1 for floats and bool.
            Give it for 12-bit data in 16 bits (4095).
        mean: of each channel, in units; a single one is for all channels.
        std: > 0, likewise.

    Raises:
        ValueError: for values out of range.

    >>> InputScale(mean=(0.5,), std=(0.25,)).apply(np.full((2, 3), 255, np.uint8)).shape
    torch.Size([1, 1, 2, 3])
    """

    unit: float | None = None
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        for field in fields(self)[1:]:  # a list, as it comes out of a file, and a single number are taken too
            object.__setattr__(self, field.name, _numbers(field.name, getattr(self, field.name)))
        _check_unit(self.unit)
        if not all(math.isfinite(value) for value in self.mean):
            raise ValueError(f"`mean` must be finite; got {self.mean}.")
        if not all(0 < value < math.inf for value in self.std):
            raise ValueError(f"`std` must be positive and finite; got {self.std}. A channel that never varies: 1.")

    @classmethod
    def fit(
        cls, images: Iterable[NDArray[Any]], *, unit: float | None = None, channel_axis: int | None = None
    ) -> "InputScale":
        """The scale with which these images, all together, have mean 0 and standard deviation 1 in each channel.

        Args:
            images: of the training set, at least one, of one type and number of channels.
            unit, channel_axis: as above and in `apply`.

        >>> InputScale.fit([np.array([[0.0, 1.0]]), np.array([[1.0, 0.0]])])
        InputScale(unit=None, mean=(0.5,), std=(0.5,))
        """
        if isinstance(images, np.ndarray | str) or not isinstance(images, Iterable):
            got = "an array. One image: `[image]`" if isinstance(images, np.ndarray) else type(images).__name__
            raise ValueError(f"`images` must be several images, such as a list; got {got}.")
        _check_unit(unit)
        count, total, squares = 0, np.zeros(1), np.zeros(1)
        for image in images:
            values = _values(image, unit, channel_axis)
            rows = values.reshape(len(values), -1)
            count, total, squares = count + rows.shape[1], total + rows.sum(1), squares + np.square(rows).sum(1)
        if count == 0:
            raise ValueError("`images` must hold at least one image with pixels; got none.")
        mean = total / count
        deviation = np.sqrt(np.maximum(squares / count - mean**2, 0))
        std = np.where(deviation > 0, deviation, 1.0)
        return cls(unit, tuple(mean.tolist()), tuple(std.tolist()))

    def apply(self, image: NDArray[Any], channel_axis: int | None = None) -> Tensor:
        """A NumPy image as a batch of one: (H, W) or (D, H, W), with `channel_axis` one axis more → (1, C, …) float32.

        Raises:
            ValueError: if it has another number of channels than `mean` and `std`, or holds no numbers.
        """
        values = _values(image, self.unit, channel_axis)
        for name in ("mean", "std"):
            known = len(getattr(self, name))
            if known not in (1, len(values)):
                raise ValueError(
                    f"`image` has {len(values)} channels, but the model's `{name}` is for {known}. Say with "
                    "`channel_axis` which axis of the image holds them."
                )
        shape = (-1, *[1] * (values.ndim - 1))
        scaled = (values - np.reshape(self.mean, shape)) / np.reshape(self.std, shape)
        return torch.from_numpy(np.ascontiguousarray(scaled, dtype=np.float32))[None]


def _numbers(name: str, values: Any) -> tuple[float, ...]:
    """One number, or several, as floats."""
    listed = list(values) if isinstance(values, Sequence) else np.atleast_1d(values).tolist()
    if not listed or not all(is_number(value) for value in listed):
        raise ValueError(f"`{name}` must be a number, or one for each channel; got {values!r}.")
    return tuple(map(float, listed))


def _check_unit(unit: float | None) -> None:
    if unit is not None and not (is_number(unit) and 0 < unit < math.inf):
        raise ValueError(f"`unit` must be positive and finite, or None (the type's largest); got {unit!r}.")


def _values(image: NDArray[Any], unit: float | None, channel_axis: int | None) -> NDArray[np.float64]:
    """(C, …) in units."""
    values = np.asarray(image)
    if values.ndim < 2 or values.size == 0:
        raise ValueError(
            f"`image` must be (H, W) or (D, H, W), with channels one axis more, not empty; got {values.shape}."
        )
    kind = values.dtype
    if kind.kind not in "buif":
        raise ValueError(f"`image` must hold real numbers; got {kind}.")
    if channel_axis is not None:
        check_whole(
            "channel_axis", channel_axis, -values.ndim, values.ndim - 1, reason=f", an axis of `image` {values.shape}"
        )
    channels = values[None] if channel_axis is None else np.moveaxis(values, channel_axis, 0)
    if unit is None:
        unit = float(np.iinfo(kind).max) if kind.kind in "ui" else 1.0
    return channels.astype(np.float64) / unit
