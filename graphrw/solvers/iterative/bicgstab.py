"""BiCGStab with the Jacobi preconditioner, for directed graphs."""

from dataclasses import dataclass

import torch
from torch import Tensor

from graphrw.core.graph import Graph
from graphrw.core.walk import Walk
from graphrw.solvers.iterative.base import IterativeSolver
from graphrw.solvers.iterative.certified import CertifiedInverse, operations_of_a_step
from graphrw.solvers.iterative.cg import JacobiInverse
from graphrw.solvers.norms import largest, relative_to


@dataclass(frozen=True)
class BiCGStab(IterativeSolver[None]):
    """Jacobi-preconditioned BiCGStab (van der Vorst 1992) in torch, on any device, directed or not, A or Aᵀ.

    For large directed graphs, whose factors may not fit: memory and the time of an iteration are linear in the graph.
    Some tens of iterations where walks end soon (a resolvent, PageRank), more the longer they last. On undirected
    graphs `CG` and `Multigrid` do better. Columns stop as they converge.

    Answers come with a bound of their error: the mean number of steps until the walk ends, from where it lasts longest,
    times their largest residual over a rate, rounding included. It is at most √rtol of the largest answer (of Aᵀ: of
    the sum of |rate · x|), and at most 0.01, or an error: so it is one where walks go on for too long.

    Args:
        rtol: the relative residual at which a column has converged, in (0, 1).
        max_iterations: of one pass, ≥ 1, each of two products; and four times as many in all passes before a
            `ConvergenceError`.
        forecast_after: raise after so many iterations, ≥ 1, if they will not do at the pace so far; None: never.

    >>> import torch, graphrw as rw
    >>> ring = torch.arange(1000)
    >>> graph = rw.Graph(torch.stack([ring, (ring + 1) % 1000]), 1000, directed=True)
    >>> walk = rw.walk(graph, torch.ones(1000, dtype=torch.float64), killing=0.5)
    >>> x = rw.solve(walk, walk.killing, rw.solvers.BiCGStab())
    >>> torch.allclose(x, torch.ones_like(x))
    True
    """

    rtol: float = 1e-8
    max_iterations: int = 1000

    def plan(self, graph: Graph) -> None:
        """Nothing can be prepared."""

    def invert(self, walk: Walk, plan: None) -> "_BiCGStabInverse":
        return _BiCGStabInverse(walk, self)


class _BiCGStabInverse(CertifiedInverse, JacobiInverse):
    """With M the diagonal of A: c is the mean number of steps until the walk ends."""

    def without(self, x: Tensor, out: Tensor | None = None) -> Tensor:
        out = self.operator.matmul_in_differences(x, out)
        return out.div_(self.operator.diagonal[:, None])

    def operations(self) -> Tensor:
        return operations_of_a_step(self.operator.walk.graph)[:, None]

    def left(self, b: Tensor, x: Tensor, transpose: bool) -> tuple[Tensor, Tensor]:
        residual, rate = self.operator.residual(b, x, transpose, in_differences=True), self.operator.diagonal[:, None]
        if transpose:
            relative = relative_to(residual.abs().sum(0), (rate * x).abs().sum(0))
        else:
            relative = relative_to(largest(residual.div_(rate)), largest(x))
        return relative, torch.ones_like(relative)
