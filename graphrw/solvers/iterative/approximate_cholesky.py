"""Conjugate gradients with an approximate Cholesky factor, through approx-chol, where it is installed.

approx-chol (MIT, Rust) eliminates the nodes of a graph one by one. In place of the clique that each would leave among
its neighbours it samples a tree, so that the factor stays about as sparse as the graph, whatever its weights are.
"""

import re
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from graphrw.core.errors import MissingDependencyError
from graphrw.core.graph import Graph
from graphrw.core.walk import Walk
from graphrw.core.whole import check_whole
from graphrw.solvers.direct.base import could_not_factorise
from graphrw.solvers.iterative.base import IterativeInverse, IterativeSolver
from graphrw.solvers.pattern import row_pattern

try:
    import approx_chol

    AVAILABLE = True
except ImportError:
    AVAILABLE = False

LARGEST = 2**32 - 1  # approx-chol keeps its indices in 32 bits
SEED = 0
# approx-chol raises ValueError for whatever it does not like; these are its words where rounding has spoilt A.
BEYOND_ROUNDING = re.compile("not diagonally dominant|non-finite")
NOISE = 4 * torch.finfo(torch.float64).eps  # for each term of a row, relative to its rate


@dataclass(frozen=True, eq=False)
class RowPlan:
    """The rows of A as approx-chol takes them, but for their numbers."""

    indptr: NDArray[np.int64]  # (N + 1,)
    indices: NDArray[np.uint32]  # (nnz,), sorted within each row
    source: Tensor  # (nnz,) int64: entry n is cat([rate, −weight])[source[n]]
    terms: Tensor  # (N,) how many entries each row has

    def matrix(self, walk: Walk) -> tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.float64]]:
        """indptr, indices and values for this walk, without the edges of weight 0.

        approx-chol reads the killing off the sums of the rows, and takes what is within their rounding for 0. A
        component without any larger sum would pass for a singular one, and its factor with it. Smaller killing is
        therefore raised to just above the rounding: a change that the rates in A do not resolve either.
        """
        degree = walk.degree
        least = NOISE * self.terms * (degree + walk.killing)
        rate = degree + torch.where(walk.killing > 0, torch.maximum(walk.killing, least), 0.0)
        values: NDArray[np.float64] = torch.cat([rate, -walk.weight])[self.source].cpu().numpy()
        kept = values != 0
        if kept.all():
            return self.indptr.astype(np.uint32), self.indices, values
        indptr = np.concatenate([[0], np.cumsum(kept)])[self.indptr]
        return indptr.astype(np.uint32), self.indices[kept], values[kept]


@dataclass(frozen=True)
class ApproximateCholesky(IterativeSolver[RowPlan]):
    """Conjugate gradients preconditioned by an approximate Cholesky factor of A; undirected graphs only.

    The factor is that of Gao, Kyng & Spielman 2023 (*Robust and practical solution of Laplacian equations by
    approximate elimination*), made by the package approx-chol. It is sampled, but always from the same seed: the same
    walk gives the same answer every time. Iterations grow slowly with the size of the graph and not with the contrast
    of its weights: to 1e-6 some 10 on kNN and power-law graphs, 20–30 on images, volumes and weights over 6 decades.
    So it serves where exact factors fill up and where Jacobi's iterations run into hundreds or thousands.

    Tensors on another device stay there but for the preconditioner, which is applied on the CPU.

    Needs ``pip install approx-chol``.

    Args:
        rtol: the relative residual at which a column has converged, in (0, 1).
        max_iterations: of one pass, ≥ 1; and four times as many in all passes before a `ConvergenceError`.
        forecast_after: raise after so many iterations, ≥ 1, if they will not do at the pace so far; None: never.
        split: how many copies of each edge are sampled from, ≥ 1 (the k of AC(k), Gao, Kyng & Spielman 2025). With 2
            the factor takes about twice as long to make, and on images saves a third of the iterations; hardly any on
            kNN graphs. For many columns.

    Raises:
        ValueError: when it plans, for a directed graph, or one with more entries than 32 bits can count.
        MissingDependencyError: when it plans, if approx-chol is not there.
    """

    rtol: float = 1e-8
    max_iterations: int = 500
    split: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_whole("split", self.split, 1)

    def plan(self, graph: Graph) -> RowPlan:
        self.refuse_directed(graph)
        if not AVAILABLE:
            raise MissingDependencyError(
                "The solver `ApproximateCholesky` needs the package approx-chol: pip install approx-chol. Without it, "
                "`solvers.Cholesky()` serves where its fill fits, and `solvers.CG()` where the contrast is modest."
            )
        entries = graph.num_nodes + 2 * graph.num_edges
        if entries >= LARGEST:
            raise ValueError(
                f"`ApproximateCholesky` counts in 32 bits: N + 2 E must be less than {LARGEST}; got {entries} "
                f"({graph.num_nodes} nodes, {graph.num_edges} edges). Use `CG`."
            )
        return _rows(graph)

    def invert(self, walk: Walk, plan: RowPlan) -> "_ApproximateCholeskyInverse":
        return _ApproximateCholeskyInverse(walk, self, plan)


class _ApproximateCholeskyInverse(IterativeInverse):
    """The factor, with memory for the columns of the last call.

    approx-chol 0.6 applies its factor to one column at a time and holds Python's global lock meanwhile, so that threads
    gain nothing; versions whose factors have `apply` take a block.
    """

    def __init__(self, walk: Walk, solver: ApproximateCholesky, plan: RowPlan) -> None:
        super().__init__(walk, solver)
        backend = approx_chol.Backend.Approximate()  # else small graphs are factorised densely, with cancellation
        config = approx_chol.Config(seed=SEED, split=solver.split, backend=backend)
        try:
            self._factor = approx_chol.factorize_raw(*plan.matrix(walk), self.operator.num_nodes, config)
        except ValueError as error:
            if BEYOND_ROUNDING.search(str(error)):
                raise could_not_factorise(solver, error) from error
            raise
        self._columns = torch.empty(2, 0, 0, dtype=torch.float64)

    def precondition(self, r: Tensor, transpose: bool = False) -> Tensor:
        if hasattr(self._factor, "apply"):
            out = torch.empty(r.shape, dtype=r.dtype)
            self._factor.apply(r.cpu().contiguous().numpy(), out=out.numpy())
            return out.to(r.device)
        if self._columns.shape[1:] != r.T.shape:
            self._columns = torch.empty(2, *r.T.shape, dtype=torch.float64)
        right, solution = self._columns
        right.copy_(r.T)
        for column, out in zip(right.numpy(), solution.numpy(), strict=True):
            self._factor.solve_into(column, out)
        answer: Tensor = solution.T.to(r.device).contiguous()
        return answer


def _rows(graph: Graph) -> RowPlan:
    pattern = row_pattern(graph)
    indptr, indices = (part.cpu().numpy() for part in (pattern.indptr, pattern.indices))
    return RowPlan(indptr, indices.astype(np.uint32), pattern.source, pattern.indptr.diff())
