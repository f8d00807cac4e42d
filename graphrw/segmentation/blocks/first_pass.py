"""What must be known of the whole volume before the first weight: read once, a box at a time."""

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from graphrw.core.arrays import as_tensor
from graphrw.segmentation.blocks.boxes import Box
from graphrw.segmentation.blocks.volume import Volume
from graphrw.segmentation.inputs import warn_of_range


@dataclass
class _Moments:
    """Count, mean and sum of squared differences from it, joined pairwise (Chan, Golub & LeVeque 1983)."""

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def add(self, values: Tensor) -> None:
        count, mean = values.numel(), float(values.mean())
        total, apart = self.count + count, mean - self.mean
        self.squares += float((values - mean).square().sum()) + apart**2 * self.count * count / total
        self.mean += apart * count / total
        self.count = total


@dataclass(frozen=True)
class Overview:
    """Of a volume."""

    deviation: float  # σ of all pixels and channels, over the range of the data
    channels: int
    ids: Tensor  # (L,) int64: the labels of the seeds, ascending
    digest: str  # of all that was read: another volume has another


@dataclass
class _Found:
    moments: _Moments = field(default_factory=_Moments)
    digest: hashlib.blake2b = field(default_factory=lambda: hashlib.blake2b(digest_size=16))
    ids: set[int] = field(default_factory=set)
    low: float = math.inf
    high: float = -math.inf
    channels: int = 1


def first_pass(volume: Volume, boxes: list[Box], *, warns: bool, tick: Callable[[], None]) -> Overview:
    """Read the volume once.

    Args:
        volume: with an image that is finite inside.
        boxes: which fill it.
        warns: whether a warning shall be given of integers that use little of their type, and floats far from 1.
        tick: called once for each box.

    Raises:
        ValueError: for pixels that are not finite inside, labels that are not whole, or no seed at all.
    """
    found = _Found()
    for box in boxes:
        tick()
        _look(volume, box, found)
    if not found.ids:
        raise ValueError("No seeds provided in `labels`: mark at least one pixel with a label > 0.")
    kind = np.dtype(volume.image.dtype)
    if warns and (kind.kind in "ui" or (kind.kind == "f" and found.channels == 1)) and found.low <= found.high:
        warn_of_range(found.low, found.high, as_tensor("image", np.zeros(1, kind), "").dtype)
    deviation = math.sqrt(found.moments.squares / found.moments.count)
    return Overview(deviation, found.channels, torch.tensor(sorted(found.ids)), found.digest.hexdigest())


def _look(volume: Volume, box: Box, found: _Found) -> None:
    labels, raw = volume.labels_in(box), volume.raw(box)
    inside = labels >= 0
    pixels = volume.pixels_in(box, inside)
    found.moments.add(pixels)
    found.channels = pixels.shape[-1]
    found.ids.update(labels[labels > 0].unique().tolist())
    for values in (raw, labels.numpy()):
        found.digest.update(np.ascontiguousarray(values).tobytes())
    if bool(inside.any()):
        low, high = torch.aminmax(pixels[inside])
        found.low = min(found.low, float(low) * volume.data_range)
        found.high = max(found.high, float(high) * volume.data_range)
