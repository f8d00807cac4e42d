"""Images with strokes, and what is right: readers of the sets, and clicks that a computer makes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from experiments.data import photographs
from experiments.data.folders import listed, picture, set_folder

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


def grabcut(data: Path, split: str, strokes: str) -> Iterator[Case]:
    """Photographs with the strokes "robot" (scribbles1) or "human" (scribbles2)."""
    root = set_folder(data, "interactive_grabcut")
    number = {"robot": 1, "human": 2}[strokes]
    for name in listed(root, split, "gt_trimap/*.png"):
        stem = Path(name).stem
        image = picture(_one(root / "images", stem))
        trimap = picture(_one(root / "gt_trimap", stem))
        given = picture(_one(root / f"scribbles{number}", stem)).astype(np.int64)
        yield Case(stem, image, given, trimap == 255, (trimap != 128) & (given == 0))


def medscribble(data: Path, split: str, strokes: str) -> Iterator[Case]:
    """Grey biomedical images with the strokes of the three people "0", "1" and "2"."""
    root = set_folder(data, "interactive_medscribble")
    for name in listed(root, split, "*/*.npz"):
        with np.load(root / name) as file:
            drawn = file["scribbles"][int(strokes)] > 127
            given = np.where(drawn[0], OBJECT, np.where(drawn[1], BACKGROUND, 0)).astype(np.int64)
            given[drawn.all(0)] = 0
            yield Case(name, file["img"].astype(np.float64), given, file["seg"] > 0, given == 0)


def berkeley(data: Path, split: str, strokes: str) -> Iterator[Case]:
    """Photographs with five clicks in the object and five beside it, made by `clicks`."""
    root = set_folder(data, "interactive_berkeley")
    lines = (root / "index.tsv").read_text(encoding="ascii").splitlines()[1:]
    places = dict(line.split("\t") for line in lines)
    for name in listed(root, split, "masks/*.png"):
        stem = Path(name).stem
        if stem not in places or not (data / places[stem]).is_file():
            raise SystemExit(f"`interactive_berkeley` needs `{places.get(stem, 'a line in index.tsv')}` for `{stem}`.")
        yield _clicked(stem, data / places[stem], root / "masks")


def coco_mval(data: Path, split: str, strokes: str) -> Iterator[Case]:
    """Photographs with one object each, clicked as in `berkeley`."""
    root = set_folder(data, "interactive_coco_mval")
    for name in listed(root, split, "images/*.jpg"):
        yield _clicked(Path(name).stem, _one(root / "images", Path(name).stem), root / "masks")


def horses(data: Path, split: str, strokes: str) -> Iterator[Case]:
    """Small photographs of horses, clicked as in `berkeley`: their training split is the larger."""
    for each in photographs.weizmann_horses(data, split):
        yield _case(each.name, each.image, each.classes > 0)


def _clicked(name: str, image: Path, masks: Path) -> Case:
    truth = picture(_one(masks, name))
    return _case(name, picture(image), (truth if truth.ndim == 2 else truth[..., 0]) > 127)


def _case(name: str, image: NDArray[np.uint8], truth: NDArray[np.bool_]) -> Case:
    given = np.where(clicks(truth), OBJECT, np.where(clicks(~truth), BACKGROUND, 0)).astype(np.int64)
    return Case(name, image, given, truth, given == 0)


def _one(folder: Path, stem: str) -> Path:
    found = sorted(folder.glob(f"{stem}.*"))
    if not found:
        raise SystemExit(f"`{folder.parent.name}/{folder.name}` lacks a file `{stem}.…`.")
    return found[0]


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
SETS: dict[str, tuple[Reader, tuple[str, ...]]] = {  # reader, kinds of strokes
    "grabcut": (grabcut, ("robot", "human")),
    "medscribble": (medscribble, ("0", "1", "2")),
    "berkeley": (berkeley, ("clicks",)),
    "coco_mval": (coco_mval, ("clicks",)),
    "weizmann_horses": (horses, ("clicks",)),
}
