"""The kernels of a cycle.

S has 1 on its diagonal, and is symmetric: `lower` holds the rest, but for the sign, L of S = 1 − L − Lᵀ. A row of it is
read once, for what it gives its own node and for what it gives the others: half the memory of a matrix. So these rows
are taken in order, by one thread.

Relaxation is a sweep of Gauss–Seidel down, from the first row to the last, and after the coarser levels one up. Each
leaves more than it seems. From 0, the first gives y = b + L y, which leaves b − S y = Lᵀy; so what the aggregates get,
PᵀLᵀy, adds up on the way, row by row, and no residual is ever in memory. With their answer c, the second solves
(1 − Lᵀ) z = b + L (y + P c), which is y + L P c: of b nothing is needed any more, and z may grow in the place of y.
Vectors are (N, K); what the aggregates get and give is (C + 1, K), its last row for the nodes in none.
"""

from typing import Any

from numba import types

from graphrw.solvers.compiled.compilation import (
    DOUBLE,
    PLACES,
    SINGLE,
    compiled,
    everywhere,
    matrix_of,
    positive,
    vectors_of,
)
from graphrw.solvers.compiled.lanes import add_to, load, store

NUMBERS = DOUBLE[:, ::1]


def level_of(real: Any) -> tuple[types.Type, ...]:
    """L, and the aggregate and the share of each node."""
    return matrix_of(real), types.Tuple((PLACES, real[::1]))


@everywhere
def _down(arrays: Any, rows: Any, column: Any, nothing: Any) -> None:
    lower, (group, share), (b, y, below) = arrays
    width = y.shape[1]
    for i in range(rows[0], rows[1]):
        own = load(nothing, b, i * width + column)
        for place in range(lower.start[i], lower.start[i + 1]):
            own += lower.value[place] * load(nothing, y, lower.column[place] * width + column)
        store(own, y, i * width + column)
        for place in range(lower.start[i], lower.start[i + 1]):
            j = lower.column[place]
            add_to(below, group[j] * width + column, (lower.value[place] * share[j]) * own)


@compiled(lambda real: (*level_of(real), vectors_of(real, 3)), SINGLE, DOUBLE)
def down(lower: Any, transfer: Any, vectors: Any) -> None:
    """y = (1 − L)⁻¹ b, and Pᵀ(b − S y) added to below, for `vectors` b, y and below."""
    _down((lower, transfer, vectors), vectors[1])


@everywhere
def _up(arrays: Any, rows: Any, column: Any, nothing: Any) -> None:
    lower, (group, share), (above, y) = arrays
    width = y.shape[1]
    for back in range(rows[0], rows[1]):
        i = len(y) - 1 - back
        own = load(nothing, y, i * width + column)
        for place in range(lower.start[i], lower.start[i + 1]):
            j = lower.column[place]
            own += (lower.value[place] * share[j]) * load(nothing, above, group[j] * width + column)
        store(own, y, i * width + column)
        for place in range(lower.start[i], lower.start[i + 1]):
            add_to(y, lower.column[place] * width + column, lower.value[place] * own)


@compiled(lambda real: (*level_of(real), vectors_of(real, 2)), SINGLE, DOUBLE)
def up(lower: Any, transfer: Any, vectors: Any) -> None:
    """y ← (1 − Lᵀ)⁻¹ (y + L P above), for `vectors` above and y."""
    _up((lower, transfer, vectors), vectors[1])


@everywhere
def _multiply(arrays: Any, rows: Any, column: Any, nothing: Any) -> None:
    """out = S x; xᵀS x, xᵀu and xᵀv are added to the first rows of `sums`."""
    lower, (x, out, u, v), sums = arrays
    width, curvature, of_u, of_v = x.shape[1], nothing, nothing, nothing
    for i in range(rows[0], rows[1]):
        at = i * width + column
        own, others = load(nothing, x, at), nothing
        for place in range(lower.start[i], lower.start[i + 1]):
            there = lower.column[place] * width + column
            others += lower.value[place] * load(nothing, x, there)
            add_to(out, there, -lower.value[place] * own)
        store(own - others, out, at)
        curvature += own * (own - others - others)
        of_u += own * load(nothing, u, at)
        of_v += own * load(nothing, v, at)
    add_to(sums, column, curvature)
    add_to(sums, width + column, of_u)
    add_to(sums, 2 * width + column, of_v)


@everywhere
def _combine(arrays: Any, rows: Any, column: Any, nothing: Any) -> None:
    """out = f x + g y."""
    (f, g), (x, y, out) = arrays
    width, of_x, of_y = x.shape[1], load(nothing, f, column), load(nothing, g, column)
    for i in range(rows[0], rows[1]):
        at = i * width + column
        store(of_x * load(nothing, x, at) + of_y * load(nothing, y, at), out, at)


@compiled(lambda real: (matrix_of(real), vectors_of(real, 4), NUMBERS), SINGLE, DOUBLE)
def first_step(lower: Any, vectors: Any, numbers: Any) -> None:
    """One step of CG for S y = b from 0, for `vectors` x, the direction, out = S x, b, and what is left of it.

    The curvature and the length of the step go into `numbers`, (4, K), whose other rows are to work in.
    """
    x, out, b, rest = vectors
    numbers[:] = 0.0
    _multiply((lower, (x, out, b, b), numbers), x)
    for k in range(x.shape[1]):
        numbers[0, k] = positive(numbers[0, k])
        numbers[1, k] /= numbers[0, k]
        numbers[2, k], numbers[3, k] = 1.0, -numbers[1, k]
    _combine(((numbers[2], numbers[3]), (b, out, rest)), x)


@compiled(lambda real: (matrix_of(real), vectors_of(real, 5), types.UniTuple(DOUBLE[::1], 2), NUMBERS), SINGLE, DOUBLE)
def second_step(lower: Any, vectors: Any, first: Any, numbers: Any) -> None:
    """The next step, along x made A-conjugate to the first direction; the answer of both is written in the place of x.

    `vectors` are x, out = S x, that first direction, S times it, and what the step along it has left of b; of that step
    `first` are the curvature and the length, (K,) each.
    """
    x, out, direction, product, rest = vectors
    numbers[:] = 0.0
    _multiply((lower, (x, out, product, rest), numbers), x)
    for k in range(x.shape[1]):
        overlap = numbers[1, k] / first[0][k]
        length = numbers[2, k] / positive(numbers[0, k] - overlap * numbers[1, k])
        numbers[2, k], numbers[3, k] = length, first[1][k] - overlap * length
    _combine(((numbers[2], numbers[3]), (x, direction, x)), x)
