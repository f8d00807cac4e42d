"""How kernels are compiled: with fixed signatures, when their file is first imported, and kept on disk from then on."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
from numba import njit, types
from numpy.typing import NDArray

from graphrw.solvers.compiled.lanes import zeros

F = TypeVar("F", bound=Callable[..., Any])
Reals = NDArray[np.floating[Any]]
Indices = NDArray[np.uint32]  # unsigned: signed ones would be asked at each use whether they count from the end

WIDE, NARROW = 16, 4  # columns at once; the rest one by one
BLOCK = 64  # rows: those of three vectors of sixteen columns stay in the innermost cache until all columns had them
OPTIONS = {"nogil": True, "error_model": "numpy"}  # division by 0 gives what it gives in torch

PLACES, SINGLE, DOUBLE = types.uint32[::1], types.float32, types.float64


class Matrix(NamedTuple):
    """Off its diagonal, row by row."""

    start: Indices  # (N + 1,)
    column: Indices  # (M,)
    value: Reals  # (M,)


class Groups(NamedTuple):
    """Nodes by aggregate."""

    of: Indices  # (N,): the aggregate of each node, the number of aggregates where there is none
    start: Indices  # (C + 1,)
    member: Indices  # (N,): from ``start[a]`` on those of aggregate a, in order; last those in none


def matrix_of(real: Any) -> types.Type:
    return types.NamedTuple([PLACES, PLACES, real[::1]], Matrix)


def vectors_of(real: Any, count: int) -> types.Type:
    """So many arrays (N, K)."""
    return types.UniTuple(real[:, ::1], count)


def compiled(
    arguments: Callable[[Any], tuple[Any, ...]], *precisions: Any, returns: types.Type = types.void
) -> Callable[[F], F]:
    """A kernel that takes `arguments(real)`, where `real` is each of the `precisions`.

    Compiled when its file is first imported, never at a call; numba keeps the result beside that file, or, where nobody
    may write there, in a folder of the user's (NUMBA_CACHE_DIR), so that later processes only load it.
    """
    signatures = [returns(*arguments(real)) for real in precisions]
    return cast(Callable[[F], F], njit(signatures, cache=True, **OPTIONS))


def inlined(function: F) -> F:
    """A part of kernels, compiled into each of them."""
    return cast(F, njit(**OPTIONS)(function))


@inlined
def positive(curvature: float) -> float:
    """1 where rounding, or a residual of 0, has left no curvature; the step is then 0 or harmless."""
    return curvature if curvature > 0 else 1.0


def everywhere(work: Callable[[Any, Any, Any, Any], None]) -> Callable[[Any, Any], None]:
    """`work` for all rows and columns: ``everywhere(work)(arrays, like)``, for arrays of as many as `like` (N, K) has.

    Block by block of rows, it is called as ``work(arrays, rows, column, nothing)``, for the rows from ``rows[0]`` up to
    ``rows[1]``, and for as many columns from `column` on as `nothing`, which is 0 in the precision of `like`, has
    lanes. (Handed to a loop as an argument, it could not be kept on disk.)
    """
    part = inlined(work)

    @inlined
    def loop(arrays: Any, like: Any) -> None:
        count, width = like.shape
        for first in range(0, count, BLOCK):
            rows, column = (first, min(first + BLOCK, count)), 0
            while column + WIDE <= width:
                part(arrays, rows, column, zeros(like, WIDE))
                column += WIDE
            while column + NARROW <= width:
                part(arrays, rows, column, zeros(like, NARROW))
                column += NARROW
            while column < width:
                part(arrays, rows, column, zeros(like, 1))
                column += 1

    return loop
