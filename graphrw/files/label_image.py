"""Label images: whole numbers, numbers of a palette, or colours."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphrw.files.formats import read_file
from graphrw.files.image_file import ImageFile

LOSSY = (".jpg", ".jpeg")
MOST_COLOURS = 64  # of which each is a label; soft brushes leave more


def read_labels(path: str | Path) -> ImageFile:
    """The labels in a file of any format, int64.

    Of a picture with colours each is a label, from 1 on in ascending order of red, green and blue; black is 0. Of one
    with a palette it is the numbers that are labels; and of one whose colours are all grey, their values.

    Raises:
        ValueError: for numbers that are not whole, for more colours than anybody draws on purpose, and for JPEG, which
            keeps neither.
    """
    if Path(path).suffix.lower() in LOSSY:
        raise ValueError(f"`{path}`: JPEG changes labels where it saves them. Take PNG.")
    file = read_file(Path(path), "read_labels")
    if file.channel_axis is None:
        return file.like(_whole(file.values, path))
    colours = np.moveaxis(file.values, file.channel_axis, -1)
    if colours.shape[-1] != 3:
        raise ValueError(f"`{path}` must hold one label for each pixel; got {colours.shape[-1]} channels.")
    if (colours == colours[..., :1]).all():
        return file.like(_whole(colours[..., 0], path))
    return file.like(_numbered(colours, path))


def smallest_type(labels: NDArray[Any]) -> NDArray[Any]:
    """Labels ≥ 0 in the smallest type without a sign that holds them.

    >>> smallest_type(np.array([0, 300])).dtype
    dtype('uint16')
    """
    most = int(labels.max(initial=0))
    return labels.astype(np.min_scalar_type(most))


def _whole(values: NDArray[Any], path: str | Path) -> NDArray[np.int64]:
    whole = values.astype(np.int64)
    if values.dtype.kind == "f" and not (np.isfinite(values) & (whole == values)).all():
        raise ValueError(f"`{path}` must hold whole numbers; got {values[~(whole == values)].reshape(-1)[0]}.")
    if values.dtype == np.uint64 and (whole < 0).any():
        raise ValueError(f"`{path}` holds labels from 2⁶³ on, which are too large.")
    return whole


def _numbered(colours: NDArray[Any], path: str | Path) -> NDArray[np.int64]:
    listed, number = np.unique(colours.reshape(-1, 3), axis=0, return_inverse=True)
    if len(listed) > MOST_COLOURS:
        raise ValueError(
            f"`{path}` has {len(listed)} colours, at most {MOST_COLOURS} are taken for labels. Is it a photograph, or "
            "one that seeds were drawn into? Draw them on a layer of their own, with a hard brush, without smoothing, "
            "and save that as PNG."
        )
    black = (listed == 0).all(1)
    label = np.where(black, 0, (~black).cumsum())
    return label[number.reshape(-1)].reshape(colours.shape[:-1]).astype(np.int64)
