"""A sparse direct solver for batches of equal small graphs, all of which it factorises at once."""

from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from graphrw.core.errors import MissingDependencyError
from graphrw.core.graph import Graph
from graphrw.core.memory import require_memory
from graphrw.core.threads import side_by_side, workers
from graphrw.core.walk import Walk
from graphrw.solvers.base import Solver
from graphrw.solvers.direct.base import Analysis, DirectInverse, Speed, could_not_factorise, representative
from graphrw.solvers.direct.superlu import minimum_degree
from graphrw.solvers.numba_kernels import kernels
from graphrw.solvers.pattern import compressed, lower_rows

MOST_NODES = 128**2  # of a graph that `Auto` analyses for it
# Operations for each entry of a factor, up to which a batch is faster so: 66 on 128², twice as fast as by `Cholesky`;
# 100 among nearest neighbours in 3D, a third faster; 232 on 16³, slower by a quarter.
MOST_WORK = 100
ENTRIES_A_THREAD = 2**18  # of all factors: fewer are done before another thread has begun
ADVICE = "Take fewer graphs at once, or `solvers.Multigrid()`, which needs far less."

Places = NDArray[np.uint32]
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class SimplicialPlan(Analysis):
    """The patterns of A and L in an order of elimination."""

    speed = Speed(flop=2e-10, entry=0.0, solve=7e-10)
    rows: Any  # `simplicial_kernels.Rows`: that of A, as in `pattern`
    lower: Any  # `simplicial_kernels.Lower`: that of L

    @property
    def flops(self) -> float:
        below = np.diff(self.lower.column_start).astype(float)
        return float((below * (below + 1)).sum())

    @property
    def entries(self) -> int:
        return len(self.lower.row)

    @property
    def bytes(self) -> float:
        return 8.0 * (self.entries + len(self.rows.column) + 3 * self.num_nodes)


@dataclass(frozen=True)
class Simplicial(Solver[SimplicialPlan]):
    """Sparse LDLᵀ factors of all graphs of a batch at once, where these are equal; undirected graphs only.

    It works column by column ("simplicial"), where other solvers gather columns into dense blocks. For one large graph
    that is slow. But the numbers that equal graphs have at one place lie side by side here, one operation for all: for
    ten images of 32² or 64² pixels, a whole training step takes half the time that it takes by `Cholesky`.

    The order of elimination (SuperLU's minimum degree) and the pattern are found once per graph. Tensors on another
    device are solved on the CPU and brought back.

    Needs ``pip install graphrw[fast]``.

    Args:
        rtol: the largest relative residual that is accepted, and the relative error that refinement aims at.

    Raises:
        ValueError: when it plans, for a directed graph.
        MissingDependencyError: when it plans, if numba is not there, or can keep nothing of what it compiles.
    """

    rtol: float = 1e-10

    def plan(self, graph: Graph) -> SimplicialPlan:
        self.refuse_directed(graph)
        part = representative(graph)
        return _analyse(part) if part is graph else self.plan_for(part)

    def invert(self, walk: Walk, plan: SimplicialPlan) -> "_SimplicialInverse":
        return _SimplicialInverse(walk, self, plan)


def suits(graph: Graph) -> bool:
    """Whether `graph` is a batch of equal graphs for which nothing else is as fast."""
    part = representative(graph)
    if part is graph or graph.directed or part.num_nodes > MOST_NODES or _kernels() is None:
        return False
    plan = Simplicial().plan_for(graph)
    return plan.flops <= MOST_WORK * plan.entries


class _SimplicialInverse(DirectInverse):
    """One part of the batch on each thread."""

    def __init__(self, walk: Walk, solver: Simplicial, plan: SimplicialPlan) -> None:
        super().__init__(walk, solver)
        self._plan, copies = plan, walk.graph.num_nodes // plan.num_nodes
        require_memory(copies * plan.bytes, f"Factorising by {solver}", ADVICE)
        self._threads = min(workers(), copies, 1 + copies * plan.entries // ENTRIES_A_THREAD)
        values = plan.pattern.values(self.operator.diagonal.view(copies, -1), walk.weight.view(copies, -1))
        # No tensor goes to another thread, for which gradients may be switched on.
        self._factors = side_by_side(self._factorised, np.array_split(values.cpu().numpy(), self._threads))

    def _factorised(self, values: Numbers) -> Any:
        """The `simplicial_kernels.Factor` of B matrices A, from their lower triangles (B, M)."""
        plan, compiled, copies = self._plan, _required_kernels(), len(values)
        factor = compiled.Factor(np.empty((plan.entries, copies)), np.empty((plan.num_nodes, copies)))
        if not compiled.factorise(plan.lower, plan.rows, np.ascontiguousarray(values.T), factor):
            raise could_not_factorise(self.solver, "a pivot is not positive")
        return factor

    def substitute(self, b: Tensor, transpose: bool) -> Tensor:
        graphs = np.ascontiguousarray(b.cpu().numpy()).reshape(-1, self._plan.num_nodes, b.shape[1])
        x = np.empty_like(graphs)
        solve = partial(_required_kernels().substitute, self._plan.lower)
        side_by_side(solve, self._factors, *(np.array_split(whole, self._threads) for whole in (graphs, x)))
        return torch.from_numpy(x).view(b.shape).to(b.device)


def _kernels() -> ModuleType | None:
    return kernels("graphrw.solvers.direct.simplicial_kernels", "batches of small graphs do without it")


def _required_kernels() -> ModuleType:
    compiled = _kernels()
    if compiled is None:
        raise MissingDependencyError(
            "The solver `Simplicial` needs numba, and a folder for what that compiles: pip install graphrw[fast]. "
            "Without it, `solvers.Cholesky()` does the same, more slowly."
        )
    return compiled


def _analyse(graph: Graph) -> SimplicialPlan:
    compiled, size = _required_kernels(), graph.num_nodes
    order = minimum_degree(graph)
    pattern = lower_rows(graph, order)
    rows = compiled.Rows(_places(pattern.indptr), _places(pattern.indices))
    start, column = compiled.rows_of_factor(rows, compiled.elimination_tree(rows))
    row = torch.arange(size).repeat_interleave(torch.from_numpy(start).long().diff())
    by_columns = compressed(torch.from_numpy(column).long(), row, (size, size))
    fall, below, entry = map(_places, (*by_columns[:2], by_columns[2].argsort()))
    return SimplicialPlan(pattern, rows, compiled.Lower(_places(order), start, column, entry, fall, below))


def _places(places: Tensor) -> Places:
    return places.cpu().numpy().astype(np.uint32)
