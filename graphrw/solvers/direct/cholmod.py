"""SuiteSparse's CHOLMOD through scikit-sparse, where it is installed: LLᵀ for undirected graphs."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csc_array
from torch import Tensor

from graphrw.core.errors import MissingDependencyError
from graphrw.core.graph import Graph
from graphrw.core.walk import Walk
from graphrw.solvers.base import Solver
from graphrw.solvers.direct.base import DirectInverse, could_not_factorise
from graphrw.solvers.pattern import Pattern, lower_pattern

try:
    from sksparse.cholmod import CholeskyFactor, CholmodNotPositiveDefiniteError, CholmodWarning

    AVAILABLE = True
except ImportError:
    AVAILABLE = False


@dataclass(frozen=True)
class CholmodPlan:
    """A symbolic analysis, and where the numbers go."""

    pattern: Pattern
    symbolic: Any

    def matrix(self, values: NDArray[np.float64]) -> csc_array:
        """The lower triangle of A with these entries."""
        return _matrix(self.pattern, values)


@dataclass(frozen=True)
class CHOLMOD(Solver[CholmodPlan]):
    """Sparse LLᵀ factors by CHOLMOD (Chen, Davis, Hager & Rajamanickam 2008); undirected graphs only.

    The ordering (AMD) and the symbolic analysis are made once per graph. CHOLMOD's supernodal part, which it takes
    where that is faster, is under the GPL. Tensors on another device are solved on the CPU and brought back.

    Needs ``pip install "scikit-sparse>=0.5"``, which has no wheels: it compiles against SuiteSparse 7.4 or later.

    Args:
        rtol: the largest relative residual that is accepted, and the relative error that refinement aims at.

    Raises:
        ValueError: when it plans, for a directed graph.
        MissingDependencyError: when it plans, if scikit-sparse is not there, or too old.
    """

    rtol: float = 1e-10

    def plan(self, graph: Graph) -> CholmodPlan:
        self.refuse_directed(graph)
        if not AVAILABLE:
            raise MissingDependencyError(
                'The solver `CHOLMOD` needs the package scikit-sparse: pip install "scikit-sparse>=0.5", which '
                "compiles against SuiteSparse 7.4 or later. Without it, `solvers.Cholesky()` does the same."
            )
        pattern = lower_pattern(graph)
        ones = np.ones(len(pattern.indices))
        return CholmodPlan(pattern, CholeskyFactor(_matrix(pattern, ones), lower=True, order="amd"))

    def invert(self, walk: Walk, plan: CholmodPlan) -> "_CholmodInverse":
        return _CholmodInverse(walk, self, plan)


class _CholmodInverse(DirectInverse):
    def __init__(self, walk: Walk, solver: Solver, plan: CholmodPlan) -> None:
        super().__init__(walk, solver)
        matrix = plan.matrix(plan.pattern.values(self.operator.diagonal, walk.weight).cpu().numpy())
        try:
            self._factor = plan.symbolic.copy().factorize(matrix)
        except CholmodNotPositiveDefiniteError as error:
            raise could_not_factorise(solver, error) from error

    def substitute(self, b: Tensor, transpose: bool) -> Tensor:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CholmodWarning)  # near singularity is estimated; the verdict measures it
            x = self._factor.solve(np.asfortranarray(b.cpu().numpy()))
        return torch.from_numpy(np.ascontiguousarray(x)).to(b.device)


def _matrix(pattern: Pattern, values: NDArray[np.float64]) -> csc_array:
    indptr, indices = (part.to("cpu", torch.int32).numpy() for part in (pattern.indptr, pattern.indices))
    return csc_array((values, indices, indptr), shape=(len(indptr) - 1,) * 2)
