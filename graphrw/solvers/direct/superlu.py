"""SciPy's SuperLU: the sparse direct solver that is always there."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.sparse import csc_array
from scipy.sparse.linalg import splu
from torch import Tensor

from graphrw.core.graph import Graph
from graphrw.core.walk import Walk
from graphrw.solvers.base import Solver
from graphrw.solvers.direct.base import DirectInverse, could_not_factorise
from graphrw.solvers.pattern import Pattern, column_pattern, row_pattern

SYMMETRIC: dict[str, Any] = {
    "permc_spec": "MMD_AT_PLUS_A",
    "diag_pivot_thresh": 0.0,
    "options": {"SymmetricMode": True},
}
DIRECTED: dict[str, Any] = {"permc_spec": "COLAMD", "diag_pivot_thresh": 0.1, "options": {"SymmetricMode": False}}


@dataclass(frozen=True)
class SuperLU(Solver[Pattern]):
    """Sparse LU factors by SciPy's SuperLU (Li 2005), for undirected and directed graphs.

    On undirected graphs its symmetric mode is used, with a minimum-degree ordering of AᵀA's cheaper sibling A + Aᵀ.
    SuperLU orders anew at each factorisation. Tensors on another device are solved on the CPU and brought back.

    Args:
        rtol: the largest relative residual that is accepted, and the relative error that refinement aims at.
    """

    rtol: float = 1e-10

    def plan(self, graph: Graph) -> Pattern:
        return column_pattern(graph)

    def invert(self, walk: Walk, plan: Pattern) -> "_SuperLUInverse":
        return _SuperLUInverse(walk, self, plan)


class _SuperLUInverse(DirectInverse):
    def __init__(self, walk: Walk, solver: SuperLU, pattern: Pattern) -> None:
        super().__init__(walk, solver)
        indptr, indices = (part.to("cpu", torch.int32).numpy() for part in (pattern.indptr, pattern.indices))
        values = pattern.values(self.operator.diagonal, walk.weight).cpu().numpy()
        matrix = csc_array((values, indices, indptr), shape=(self.operator.num_nodes,) * 2)
        try:
            self._factor: Any = splu(matrix, **(DIRECTED if walk.graph.directed else SYMMETRIC))
        except RuntimeError as error:
            if "singular" in str(error):  # SciPy raises RuntimeError for this and for whatever else
                raise could_not_factorise(solver, error) from error
            raise

    def substitute(self, b: Tensor, transpose: bool) -> Tensor:
        x = self._factor.solve(np.asfortranarray(b.cpu().numpy()), trans="T" if transpose else "N")
        return torch.from_numpy(x).to(b.device)


def minimum_degree(graph: Graph) -> Tensor:
    """(N,): the nodes of an undirected graph in the order in which SuperLU eliminates them."""
    pattern, size = row_pattern(graph), graph.num_nodes
    dominant = np.where(pattern.source.cpu().numpy() < size, float(size), -1.0)
    indptr, indices = (part.to("cpu", torch.int32).numpy() for part in (pattern.indptr, pattern.indices))
    place = splu(csc_array((dominant, indices, indptr), shape=(size, size)), **SYMMETRIC).perm_c
    return torch.from_numpy(place).argsort().to(graph.device)
