"""How the numbers in an image file become what a network reads."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
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
    hand, unless you ask for `percentiles`: these make the answer at a pixel depend on what else is in the picture, so
    that a crop may be labelled differently. (Tiles of one image still fit together: they share its scale.)

    Args:
        unit: > 0, the value that counts as 1; None: the largest of an integer type (255, 65535), 1 for floats and bool.
            Give it for 12-bit data in 16 bits (4095).
        mean: of each channel, in units; a single one is for all channels.
        std: > 0, likewise.
        percentiles: two of each image and channel, in [0, 100], ascending, that are brought to 0 and 1 first; `mean`
            and `std` are then those of such values. For weights that shall serve microscopes and exposures of any kind.
            None: values are taken as they are.

    Raises:
        ValueError: for values out of range.

    >>> InputScale(mean=(0.5,), std=(0.25,)).apply(np.full((2, 3), 255, np.uint8)).shape
    torch.Size([1, 1, 2, 3])
    >>> InputScale(percentiles=(0, 100)).apply(np.array([[10, 20, 30]], np.uint16))
    tensor([[[[0.0000, 0.5000, 1.0000]]]])
    """

    unit: float | None = None
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    percentiles: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        for name in ("mean", "std"):  # a list, as it comes out of a file, and a single number are taken too
            object.__setattr__(self, name, _numbers(name, getattr(self, name)))
        object.__setattr__(self, "percentiles", _checked_percentiles(self.percentiles))
        _check_unit(self.unit)
        if not all(math.isfinite(value) for value in self.mean):
            raise ValueError(f"`mean` must be finite; got {self.mean}.")
        if not all(0 < value < math.inf for value in self.std):
            raise ValueError(f"`std` must be positive and finite; got {self.std}. A channel that never varies: 1.")

    @classmethod
    def fit(
        cls,
        images: Iterable[NDArray[Any]],
        *,
        unit: float | None = None,
        channel_axis: int | None = None,
        percentiles: tuple[float, float] | None = None,
    ) -> "InputScale":
        """The scale with which these images, all together, have mean 0 and standard deviation 1 in each channel.

        Args:
            images: of the training set, at least one, of one type and number of channels.
            unit, channel_axis, percentiles: as above and in `apply`.

        >>> InputScale.fit([np.array([[0.0, 1.0]]), np.array([[1.0, 0.0]])])
        InputScale(unit=None, mean=(0.5,), std=(0.5,), percentiles=None)
        """
        if isinstance(images, np.ndarray | str) or not isinstance(images, Iterable):
            got = "an array. One image: `[image]`" if isinstance(images, np.ndarray) else type(images).__name__
            raise ValueError(f"`images` must be several images, such as a list; got {got}.")
        raw = cls(unit, percentiles=percentiles)
        count, total, squares = 0, np.zeros(1), np.zeros(1)
        for image in images:
            values = raw._read(image, channel_axis)
            rows = values.reshape(len(values), -1)
            count, total, squares = count + rows.shape[1], total + rows.sum(1), squares + np.square(rows).sum(1)
        if count == 0:
            raise ValueError("`images` must hold at least one image with pixels; got none.")
        mean = total / count
        deviation = np.sqrt(np.maximum(squares / count - mean**2, 0))
        std = np.where(deviation > 0, deviation, 1.0)
        return cls(unit, tuple(mean.tolist()), tuple(std.tolist()), percentiles)

    def apply(self, image: NDArray[Any], channel_axis: int | None = None) -> Tensor:
        """A NumPy image as a batch of one: (H, W) or (D, H, W), with `channel_axis` one axis more → (1, C, …) float32.

        Raises:
            ValueError: if it has another number of channels than `mean` and `std`, or holds no numbers.
        """
        values = self._read(image, channel_axis)
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

    def _read(self, image: NDArray[Any], channel_axis: int | None) -> NDArray[np.float64]:
        """(C, …) in units, or by the percentiles of the image."""
        values = _values(image, self.unit, channel_axis)
        return values if self.percentiles is None else np.stack([_stretched(part, self.percentiles) for part in values])


def _stretched(values: NDArray[np.float64], percentiles: tuple[float, float]) -> NDArray[np.float64]:
    """With two percentiles of the finite values at 0 and 1; what is constant becomes 0."""
    known = values[np.isfinite(values)]
    low, high = np.percentile(known, percentiles) if known.size else (0.0, 1.0)
    stretched: NDArray[np.float64] = (values - low) / (high - low if high > low else 1.0)
    return stretched


def _numbers(name: str, values: Any) -> tuple[float, ...]:
    """One number, or several, as floats."""
    listed = list(values) if isinstance(values, Sequence) else np.atleast_1d(values).tolist()
    if not listed or not all(is_number(value) for value in listed):
        raise ValueError(f"`{name}` must be a number, or one for each channel; got {values!r}.")
    return tuple(map(float, listed))


def _checked_percentiles(values: Any) -> tuple[float, float] | None:
    if values is None:
        return None
    numbers = _numbers("percentiles", values)
    if len(numbers) != 2 or not 0 <= numbers[0] < numbers[1] <= 100:
        raise ValueError(f"`percentiles` must be two numbers in [0, 100], ascending, or None; got {values!r}.")
    return numbers[0], numbers[1]


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
