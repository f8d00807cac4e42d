"""Where the sets are, and which files belong to a split."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from skimage import io

T = TypeVar("T")


class Missing(SystemExit):
    """A set, or a split of it, is not there: ends a script with words, where nothing else will do."""


def if_there(read: Callable[[], Iterable[T]], otherwise: str) -> list[T]:
    """What is read; where the data lack it, nothing, and words say so, and what is done `otherwise`."""
    try:
        return list(read())
    except Missing as missing:
        print(f"{missing} {otherwise}\n")
        return []


def set_folder(data: Path, name: str) -> Path:
    """The folder of one set; ends with words if it is not there."""
    folder = data / name
    if not folder.is_dir():
        there = ", ".join(sorted(path.name for path in data.iterdir() if path.is_dir())) or "nothing"
        raise Missing(f"The folder `{data}` holds no `{name}`. There: {there}. See experiments/README.md.")
    return folder


def listed(folder: Path, split: str, fallback: str) -> list[str]:
    """The names in the list `split`.txt of a set that has such lists; one without any is a single split.

    Args:
        folder: of the set.
        split: the name of the list.
        fallback: which files, relative to `folder`, a set without lists consists of.
    """
    lists = sorted(path.stem for path in folder.glob("*.txt") if path.stem.isidentifier() and path.stem.islower())
    if split in lists:
        return (folder / f"{split}.txt").read_text(encoding="utf-8").split()
    if lists:
        raise Missing(f"`{folder.name}` has no split `{split}`: there is no list `{split}.txt`, only of {lists}.")
    names = sorted(str(path.relative_to(folder)) for path in folder.glob(fallback))
    if not names:
        raise SystemExit(f"`{folder.name}` has neither a list `{split}.txt` nor any file `{fallback}`.")
    return names


def split_folder(folder: Path, split: str, inside: str = "") -> Path:
    """The folder `split` of a set, or of the folder `inside` it."""
    place = folder / inside
    if not (place / split).is_dir():
        there = sorted(path.name for path in place.iterdir() if path.is_dir()) if place.is_dir() else []
        named = str(Path(inside) / split)
        raise Missing(f"`{folder.name}` has no split `{split}`: no such folder `{named}`. There: {there}.")
    return place / split


def matching(first: Path, *others: Path) -> list[tuple[Path, ...]]:
    """The files of one folder beside those of the same stem in others, in order."""
    for folder in (first, *others):
        if not folder.is_dir():
            raise SystemExit(
                f"There is no folder `{folder.name}` in `{folder.parent.parent.name}/{folder.parent.name}`."
            )
    rows = []
    for path in sorted(first.iterdir()):
        row = [path, *(next(iter(sorted(folder.glob(f"{path.stem}.*"))), None) for folder in others)]
        if None in row:
            raise SystemExit(
                f"`{first.name}/{path.name}` has no file of its name in `{others[row.index(None) - 1].name}`."
            )
        rows.append(tuple(row))
    if not rows:
        raise SystemExit(f"The folder `{first.parent.name}/{first.name}` is empty.")
    return rows


def picture(path: Path) -> NDArray:
    """An image file; without an alpha channel."""
    values = np.asarray(io.imread(path))
    return values[..., :3] if values.ndim == 3 else values
