"""Conjugate gradients whose vectors are in files."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from graphrw.core.errors import ConvergenceError
from graphrw.solvers.streamed.cycle import StreamedCycle, positive
from graphrw.solvers.streamed.field import Field
from graphrw.solvers.streamed.level import extended

LAG = 0.5  # of the target for the recursion: the true residual lags behind


@dataclass(frozen=True)
class Goal:
    """When to stop, and whom to tell.

    Args:
        rtol: the true relative residual at which all columns have converged, > 0.
        max_iterations: after which a `ConvergenceError` is raised.
        listen: is told the largest relative residual after each iteration.
    """

    rtol: float
    max_iterations: int = 200
    listen: Callable[[float], None] = lambda residual: None


@dataclass(eq=False)
class _State:
    """The vectors on disk, and what is known of them."""

    x: Field
    r: Field
    p: Field  # the direction
    q: Field  # A p
    z: Field  # M⁻¹ r
    w: Field  # A z
    curvature: Tensor  # (K,): pᵀA p


def conjugate_gradients(cycle: StreamedCycle, b: Field, x: Field, goal: Goal) -> tuple[int, float]:
    """Solve A x = b from whatever stands in `x`, to a true residual of ‖b − A x‖ ≤ rtol ‖b‖ in every column.

    Flexible, as `krylov.ConjugateGradients`, and with a single product for each iteration: as A p = A z + β A p₋, all
    that is asked of the next direction follows from inner products with z and A z, which one pass yields. Where the
    recursion has converged, the residual is taken anew from x, in differences, and if that does not agree the iteration
    starts again from x. Every x is a start, so that a run that was killed goes on from the one that is on the disk,
    half written or not.

    Returns:
        The number of iterations, and the largest true relative residual.

    Raises:
        ConvergenceError: after too many iterations.
    """
    scale, iterations = _norm(cycle, b), 0
    scale = torch.where(scale > 0, scale, 1.0)
    while True:
        state = _started(cycle, b, x)
        residual = float((_norm(cycle, state.r) / scale).max())
        goal.listen(residual)
        if residual <= goal.rtol:
            return iterations, residual
        while residual > LAG * goal.rtol:
            if iterations == goal.max_iterations:
                raise ConvergenceError(
                    f"After {iterations} iterations the relative residual is {residual:.1e}; asked for is "
                    f"{goal.rtol:.1e}. Ask for less, or lower the contrast of the weights."
                )
            residual = float((_step(cycle, state) / scale).max())
            iterations += 1
            goal.listen(residual)


def _started(cycle: StreamedCycle, b: Field, x: Field) -> _State:
    """At the true residual of x, with no direction yet."""
    r, p, q = cycle.field("r"), cycle.field("p"), cycle.field("q")
    for nodes, part in cycle.parts():
        r.write(nodes.start, b.read(nodes) - part.flow_out(extended(x, nodes, part)))
        nothing = torch.zeros(len(nodes), b.columns, dtype=torch.float64)
        p.write(nodes.start, nothing)
        q.write(nodes.start, nothing)
    return _State(x, r, p, q, cycle.field("z"), cycle.field("w"), torch.zeros(b.columns, dtype=torch.float64))


def _step(cycle: StreamedCycle, state: _State) -> Tensor:
    """One iteration; (K,): ‖r‖ after it."""
    cycle.apply(state.r, state.z)
    zr = zq = zw = pr = norm = torch.zeros(state.r.columns, dtype=torch.float64)
    for nodes, part in cycle.parts():
        z = extended(state.z, nodes, part)
        w, z = part.product(z), z[: len(nodes)]
        state.w.write(nodes.start, w)
        r = state.r.read(nodes)
        zr, zw = zr + (z * r).sum(0), zw + (z * w).sum(0)
        zq, pr = zq + (z * state.q.read(nodes)).sum(0), pr + (state.p.read(nodes) * r).sum(0)
    beta = -zq / positive(state.curvature)
    state.curvature = zw + beta * zq
    length = (zr + beta * pr) / positive(state.curvature)
    for nodes in cycle.ranges():
        p = state.z.read(nodes) + beta * state.p.read(nodes)
        q = state.w.read(nodes) + beta * state.q.read(nodes)
        r = state.r.read(nodes) - length * q
        for field, values in ((state.p, p), (state.q, q), (state.r, r), (state.x, state.x.read(nodes) + length * p)):
            field.write(nodes.start, values)
        norm = norm + r.square().sum(0)
    return norm.sqrt()


def _norm(cycle: StreamedCycle, field: Field) -> Tensor:
    """(K,)"""
    return sum((field.read(nodes).square().sum(0) for nodes in cycle.ranges()), torch.zeros(field.columns)).sqrt()
