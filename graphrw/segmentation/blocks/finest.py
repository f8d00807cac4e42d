"""The finest level: every voxel whose label is open, and the weights between them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from graphrw.core.malloc import give_back
from graphrw.segmentation.blocks.boxes import Box, VoxelFile
from graphrw.segmentation.blocks.first_pass import Overview
from graphrw.segmentation.blocks.pieces import Pieces
from graphrw.segmentation.blocks.volume import Volume
from graphrw.segmentation.pixels.pixel_walk import FLOOR, scaled_beta
from graphrw.solvers.streamed import Level
from graphrw.solvers.streamed.coarsening import assembled
from graphrw.solvers.streamed.tables import load_tables


@dataclass(frozen=True, eq=False)
class Weights:
    """Those of `pixel_walk`, of all edges along an axis."""

    volume: Volume
    overview: Overview
    beta: float
    spacing: Sequence[float]

    def along(self, pixels: Tensor, axis: int) -> Tensor:
        """Between each of `pixels` (\\*shape, C) and the next along the axis; shorter by one there."""
        if not self.overview.deviation > 0:  # a constant image, on which the formula is 0 / 0
            return pixels.new_full(pixels.diff(dim=axis).shape[:-1], 1 + FLOOR)
        slope = pixels.diff(dim=axis) / self.spacing[axis]
        scaled = scaled_beta(self.beta, pixels.new_tensor(self.overview.deviation), self.overview.channels)
        return torch.exp(-scaled * slope.square().sum(-1)) + FLOOR


@dataclass(frozen=True, eq=False)
class Contacts:
    """Edges from open voxels to seeds."""

    node: Tensor  # (n,) int64, counted within their part
    label: Tensor  # (n,): the place of the seed's label among all
    weight: Tensor  # (n,)

    @staticmethod
    def path(folder: Path, i: int) -> Path:
        """Where those of part i are."""
        return folder / f"contacts-{i}.safetensors"

    @classmethod
    def load(cls, folder: Path, i: int) -> "Contacts":
        """Of part i."""
        return cls(**load_tables(cls.path(folder, i)))


def number_open_voxels(
    volume: Volume, boxes: list[Box], pieces: Pieces, number: VoxelFile, *, tick: Callable[[], None]
) -> tuple[int, ...]:
    """Number the voxels whose label is open, box by box, −1 elsewhere; where the numbers of each box begin."""
    bounds = [0]
    for box in boxes:
        tick()
        contested = (pieces.count > 1)[pieces.component_in(box)]
        is_open = contested & (volume.labels_in(box) == 0)
        place = is_open.view(-1).cumsum(0).view(box.shape) - 1 + bounds[-1]
        number.write(box, torch.where(is_open, place, -1))
        bounds.append(bounds[-1] + int(is_open.sum()))
    return tuple(bounds)


def build_finest(
    level: Level, boxes: list[Box], weights: Weights, number: VoxelFile, *, tick: Callable[[], None]
) -> Level:
    """Write a part for each box, with its contacts."""
    level.rate.made(anew=True)
    for i, box in enumerate(boxes):
        tick()
        give_back()
        if not level.nodes(i):
            continue
        outer = box.grown(weights.volume.shape)
        edges, contacts = _edges(weights, box, outer, number.read(outer))
        killing = torch.zeros(len(level.nodes(i)), dtype=torch.float64)
        contacts = Contacts(contacts.node - level.bounds[i], contacts.label, contacts.weight)
        killing.index_add_(0, contacts.node, contacts.weight)
        part = assembled(level.nodes(i), [(*edges, killing)])
        part.save(level.path(i))
        save_file(vars(contacts), Contacts.path(level.folder, i))
        level.rate.write(level.bounds[i], part.rate[:, None])
    return level.finished()


def _edges(weights: Weights, box: Box, outer: Box, number: Tensor) -> tuple[tuple[Tensor, Tensor, Tensor], Contacts]:
    """Those of the open voxels of a box to others, with the numbers of both, and to seeds."""
    labels = weights.volume.labels_in(outer)
    pixels = weights.volume.pixels_in(outer, labels >= 0)
    own = torch.full_like(number, -1)
    own[box.within(outer)] = number[box.within(outer)]
    place = torch.searchsorted(weights.overview.ids, labels)
    edges, contacts = [], []
    for axis, size in enumerate(outer.shape):
        if size == 1:
            continue
        weight, low, high = weights.along(pixels, axis), slice(0, size - 1), slice(1, size)
        for here, there in ((low, high), (high, low)):
            at, beyond = ((*(slice(None),) * axis, side) for side in (here, there))
            linked, touched = own[at].ge(0) & (number[beyond] >= 0), own[at].ge(0) & (labels[beyond] > 0)
            edges.append((own[at][linked], number[beyond][linked], weight[linked]))
            contacts.append((own[at][touched], place[beyond][touched], weight[touched]))
    row, column, weight = (torch.cat(tensors) for tensors in zip(*edges, strict=True))
    return (row, column, weight), Contacts(*(torch.cat(tensors) for tensors in zip(*contacts, strict=True)))
