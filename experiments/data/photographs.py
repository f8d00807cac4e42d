"""Photographs whose pixels have classes, or were segmented by several people."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from experiments.data.folders import listed, matching, picture, set_folder, split_folder

CAMVID_CLASSES = 11
UNLABELLED = 11  # in the files of CamVid


@dataclass(frozen=True, eq=False)
class Labelled:
    """A photograph, and the class of each pixel."""

    name: str
    image: NDArray[np.uint8]  # (H, W, 3)
    classes: NDArray[np.int64]  # (H, W); −1: not known


@dataclass(frozen=True, eq=False)
class Annotated:
    """A photograph, and how each of some people cut it into segments."""

    name: str
    image: NDArray[np.uint8]  # (H, W, 3)
    segments: NDArray[np.int64]  # (A, H, W), from 0; ids of different people have nothing to do with each other
    boundaries: NDArray[np.bool_]  # (A, H, W), thin


def weizmann_horses(data: Path, split: str) -> list[Labelled]:
    """Horses (1) and what is not (0): `SPLIT/images/ID.jpg`, `SPLIT/masks/ID.png` (0, 255)."""
    place = split_folder(set_folder(data, "weizmann_horses"), split)
    rows = matching(place / "images", place / "masks")
    return [Labelled(image.stem, picture(image), (picture(mask) > 127).astype(np.int64)) for image, mask in rows]


def camvid(data: Path, split: str) -> list[Labelled]:
    """Streets, 11 classes: `SPLIT/images/*.png`, `SPLIT/labels/*.png` (0 to 10; 11: not labelled)."""
    place = split_folder(set_folder(data, "camvid_subset"), split)
    found = []
    for image, labels in matching(place / "images", place / "labels"):
        classes = picture(labels).astype(np.int64)
        found.append(Labelled(image.stem, picture(image), np.where(classes == UNLABELLED, -1, classes)))
    return found


def bsds500(data: Path, split: str, count: int | None = None) -> list[Annotated]:
    """Berkeley's: `images/SPLIT/ID.jpg`, `groundTruth/SPLIT/ID.npz` (`segs`, and `boundaries` as packed bits).

    `SPLIT.txt` lists the ids; without it all of the folder count. At most `count` are read, spread evenly over these.
    """
    folder = set_folder(data, "bsds500")
    pairs = matching(split_folder(folder, split, "images"), split_folder(folder, split, "groundTruth"))
    ids = listed(folder, split, "*.none") if (folder / f"{split}.txt").is_file() else [path.stem for path, _ in pairs]
    found = {image.stem: (image, truth) for image, truth in pairs}
    missing = [name for name in ids if name not in found]
    if missing:
        raise SystemExit(f"`bsds500/images/{split}` lacks {missing[0]}, which `{split}.txt` names.")
    every = max(1, len(ids) // count) if count else 1
    return [_annotated(name, *found[name]) for name in ids[::every][:count]]


def _annotated(name: str, image: Path, truth: Path) -> Annotated:
    with np.load(truth) as file:
        segments = file["segs"].astype(np.int64) - 1
        bits = np.unpackbits(file["boundaries"], axis=-1)[..., : segments.shape[-1]]
    return Annotated(name, picture(image), segments, bits.astype(bool))
