"""Images with seeds in every segment, and what is right."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from experiments.data.photographs import bsds500
from experiments.data.strokes import SETS
from experiments.data.tissue import fib25_file
from experiments.lrw.methods import learned
from graphrw.models import LearnedRandomWalker
from graphrw.models.cells import upsampled
from graphrw.partition import connected_segments, oracle_seeds, simulated_scribbles

SMALLEST = 200  # pixels of a segment that gets a scribble
SMALLEST_BODY = 1000  # voxels of one that gets a seed
MEMBRANES = "em_membranes_3d"  # the network that sees borders in volumes, which has learned from `train`


@dataclass(frozen=True, eq=False)
class Scene:
    """One image with seeds."""

    name: str
    image: NDArray  # (H, W), (H, W, 3), or a map of boundaries (D, H, W) in [0, 1]
    seeds: NDArray[np.int64]  # (*spatial): labels from 1; 0 where there is none
    truth: NDArray[np.int64]  # (*spatial)
    known: NDArray[np.bool_]  # (*spatial): where answers count
    supervoxels: Tensor | None = None  # (D, H, W) int64, where they come with the data

    @property
    def channel_axis(self) -> int | None:
        return -1 if self.image.ndim > self.seeds.ndim else None


@dataclass(frozen=True)
class Some:
    """How much of a split is read."""

    images: int = 0  # at most so many, spread evenly; 0: all
    side: int = 0  # voxels along each axis of the middle of a volume; 0: all of it


def people(name: str, strokes: str) -> "Reader":
    """Photographs with strokes of two labels."""

    def read(data: Path, split: str, some: Some) -> Iterator[Scene]:
        cases = list(SETS[name][0](data, split, strokes))
        every = max(1, len(cases) // some.images) if some.images else 1
        for case in cases[::every][: some.images or None]:
            yield Scene(case.name, case.image, case.strokes, np.where(case.truth, 1, 2), case.known)

    return read


def photographs(data: Path, split: str, some: Some) -> Iterator[Scene]:
    """Photographs of BSDS500 with a scribble in each segment that the first person drew."""
    for index, each in enumerate(bsds500(data, split, some.images or None)):
        truth = connected_segments(torch.from_numpy(each.segments[0]), min_size=SMALLEST)
        chance = torch.Generator().manual_seed(index)
        seeds = simulated_scribbles(truth, ignore_index=-1, share=0.5, generator=chance).numpy() + 1
        right = truth.numpy() + 1
        yield Scene(each.name, each.image, seeds, right, (right > 0) & (seeds == 0))


def volume(data: Path, split: str, some: Some) -> Iterator[Scene]:
    """The volume of FIB-25: boundaries by a network, a seed in each body, and the supervoxels that come with it."""
    with np.load(fib25_file(data, split)) as file:
        raw, labels, supervoxels = (_middle(file[key], some.side) for key in ("raw", "labels", "supervoxels"))
    truth = torch.from_numpy(labels.astype(np.int64))
    truth = connected_segments(torch.where(truth == 0, -1, truth), min_size=SMALLEST_BODY)
    seeds = oracle_seeds(truth, ignore_index=-1, generator=torch.Generator().manual_seed(1)).numpy() + 1
    right = truth.numpy() + 1
    boundary = boundaries(LearnedRandomWalker.from_pretrained(MEMBRANES), raw)
    pieces = torch.from_numpy(supervoxels.astype(np.int64))
    yield Scene(split, boundary, seeds, right, (right > 0) & (seeds == 0), pieces)


def boundaries(model: LearnedRandomWalker, raw: NDArray) -> NDArray[np.float32]:
    """How far the edges at each voxel are closed, in [0, 1]."""
    found = learned(model, model, model.as_input(raw)).boundary
    return upsampled(found[None, None], model.stride, raw.shape)[0, 0].numpy()


def _middle(values: NDArray, side: int) -> NDArray:
    if side == 0:
        return values
    starts = [max(0, size - side) // 2 for size in values.shape]
    return values[tuple(slice(start, start + side) for start in starts)]


Reader = Callable[[Path, str, Some], Iterator[Scene]]
SCENES: dict[str, Reader] = {
    "bsds500": photographs,
    "grabcut, robot": people("grabcut", "robot"),
    "grabcut, human": people("grabcut", "human"),
    "medscribble, 0": people("medscribble", "0"),
    "berkeley, clicks": people("berkeley", "clicks"),
    "coco_mval, clicks": people("coco_mval", "clicks"),
    "em_fib25": volume,
}
