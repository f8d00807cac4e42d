"""Solving with the operator of a walk, and the only linear adjoint of the library."""

import time
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from graphrw.core.finite import narrowed
from graphrw.core.opaque import opaque
from graphrw.core.reach import require_ends
from graphrw.core.threads import threads_for
from graphrw.core.transforms import outside_autograd, plainly, refuse_forward_over_forward, version_of
from graphrw.core.walk import Walk, apply, check_walk
from graphrw.core.whole import check_flag
from graphrw.solvers import Auto, Dense, Inverse, Solver, SolveReport
from graphrw.solvers.base import RefinedInverse, check_solver
from graphrw.solvers.differences import along
from graphrw.solvers.gradients import Tied, largest, row_dots, weight_gradient
from graphrw.solvers.record import Recording, recordings, report
from graphrw.solvers.right_hand_side import checked_right_hand_side, checked_start


@opaque
def solve(
    walk: Walk, b: Tensor, solver: Solver = Auto(), transpose: bool = False, *, start: Tensor | None = None
) -> Tensor:
    """x with A x = b, or Aᵀx = b, differentiable to every order in weights, killing and b.

    The solve runs in float64 whatever the inputs; the answer has their common type. Backward solves once more with the
    factor that forward made.

    Args:
        walk: N nodes; from each of them some killing must be reachable.
        b: (N, K) or (N,), K right-hand sides.
        solver: how to solve.
        transpose: solve with Aᵀ; the same thing on an undirected graph.
        start: a guess at x, of the shape of `b`: an answer to similar weights spares an iterative solver some of its
            iterations. It changes x within the solver's tolerance only, and no gradient flows to it.

    Returns:
        x, of the shape of `b`.

    Raises:
        SingularWalkError: if some node can reach no killing.
        ConvergenceError: if the true residual misses the solver's tolerance; in backward too.
        ValueError: for a wrong shape, type or device of `b` or `start`, a solver that cannot take this graph, or an
            answer of more than its type holds.

    >>> from graphrw import Graph, walk
    >>> path = Graph(torch.tensor([[0, 1], [1, 2]]), num_nodes=3)
    >>> solve(walk(path, torch.ones(2), killing=1.0), torch.tensor([1.0, 0.0, 0.0]))
    tensor([0.6250, 0.2500, 0.1250])
    """
    check_walk(walk)
    b = checked_right_hand_side(walk, b)  # before what takes long
    factor = factorize(walk, solver)
    return (factor.T if check_flag("transpose", transpose) else factor).solve(b, start)


@opaque
def factorize(walk: Walk, solver: Solver = Auto()) -> "Factor":
    """Factorise the operator of `walk` once, to solve with it many times.

    Raises:
        SingularWalkError: if some node can reach no killing.

    >>> from graphrw import Graph, walk
    >>> path = Graph(torch.tensor([[0, 1], [1, 2]]), num_nodes=3)
    >>> factor = factorize(walk(path, torch.ones(2), killing=1.0))
    >>> factor
    Factor(Dense(rtol=1e-10), then Multigrid(rtol=1e-10, max_iterations=100); 3 nodes)
    >>> factor.solve(torch.eye(3))[:, 0], factor.T.solve(torch.eye(3))[:, 0]
    (tensor([0.6250, 0.2500, 0.1250]), tensor([0.6250, 0.2500, 0.1250]))
    """
    check_walk(walk)
    require_ends(walk)
    return Factor.of(walk, solver)


@dataclass(frozen=True, eq=False)
class Factor:
    """The operator of a walk, factorised: for solving with it by hand as often as needed. `factorize` makes one.

    It is made of the weights as they are then; if they are changed in place, it refuses to solve. What torch does not
    count, such as changes through `.data` or NumPy, it cannot see: its answers are then of no weights at all.
    """

    walk: Walk
    solver: Solver
    inverse: Inverse
    transpose: bool = False
    prune: bool = False  # approximate gradients; see `Factor.of`
    versions: tuple[int | None, ...] = ()  # of weight and killing when they were factorised
    unreported_seconds: list[float] = field(default_factory=list)  # of the factorisation, until a report has told them

    @staticmethod
    def of(walk: Walk, solver: Solver, prune: bool = False) -> "Factor":
        """`factorize` for a caller who has made sure that A is not singular.

        With `prune`, backward keeps for each edge only the column in which the incoming gradient at its two ends is
        largest (at its free end, for an edge to an absorbed node): the gradient pruning of Cerrone et al. 2019, an
        approximation.
        """
        check_solver(solver)
        began = time.perf_counter()
        if walk.graph.num_nodes == 0:
            solver = Dense()  # there is nothing to solve, and libraries do not plan for nothing

        def invert(weight: Tensor, killing: Tensor) -> Inverse:
            return solver.inverse_of(Walk(walk.graph, weight.double(), killing.double()))

        with threads_for(walk.graph.num_nodes + walk.graph.num_edges):
            inverse = plainly(invert, walk.weight, walk.killing)
        return Factor(walk, solver, inverse, False, prune, _versions(walk), [time.perf_counter() - began])

    @property
    def T(self) -> "Factor":
        """The same factor, solving with the transposed operator."""
        return replace(self, transpose=not self.transpose)

    @opaque
    def solve(self, b: Tensor, start: Tensor | None = None) -> Tensor:
        """As the function `solve`, with the factor that is here; gradients flow to the walk and to `b`."""
        self._require_fresh()
        b = checked_right_hand_side(self.walk, b)
        start = checked_start(start, b)
        weight, killing = self.walk.weight, self.walk.killing
        kind = torch.promote_types(b.dtype, weight.dtype)
        columns = b.reshape(b.shape[0], b.shape[1:].numel()).to(kind)
        if self.inverse.may_tell_differences:
            columns = columns.clone()  # backward looks at it, and `b` may be changed in place by then
        return _differentiable_solve(weight, killing, columns, _Task(self, recordings()), start=start).reshape(b.shape)

    def seconds_not_yet_reported(self) -> float:
        """Of the factorisation: in the first report, whichever thread makes it, and 0 in the others."""
        try:
            return self.unreported_seconds.pop()
        except IndexError:
            return 0.0

    def _require_fresh(self) -> None:
        for name, before, now in zip(("weight", "killing"), self.versions, _versions(self.walk), strict=True):
            if before != now:
                raise ValueError(
                    f"`{name}` was changed in place after the walk was factorised, so that the factor is that of other "
                    "numbers. Call `factorize` again after every change, such as a step of an optimiser."
                )

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies are factorised anew: what libraries make can be neither copied nor sent."""
        return _factor_again, (self.walk, self.solver, self.transpose, self.prune)

    def __repr__(self) -> str:
        return f"Factor({self.inverse}{', transposed' if self.transpose else ''}; {self.walk.graph.num_nodes} nodes)"


def factor_by(inverse: RefinedInverse) -> Factor:
    """The factor around an inverse that is there already."""
    walk = inverse.operator.walk
    return Factor(walk, inverse.solver, inverse, versions=_versions(walk))


@dataclass(frozen=True, eq=False)
class _Task:
    """What goes with the tensors of a solve: the factor, and who shall hear of it, on whatever thread it runs."""

    factor: Factor
    blocks: tuple[Recording, ...]

    @property
    def T(self) -> "_Task":
        return _Task(self.factor.T, self.blocks)


class _Solve(torch.autograd.Function):
    """x = A⁻¹ b, or A⁻ᵀ b, with A = diag(k) + Σ over edges: the one linear-system adjoint of the library.

    Let g = ∂ℓ/∂x and λ = A⁻ᵀ g. Differentiating A x = b gives ∂ℓ/∂b = λ and ∂ℓ/∂A = −λ xᵀ. Written in killing and
    weights (c = k + degree), where A x is k ⊙ x plus what flows over the edges, w_ij (x_i − x_j):

        ∂ℓ/∂k_i  = −λ_i · x_i
        ∂ℓ/∂w_ij = −λ_i · (x_i − x_j)               of a directed edge
        ∂ℓ/∂w_ij = −(λ_i − λ_j) · (x_i − x_j)       of an undirected edge

    Differences come first, so nothing cancels where x is nearly constant; and where x itself has lost what it differs
    by, the inverse may know more of it (`Differences`). For A⁻ᵀ exchange λ and x. λ is itself a
    `_Solve`, so derivatives of every order follow; forward-mode is ẋ = A⁻¹ (ḃ − Ȧ x).
    """

    @staticmethod
    def forward(
        weight: Tensor,
        killing: Tensor,
        b: Tensor,
        start: Tensor | None,
        task: _Task,
    ) -> Tensor:
        return _solve_plain(b, start, task)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        weight, killing, b, _, ctx.task = inputs
        inverse = ctx.task.factor.inverse
        ctx.save_for_backward(weight, killing, output, b if inverse.may_tell_differences else None)
        ctx.save_for_forward(weight, killing, output)

    @staticmethod
    @opaque
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        weight, killing, x, b = ctx.saved_tensors
        factor = ctx.task.factor
        with threads_for(g.numel()):
            adjoint = _differentiable_solve(weight, killing, g, ctx.task.T)
            left, right = (x, adjoint) if factor.transpose else (adjoint, x)
            kept = g.abs() if factor.prune else None
            needs_weight, needs_killing, needs_b, *_ = ctx.needs_input_grad
            tied = _tied(factor, left, right, (b, g) if factor.transpose else (g, b)) if needs_weight else None
            return (
                weight_gradient(factor.walk.graph, left, right, kept, tied=tied) if needs_weight else None,
                -row_dots(left, right, kept) if needs_killing else None,
                (adjoint if kept is None else largest(adjoint, kept)) if needs_b else None,
                None,
                None,
            )

    @staticmethod
    @opaque
    def jvp(ctx: Any, *tangents: Tensor | None) -> Tensor:
        refuse_forward_over_forward()
        weight, killing, x = ctx.saved_tensors
        if (differences := ctx.task.factor.inverse.differences) is not None:
            differences.require_subtraction()
        likes = (weight, killing, x)
        pairs = zip(tangents[:3], likes, strict=True)
        dot_weight, dot_killing, dot_b = (torch.zeros_like(like) if dot is None else dot for dot, like in pairs)
        factor = ctx.task.factor
        change = dot_b - apply(Walk(factor.walk.graph, dot_weight, dot_killing), x, factor.transpose)
        return _differentiable_solve(weight, killing, change, ctx.task)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *inputs: Any) -> tuple[Tensor, int]:
        """Batched right-hand sides are more columns of one solve."""
        weight, killing, b, start, task = inputs
        if in_dims[0] is not None or in_dims[1] is not None:
            raise ValueError("`vmap` over weights or killing needs one factor a walk: use `Graph.batch`, or a loop.")
        columns = (
            torch.movedim(b, in_dims[2], 1) if in_dims[2] is not None else b[:, None].expand(-1, info.batch_size, -1)
        )
        if start is not None:
            start = start[:, None] if in_dims[3] is None else start.movedim(in_dims[3], 1)
            start = start.expand_as(columns).flatten(1)
        x = _differentiable_solve(weight, killing, columns.flatten(1), task, start=start)
        return x.reshape(columns.shape), 1


def _tied(factor: Factor, left: Tensor, right: Tensor, sources: tuple[Tensor, Tensor]) -> Tied | None:
    """What the inverse knows of differences along edges, given what `left` and `right` are answers to."""
    differences, graph = factor.inverse.differences, factor.walk.graph
    if differences is None or len(differences.edges) == 0:
        return None
    edges = differences.edges.to(graph.device)
    found = partial(along, differences, graph.edges[:, edges])
    of_left, of_right = sources
    return Tied(edges, found(right, of_right), None if graph.directed else found(left, of_left))


def _differentiable_solve(
    weight: Tensor, killing: Tensor, b: Tensor, task: _Task, *, start: Tensor | None = None
) -> Tensor:
    if b.numel() == 0:
        return b + weight.sum() + killing.sum()  # still empty; gradients of 0 flow all the same
    x: Tensor = _Solve.apply(weight, killing, b, start, task)  # type: ignore[no-untyped-call]
    return x


def _solve_plain(b: Tensor, start: Tensor | None, task: _Task) -> Tensor:
    """x of the type of `b`, and a report of it. All tensors are plain: below autograd and functorch."""
    factor = task.factor
    with outside_autograd(), threads_for(b.numel()):
        began = time.perf_counter()
        found = factor.inverse.solve(b.double(), factor.transpose, start)
        seconds = time.perf_counter() - began
    told = factor.seconds_not_yet_reported()
    nodes, columns = found.x.shape
    steps = found.iterations + found.passes - 1
    seen = (found.solver, nodes, columns, factor.transpose, steps, found.relative_residual, seconds, told)
    report(SolveReport(*seen, error_bound=found.error_bound), task.blocks)
    return narrowed("x of A x = b, for this `weight` and `b` (in a backward pass, its adjoint),", found.x, b.dtype)


def _factor_again(walk: Walk, solver: Solver, transpose: bool, prune: bool) -> Factor:
    return replace(Factor.of(walk, solver, prune), transpose=transpose)


def _versions(walk: Walk) -> tuple[int | None, ...]:
    return version_of(walk.weight), version_of(walk.killing)
