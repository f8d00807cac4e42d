"""Microscopy whose segments are known: membranes of tissue, neurons, nuclei."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from experiments.data.folders import Missing, matching, picture, set_folder, split_folder

EVERY = 6  # voxels from one section of a volume to the next
NARROWEST = 48  # voxels along each axis of a section


@dataclass(frozen=True, eq=False)
class Section:
    """One image, and its segments."""

    name: str
    image: NDArray  # (H, W), (D, H, W) or, in colour, (H, W, 3)
    segments: NDArray[np.int64]  # of the spatial shape, from 1; 0: in none, such as membrane
    channel_axis: int | None = None
    has_ground: bool = False  # what lies around the segments, 0, is to be found like them


def isbi2012(data: Path, split: str) -> list[Section]:
    """Sections of a larva's nerve cord, 512²: `SPLIT/raw/NN.png`, `SPLIT/instances/NN.png` (0: membrane)."""
    return _sections(set_folder(data, "em_isbi2012"), split, "raw", "instances")


def vnc_sstem(data: Path, split: str) -> list[Section]:
    """Sections of a nerve cord, 1024²: `SPLIT/raw/NN.png`, `SPLIT/instances/NN.png` (0: membrane, synapses, glia)."""
    return _sections(set_folder(data, "em_vnc_sstem"), split, "raw", "instances")


def dsb2018(data: Path, split: str) -> list[Section]:
    """Nuclei: `SPLIT/images/ID.png`, grey or in colour, `SPLIT/labels/ID.png` (0: background)."""
    sections = _sections(set_folder(data, "cells_dsb2018"), split, "images", "labels")
    return [replace(each, has_ground=True) for each in sections]


def fib25(data: Path, split: str) -> list[Section]:
    """One isotropic volume: `SPLIT.npz` with `raw` and `labels` (D, H, W) (0: a handful of voxels in no body)."""
    with np.load(fib25_file(data, split)) as file:
        return [Section(split, file["raw"], file["labels"].astype(np.int64))]


def fib25_file(data: Path, split: str) -> Path:
    """Where that volume is, with `supervoxels`, too."""
    folder = set_folder(data, "em_fib25")
    path = folder / f"{split}.npz"
    if not path.is_file():
        there = sorted(path.stem for path in folder.glob("*.npz"))
        raise Missing(f"`em_fib25` has no split `{split}`: there is no file `{split}.npz`. There: {there}.")
    return path


def fib25_sections(data: Path, split: str) -> list[Section]:
    """Every sixth section of that volume, along each axis across which it is wide enough: voxels are cubes."""
    (volume,) = fib25(data, split)
    shape = volume.segments.shape
    return [
        Section(f"{split}, axis {axis}, {place}", volume.image.take(place, axis), volume.segments.take(place, axis))
        for axis in range(3)
        if min(shape[:axis] + shape[axis + 1 :]) >= NARROWEST
        for place in range(0, shape[axis], EVERY)
    ]


SETS: dict[str, Callable[[Path, str], list[Section]]] = {
    "em_isbi2012": isbi2012,
    "em_vnc_sstem": vnc_sstem,
    "em_fib25": fib25,
    "em_fib25_sections": fib25_sections,
    "cells_dsb2018": dsb2018,
}


def _sections(folder: Path, split: str, images: str, labels: str) -> list[Section]:
    place = split_folder(folder, split)
    sections = []
    for image, segments in matching(place / images, place / labels):
        values = picture(image)
        axis = -1 if values.ndim == 3 else None
        sections.append(Section(image.stem, values, picture(segments).astype(np.int64), axis))
    return sections
