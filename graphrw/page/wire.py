"""What comes over the wire, checked before it is used."""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_LABELS = 255  # a label is one byte on its way to the page
MOST_IN_LOG = 100_000_000  # pixels in all strokes of a log


def read_json(text: bytes) -> Any:
    """What a text says.

    Raises:
        ValueError: if it is no JSON.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError("This is no JSON.") from error


def field(described: Any, name: str) -> Any:
    """What stands under a name.

    Raises:
        ValueError: if nothing does.
    """
    if not isinstance(described, dict) or name not in described:
        raise ValueError(f"`{name}` is missing.")
    return described[name]


def check_label(label: object) -> int:
    """`label`, if it is one.

    Raises:
        ValueError: if not.
    """
    if type(label) is not int or not 0 < label <= MOST_LABELS:
        raise ValueError(f"`label` must be a whole number from 1 to {MOST_LABELS}; got {str(label)[:20]!r}.")
    return label


def check_runs(runs: object, size: int) -> NDArray[np.int64]:
    """(M, 2): `runs`, if they are pairs [first, length] of whole numbers within an image of `size` pixels.

    Raises:
        ValueError: if not.
    """
    wanted = "`runs` must be a list of pairs of whole numbers, [[first, length], …]"
    if not isinstance(runs, list):
        raise ValueError(f"{wanted}.")
    try:
        pairs: NDArray[Any] = np.asarray(runs or np.zeros((0, 2), np.int64))
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{wanted}; {error}.") from error
    if pairs.ndim != 2 or pairs.shape[1] != 2 or pairs.dtype != np.int64:
        raise ValueError(f"{wanted}; got {pairs.dtype} {pairs.shape}.")
    within = (pairs >= 0) & (pairs <= size)
    if not within.all() or pairs.sum(1).max(initial=0) > size:
        raise ValueError(f"`runs` must stay within the image of {size} pixels.")
    return pairs


def mask_of_runs(runs: object, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The pixels of an image of this shape that runs of the flattened image cover; they may overlap.

    >>> mask_of_runs([[1, 2], [5, 1]], (2, 3)).astype(int)
    array([[0, 1, 1],
           [0, 0, 1]])
    """
    size = int(np.prod(shape))
    first, length = check_runs(runs, size).T
    begins = np.bincount(first, minlength=size + 1)
    ends = np.bincount(first + length, minlength=size + 1)
    covered: NDArray[np.bool_] = (begins - ends).cumsum()[:size].reshape(shape) > 0
    return covered


def check_log(log: Any, size: int) -> None:
    """Raise `ValueError` unless a log's strokes have labels of the page, and stay within an image of `size` pixels.

    A log of a few bytes can speak of runs that would fill the memory: this is found before they are unpacked.
    """
    strokes = field(log, "strokes")
    if not isinstance(strokes, list):
        raise ValueError("The log is damaged: `strokes` must be a list.")
    total = 0
    for stroke in strokes:
        if field(stroke, "label") != 0:  # erased
            check_label(stroke["label"])
        total += int(check_runs(field(stroke, "runs"), size)[:, 1].sum())
        if total > MOST_IN_LOG:
            raise ValueError(f"The log is too long: its strokes have more than {MOST_IN_LOG // 10**6} million pixels.")
