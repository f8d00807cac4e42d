"""Samples that are met again: they keep what they had, labelled ones above all."""

import numpy as np
from numpy.typing import NDArray


def keep(
    answer: NDArray[np.float64],
    group: NDArray[np.int64],
    values: NDArray[np.float64],
    known: NDArray[np.int64],
    labelled: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """`answer` with the rows of the samples that are among those of a fit replaced by what these have.

    Args:
        answer: (M, L).
        group: (M,): the number of each row, which equal samples share; −1: of none.
        values: (N, L) of the samples of the fit.
        known: (N,): their numbers, or −1.
        labelled: (N,): which of them count before all others that equal them.

    Returns:
        (M, L): for each row that some sample equals the mean over these samples, over those that are labelled if any.
    """
    count = int(max(group.max(initial=-1), known.max(initial=-1))) + 1
    decided = np.zeros(count + 1, dtype=bool)
    decided[known[labelled & (known >= 0)]] = True
    used = (known >= 0) & (labelled | ~decided[known])
    total = np.zeros((count + 1, values.shape[1]))
    np.add.at(total, known[used], values[used])
    size = np.bincount(known[used], minlength=count + 1)
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
