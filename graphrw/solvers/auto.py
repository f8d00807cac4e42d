"""The choice of a solver for a graph."""

import math
from dataclasses import dataclass
from threading import Lock
from typing import Any

import torch
from torch import Tensor

from graphrw.errors import ConvergenceError
from graphrw.graph import Graph
from graphrw.solvers import cost
from graphrw.solvers.base import Factor, Solver, column_norm
from graphrw.solvers.cg import CG
from graphrw.solvers.dense import Dense
from graphrw.solvers.levels import level_structure
from graphrw.solvers.multigrid import Multigrid
from graphrw.solvers.rslab import AVAILABLE, LU, Cholesky, representative
from graphrw.solvers.superlu import SuperLU
from graphrw.walk import Walk

DOUBT = 12  # how far off a prediction from levels alone may be
PATIENCE = 48  # iterations of plain CG, which cost about as much as half a solve by multigrid


@dataclass(frozen=True)
class Stage:
    """A solver and its plan for the graph."""

    solver: Solver
    plan: Any


@dataclass(frozen=True)
class Choice:
    """What is tried in turn, and why."""

    stages: tuple[Stage, ...]
    reason: str


@dataclass(frozen=True)
class Auto(Solver):
    """The solver that suits the graph and its device: dense when small, else whichever of a direct solver and of
    multigrid is predicted to take less time.

    The level structure of the graph tells at once where a factorisation is hopeless. Elsewhere its cost is predicted
    from the symbolic analysis, which is then used, not thrown away; that of multigrid grows with the edges alone. On
    graphs of small diameter, where conditioning is often good, plain `CG` has a try before `Multigrid`. What has not
    converged hands over to the next method, with what it has reached; last to a direct solver where its analysis shows
    that it fits. `Pardiso`, `CHOLMOD` and `ApproximateCholesky` are never taken unasked, so that installing a package
    changes no result: say ``solver=Pardiso()``.

    Args:
        rtol: the relative residual asked of whichever solver is taken, in (0, 1).
        max_bytes: take a direct solver up to this much predicted memory.

    >>> import graphrw as rw
    >>> print(rw.solvers.Auto().explain(rw.grid_graph((4, 4))))
    Dense(rtol=1e-10): 16 nodes, at most 128 are solved densely
    """

    rtol: float = 1e-10
    max_bytes: float = 8 * 2**30

    def plan(self, graph: Graph) -> Choice:
        limit = 128 if graph.device.type == "cpu" else 2048
        if graph.num_nodes <= limit:
            reason = f"{graph.num_nodes} nodes, at most {limit} are solved densely"
            return _choice(graph, reason, Dense(self.rtol))
        if graph.device.type != "cpu" and not graph.directed:
            reason = f"the graph is on {graph.device}, which multigrid does not leave"
            return _choice(graph, reason, Multigrid(self.rtol))
        if not AVAILABLE:
            return _choice(graph, "rslab is not installed; SciPy's SuperLU is always there", SuperLU(self.rtol))
        if graph.directed:
            return _choice(graph, "a directed graph, for which there is no other method", LU(self.rtol))
        return self._by_cost(graph)

    def factor(self, walk: Walk, plan: Choice) -> Factor:
        first, *others = plan.stages
        return _StagedFactor(walk, plan.stages) if others else first.solver.factor(walk, first.plan)

    def explain(self, graph: Graph) -> str:
        """Which solver serves `graph`, and why."""
        choice: Choice = self.plan_for(graph)
        return f"{', then '.join(str(stage.solver) for stage in choice.stages)}: {choice.reason}"

    def _by_cost(self, graph: Graph) -> Choice:
        part = representative(graph)
        copies = graph.num_nodes // part.num_nodes
        levels, iterative = level_structure(part), cost.of_multigrid(graph)
        direct = cost.of_direct_by_levels(levels, copies)
        last: tuple[Solver, ...] = ()
        if direct.seconds <= DOUBT * iterative.seconds:
            solver = Cholesky(self.rtol)
            direct = cost.of_direct(solver.plan_for(part), copies)
            last = (solver,) if direct.bytes <= self.max_bytes else ()
            if last and direct.seconds <= iterative.seconds:
                return _choice(graph, f"a step with 8 labels should take {direct}; by multigrid {iterative}", *last)
        reason = f"a step with 8 labels should take {iterative}; by a direct solver {direct}"
        if levels.depth > 3 * math.log2(part.num_nodes):
            return _choice(graph, reason, Multigrid(self.rtol), *last)
        reason += f"; {levels.depth} steps lead everywhere, so that plain CG may do"
        return _choice(graph, reason, CG(self.rtol, PATIENCE), Multigrid(self.rtol), *last)


def _choice(graph: Graph, reason: str, *solvers: Solver) -> Choice:
    return Choice(tuple(Stage(solver, solver.plan_for(graph)) for solver in solvers), reason)


class _StagedFactor(Factor):
    """The factor of the first stage; when that has not converged, of the next, for good."""

    def __init__(self, walk: Walk, stages: tuple[Stage, ...]) -> None:
        super().__init__(walk, stages[0].solver)
        self._waiting = list(stages)
        self._working = Lock()
        self._advance()

    @property
    def refinements(self) -> int:
        return self._factor.refinements

    @property
    def resolves(self) -> bool:
        return self._factor.resolves

    def approximate(self, b: Tensor, target: Tensor, transpose: bool) -> tuple[Tensor, int]:
        with self._working:
            x, iterations = self._attempt(b, target, transpose)
            while self._waiting:
                residual = self.operator.residual(b, x, transpose, accurate=True)
                if bool((column_norm(residual) <= target).all()):
                    break
                self._advance()
                if not bool(residual.isfinite().all()):
                    x, residual = torch.zeros_like(b), b
                rest, more = self._attempt(residual, target, transpose)
                x, iterations = x + rest, iterations + more
            return x, iterations

    def _attempt(self, b: Tensor, target: Tensor, transpose: bool) -> tuple[Tensor, int]:
        """By this stage, or 0 if it gives up and others wait."""
        try:
            return self._factor.approximate(b, target, transpose)
        except ConvergenceError:
            if not self._waiting:
                raise
            return torch.full_like(b, torch.nan), 0

    def _advance(self) -> None:
        stage = self._waiting.pop(0)
        self.solver = stage.solver
        self._factor = stage.solver.factorize(self.operator.walk, stage.plan)
