"""What solvers by preconditioned conjugate gradients share."""

from abc import abstractmethod
from dataclasses import dataclass
from threading import Lock

import torch
from torch import Tensor

from graphrw.graph import Graph
from graphrw.solvers.base import Factor, Solver
from graphrw.solvers.krylov import conjugate_gradients
from graphrw.walk import Walk

COLUMNS_AT_ONCE = 16  # bounds the memory of the work buffers


@dataclass(frozen=True)
class IterativeSolver(Solver):
    """Conjugate gradients under some preconditioner: undirected graphs only, for which A is symmetric.

    Args:
        rtol: the relative residual at which a column has converged, in (0, 1). A residual of 1e-6 is not an error of
            1e-6.
        max_iterations: give up after so many (with a `ConvergenceError`), ≥ 1.
    """

    rtol: float = 1e-8
    max_iterations: int = 1000

    def __post_init__(self) -> None:
        if not 0 < self.rtol < 1:
            raise ValueError(f"`rtol` must lie in (0, 1); got {self.rtol}.")
        if self.max_iterations < 1:
            raise ValueError(f"`max_iterations` must be at least 1; got {self.max_iterations}.")

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
    """

    solver: IterativeSolver

    def __init__(self, walk: Walk, solver: Solver) -> None:
        super().__init__(walk, solver)
        self._working = Lock()  # one solve at a time: preconditioners work in memory of their own

    @abstractmethod
    def precondition(self, r: Tensor) -> Tensor:
        """M⁻¹ r for `r` (N, K) float64; the next call may overwrite the answer."""

    def approximate(self, b: Tensor, target: Tensor, transpose: bool) -> tuple[Tensor, int]:
        blocks = zip(b.split(COLUMNS_AT_ONCE, dim=1), target.split(COLUMNS_AT_ONCE), strict=True)
        with self._working:
            answers, counts = zip(*(self._solve(*block) for block in blocks), strict=True)
        return torch.cat(answers, dim=1), max(counts)

    def _solve(self, b: Tensor, target: Tensor) -> tuple[Tensor, int]:
        """For some columns, at the scale of 1: a preconditioner in float32 has no room for squares of tiny numbers."""
        norm = torch.linalg.vector_norm(b, dim=0)
        norm = torch.where(norm > 0, norm, 1.0)
        b, target = b / norm, target / norm
        limit, half = self.solver.max_iterations, 0.5 * target  # the true residual lags behind that of the recursion
        x, count = conjugate_gradients(self.operator.matmul, self.precondition, b, half, max_iterations=limit)
        residual = self.operator.residual(b, x, transpose=False, accurate=True)
        if bool((torch.linalg.vector_norm(residual, dim=0) > target).any()) and count < limit:
            rest, more = conjugate_gradients(
                self._differences, self.precondition, residual, half, max_iterations=limit - count
            )
            x, count = x + rest, count + more
        return x * norm, count

    def _differences(self, x: Tensor, out: Tensor) -> Tensor:
        """A x, free of cancellation."""
        return torch.neg(self.operator.residual(x.new_zeros(1), x, transpose=False, accurate=True), out=out)
