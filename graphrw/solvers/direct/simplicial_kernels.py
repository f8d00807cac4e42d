"""Sparse LDLᵀ factors of many matrices with one pattern at once: what `simplicial` has numba compile.

The numbers of all matrices at one place of the pattern lie side by side in memory. An index is then read once for all
of them, and the innermost loops run over matrices, or over columns of right-hand sides, as vectors of the processor.

Compiled when this file is first imported, never at a call; numba keeps the result beside this file, or, where nobody
may write there, in a folder of the user's (NUMBA_CACHE_DIR), so that later processes only load it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
from numba import njit, types
from numpy.typing import NDArray

F = TypeVar("F", bound=Callable[..., Any])
Places = NDArray[np.uint32]  # unsigned: signed ones would be asked at each use whether they count from the end
Numbers = NDArray[np.float64]


class Rows(NamedTuple):
    """The pattern of the lower triangle of A, row by row."""

    start: Places  # (N + 1,)
    column: Places  # (M,): ascending, so that the diagonal is the last of a row


class Lower(NamedTuple):
    """The pattern of L below its diagonal, by rows and by columns."""

    order: Places  # (N,): the node that each row belongs to
    row_start: Places  # (N + 1,)
    column: Places  # (nnz,): of the entries by rows, ascending
    place: Places  # (nnz,): of the entries by rows, where each stands by columns
    column_start: Places  # (N + 1,)
    row: Places  # (nnz,): of the entries by columns, ascending


class Factor(NamedTuple):
    """L and D of B matrices."""

    below: Numbers  # (nnz, B): L, by columns
    pivot: Numbers  # (N, B): 1 / D


PLACES, TABLE, CUBE = types.uint32[::1], types.float64[:, ::1], types.float64[:, :, ::1]
ROWS, FACTOR = types.NamedUniTuple(PLACES, 2, Rows), types.NamedUniTuple(TABLE, 2, Factor)
LOWER = types.NamedUniTuple(PLACES, len(Lower._fields), Lower)
# A product and a sum may be one operation, rounded once, as in the libraries of torch.
OPTIONS: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy", "fastmath": {"contract"}}


def compiled(signature: Any) -> Callable[[F], F]:
    """A kernel of this signature."""
    return cast(Callable[[F], F], njit([signature], **OPTIONS))


@compiled(PLACES(ROWS))
def elimination_tree(rows: Rows) -> Places:
    """(N,): the first row below the diagonal of each column of L, N if there is none (Liu 1986)."""
    size = len(rows.start) - 1
    parent, root = np.full(size, size, np.uint32), np.full(size, size, np.uint32)
    for k in range(size):
        for p in range(rows.start[k], rows.start[k + 1]):
            i = rows.column[p]
            while i < k:  # up to the root, and all on the way are led to k from now on
                above, root[i] = root[i], k
                if above == size:
                    parent[i] = k
                i = above if above < size else np.uint32(k)
    return parent


@compiled(types.UniTuple(PLACES, 2)(ROWS, PLACES))
def rows_of_factor(rows: Rows, parent: Places) -> tuple[Places, Places]:
    """Where each row of L starts, (N + 1,), and the columns of its entries, (nnz,): all that lie on the way from an
    entry of A's row up the elimination tree."""
    size = len(rows.start) - 1
    seen, ends, found = np.empty(size, np.uint32), np.zeros(size + 1, np.uint32), np.empty(0, np.uint32)
    for writing in (False, True):
        if writing:
            found = np.empty(ends[size], np.uint32)
        seen[:] = size
        count = 0
        for k in range(size):
            seen[k] = k
            for p in range(rows.start[k], rows.start[k + 1]):
                i = rows.column[p]
                while seen[i] != k:
                    seen[i] = k
                    if writing:
                        found[count] = i
                    count += 1
                    i = parent[i]
            ends[k + 1] = count
            found[ends[k] : count].sort()
    return ends, found


@compiled(types.boolean(LOWER, ROWS, TABLE, FACTOR))
def factorise(lower: Lower, rows: Rows, values: Numbers, factor: Factor) -> bool:
    """L D Lᵀ of B matrices, row by row of L by a triangular solve with the rows above (Davis 2005).

    Args:
        lower: the pattern of L.
        rows: that of the matrices.
        values: (M, B), their entries.
        factor: where L and D are written.

    Returns:
        Whether all pivots are positive.
    """
    below, pivot = factor
    size, count = pivot.shape
    left, scale, rest = np.zeros((size, count)), np.empty(count), np.empty(count)
    good = True
    for k in range(size):
        last = rows.start[k + 1] - 1
        for p in range(rows.start[k], last):
            for b in range(count):
                left[rows.column[p], b] = values[p, b]
        for b in range(count):
            rest[b] = values[last, b]
        for m in range(lower.row_start[k], lower.row_start[k + 1]):
            j, place = lower.column[m], lower.place[m]
            for b in range(count):
                scale[b] = left[j, b]
                left[j, b] = 0.0
            for p in range(lower.column_start[j], place):
                i = lower.row[p]
                for b in range(count):
                    left[i, b] -= below[p, b] * scale[b]
            for b in range(count):
                entry = scale[b] * pivot[j, b]
                rest[b] -= entry * scale[b]
                below[place, b] = entry
        for b in range(count):
            good &= rest[b] > 0  # false for NaN, too
            pivot[k, b] = 1.0 / rest[b]
    return good


@compiled(types.void(LOWER, FACTOR, CUBE, CUBE))
def substitute(lower: Lower, factor: Factor, b: Numbers, x: Numbers) -> None:
    """x = (L D Lᵀ)⁻¹ b, for `b` and `x` (B, N, K) by nodes."""
    count, size, width = b.shape
    y = np.empty((size, count, width))
    for j in range(size):
        for m in range(count):
            for k in range(width):
                y[j, m, k] = b[m, lower.order[j], k]
    for j in range(size):
        for p in range(lower.column_start[j], lower.column_start[j + 1]):
            i = lower.row[p]
            for m in range(count):
                entry = factor.below[p, m]
                for k in range(width):
                    y[i, m, k] -= entry * y[j, m, k]
    for back in range(size):
        j = size - 1 - back
        for m in range(count):
            for k in range(width):
                y[j, m, k] *= factor.pivot[j, m]
        for p in range(lower.column_start[j], lower.column_start[j + 1]):
            i = lower.row[p]
            for m in range(count):
                entry = factor.below[p, m]
                for k in range(width):
                    y[j, m, k] -= entry * y[i, m, k]
        for m in range(count):
            for k in range(width):
                x[m, lower.order[j], k] = y[j, m, k]
