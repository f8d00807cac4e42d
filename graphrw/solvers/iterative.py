"""What solvers by preconditioned Krylov methods share."""

import math
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from threading import Lock

import torch
from torch import Tensor

from graphrw.core.errors import ConvergenceError
from graphrw.core.graph import Graph
from graphrw.core.walk import Walk
from graphrw.core.whole import check_whole
from graphrw.solvers import krylov
from graphrw.solvers.base import Factor, Solver, column_norm, relative_to

COLUMNS_AT_ONCE = 16  # bounds the memory of the work buffers
WORST = 0.01  # error on A 1 = k, and what one more step may still change, as far as rounding lets it
SAME = 1e-6  # as nearly right-hand sides must add up to the killing to be a test: in float32, too
SHARPER, SHARPEST = 0.01, 1e-8  # by how much, and down to what, targets shrink where small residuals hide errors
MOST_HIDDEN = 1e-3  # a relative residual; where an iteration has run away, the rounding of A x grows with x


@dataclass(frozen=True)
class IterativeSolver(Solver):
    """A Krylov method under some preconditioner.

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

    Even a true residual says little where a cluster hardly reaches any killing: its error hides from the norm, though
    not from the preconditioner. So the first solve has one more column, A x = k, whose answer is 1 at every node, and
    goes on until this column is right, or the sum of the others where they add up to it; where iterations had to go on,
    they do so until one more step hardly moves x.
    """

    max_refinements = 1
    method: type[krylov.Columns] = krylov.ConjugateGradients
    solver: IterativeSolver

    def __init__(self, walk: Walk, solver: Solver) -> None:
        super().__init__(walk, solver)
        self._checked = self._resolves = False
        self._sharpness = 1.0  # of `rtol`, where residuals have to be smaller for answers to be right
        self._working = Lock()  # one solve at a time: preconditioners work in memory of their own

    @abstractmethod
    def precondition(self, r: Tensor) -> Tensor:
        """M⁻¹ r for `r` (N, K) float64; the next call may overwrite the answer."""

    def approximate(self, b: Tensor, target: Tensor, transpose: bool) -> tuple[Tensor, int]:
        transpose = transpose and self.operator.walk.graph.directed
        with self._working:
            if self._checked:
                return self._solve(b, self._sharpness * target, transpose)
            killing, goal = self.operator.walk.killing[:, None], self._goal()
            if transpose:  # Aᵀ has no column whose answer is known
                _, first = self._first_solve(killing, goal, _last)
                x, count = self._solve(b, self._sharpness * target, transpose)
                return x, first + count
            apart = self.operator.apart(b, min(SAME, 0.1 * self._aim))
            if apart is not None:
                return self._first_solve(b, target, lambda x: torch.where(apart, 1.0, x.sum(1)))
            x, count = self._first_solve(torch.cat([b, killing], dim=1), torch.cat([target, goal]), _last)
            return x[:, :-1].clone(), count

    def _goal(self) -> Tensor:
        """(1,): for A x = k. Killing counts up to the degree: seeds have much of it, and nobody moves there."""
        killing = self.operator.walk.killing[:, None]
        met, size = column_norm(torch.minimum(killing, self.operator.degree[:, None])), column_norm(killing)
        return self.solver.rtol * torch.where(met > 0, met, size)

    def _first_solve(self, b: Tensor, target: Tensor, ones: Callable[[Tensor], Tensor]) -> tuple[Tensor, int]:
        """Residuals shrink, from now on, until `ones` of x, (N,), are what they should be."""
        x, count = self._solve(b, target, False)
        most = self.solver.max_iterations
        while (error := float((ones(x) - 1).abs().max())) > self._aim and self._sharpness > SHARPEST and count < most:
            self._sharpness *= SHARPER
            x, more = self._solve(b, self._sharpness * target, False, x)
            count += more
        if WORST < error < math.inf:  # NaN: the residual will say so
            self._refuse(b, x, target, count, error)
        self._checked, self._resolves = True, error <= WORST
        return x, count

    def _refuse(self, b: Tensor, x: Tensor, target: Tensor, count: int, error: float) -> None:
        left = column_norm(self.operator.residual(b, x, transpose=False, accurate=True))
        if bool((left > target).any()):
            self._fail(relative_to(left, target / self.solver.rtol), count)
        raise ConvergenceError(
            f"{self.solver} reached its residual, but with a relative error of {error:.1e} on A 1 = killing: some "
            "nodes hardly reach any seed or killing. Try `solvers.Cholesky()`, raise the smallest weights, or add "
            "killing."
        )

    @property
    def _aim(self) -> float:
        return min(WORST, math.sqrt(self.solver.rtol))

    @property
    def most_hidden(self) -> float:
        return MOST_HIDDEN if self._resolves else 0.0

    def _solve(self, b: Tensor, target: Tensor, transpose: bool, x: Tensor | None = None) -> tuple[Tensor, int]:
        """For all columns, some at a time, from `x` if there is one."""
        parts = math.ceil(b.shape[1] / COLUMNS_AT_ONCE)
        starts = [None] * parts if x is None else x.tensor_split(parts, dim=1)
        blocks = zip(b.tensor_split(parts, dim=1), target.tensor_split(parts), starts, strict=True)
        answers, counts = zip(*(self._solve_block(*block, transpose) for block in blocks), strict=True)
        return torch.cat(answers, dim=1), max(counts)

    def _solve_block(self, b: Tensor, target: Tensor, x: Tensor | None, transpose: bool) -> tuple[Tensor, int]:
        """At the scale of 1: a preconditioner in float32 has no room for squares of tiny numbers."""
        norm, count = column_norm(b), 0
        norm = torch.where(norm > 0, norm, 1.0)
        b, target = b / norm, 0.5 * target / norm  # half: the true residual lags behind that of the recursion
        if x is None:
            matmul = partial(self.operator.matmul, transpose=transpose)
            x, count = self._iterate(matmul, b, target, self.solver.max_iterations)
        else:
            x = x / norm
        x, more = self._look_closer(b, x, target, transpose)
        return x * norm, count + more

    def _look_closer(self, b: Tensor, x: Tensor, target: Tensor, transpose: bool) -> tuple[Tensor, int]:
        """Iterations in the form without cancellation, where x misses the target in it, until x stands still."""
        asked, most = 2 * target, self.solver.max_iterations
        residual = self.operator.residual(b, x, transpose, accurate=True)
        if bool((column_norm(residual) <= asked).all()):
            return x, 0
        differences = partial(self._differences, transpose)
        count, moves = 0, [math.inf]
        while not self._stands_still(moves) and count < most:
            lost = ~(column_norm(residual) < 1)  # where rounding was all that the ordinary product showed
            x, residual = torch.where(lost, 0.0, x), torch.where(lost, b, residual)
            rest, more = self._iterate(differences, residual, target, most - count)
            x, count, target = x + rest, count + more, SHARPER * target
            residual = self.operator.residual(b, x, transpose, accurate=True)
            step, _ = self._iterate(differences, residual, torch.zeros_like(target), 1)
            moves.append(float((step.abs().amax(0) / x.abs().amax(0).clamp(min=1e-300)).max()))
        if moves[-1] <= WORST or not bool((column_norm(residual) <= asked).all()):
            return x, count
        raise ConvergenceError(
            f"However small the residual of {self.solver}, one more step moves the answer by {moves[-1]:.1e}: some "
            "nodes hardly reach any seed or killing. Raise the smallest weights, or add killing."
        )

    def _stands_still(self, moves: list[float]) -> bool:
        """Whether one more step hardly moves x, relative to its largest entry; or as little as rounding allows."""
        return moves[-1] <= self._aim or (moves[-2:][0] <= WORST and moves[-1] > 0.5 * moves[-2])

    def _iterate(self, matmul: krylov.Product, b: Tensor, target: Tensor, limit: int) -> tuple[Tensor, int]:
        forecast = self.solver.forecast_after
        return krylov.iterate(
            self.method, matmul, self.precondition, b, target, max_iterations=limit, forecast_after=forecast
        )

    def _differences(self, transpose: bool, x: Tensor, out: Tensor) -> Tensor:
        """A x, free of cancellation where it can be."""
        return torch.neg(self.operator.residual(x.new_zeros(1), x, transpose, accurate=True), out=out)


def _last(x: Tensor) -> Tensor:
    """(N,): the last column."""
    return x[:, -1]
