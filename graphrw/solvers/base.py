"""What every solver is, and the one place where its answers are checked, refined and recorded."""

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import torch
from torch import Tensor

from graphrw.core.errors import ConvergenceError
from graphrw.core.graph import Graph
from graphrw.core.walk import Walk
from graphrw.solvers.operator import Operator

SMALL = 1e-140  # its square is far above the least float64
ROWS_AT_ONCE = 32_768  # of a few columns: they stay within the cache, and so do their squares
ROUNDING = 100 * torch.finfo(torch.float64).eps


@dataclass(frozen=True)
class SolveReport:
    """One solve, as `record_solves` saw it."""

    solver: "Solver"
    num_nodes: int
    num_columns: int
    transpose: bool
    iterations: int  # of the iterative method; refinement steps for a direct one
    relative_residual: float  # true ‖b − A x‖ / ‖b‖ in float64, the worst column's
    seconds: float
    factor_seconds: float  # 0 where the factor was there already


_recorders: list[list[SolveReport]] = []


@contextmanager
def record_solves() -> Iterator[list[SolveReport]]:
    """Collect a report of every solve inside the block, those of backward passes among them.

    >>> import torch, graphrw as rw
    >>> graph = rw.grid_graph((4, 4))
    >>> with rw.record_solves() as reports:
    ...     x = rw.solve(rw.walk(graph, torch.ones(graph.num_edges), killing=1.0), torch.ones(16, 3))
    >>> reports[0].num_columns, reports[0].relative_residual < 1e-9
    (3, True)
    """
    reports: list[SolveReport] = []
    _recorders.append(reports)
    try:
        yield reports
    finally:
        _recorders[:] = [recorder for recorder in _recorders if recorder is not reports]


class Solver(ABC):
    """A way to solve A x = b, with its options. Subclasses are frozen dataclasses: they hold no state.

    Work is split where its inputs split: `plan` sees the structure (once per graph), `factor` the weights (once per
    walk), and the factor's `solve` the right-hand sides.
    """

    rtol: float

    def __post_init__(self) -> None:
        if not 0 < self.rtol < 1:
            raise ValueError(f"`rtol` must lie in (0, 1); got {self.rtol}.")

    @abstractmethod
    def plan(self, graph: Graph) -> Any:
        """What depends on the structure alone. Called once per graph; see `plan_for`."""

    @abstractmethod
    def factor(self, walk: Walk, plan: Any) -> "Factor":
        """Prepare this walk, whose tensors are float64 and outside autograd, for any number of right-hand sides."""

    def factorize(self, walk: Walk, plan: Any) -> "Factor":
        """`factor`, where errors of other libraries become ours."""
        try:
            return self.factor(walk, plan)
        except RuntimeError as error:
            raise ConvergenceError(f"{self} could not factorise A: {error}") from error

    def plan_for(self, graph: Graph) -> Any:
        """The plan of this solver for `graph`, which keeps it."""
        return graph.cached(self, lambda: self.plan(graph))


class Factor(ABC):
    """A solver applied to one walk. Subclasses say how to solve once, approximately; this class sees to the truth.

    Everything here is float64 and outside autograd.
    """

    max_refinements = 4

    def __init__(self, walk: Walk, solver: Solver) -> None:
        self.solver = solver
        self.operator = Operator(walk)
        self.factor_seconds = 0.0

    @abstractmethod
    def approximate(self, b: Tensor, target: Tensor, transpose: bool) -> tuple[Tensor, int]:
        """x with A x ≈ b (or Aᵀx ≈ b), and the number of iterations.

        Args:
            b: (N, K) float64.
            target: (K,) the residual norm at which an iterative method may stop.
            transpose: solve with Aᵀ.
        """

    @property
    def refinements(self) -> int:
        """How many steps of refinement every solve needs, however small its residual; none by default. To be asked
        for after the first call of `approximate`, which may tell for nothing."""
        return 0

    @property
    def most_hidden(self) -> float:
        """The relative residual up to which rounding is an excuse, since what it hides is known to be little in the
        answer, too."""
        return math.inf

    def solve(self, b: Tensor, transpose: bool = False, start: Tensor | None = None) -> Tensor:
        """x with A x = b (N, K): refined from `start` (N, K), or 0, until the true residual is within `rtol`.

        Raises:
            ConvergenceError: if it cannot be brought there.
            ValueError: if `b` holds NaN or infinite values.
        """
        began = time.perf_counter()
        norm = _finite_norm(b)
        x, residual, iterations = b.new_zeros(()) if start is None else start, b, 0
        if start is not None:
            residual = self.operator.residual(b, start, transpose, accurate=True)
        for step in count():
            correction, more = self.approximate(residual, self.solver.rtol * norm, transpose)
            x, iterations = x + correction if x.ndim else correction, iterations + more
            residual, relative = self._residual(b, x, norm, transpose, accurate=step < self.refinements)
            if step >= self.refinements and self._converged(relative, residual, x, transpose):
                break
            if step >= max(self.max_refinements, self.refinements):
                self._fail(relative, iterations)
        self._record(relative, iterations + step, transpose, time.perf_counter() - began)
        return x

    def _residual(self, b: Tensor, x: Tensor, norm: Tensor, transpose: bool, accurate: bool) -> tuple[Tensor, Tensor]:
        """b − A x and its size relative to b; free of cancellation where that is asked for, or makes a difference."""
        residual = self.operator.residual(b, x, transpose, accurate)
        relative = relative_to(column_norm(residual), norm)
        if accurate or bool((relative <= self.solver.rtol).all()):
            return residual, relative
        return self._residual(b, x, norm, transpose, accurate=True)

    def _converged(self, relative: Tensor, residual: Tensor, x: Tensor, transpose: bool) -> bool:
        """Within `rtol`, or at the rounding level of float64, below which no x can go."""
        missed = ~(relative <= self.solver.rtol)
        if not bool(missed.any()):
            return True
        residual, x = residual[:, missed], x[:, missed]
        floor = ROUNDING * column_norm(self.operator.magnitude(x, transpose))
        return bool(((column_norm(residual) <= floor) & (relative[missed] <= self.most_hidden)).all())

    def _fail(self, relative: Tensor, iterations: int) -> None:
        worst = float(relative.nan_to_num(torch.inf).max())
        raise ConvergenceError(
            f"{self.solver} left a true relative residual of {worst:.1e} after {iterations} iterations; asked was "
            f"{self.solver.rtol:.1e}. Likely causes: weights that span too many orders of magnitude, or a component "
            "that hardly reaches any seed or killing. Try `solvers.Cholesky()` (undirected) or `solvers.LU()` "
            "(directed), or a larger `rtol`."
        )

    def _record(self, relative: Tensor, iterations: int, transpose: bool, seconds: float) -> None:
        if _recorders:
            nodes, worst = self.operator.num_nodes, float(relative.max()) if relative.numel() else 0.0
            report = SolveReport(
                self.solver, nodes, len(relative), transpose, iterations, worst, seconds, self.factor_seconds
            )
            for recorder in _recorders:
                recorder.append(report)
        self.factor_seconds = 0.0


def column_norm(b: Tensor) -> Tensor:
    """(K,): the norm of each column of `b` (N, K), also where its square would be too small or too large to hold."""
    squares = [block.square().sum(0) for block in b.split(ROWS_AT_ONCE)]
    norm = torch.stack(squares).sum(0).sqrt()
    if bool(((norm > SMALL) & (norm < 1 / SMALL)).all()):
        return norm
    largest = b.abs().amax(0)
    unit = torch.where((largest > 0) & (largest < torch.inf), largest, 1.0)
    scaled: Tensor = torch.linalg.vector_norm(b / unit, dim=0)
    return scaled * unit


def _finite_norm(b: Tensor) -> Tensor:
    norm = column_norm(b)
    if not bool(torch.isfinite(norm).all()):
        node, column = divmod(int(b.abs().nan_to_num(torch.inf).argmax()), b.shape[1])
        raise ValueError(
            f"The right-hand side must be finite; got {float(b[node, column])} at node {node}, column {column}. In a "
            "backward pass it is the gradient that came in: look at the loss."
        )
    return norm


def relative_to(residual: Tensor, norm: Tensor) -> Tensor:
    """(K,): norms of residuals over those of right-hand sides; as they are where that is 0."""
    return torch.where(norm > 0, residual / norm, residual)
