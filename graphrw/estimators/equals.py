"""Samples that are met again: they keep what they had, labelled ones above all."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Known:
    """The samples of a fit.

    Attributes:
        group: (N,): a number for each, which equal ones share; −1: none.
        labelled: (N,): which of them count before all others that equal them.
        values: (N, L): what they have.
    """

    group: NDArray[np.int64]
    labelled: NDArray[np.bool_]
    values: NDArray[np.float64]


def keep(answer: NDArray[np.float64], group: NDArray[np.int64], known: Known) -> NDArray[np.float64]:
    """`answer` (M, L) with the rows of samples that some of a fit equal replaced by what these have.

    Args:
        answer: (M, L).
        group: (M,): the number of each row; −1: none.
        known: the samples of the fit.

    Returns:
        (M, L): for each such row the mean over the samples that equal it, over those that are labelled if any.
    """
    numbered, count = known.group >= 0, int(max(group.max(initial=-1), known.group.max(initial=-1))) + 1
    decided = np.zeros(count + 1, dtype=bool)  # one more, for −1
    decided[known.group[known.labelled & numbered]] = True
    used = numbered & (known.labelled | ~decided[known.group])
    total = np.zeros((count + 1, known.values.shape[1]))
    np.add.at(total, known.group[used], known.values[used])
    size = np.bincount(known.group[used], minlength=count + 1)
    met = (group >= 0) & (size[group] > 0)
    replaced = answer.copy()
    replaced[met] = total[group[met]] / size[group[met], None]
    return replaced


def number_equal(
    new: NDArray[np.float64], points: NDArray[np.float64], chosen: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Numbers for `keep`, (M,) and (N,), of the points (N, C) that are `chosen` (N,) and of new ones (M, C)."""
    number: dict[bytes, int] = {}
    known = np.full(len(points), -1)
    for i in np.flatnonzero(chosen):
        known[i] = number.setdefault(_key(points[i]), len(number))
    return np.array([number.get(_key(row), -1) for row in new], dtype=np.int64), known


def _key(point: NDArray[np.float64]) -> bytes:
    return (point + 0.0).tobytes()  # −0 and 0 are one number, but two patterns of bits
