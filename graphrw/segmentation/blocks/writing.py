"""From probabilities in files to volumes in files."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from graphrw.segmentation.blocks.boxes import Box, VoxelFile
from graphrw.segmentation.blocks.hitting import Answers
from graphrw.segmentation.blocks.pieces import Pieces
from graphrw.segmentation.blocks.volume import Volume


@dataclass(frozen=True, eq=False)
class Solved:
    """All that is known of a volume in the end."""

    volume: Volume
    boxes: list[Box]
    ids: Tensor  # (L,)
    pieces: Pieces
    number: VoxelFile  # of the open voxels
    answers: Answers


def write_labels(solved: Solved, out: Any, outside: int | None, tick: Callable[[], None]) -> int:
    """Write the label of every voxel; the number of those that no seed reaches.

    Args:
        solved: with probabilities.
        out: is assigned to, a box at a time.
        outside: what stands outside, and where no seed reaches; None: what `labels` have there, and −1.
        tick: called once for each box.
    """
    lost = 0
    for i, box in enumerate(solved.boxes):
        tick()
        labels, component = solved.volume.labels_in(box), solved.pieces.component_in(box)
        count, only = solved.pieces.count[component], solved.pieces.only[component]
        found = torch.where(labels == 0, torch.where(count == 0, -1, only), labels)
        lost += int(((labels == 0) & (count == 0)).sum())
        is_open = solved.number.read(box) >= 0
        found[is_open] = solved.ids[_likeliest(solved.answers, solved.answers.level.nodes(i))]
        if outside is not None:
            found = torch.where(found < 0, outside, found)
        out[box.region] = found.numpy().astype(out.dtype)
    return lost


def write_probabilities(solved: Solved, out: Any, tick: Callable[[], None]) -> None:
    """Write (L, \\*shape), a box and a few labels at a time; 0 outside, and where no seed reaches."""
    for i, box in enumerate(solved.boxes):
        tick()
        labels, component = solved.volume.labels_in(box), solved.pieces.component_in(box)
        is_open = solved.number.read(box) >= 0
        settled = torch.where((labels == 0) & ~is_open, solved.pieces.only[component], labels)
        for group in solved.answers.groups():
            share = (settled == solved.ids[group.start : group.stop].view(-1, *[1] * settled.ndim)).double()
            share[:, is_open] = _of_group(solved.answers, group, solved.answers.level.nodes(i)).T
            out[(slice(group.start, group.stop), *box.region)] = share.numpy().astype(out.dtype)


def _likeliest(answers: Answers, nodes: range) -> Tensor:
    """(n,): the place of the label with the highest probability."""
    best, place = torch.full((len(nodes),), -torch.inf, dtype=torch.float64), torch.zeros(len(nodes), dtype=torch.int64)
    for group in answers.groups():
        value, label = _of_group(answers, group, nodes).max(1)
        place = torch.where(value > best, label + group.start, place)
        best = torch.maximum(best, value)
    return place


def _of_group(answers: Answers, group: range, nodes: range) -> Tensor:
    """(n, labels of the group)"""
    return answers.field(group).read(nodes) if nodes else torch.empty(0, len(group), dtype=torch.float64)
