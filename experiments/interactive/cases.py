"""Images with strokes, and what is right: readers of the sets, and clicks that a computer makes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from skimage import io

OBJECT, BACKGROUND = 1, 2  # the labels of strokes
CLICKS, RADIUS = 5, 3  # of each label, in pixels


@dataclass(frozen=True)
class Case:
    """One image, one person's strokes on it."""

    name: str
    image: NDArray  # (H, W, 3) uint8, or (H, W) floats
    strokes: NDArray[np.int64]  # (H, W): 0 where there is none
    truth: NDArray[np.bool_]  # (H, W): the object
    known: NDArray[np.bool_]  # (H, W): where errors count: off the strokes, and off what the truth leaves open


def grabcut(folder: Path, split: str, strokes: str) -> Iterator[Case]:
    """Photographs with the strokes "robot" (scribbles1) or "human" (scribbles2)."""
    root = folder / "interactive_grabcut"
    number = {"robot": 1, "human": 2}[strokes]
    for name in (root / f"{split}.txt").read_text(encoding="ascii").split():
        image = io.imread(next((root / "images").glob(f"{name}.*")))[..., :3]
        trimap = io.imread(root / "gt_trimap" / f"{name}.png")
        given = io.imread(root / f"scribbles{number}" / f"{name}.png").astype(np.int64)
        yield Case(name, image, given, trimap == 255, (trimap != 128) & (given == 0))


def medscribble(folder: Path, split: str, strokes: str) -> Iterator[Case]:
    """Grey biomedical images with the strokes of the three people "0", "1" and "2"."""
    root = folder / "interactive_medscribble"
    for name in (root / f"{split}.txt").read_text(encoding="ascii").split():
        with np.load(root / name) as file:
            drawn = file["scribbles"][int(strokes)] > 127
            given = np.where(drawn[0], OBJECT, np.where(drawn[1], BACKGROUND, 0)).astype(np.int64)
            given[drawn.all(0)] = 0
            yield Case(name, file["img"].astype(np.float64), given, file["seg"] > 0, given == 0)


def berkeley(folder: Path, split: str, strokes: str) -> Iterator[Case]:
    """Photographs with five clicks in the object and five beside it, made by `clicks`."""
    root = folder / "interactive_berkeley"
    for line in (root / "index.tsv").read_text(encoding="ascii").splitlines()[1:]:
        name, path = line.split("\t")
        truth = io.imread(root / "masks" / f"{name}.png") > 0
        given = np.where(clicks(truth), OBJECT, np.where(clicks(~truth), BACKGROUND, 0)).astype(np.int64)
        yield Case(name, io.imread(folder / path)[..., :3], given, truth, given == 0)


def clicks(region: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Discs about five points of `region`: each the farthest from the border of the region and from those before."""
    away = distance_transform_edt(np.pad(region, 1))[1:-1, 1:-1]
    inside = away.copy()
    grid, found = np.indices(region.shape), np.zeros_like(region)
    for _ in range(CLICKS):
        place = np.unravel_index(away.argmax(), away.shape)
        distance = np.hypot(*(axis - at for axis, at in zip(grid, place, strict=True)))
        found |= distance <= min(RADIUS, inside[place] / 2)
        away = np.minimum(away, distance)
    return found & region


Reader = Callable[[Path, str, str], Iterator[Case]]
SETS: dict[str, tuple[Reader, tuple[str, ...], tuple[str, ...]]] = {  # reader, splits, kinds of strokes
    "grabcut": (grabcut, ("train", "val"), ("robot", "human")),
    "medscribble": (medscribble, ("train", "val"), ("0", "1", "2")),
    "berkeley": (berkeley, ("all",), ("clicks",)),
}
