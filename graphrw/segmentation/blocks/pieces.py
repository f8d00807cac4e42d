"""Which voxels hang together, in a volume of which a box is in memory at a time."""

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from graphrw.segmentation.blocks.boxes import Box, VoxelFile
from graphrw.segmentation.blocks.volume import Volume
from graphrw.segmentation.pixels.components import pieces
from graphrw.solvers.streamed.tables import load_tables

TABLES = "pieces.safetensors"


@dataclass(frozen=True)
class Pieces:
    """The connected pieces of a volume, and the labels that stand in them.

    A piece within a box has a number of its own; those of neighbouring boxes that touch are one component.
    """

    number: VoxelFile  # of the piece of each voxel, from 1; 0 outside
    component: Tensor  # (pieces + 1,): of each piece; 0 outside
    count: Tensor  # (components,): how many labels a component holds
    only: Tensor  # (components,): one of them; −1 where there is none

    def save(self, folder: Path) -> None:
        """What is in memory."""
        save_file({"component": self.component, "count": self.count, "only": self.only}, folder / TABLES)

    @classmethod
    def load(cls, folder: Path, number: VoxelFile) -> "Pieces":
        """What was saved."""
        return cls(number, **load_tables(folder / TABLES))

    def component_in(self, box: Box) -> Tensor:
        """Of the shape of the box."""
        return self.component[self.number.read(box)]


def find_pieces(volume: Volume, boxes: list[Box], number: VoxelFile, tick: Callable[[], None]) -> Pieces:
    """All of them; memory grows with the number of pieces, but not with the volume.

    Args:
        volume: whose labels < 0 are outside.
        boxes: which fill it, in C order.
        number: is written.
        tick: called once for each box and pass.
    """
    total, holds, touching = 0, array("q"), array("q")
    for box in boxes:
        tick()
        labels = volume.labels_in(box)
        local = pieces(labels >= 0).view(box.shape)
        local = torch.where(local > 0, local + total, 0)
        number.write(box, local)
        seeded = labels > 0
        _append(holds, torch.stack([local[seeded], labels[seeded]]).unique(dim=1))
        total = max(total, int(local.max()))
    for box in boxes:
        for pairs in _touching(number, box):
            _append(touching, pairs)
    component = _component(_pairs(touching), total)
    return Pieces(number, component, *_labels(component, _pairs(holds)))


def _append(found: "array[int]", pairs: Tensor) -> None:
    """Keep `pairs` (2, n) in one array that grows: small tensors between large ones that come and go would keep the
    heap from shrinking, by half a megabyte for each box."""
    found.frombytes(pairs.T.contiguous().numpy().tobytes())


def _pairs(found: "array[int]") -> Tensor:
    """(2, n): all that was kept."""
    return torch.from_numpy(np.array(found).reshape(-1, 2)).T


def _touching(number: VoxelFile, box: Box) -> Iterator[Tensor]:
    """(2, n): pairs of pieces on the two sides of each of the upper faces of a box."""
    for axis, (high, size) in enumerate(zip(box.high, number.shape, strict=True)):
        if high < size:
            low = tuple(high - 1 if other == axis else at for other, at in enumerate(box.low))
            beyond = tuple(high + 1 if other == axis else at for other, at in enumerate(box.high))
            both = number.read(Box(low, beyond)).movedim(axis, 0).reshape(2, -1)
            yield both[:, (both > 0).all(0)].unique(dim=1)


def _component(touching: Tensor, total: int) -> Tensor:
    """(total + 1,): a number for each piece, 0 for what is outside."""
    links = coo_array((np.ones(touching.shape[1]), touching.numpy()), shape=(total + 1, total + 1))
    _, component = connected_components(links, directed=False)
    return torch.from_numpy(component).long()


def _labels(component: Tensor, holds: Tensor) -> tuple[Tensor, Tensor]:
    """How many labels each component holds, and one of them; `holds` (2, n) are pieces and labels in them."""
    pairs = torch.stack([component[holds[0]], holds[1]]).unique(dim=1)
    size = int(component.max()) + 1
    only = torch.full((size,), -1).index_copy_(0, pairs[0], pairs[1])
    return torch.bincount(pairs[0], minlength=size), only
