"""What solvers by preconditioned conjugate gradients share."""

import math
from abc import abstractmethod
from dataclasses import dataclass, field
from threading import Lock

import torch
from torch import Tensor

from graphrw.checks import check_whole
from graphrw.errors import ConvergenceError
from graphrw.graph import Graph
from graphrw.solvers.base import Factor, Solver, column_norm
from graphrw.solvers.krylov import Product, conjugate_gradients
from graphrw.walk import Walk

COLUMNS_AT_ONCE = 16  # bounds the memory of the work buffers
WORST = 0.01  # error on A 1 = k, and what one more step may still change


@dataclass(frozen=True)
class IterativeSolver(Solver):
    """Conjugate gradients under some preconditioner: undirected graphs only, for which A is symmetric.

    Args:
        rtol: the relative residual at which a column has converged, in (0, 1). A residual of 1e-6 is not an error of
            1e-6.
        max_iterations: of one pass, ≥ 1; if a second pass, which looks closer at the residual, does not get there
            either, a `ConvergenceError`.
        forecast_after: a `ConvergenceError` after so many iterations, ≥ 1, if `max_iterations` would not do at the pace
            so far; None to go on in any case.
    """

    rtol: float = 1e-8
    max_iterations: int = 1000
    forecast_after: int | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_whole("max_iterations", self.max_iterations, 1)
        if self.forecast_after is not None:
            check_whole("forecast_after", self.forecast_after, 1)

    def refuse_directed(self, graph: Graph) -> None:
        """Raise `ValueError` for a directed graph."""
        if graph.directed:
            name = type(self).__name__
            raise ValueError(f"`{name}` needs an undirected graph (a symmetric A); for a directed one use `LU`.")


class IterativeFactor(Factor):
    """A preconditioner for one walk. Subclasses apply it; this class iterates, and looks closely at the outcome.

    Where weights span many orders of magnitude, rounding in the ordinary product A x hides what x still lacks: answers
    off by 0.8 were seen beside residuals as small as float64 allows. So the residual is taken once more as
    k ⊙ x + Σ_j w_ij (x_i − x_j), where nothing cancels, and where it misses the target iterations go on in this form.

    Even a true residual says little where a cluster hardly reaches any killing. So the first solve has one more column,
    A x = k, whose answer is 1 at every node; and where iterations had to go on, one more step may hardly move x.
    """

    max_refinements = 1
    solver: IterativeSolver

    def __init__(self, walk: Walk, solver: Solver) -> None:
        super().__init__(walk, solver)
        self._checked = self._resolves = False
        self._working = Lock()  # one solve at a time: preconditioners work in memory of their own

    @abstractmethod
    def precondition(self, r: Tensor) -> Tensor:
        """M⁻¹ r for `r` (N, K) float64; the next call may overwrite the answer."""

    def approximate(self, b: Tensor, target: Tensor, transpose: bool) -> tuple[Tensor, int]:
        with self._working:
            if self._checked:
                return self._solve(b, target)
            killing = self.operator.walk.killing[:, None]
            x, count = self._solve(torch.cat([b, killing], dim=1), torch.cat([target, self._goal()]))
            self._check(x[:, -1], count)
            return x[:, :-1].clone(), count

    def _goal(self) -> Tensor:
        """(1,): for A x = k. Killing counts up to the degree: seeds have much of it, and nobody moves there."""
        walk = self.operator.walk
        met, size = column_norm(torch.minimum(walk.killing, walk.degree)[:, None]), column_norm(walk.killing[:, None])
        return self.solver.rtol * torch.where(met > 0, met, size)

    def _check(self, ones: Tensor, count: int) -> None:
        """Raise `ConvergenceError` if what should be 1 at every node is not, although the residual is small."""
        error = float((ones - 1).abs().max())
        if count < self.solver.max_iterations and WORST < error < math.inf:  # NaN: the residual will say so
            raise ConvergenceError(
                f"{self.solver} reached its residual, but with a relative error of {error:.1e} on A 1 = killing: some "
                "nodes hardly reach any seed or killing. Ask for a smaller `rtol`, try `solvers.Cholesky()`, raise the "
                "smallest weights, or add killing."
            )
        self._checked, self._resolves = True, error <= WORST

    @property
    def resolves(self) -> bool:
        return self._resolves

    def _solve(self, b: Tensor, target: Tensor) -> tuple[Tensor, int]:
        """For all columns, some at a time."""
        parts = math.ceil(b.shape[1] / COLUMNS_AT_ONCE)
        blocks = zip(b.tensor_split(parts, dim=1), target.tensor_split(parts), strict=True)
        answers, counts = zip(*(self._solve_block(*block) for block in blocks), strict=True)
        return torch.cat(answers, dim=1), max(counts)

    def _solve_block(self, b: Tensor, target: Tensor) -> tuple[Tensor, int]:
        """At the scale of 1: a preconditioner in float32 has no room for squares of tiny numbers."""
        norm = column_norm(b)
        norm = torch.where(norm > 0, norm, 1.0)
        b, target = b / norm, target / norm
        half = 0.5 * target  # the true residual lags behind that of the recursion
        x, count = self._iterate(self.operator.matmul, b, half, self.solver.max_iterations)
        residual = self.operator.residual(b, x, transpose=False, accurate=True)
        size = column_norm(residual)
        left = self.solver.max_iterations - count
        if left > 0 and not bool((size <= target).all()):
            lost = ~(size < 1)  # where rounding was all that the ordinary product showed
            x, residual = torch.where(lost, 0.0, x), torch.where(lost, b, residual)
            rest, more = self._iterate(self._differences, residual, half, left)
            x, count = x + rest, count + more
            self._refuse_clusters(b, x)
        return x * norm, count

    def _refuse_clusters(self, b: Tensor, x: Tensor) -> None:
        """Raise `ConvergenceError` if one more step still moves x: a cluster that hardly reaches any killing can hide
        its error from the norm of the residual, but not from the preconditioner."""
        residual, none = self.operator.residual(b, x, transpose=False, accurate=True), x.new_zeros(x.shape[1])
        step, _ = self._iterate(self._differences, residual, none, 1)
        moved = float((step.abs().amax(0) / x.abs().amax(0).clamp(min=1e-300)).max())
        if not moved <= WORST:
            raise ConvergenceError(
                f"However small the residual of {self.solver}, one more step moves the answer by {moved:.1e}: "
                "some nodes hardly reach any seed or killing. Raise the smallest weights, or add killing."
            )

    def _iterate(self, matmul: Product, b: Tensor, target: Tensor, limit: int) -> tuple[Tensor, int]:
        return conjugate_gradients(
            matmul, self.precondition, b, target, max_iterations=limit, forecast_after=self.solver.forecast_after
        )

    def _differences(self, x: Tensor, out: Tensor) -> Tensor:
        """A x, free of cancellation."""
        return torch.neg(self.operator.residual(x.new_zeros(1), x, transpose=False, accurate=True), out=out)
