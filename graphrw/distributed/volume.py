"""Volumes in Zarr, labelled from seeds block by block: no process holds more than its own."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from graphrw.build.affinity import gaussian_affinity
from graphrw.core.warn import warn
from graphrw.core.whole import check_not_negative
from graphrw.distributed.graph import DistributedWalk, walk
from graphrw.distributed.grid import DistributedGrid, fitting_chunk, grid_graph
from graphrw.distributed.hitting import hitting_probabilities
from graphrw.files import ImageFile, replacing
from graphrw.files.in_parts import create_in_parts, created_in_parts, open_in_parts
from graphrw.segmentation.inputs import read_pixels
from graphrw.segmentation.pixels.pixel_walk import FLOOR
from graphrw.solvers.iterative.petsc import PETSc


@dataclass(frozen=True, eq=False)
class Volume:
    """A volume and its seeds in files, of which this process reads its own block.

    Args:
        image, seeds, mask: Zarr arrays of one shape, or OME-Zarr images, without channels. Seeds > 0 are labels, 0 is
            to be labelled, negative is outside, as is 0 in the mask.
        beta: as that of `graphrw.random_walker`.
        spacing: the distance of voxels along each axis, > 0; None: 1.

    Raises:
        ValueError: for shapes that differ, or no seed.
    """

    image: Path
    seeds: Path
    mask: Path | None = None
    beta: float = 130.0
    spacing: Sequence[float] | None = None

    def __post_init__(self) -> None:
        check_not_negative("beta", self.beta)
        for path in (self.seeds, self.mask):
            shape = self.file.shape if path is None else _opened(path).shape
            if shape != self.file.shape:
                raise ValueError(f"`{path}` is {shape}, but `{self.image}` is {self.file.shape}.")

    @cached_property
    def file(self) -> ImageFile:
        """What the image's file tells, its values aside."""
        return _opened(self.image)

    @cached_property
    def chunk(self) -> int:
        """Of files that all processes write into: as large as blocks of about one size allow."""
        return fitting_chunk(self.file.shape)

    @cached_property
    def graph(self) -> DistributedGrid:
        """Of the voxels."""
        return grid_graph(self.file.shape, chunk=self.chunk)

    @cached_property
    def labels(self) -> Tensor:
        """(owned,) int64: > 0 a seed, 0 to be labelled, −1 outside."""
        labels = torch.from_numpy(self._block(self.seeds).astype(np.int64)).clamp(min=-1)
        if self.mask is not None:
            labels[torch.from_numpy(self._block(self.mask) == 0)] = -1
        return labels.reshape(-1)

    @cached_property
    def ids(self) -> Tensor:
        """(L,) int64: the labels of all seeds, ascending."""
        parts = self.graph.comm.tompi4py().allgather(self.labels[self.labels > 0].unique())
        ids: Tensor = torch.cat(parts).unique()
        if not len(ids):
            raise ValueError(f"`{self.seeds}` holds no seed: no number above 0.")
        return ids

    @cached_property
    def walk(self) -> DistributedWalk:
        """That of `graphrw.random_walker`, on the voxels inside."""
        inside, block, halo = self.labels >= 0, self._block(self.image), self.graph.halo
        most = np.iinfo(block.dtype).max if block.dtype.kind in "iu" else None
        pixels = read_pixels(block, inside.reshape(block.shape), channel_axis=None, data_range=most)
        open_edges = (halo.spread(inside.double()) > 0)[self.graph.local.edges].all(0)
        variance = self._variance(pixels)
        scaled = self.beta / (10 * variance**0.5) if variance > 0 else 0.0
        length = None
        if self.spacing is not None:
            length = pixels.new_tensor(self.spacing).repeat_interleave(torch.tensor(self.graph.counts))
        affinity = gaussian_affinity(self.graph.local, halo.spread(pixels), scaled, length)
        return walk(self.graph, (affinity + FLOOR) * open_edges)

    def probabilities(self, solver: PETSc = PETSc()) -> Tensor:
        """(owned, L): where a walker from each voxel ends; 0 outside, and where no seed reaches."""
        number = torch.where(self.labels > 0, torch.searchsorted(self.ids, self.labels), -1)
        nothing = torch.zeros(len(self.ids), dtype=torch.float64)
        found = hitting_probabilities(self.walk, number, len(self.ids), unreachable=nothing, solver=solver)
        lost = int(self.graph.halo.total(((found.sum(1) == 0) & (self.labels >= 0)).sum()[None]))
        if lost and self.graph.comm.rank == 0:
            warn(f"{lost} pixels are reached by no seed; they are labelled 0.")
        return found

    def answer(self, probability: Tensor) -> Tensor:
        """(owned,) int64: the likeliest label of each voxel; 0 where there is none."""
        return torch.where(probability.sum(1) > 0, self.ids[probability.argmax(1)], 0)

    def write(self, path: Path, values: NDArray[Any]) -> None:
        """All processes' values (owned,), or (owned, L) with one image for each label, as an OME-Zarr image."""
        comm, channels = self.graph.comm.tompi4py(), values.shape[1:]
        images = np.moveaxis(values, 0, -1).reshape(*channels, *_sizes(self.graph))
        with _together(path, comm) as unfinished:
            if comm.rank == 0:
                count = channels[0] if channels else None
                create_in_parts(unfinished, self.file, dtype=values.dtype, channels=count, chunk=self.chunk)
            comm.Barrier()
            place = (*(slice(None) for _ in channels), *self.graph.block)
            created_in_parts(unfinished)[place] = images
            comm.Barrier()

    def _block(self, path: Path) -> NDArray[Any]:
        values: NDArray[Any] = np.ascontiguousarray(_opened(path).values[self.graph.block])
        return values

    def _variance(self, pixels: Tensor) -> float:
        """Of all voxels."""
        halo, count = self.graph.halo, self.graph.num_nodes
        mean = float(halo.total(pixels.sum()[None])) / count
        return float(halo.total((pixels - mean).square().sum()[None])) / count


def _opened(path: Path) -> ImageFile:
    """An image with one number for each voxel, none of which has been read."""
    file = open_in_parts(path)
    if file.channel_axis is not None:
        shape = file.values.shape
        raise ValueError(f"`{path}` must hold one number for each voxel, without channels; it is {shape}.")
    return file


def _sizes(graph: DistributedGrid) -> list[int]:
    return [part.stop - part.start for part in graph.block]


@contextmanager
def _together(path: Path, comm: Any) -> Iterator[Path]:
    """`replacing` for a file that all processes write."""
    with replacing(path) if comm.rank == 0 else nullcontext(path) as unfinished:
        yield comm.bcast(unfinished)
