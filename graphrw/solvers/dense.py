"""The dense method: for small graphs, and to check the others against."""

from dataclasses import dataclass

import torch
from torch import Tensor

from graphrw.core.graph import Graph
from graphrw.core.walk import Walk, apply
from graphrw.solvers.base import Factor, Solver
from graphrw.solvers.direct import DirectFactor


@dataclass(frozen=True)
class Dense(Solver):
    """LU factors of A as a full matrix: O(N²) memory, O(N³) time, any device, directed or not.

    Args:
        rtol: the largest relative residual, and relative error on A 1 = k, that is accepted after refinement.
    """

    rtol: float = 1e-10

    def plan(self, graph: Graph) -> None:
        """Nothing can be prepared."""

    def factor(self, walk: Walk, plan: None) -> Factor:
        return _DenseFactor(walk, self)


class _DenseFactor(DirectFactor):
    def __init__(self, walk: Walk, solver: Dense) -> None:
        super().__init__(walk, solver)
        one = torch.eye(walk.graph.num_nodes, dtype=walk.weight.dtype, device=walk.weight.device)
        self._lu, self._pivots = torch.linalg.lu_factor(apply(walk, one))

    def substitute(self, b: Tensor, transpose: bool) -> Tensor:
        x: Tensor = torch.linalg.lu_solve(self._lu, self._pivots, b, adjoint=transpose)
        return x
