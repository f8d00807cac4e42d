"""A folder with images and their segments."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from graphrw.cli.task import with_channels
from graphrw.files import ImageFile, read_image, read_labels
from graphrw.files.formats import ENDINGS
from graphrw.models import InputScale
from graphrw.models.examples import Example


@dataclass(frozen=True, eq=False)
class Pair:
    """An image, with its channel axis, and its segments."""

    name: str
    image: ImageFile
    segments: NDArray[np.int64]  # (*spatial); −1: not known


def pairs_in(folder: Path) -> dict[str, tuple[Path, Path]]:
    """The files in `folder`/images and `folder`/labels whose names are the same but for their endings.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: for a folder without images, and an image without labels.
    """
    images, labels = (_files(folder / part) for part in ("images", "labels"))
    lonely = [path for name, path in images.items() if name not in labels]
    if lonely:
        more = f" ({len(lonely)} such images)" if len(lonely) > 1 else ""
        raise ValueError(f"`{lonely[0]}` has no labels: there is no `{folder / 'labels' / _stem(lonely[0])}.…`{more}.")
    return {name: (path, labels[name]) for name, path in images.items()}


def read_pairs(files: Mapping[str, tuple[Path, Path]], *, ignore: int | None) -> list[Pair]:
    """The pairs in the files of `pairs_in`.

    Args:
        files: of an image and its labels, by name.
        ignore: the label of pixels that are not known; negative ones never are.

    Raises:
        ValueError: for images of different numbers of axes or channels.
    """
    pairs = [_pair(name, paths, ignore) for name, paths in files.items()]
    first = pairs[0]
    for pair in pairs[1:]:
        if _kind(pair) != _kind(first):
            raise ValueError(
                f"All images must be alike: `{first.name}` has {_described(first)}, `{pair.name}` {_described(pair)}."
            )
    return pairs


def digest_of(pairs: list[Pair]) -> str:
    """What tells these images and segments from all others."""
    found = hashlib.sha256()
    for pair in pairs:
        for values in (pair.image.values, pair.segments):
            found.update(f"{pair.name} {values.shape} {values.dtype}".encode())
            found.update(np.ascontiguousarray(values).data)
    return found.hexdigest()[:16]


def channels_of(pair: Pair) -> int:
    """How many channels an image has."""
    axis = pair.image.channel_axis
    return 1 if axis is None else int(pair.image.values.shape[axis])


def as_examples(pairs: list[Pair], scale: InputScale) -> list[Example]:
    """What a model learns from."""
    return [Example(pair.name, scale.apply(*_arguments(pair))[0], torch.from_numpy(pair.segments)) for pair in pairs]


def fitted_scale(pairs: list[Pair]) -> InputScale:
    """The scale that brings the images to mean 0 and standard deviation 1."""
    return InputScale.fit([pair.image.values for pair in pairs], channel_axis=pairs[0].image.channel_axis)


def _arguments(pair: Pair) -> tuple[NDArray[Any], int | None]:
    return pair.image.values, pair.image.channel_axis


def _pair(name: str, paths: tuple[Path, Path], ignore: int | None) -> Pair:
    image = read_image(paths[0])
    labels = read_labels(paths[1]).ordered(image.axes)
    image = with_channels(image, labels.shape, None, paths)
    wrong = int((~np.isfinite(image.values)).sum())
    if wrong:
        raise ValueError(f"`{paths[0]}` holds {wrong} values that are NaN or infinite: fill them, or leave it out.")
    unknown = (labels.values < 0) | (labels.values == ignore)
    return Pair(name, image, np.where(unknown, -1, labels.values))


def _files(folder: Path) -> dict[str, Path]:
    """The images in a folder by the stems of their names, in order."""
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder `{folder}`: images go into `images`, label images into `labels`.")
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.name.lower().endswith(ENDINGS) and files.setdefault(_stem(path), path) is not path:
            raise ValueError(f"`{files[_stem(path)]}` and `{path}` have the same name: rename one of them.")
    if not files:
        raise ValueError(f"`{folder}` holds no image; known are {', '.join(ENDINGS)}.")
    return files


def _stem(path: Path) -> str:
    return path.name.removesuffix(".gz").rpartition(".")[0]


def _kind(pair: Pair) -> tuple[object, ...]:
    return pair.segments.ndim, channels_of(pair), pair.image.channel_axis, pair.image.values.dtype


def _described(pair: Pair) -> str:
    return f"{pair.segments.ndim} axes and {channels_of(pair)} channels of {pair.image.values.dtype}"
