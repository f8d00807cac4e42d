"""The kernels of conjugate gradients around a cycle: three passes over memory for each iteration.

A is that of the walk, as the edges below its diagonal and the killing. Products are taken as
k ⊙ x + Σ_j w_ij (x_i − x_j), where nothing cancels; that costs no more than to multiply by entries of A. A cycle is
given D⁻½ r in its own precision, and answers with y = D½ z, of which no pass makes z before it needs it.
"""

from typing import Any

from numba import types

from graphrw.solvers.compiled.compilation import (
    DOUBLE,
    SINGLE,
    compiled,
    everywhere,
    matrix_of,
    positive,
    vectors_of,
)
from graphrw.solvers.compiled.lanes import add_to, load, store

NUMBERS, WALK = DOUBLE[::1], types.Tuple((matrix_of(DOUBLE), DOUBLE[::1]))


@everywhere
def _flow_out(arrays: Any, rows: Any, column: Any, nothing: Any) -> None:
    (lower, killing), (x, out) = arrays
    width = x.shape[1]
    for i in range(rows[0], rows[1]):
        own = load(nothing, x, i * width + column)
        total = killing[i] * own
        for place in range(lower.start[i], lower.start[i + 1]):
            there = lower.column[place] * width + column
            flow = lower.value[place] * (own - load(nothing, x, there))
            total += flow
            store(load(nothing, out, there) - flow, out, there)
        store(total, out, i * width + column)


@compiled(lambda real: (WALK, vectors_of(real, 2)), DOUBLE)
def flow_out(walk: Any, vectors: Any) -> None:
    """out = A x, for `vectors` x and out."""
    _flow_out((walk, vectors), vectors[0])


@everywhere
def _overlap(arrays: Any, rows: Any, column: Any, nothing: Any) -> None:
    """zᵀq, added to a row of sums, where z = D⁻½ y."""
    (unroot, y), q, total = arrays
    width, found = q.shape[1], nothing
    for i in range(rows[0], rows[1]):
        at = i * width + column
        found += unroot[i] * load(nothing, y, at) * load(nothing, q, at)
    add_to(total, column, found)


@everywhere
def _turn(arrays: Any, rows: Any, column: Any, nothing: Any) -> None:
    """p ← z − β p and q = A p; pᵀq and pᵀr are added to rows of sums."""
    (lower, killing), (unroot, y), (p, q, r), (beta, curvature, slope) = arrays
    width, bent, along, keep = p.shape[1], nothing, nothing, load(nothing, beta, column)
    for i in range(rows[0], rows[1]):
        at = i * width + column
        own = unroot[i] * load(nothing, y, at) - keep * load(nothing, p, at)
        store(own, p, at)
        total = killing[i] * own
        bent += total * own
        for place in range(lower.start[i], lower.start[i + 1]):
            there = lower.column[place] * width + column
            apart = own - load(nothing, p, there)
            flow = lower.value[place] * apart
            total += flow
            bent += flow * apart
            store(load(nothing, q, there) - flow, q, there)
        store(total, q, at)
        along += own * load(nothing, r, at)
    add_to(curvature, column, bent)
    add_to(slope, column, along)


@everywhere
def _advance(arrays: Any, rows: Any, column: Any, nothing: Any) -> None:
    """x += s p, r −= s q and D⁻½ r; rᵀr is added to a row of sums."""
    (unroot, scaled), (p, q, x, r), (length, square) = arrays
    width, found, step = p.shape[1], nothing, load(nothing, length, column)
    for i in range(rows[0], rows[1]):
        at = i * width + column
        store(load(nothing, x, at) + step * load(nothing, p, at), x, at)
        left = load(nothing, r, at) - step * load(nothing, q, at)
        store(left, r, at)
        store(unroot[i] * left, scaled, at)
        found += left * left
    add_to(square, column, found)


def _cycle_of(real: Any) -> types.Type:
    return types.Tuple((NUMBERS, real[:, ::1], real[:, ::1]))


@compiled(
    lambda real: (WALK, _cycle_of(real), vectors_of(DOUBLE, 4), types.Tuple((NUMBERS, DOUBLE[:, ::1]))), SINGLE, DOUBLE
)
def step(walk: Any, cycle: Any, vectors: Any, numbers: Any) -> None:
    """One step along a new direction p, made A-conjugate to the last.

    Args:
        walk: the edges below the diagonal of A, and the killing.
        cycle: of the cycle D^(−½) (N,), its answer y to D^(−½) r, and where that shall stand for the next r.
        vectors: p, q = A p, x and r.
        numbers: pᵀA p of each column, (K,), and memory for others, (4, K); ‖r‖² is left in the last row.
    """
    (unroot, y, scaled), (p, q, x, r), (curvature, work) = cycle, vectors, numbers
    work[:] = 0.0
    overlap, bent, along, square = work[0], work[1], work[2], work[3]
    _overlap(((unroot, y), q, overlap), q)
    for k in range(len(curvature)):
        overlap[k] /= curvature[k]
    _turn((walk, (unroot, y), (p, q, r), (overlap, bent, along)), p)
    for k in range(len(curvature)):
        curvature[k] = positive(bent[k])
        along[k] /= curvature[k]
    _advance(((unroot, scaled), (p, q, x, r), (along, square)), x)
