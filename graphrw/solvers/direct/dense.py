"""The dense method: for small graphs, and to check the others against."""

from dataclasses import dataclass

import torch
from torch import Tensor

from graphrw.core.graph import Graph
from graphrw.core.memory import require_room
from graphrw.core.walk import Walk, apply
from graphrw.solvers.base import Solver
from graphrw.solvers.direct.base import DirectInverse, could_not_factorise

MATRICES = 4  # N × N numbers that there are at once: the identity, A, and what makes its factors


@dataclass(frozen=True)
class Dense(Solver[None]):
    """LU factors of A as a full matrix: O(N²) memory, O(N³) time, any device, directed or not.

    Args:
        rtol: the largest relative residual that is accepted, and the relative error that refinement aims at.
    """

    rtol: float = 1e-10

    def plan(self, graph: Graph) -> None:
        """Nothing can be prepared; what would not fit is refused."""
        if graph.device.type == "cpu":
            needed = MATRICES * graph.num_nodes**2
            require_room(needed, f"`Dense` on {graph.num_nodes} nodes", "Take `solvers.Auto()`, which is sparse.")

    def invert(self, walk: Walk, plan: None) -> "_DenseInverse":
        return _DenseInverse(walk, self)


class _DenseInverse(DirectInverse):
    def __init__(self, walk: Walk, solver: Dense) -> None:
        super().__init__(walk, solver)
        one = torch.eye(walk.graph.num_nodes, dtype=walk.weight.dtype, device=walk.weight.device)
        self._lu, self._pivots, info = torch.linalg.lu_factor_ex(apply(walk, one))
        if int(info) > 0:
            raise could_not_factorise(solver, f"pivot {int(info)} is exactly 0, so that it is singular.")

    def substitute(self, b: Tensor, transpose: bool) -> Tensor:
        x: Tensor = torch.linalg.lu_solve(self._lu, self._pivots, b, adjoint=transpose)
        return x
