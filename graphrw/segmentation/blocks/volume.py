"""An image with its seeds, of which a box is read at a time."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from graphrw.core.whole import check_positive
from graphrw.segmentation.blocks.boxes import Box
from graphrw.segmentation.inputs import channels_last, read_labels, read_pixels


class Lazy(Protocol):
    """An array of which parts are read: of NumPy (also one mapped from a file), Zarr, HDF5, Dask, …"""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> Any: ...

    def __getitem__(self, region: Any, /) -> Any: ...


@dataclass(frozen=True, eq=False)
class Volume:
    """What is to be labelled."""

    image: Lazy
    labels: Lazy  # (H, W) or (D, H, W)
    channel_axis: int | None
    data_range: float  # by which pixels are divided

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the voxels."""
        return tuple(self.labels.shape)

    def raw(self, box: Box) -> NDArray[Any]:
        """The pixels as they are stored, with their channels."""
        region: list[slice] = list(box.region)
        if self.channel_axis is not None:
            region.insert(self.channel_axis, slice(None))
        return np.asarray(self.image[tuple(region)])

    def labels_in(self, box: Box) -> Tensor:
        """Of the shape of the box, int64."""
        return read_labels(np.asarray(self.labels[box.region]))

    def pixels_in(self, box: Box, inside: Tensor) -> Tensor:
        """(\\*shape of the box, C) float64, over the range of the data; 0 outside, where they are not finite."""
        pixels = read_pixels(self.raw(box), inside, channel_axis=self.channel_axis, data_range=self.data_range)
        return pixels.view(*box.shape, -1)


def opened_volume(image: Lazy, labels: Lazy, *, channel_axis: int | None, data_range: float | None) -> Volume:
    """The two together.

    Raises:
        ValueError: where they do not fit together, as `random_walker`.
    """
    shape, kind = tuple(labels.shape), np.dtype(image.dtype)
    if len(shape) not in (2, 3) or 0 in shape:
        raise ValueError(f"`labels` must be (H, W) or (D, H, W) and not empty; got {shape}.")
    if kind.kind not in "buif":
        raise ValueError(f"`image` must hold real numbers; got {kind}.")
    channels_last(torch.empty(tuple(image.shape), device="meta"), channel_axis, shape)
    if channel_axis is not None:
        channel_axis %= len(image.shape)
    if data_range is not None:
        return Volume(image, labels, channel_axis, check_positive("data_range", data_range, reason=", or None"))
    return Volume(image, labels, channel_axis, float(np.iinfo(kind).max) if kind.kind in "ui" else 1.0)
