"""Solving with the operator of a walk, and the only linear adjoint of the library."""

import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from graphrw.core.graph import Graph
from graphrw.core.reach import require_ends
from graphrw.core.transforms import plainly
from graphrw.core.walk import Walk, apply
from graphrw.solvers import Auto, Factor, Solver

EDGES_AT_ONCE = 16_384  # keeps the gathered rows of the weight gradient within the cache, and its memory bounded


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
        ValueError: for a wrong shape, type or device of `b` or `start`, or a solver that cannot take this graph.

    >>> path = Graph(torch.tensor([[0, 1], [1, 2]]), num_nodes=3)
    >>> from graphrw.core.walk import walk
    >>> solve(walk(path, torch.ones(2), killing=1.0), torch.tensor([1.0, 0.0, 0.0]))
    tensor([0.6250, 0.2500, 0.1250])
    """
    require_ends(walk)
    return factorize_nonsingular(walk, solver).solve(b, transpose, start)


@dataclass(frozen=True, eq=False)
class FactorizedWalk:
    """A walk with the factor of its operator, for solving by hand as often as needed; see `factorize`."""

    walk: Walk
    system: "_System"
    transpose: bool = False

    @property
    def T(self) -> "FactorizedWalk":
        """The same factor, solving with the transposed operator."""
        return FactorizedWalk(self.walk, self.system, not self.transpose)

    def solve(self, b: Tensor, transpose: bool = False, start: Tensor | None = None) -> Tensor:
        """As the function `solve`, with the factor that is here; gradients flow to the walk and to `b`."""
        weight, killing = self.walk.weight, self.walk.killing
        _check_right_hand_side(self.walk, b)
        start = _check_start(start, b)
        kind = torch.promote_types(b.dtype, weight.dtype)
        if b.numel() == 0:
            return b.to(kind) + 0 * weight.sum()  # nothing to solve; gradients of 0 flow all the same
        columns = b.reshape(b.shape[0], -1).to(kind)
        return _invert(weight, killing, columns, self.system, transpose != self.transpose, start).reshape(b.shape)


def factorize(walk: Walk, solver: Solver = Auto()) -> FactorizedWalk:
    """Factorise the operator of `walk` once, to solve with it many times.

    Raises:
        SingularWalkError: if some node can reach no killing.

    >>> path = Graph(torch.tensor([[0, 1], [1, 2]]), num_nodes=3)
    >>> from graphrw.core.walk import walk
    >>> factor = factorize(walk(path, torch.ones(2), killing=1.0))
    >>> factor.solve(torch.eye(3))[:, 0], factor.T.solve(torch.eye(3))[:, 0]
    (tensor([0.6250, 0.2500, 0.1250]), tensor([0.6250, 0.2500, 0.1250]))
    """
    require_ends(walk)
    return factorize_nonsingular(walk, solver)


def factorize_nonsingular(walk: Walk, solver: Solver, prune: bool = False) -> FactorizedWalk:
    """`factorize` for a caller who has made sure that A is not singular.

    With `prune`, backward keeps for each edge only the column in which the incoming gradient at its two ends is largest
    (at its free end, for an edge to an absorbed node): the gradient pruning of Cerrone et al. 2019, an approximation.
    """
    return FactorizedWalk(walk, _System(walk.graph, solver, prune))


class _System:
    """The operator of one walk with its solver: planned when made, factorised at its first solve, then kept."""

    def __init__(self, graph: Graph, solver: Solver, prune: bool = False) -> None:
        self.graph, self.solver, self.prune = graph, solver, prune
        self._plan: Any = solver.plan_for(graph) if graph.num_nodes else None
        self._factor: Factor | None = None

    def solve(self, weight: Tensor, killing: Tensor, b: Tensor, transpose: bool, start: Tensor | None) -> Tensor:
        """x of the type of `b`. All tensors are plain: below autograd and functorch."""
        if torch.is_inference_mode_enabled():  # what a factor keeps must serve outside this mode, too
            with torch.inference_mode(False), torch.no_grad():
                return self.solve(weight, killing, b, transpose, start)
        if self._factor is None:
            began = time.perf_counter()
            walk = Walk(self.graph, weight.detach().double(), killing.detach().double())
            self._factor = self.solver.factorize(walk, self._plan)
            self._factor.factor_seconds = time.perf_counter() - began
        return self._factor.solve(b.double(), transpose, start).to(b.dtype)


class _Solve(torch.autograd.Function):
    """x = A⁻¹ b, or A⁻ᵀ b, with A = diag(k) + Σ over edges: the one linear-system adjoint of the library.

    Let g = ∂ℓ/∂x and λ = A⁻ᵀ g. Differentiating A x = b gives ∂ℓ/∂b = λ and ∂ℓ/∂A = −λ xᵀ. Written in killing and
    weights (c = k + degree), where A x is k ⊙ x plus what flows over the edges, w_ij (x_i − x_j):

        ∂ℓ/∂k_i  = −λ_i · x_i
        ∂ℓ/∂w_ij = −λ_i · (x_i − x_j)               of a directed edge
        ∂ℓ/∂w_ij = −(λ_i − λ_j) · (x_i − x_j)       of an undirected edge

    Differences come first, so nothing cancels where x is nearly constant. For A⁻ᵀ exchange λ and x. λ is itself a
    `_Solve`, so derivatives of every order follow; forward-mode is ẋ = A⁻¹ (ḃ − Ȧ x).
    """

    @staticmethod
    def forward(
        weight: Tensor, killing: Tensor, b: Tensor, start: Tensor | None, system: _System, transpose: bool
    ) -> Tensor:
        return system.solve(weight, killing, b, transpose, start)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        weight, killing, _, _, ctx.system, ctx.transpose = inputs
        ctx.save_for_backward(weight, killing, output)
        ctx.save_for_forward(weight, killing, output)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        weight, killing, x = ctx.saved_tensors
        adjoint = _invert(weight, killing, g, ctx.system, not ctx.transpose)
        left, right = (x, adjoint) if ctx.transpose else (adjoint, x)
        kept = g.abs() if ctx.system.prune else None
        needs_weight, needs_killing, needs_b, *_ = ctx.needs_input_grad
        return (
            _weight_gradient(ctx.system.graph, left, right, kept) if needs_weight else None,
            -_sum_columns(left * right, kept) if needs_killing else None,
            (adjoint if kept is None else _largest(adjoint, kept)) if needs_b else None,
            None,
            None,
            None,
        )

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor | None) -> Tensor:
        weight, killing, x = ctx.saved_tensors
        likes = (weight, killing, x)
        pairs = zip(tangents[:3], likes, strict=True)
        dot_weight, dot_killing, dot_b = (torch.zeros_like(like) if dot is None else dot for dot, like in pairs)
        change = dot_b - apply(Walk(ctx.system.graph, dot_weight, dot_killing), x, ctx.transpose)
        return _invert(weight, killing, change, ctx.system, ctx.transpose)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *inputs: Any) -> tuple[Tensor, int]:
        """Batched right-hand sides are more columns of one solve."""
        weight, killing, b, start, system, transpose = inputs
        if in_dims[0] is not None or in_dims[1] is not None:
            raise ValueError("`vmap` over weights or killing needs one factor a walk: use `Graph.batch`, or a loop.")
        columns = (
            torch.movedim(b, in_dims[2], 1) if in_dims[2] is not None else b[:, None].expand(-1, info.batch_size, -1)
        )
        if start is not None:
            start = start[:, None] if in_dims[3] is None else start.movedim(in_dims[3], 1)
            start = start.expand_as(columns).flatten(1)
        x = _invert(weight, killing, columns.flatten(1), system, transpose, start)
        return x.reshape(columns.shape), 1


def _invert(
    weight: Tensor, killing: Tensor, b: Tensor, system: _System, transpose: bool, start: Tensor | None = None
) -> Tensor:
    x: Tensor = _Solve.apply(weight, killing, b, start, system, transpose)  # type: ignore[no-untyped-call]
    return x


def _weight_gradient(graph: Graph, left: Tensor, right: Tensor, kept: Tensor | None) -> Tensor:
    """(E,): ∂ℓ/∂w from the two vectors of the adjoint, a block of edges at a time."""
    blocks = []
    for tail, head in (edges.unbind() for edges in graph.edges.split(EDGES_AT_ONCE, dim=1)):
        flow = right.index_select(0, tail) - right.index_select(0, head)
        price = left.index_select(0, tail)
        price = price if graph.directed else price - left.index_select(0, head)
        blocks.append(-_sum_columns(price * flow, None if kept is None else kept[tail] + kept[head]))
    return torch.cat(blocks)


def _sum_columns(terms: Tensor, kept: Tensor | None) -> Tensor:
    """Σ over columns; when pruning, only the column that is largest in `kept`."""
    return terms.sum(1) if kept is None else terms.gather(1, kept.argmax(1, keepdim=True)).squeeze(1)


def _largest(adjoint: Tensor, kept: Tensor) -> Tensor:
    """The adjoint with zeros in all but the column that is largest in `kept`."""
    column = kept.argmax(1, keepdim=True)
    return torch.zeros_like(adjoint).scatter(1, column, adjoint.gather(1, column))


def _check_start(start: Tensor | None, b: Tensor) -> Tensor | None:
    """(N, K) float64, outside autograd."""
    if start is None:
        return None
    if start.shape != b.shape or start.device != b.device or not start.is_floating_point():
        raise ValueError(
            f"`start` must be like `b`, {tuple(b.shape)} on {b.device}; got {start.dtype} {tuple(start.shape)} on "
            f"{start.device}."
        )
    if not plainly(lambda values: bool(values.isfinite().all()), start, batched=True):
        raise ValueError("`start` must be finite.")
    return start.detach().reshape(b.shape[0], -1).double()


def _check_right_hand_side(walk: Walk, b: Tensor) -> None:
    if b.ndim not in (1, 2) or b.shape[0] != walk.graph.num_nodes:
        raise ValueError(f"`b` must be (N, K) or (N,) with N = {walk.graph.num_nodes}; got {tuple(b.shape)}.")
    if b.dtype not in (torch.float32, torch.float64):
        raise ValueError(f"`b` must be float32 or float64; got {b.dtype}.")
    if b.device != walk.weight.device:
        raise ValueError(f"`b` is on {b.device} but the walk on {walk.weight.device}; move one with `.to(device)`.")
