"""From seeds in a NumPy image to its labels, when the weights between its cells are known."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import one_hot

from graphrw.build import grid_graph, grid_weight
from graphrw.core.arrays import whole_numbers
from graphrw.core.blocks import MAPS
from graphrw.core.reach import stranded
from graphrw.core.walk import walk
from graphrw.core.warn import warn
from graphrw.functional import hitting_probabilities
from graphrw.functional.numbering import warn_if_nothing_is_asked
from graphrw.models.cells import upsampled
from graphrw.models.seeds import block_maximum, lost_labels
from graphrw.solvers import Solver


@dataclass(frozen=True)
class Marks:
    """What a person has marked in an image: seeds, and what lies outside."""

    ids: Tensor  # (L,) int64, ascending
    seeds: Tensor  # (1, H, W) or (1, D, H, W) int64: places in `ids`, −1 where there is no seed
    outside: Tensor  # of the same shape, bool


@dataclass(frozen=True)
class Cells:
    """Label probabilities of cells, one of them for each block of pixels."""

    probability: Tensor  # (L, *cells), 0 where `known` is false
    known: Tensor  # (*cells) bool: inside, and reached by a seed
    stride: int


def marks_of(labels: NDArray[Any]) -> Marks:
    """Marks in scikit-image's convention: > 0 a seed, 0 to be labelled, < 0 outside.

    Raises:
        ValueError: unless they are whole numbers of 2 or 3 axes with a seed among them.
    """
    values = np.asarray(labels)
    if values.dtype.kind not in "biuf" or values.ndim not in (2, 3) or values.size == 0:
        got = f"{values.shape} {values.dtype}"
        raise ValueError(f"`labels` must be (H, W) or (D, H, W) whole numbers, not empty; got {got}.")
    if values.dtype == np.uint64:  # whose numbers from 2⁶³ NumPy would count as equal to what they wrap to
        values = whole_numbers("labels", values, "whole numbers").numpy()
    if not np.isfinite(values).all() or not np.array_equal(values.astype(np.int64), values):
        raise ValueError("`labels` must be whole numbers that an int64 can hold; got others.")
    whole = values.astype(np.int64)
    ids, place = np.unique(whole[whole > 0], return_inverse=True)
    if len(ids) == 0:
        raise ValueError("`labels` holds no seed: mark at least one pixel with a label > 0.")
    warn_if_nothing_is_asked(torch.from_numpy(whole))
    seeds = np.full(values.shape, -1)
    seeds[whole > 0] = place
    return Marks(torch.from_numpy(ids), torch.from_numpy(seeds)[None], torch.from_numpy(whole < 0)[None])


def masked(image: Tensor, marks: Marks) -> Tensor:
    """A batch of one image with 0, what the scale makes of the mean, outside.

    Raises:
        ValueError: if it has another shape than the marks, or NaN inside.
    """
    if image.shape[2:] != marks.seeds.shape[1:]:
        got = f"{tuple(image.shape[2:])} and {tuple(marks.seeds.shape[1:])}"
        raise ValueError(f"`image` and `labels` must share the shape (H, W) or (D, H, W); got {got}.")
    image = torch.where(marks.outside, 0.0, image)
    if not bool(image.isfinite().all()):
        raise ValueError("`image` holds NaN or infinite values; fill them, or mark their pixels −1 in `labels`.")
    return image


def walked(weight: Tensor, marks: Marks, stride: int, solver: Solver) -> Cells:
    """One walk over all cells.

    Args:
        weight: (2, h, w) or (3, d, h, w), as `grid_weight` takes it.
        marks: of the image that the cells are of.
        stride: pixels for each cell along each axis.
        solver: how to solve.

    Raises:
        ValueError: if a label has no cell for itself.
    """
    shape = tuple(weight.shape[1:])
    seeds = _coarse(marks, stride).to(weight.device)
    inside = (block_maximum((~marks.outside).long(), stride)[0] > 0).flatten().to(weight.device)
    graph = grid_graph(shape).to(weight.device)
    closed = ~inside[graph.edges].all(0)
    walker = walk(graph, torch.where(closed, 0.0, grid_weight(weight, shape)))
    known = ~stranded(walker, seeds >= 0) & inside
    count = len(marks.ids)
    if bool((seeds >= 0).all()):
        probability = one_hot(seeds, count).to(weight)
    else:
        anything = weight.new_full((count,), 1 / count)
        probability = hitting_probabilities(walker, seeds, count, unreachable=anything, solver=solver)
    probability = torch.where(known[:, None], probability, 0.0)
    return Cells(probability.T.reshape(count, *shape), known.reshape(shape), stride)


def pixel_labels(cells: Cells, marks: Marks, labels: NDArray[Any]) -> NDArray[Any]:
    """The most probable label of each pixel, in the type of `labels`, or int64 if that has no sign."""
    shape = marks.seeds.shape[1:]
    best, winner = torch.zeros(shape), torch.full(shape, -1)
    for start, part in _parts(cells, shape):
        value, index = part.max(0)
        better = value > best  # the first of equals wins, as it would in one go
        best, winner = torch.where(better, value, best), torch.where(better, index + start, winner)
    winner = torch.where(marks.seeds[0] >= 0, marks.seeds[0], winner)
    missed = int(((winner < 0) & ~marks.outside[0]).sum())
    if missed:
        warn(f"{missed} pixels to be labelled are reached by no seed; they are labelled −1.")
    found = np.where(winner < 0, -1, marks.ids.numpy()[winner.numpy()])
    answer = np.where(marks.outside[0].numpy(), labels, found)
    kind = np.asarray(labels).dtype
    return answer.astype(kind if kind.kind == "i" else np.int64)


def pixel_probabilities(cells: Cells, marks: Marks) -> NDArray[np.float32]:
    """(L, *spatial) float32; a seed has its own label for certain, what is outside or reached by no seed 0."""
    shape = marks.seeds.shape[1:]
    answer = torch.cat([part for _, part in _parts(cells, shape)])
    marked = marks.seeds[0] >= 0
    label = torch.arange(len(answer)).reshape(-1, *[1] * len(shape))
    answer = torch.where(marked, (marks.seeds[0] == label).to(answer.dtype), answer)
    result: NDArray[np.float32] = torch.where(marks.outside[0], 0.0, answer).numpy()
    return result


def _coarse(marks: Marks, stride: int) -> Tensor:
    """(N,) the seeds of cells: where labels share a block of pixels, that with the fewest seeds has it."""
    count = torch.bincount(marks.seeds[marks.seeds >= 0], minlength=len(marks.ids))
    order = count.argsort(descending=True, stable=True)
    rank = torch.cat([order.argsort(), torch.tensor([-1])])  # the last one for −1
    coarse = block_maximum(rank[marks.seeds], stride)
    lost = lost_labels(rank[marks.seeds], coarse)
    if lost:
        raise ValueError(
            f"The model has one node for {stride} pixels along each axis, and label {int(marks.ids[order[lost[0]]])} "
            "has none for itself: each of its seeds shares a block with a rarer label's. Move or add a seed."
        )
    return torch.cat([order, torch.tensor([-1])])[coarse].flatten()


def _parts(cells: Cells, shape: torch.Size) -> Iterator[tuple[int, Tensor]]:
    """Probabilities at the resolution of pixels, some labels at a time, with the first label of each part.

    Only cells that are known count: at the rim of what is outside, the average is over the rest.
    """
    share = upsampled(cells.known[None, None].to(cells.probability.dtype), cells.stride, shape)[0, 0].cpu()
    own = cells.known
    for axis in range(own.ndim):
        own = own.repeat_interleave(cells.stride, axis).narrow(axis, 0, shape[axis])
    size = max(1, MAPS // max(shape.numel(), 1))
    for start in range(0, len(cells.probability), size):
        part = upsampled(cells.probability[None, start : start + size], cells.stride, shape)[0].cpu()
        yield start, torch.where(own.cpu(), part / share.clamp(min=torch.finfo(share.dtype).tiny), 0.0)
