"""A volume in boxes, and files that hold a number for each voxel."""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from graphrw.solvers.streamed.field import fill


@dataclass(frozen=True)
class Box:
    """The voxels from `low` to `high` along each axis."""

    low: tuple[int, ...]
    high: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(high - low for low, high in zip(self.low, self.high, strict=True))

    @property
    def region(self) -> tuple[slice, ...]:
        """What an array is indexed by."""
        return tuple(slice(low, high) for low, high in zip(self.low, self.high, strict=True))

    def grown(self, shape: tuple[int, ...]) -> "Box":
        """With one voxel more on each side, as far as a volume of this shape goes."""
        low = tuple(max(0, low - 1) for low in self.low)
        return Box(low, tuple(min(size, high + 1) for size, high in zip(shape, self.high, strict=True)))

    def within(self, outer: "Box") -> tuple[slice, ...]:
        """Where it lies in an array of `outer`."""
        places = zip(self.low, self.high, outer.low, strict=True)
        return tuple(slice(low - first, high - first) for low, high, first in places)


def boxes(shape: tuple[int, ...], size: int) -> list[Box]:
    """Those of so many voxels along each axis that fill a volume, in C order.

    >>> [box.low for box in boxes((3, 5), 3)]
    [(0, 0), (0, 3)]
    """
    cuts = [[(low, min(low + size, length)) for low in range(0, length, size)] for length in shape]
    return [Box(*zip(*cut, strict=True)) for cut in itertools.product(*cuts)]


@dataclass(frozen=True)
class VoxelFile:
    """An int64 for each voxel of a volume, in a file of which a box is in memory at a time."""

    path: Path
    shape: tuple[int, ...]

    def made(self) -> "VoxelFile":
        """With its file, which takes no room before it is written."""
        with self.path.open("wb") as file:
            file.truncate(8 * math.prod(self.shape))
        return self

    def read(self, box: Box) -> Tensor:
        """Of the shape of the box."""
        values = np.empty(box.shape, np.int64)
        with self.path.open("rb", buffering=0) as file:
            for begin, row in self._rows(box, values):
                fill(row, file, begin)
        return torch.from_numpy(values)

    def write(self, box: Box, values: Tensor) -> None:
        """Of the shape of the box."""
        with self.path.open("r+b") as file:  # buffered: without a buffer a part may be left out, and nothing says so
            for begin, row in self._rows(box, values.contiguous().numpy()):
                file.seek(begin)
                file.write(row.data)

    def _rows(self, box: Box, values: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.int64]]]:
        """Those of a box, along the last axis, and at which byte of the file each begins.

        One by one: of a file that is mapped the system brings 64 kB around each of them, which count as memory of the
        process: of a box of 64 voxels along each axis, in a wide volume, 268 MB.
        """
        places = np.ix_(*(np.arange(low, high) for low, high in zip(box.low[:-1], box.high[:-1], strict=True)))
        first = np.ravel_multi_index((*places, np.array(box.low[-1])), self.shape)
        yield from zip((8 * first.reshape(-1)).tolist(), values.reshape(-1, box.shape[-1]), strict=True)
