"""Conjugate gradients with the Jacobi preconditioner."""

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from graphrw.core.graph import Graph
from graphrw.core.walk import Walk
from graphrw.solvers.gpu.playback import cuda_graph
from graphrw.solvers.iterative.base import IterativeInverse, IterativeSolver


@dataclass(frozen=True)
class CG(IterativeSolver[None]):
    """Jacobi-preconditioned conjugate gradients (Hestenes & Stiefel 1952) in torch, on any device; undirected only.

    Its iterations grow with the contrast of the weights: some 25–65 on kNN and power-law graphs, 400 to thousands on
    images. Columns stop as they converge.

    Args:
        rtol: the relative residual at which a column has converged, in (0, 1). A residual of 1e-6 is not an error of
            1e-6.
        max_iterations: of one pass, ≥ 1; and four times as many in all passes before a `ConvergenceError`.
        forecast_after: raise after so many iterations, ≥ 1, if they will not do at the pace so far; None: never.
    """

    rtol: float = 1e-8
    max_iterations: int = 10_000

    def plan(self, graph: Graph) -> None:
        """Refuse what the method cannot solve."""
        self.refuse_directed(graph)

    def invert(self, walk: Walk, plan: None) -> "JacobiInverse":
        return _CGInverse(walk, self)


class JacobiInverse(IterativeInverse):
    """The diagonal of A as preconditioner."""

    def __init__(self, walk: Walk, solver: IterativeSolver) -> None:
        super().__init__(walk, solver)
        self._answer = walk.weight.new_empty(0, 0)

    def precondition(self, r: Tensor, transpose: bool = False) -> Tensor:
        if self._answer.shape != r.shape:
            self._answer = torch.empty_like(r)
        return torch.div(r, self.operator.diagonal[:, None], out=self._answer)


class _CGInverse(JacobiInverse):
    """On a GPU, which would wait for each of the small steps of an iteration, it is recorded, and played."""

    def __init__(self, walk: Walk, solver: IterativeSolver) -> None:
        super().__init__(walk, solver)
        device = walk.weight.device
        self.record = partial(cuda_graph, device=device) if device.type == "cuda" else None
