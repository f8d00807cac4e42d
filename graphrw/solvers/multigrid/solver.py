"""The solver: conjugate gradients with a multigrid cycle as preconditioner."""

from dataclasses import dataclass

import torch
from torch import Tensor

from graphrw.graph import Graph
from graphrw.solvers.base import Factor, Solver
from graphrw.solvers.krylov import conjugate_gradients
from graphrw.solvers.multigrid.aggregation import MAX_NODES
from graphrw.solvers.multigrid.cycle import Cycle
from graphrw.solvers.multigrid.rows import Structure, structure
from graphrw.walk import Walk

COLUMNS_AT_ONCE = 16  # bounds the memory of the work buffers


@dataclass(frozen=True)
class Multigrid(Solver):
    """Conjugate gradients preconditioned by aggregation multigrid, in torch, on any device; undirected only.

    Memory and time grow linearly with the graph: for volumes, and for whatever fills in when factorised. Aggregates
    follow heavy edges, so that the number of iterations (some 5–25 to a residual of 1e-6) hardly depends on the
    contrast. The preconditioner is float32, the iteration around it float64.

    Args:
        rtol: the relative residual at which a column has converged, in (0, 1). A residual of 1e-6 is not an error of
            1e-6.
        max_iterations: give up after so many (with a `ConvergenceError`), ≥ 1.

    >>> import torch, graphrw as rw
    >>> volume = rw.grid_graph((12, 12, 12))
    >>> walk = rw.walk(volume, torch.ones(volume.num_edges), killing=0.01)
    >>> x = rw.solve(walk, walk.killing, rw.solvers.Multigrid())
    >>> torch.allclose(x, torch.ones(1728))
    True
    """

    rtol: float = 1e-8
    max_iterations: int = 100

    def __post_init__(self) -> None:
        if not 0 < self.rtol < 1:
            raise ValueError(f"`rtol` must lie in (0, 1); got {self.rtol}.")
        if self.max_iterations < 1:
            raise ValueError(f"`max_iterations` must be at least 1; got {self.max_iterations}.")

    def plan(self, graph: Graph) -> Structure:
        if graph.directed:
            raise ValueError(
                "`Multigrid` needs an undirected graph (a symmetric A); for a directed one use `LU` or `Dense`."
            )
        if graph.num_nodes > MAX_NODES:
            raise ValueError(f"`Multigrid` takes graphs of up to {MAX_NODES} nodes; this one has {graph.num_nodes}.")
        return structure(graph)

    def factor(self, walk: Walk, plan: Structure) -> Factor:
        return _MultigridFactor(walk, self, plan)


class _MultigridFactor(Factor):
    solver: Multigrid

    def __init__(self, walk: Walk, solver: Multigrid, plan: Structure) -> None:
        super().__init__(walk, solver)
        self._cycle = Cycle(plan.rows(walk))

    def approximate(self, b: Tensor, target: Tensor, transpose: bool) -> tuple[Tensor, int]:
        blocks = zip(b.split(COLUMNS_AT_ONCE, dim=1), target.split(COLUMNS_AT_ONCE), strict=True)
        answers, counts = zip(*(self._solve(*block) for block in blocks), strict=True)
        return torch.cat(answers, dim=1), max(counts)

    def _solve(self, b: Tensor, target: Tensor) -> tuple[Tensor, int]:
        """For some columns, at the scale of 1: float32 has no room for the squares of tiny numbers."""
        norm = torch.linalg.vector_norm(b, dim=0)
        norm = torch.where(norm > 0, norm, 1.0)
        half = 0.5 * target / norm  # the true residual lags behind that of the recursion
        matmul, limit = self.operator.matmul, self.solver.max_iterations
        x, count = conjugate_gradients(matmul, self._cycle.apply, b / norm, half, max_iterations=limit)
        return x * norm, count
