"""Pixels and voxels as nodes, a block of them for each process."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphrw.build.grid import checked_shape
from graphrw.core.graph import unchecked
from graphrw.core.whole import check_whole
from graphrw.distributed.graph import DistributedGraph
from graphrw.distributed.halo import Halo
from graphrw.solvers.iterative.petsc import petsc

Box = tuple[slice, ...]
CHUNKS = (128, 64, 32, 16, 8, 4, 2)
UNEVEN = 1.2  # how much larger than the mean the largest block may be


@dataclass(frozen=True, eq=False, repr=False)
class DistributedGrid(DistributedGraph):
    """The graph of an image, of which each process owns the pixels of a block, in C order."""

    shape: tuple[int, ...] = ()  # of the whole image
    block: Box = ()  # what of the image this process owns
    counts: tuple[int, ...] = ()  # how many of the edges here run along each axis: those along axis 0 come first


def grid_graph(shape: Sequence[int], *, chunk: int = 1, comm: Any = None) -> DistributedGrid:
    """This process's part of the graph of an image, pixels joined to their nearest neighbours.

    Blocks are those of PETSc's distributed arrays (DMDA): as near to cubes as there are processes for. A process holds
    the edges that run from its own pixels to later ones, in the order of `graphrw.grid_graph`: along axis 0 first, and
    in C order of their first pixels.

    Args:
        shape: 1 to 3 sizes of the whole image.
        chunk: blocks begin at multiples of so many pixels along each axis, so that no two processes write into one
            chunk of a file.
        comm: PETSc's communicator; None: all processes.

    Raises:
        ValueError: for other shapes, or more processes than there are chunks to give to each.
    """
    shape, comm = checked_shape(shape), comm or petsc().COMM_WORLD
    spans = _spans(shape, check_whole("chunk", chunk, 1), comm)
    processes = tuple(len(ends) - 1 for ends in spans)
    mine = _place(comm.rank, processes)
    block = _box(spans, mine)
    index, ghosts = _numbered(spans, mine, comm)
    halo = Halo(comm, math.prod(_sizes(block)), ghosts)
    parts = [_edges_along(axis, index) for axis in range(len(shape))]
    local = unchecked(torch.cat(parts, 1), len(halo.ids))
    return DistributedGrid(local, halo, None, shape, block, tuple(part.shape[1] for part in parts))


def fitting_chunk(shape: Sequence[int], comm: Any = None) -> int:
    """The largest `chunk` for `grid_graph` of a few with which blocks are of about one size."""
    shape, comm = checked_shape(shape), comm or petsc().COMM_WORLD
    for chunk in CHUNKS:
        try:
            spans = _spans(shape, chunk, comm)
        except ValueError:
            continue
        if math.prod(int(np.diff(axis).max()) for axis in spans) * comm.size <= UNEVEN * math.prod(shape):
            return chunk
    return 1


def _spans(shape: tuple[int, ...], chunk: int, comm: Any) -> list[list[int]]:
    """For each axis, where the blocks of processes begin, and the end."""
    units = tuple(-(-size // chunk) for size in shape)
    library = petsc()
    try:
        array = library.DMDA().create(sizes=units[::-1], comm=comm)  # PETSc's x runs fastest
    except library.Error as error:
        raise ValueError(
            f"{comm.size} processes cannot share an image of {shape} in blocks of {chunk} pixels: take fewer, or "
            "smaller blocks."
        ) from error
    parts = array.getOwnershipRanges()[::-1]
    starts = [list(itertools.accumulate(map(int, part), initial=0)) for part in parts]
    return [[min(chunk * start, size) for start in axis] for axis, size in zip(starts, shape, strict=True)]


def _place(rank: int, processes: tuple[int, ...]) -> tuple[int, ...]:
    """Which block along each axis is that of `rank`; the last axis runs fastest."""
    return tuple(int(i) for i in np.unravel_index(rank, processes))


def _rank(place: tuple[int, ...], processes: tuple[int, ...]) -> int:
    return int(np.ravel_multi_index(place, processes))


def _box(spans: list[list[int]], place: tuple[int, ...]) -> Box:
    return tuple(slice(ends[i], ends[i + 1]) for ends, i in zip(spans, place, strict=True))


def _sizes(box: Box) -> tuple[int, ...]:
    return tuple(part.stop - part.start for part in box)


def _numbered(spans: list[list[int]], mine: tuple[int, ...], comm: Any) -> tuple[Tensor, Tensor]:
    """The local number of each pixel of the block and of one layer more, −1 where unused; and the ghosts' ids."""
    sizes = _sizes(_box(spans, mine))
    starts = [0, *itertools.accumulate(comm.tompi4py().allgather(math.prod(sizes)))]
    processes = tuple(len(ends) - 1 for ends in spans)
    known, ghosts = math.prod(sizes), [torch.empty(0, dtype=torch.int64)]
    index = torch.full([size + 1 for size in sizes], -1)
    own = tuple(slice(0, size) for size in sizes)
    index[own] = torch.arange(known).reshape(sizes)
    for axis, size in enumerate(sizes):
        following = (*mine[:axis], mine[axis] + 1, *mine[axis + 1 :])
        if following[axis] == processes[axis]:
            continue
        theirs = _sizes(_box(spans, following))
        face = torch.arange(math.prod(theirs)).reshape(theirs).select(axis, 0)
        beyond: tuple[slice | int, ...] = (*own[:axis], size, *own[axis + 1 :])
        layer = index[beyond]
        layer.copy_((torch.arange(face.numel()) + known).reshape(face.shape))
        known += face.numel()
        ghosts.append(face.reshape(-1) + starts[_rank(following, processes)])
    return index, torch.cat(ghosts)


def _edges_along(axis: int, index: Tensor) -> Tensor:
    """(2, E): from each own pixel to the next along `axis`, where there is one."""
    own = [slice(0, size - 1) for size in index.shape]
    tail = index[tuple(own)]
    head = index[tuple(slice(1, None) if other == axis else part for other, part in enumerate(own))]
    return torch.stack([tail[head >= 0], head[head >= 0]])
