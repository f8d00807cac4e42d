"""The choice of a solver for a graph."""

from dataclasses import dataclass
from typing import Any

from graphrw.graph import Graph
from graphrw.solvers.base import Factor, Solver
from graphrw.solvers.cg import CG
from graphrw.solvers.dense import Dense
from graphrw.solvers.rslab import AVAILABLE, LU, Cholesky
from graphrw.solvers.superlu import SuperLU
from graphrw.walk import Walk


@dataclass(frozen=True)
class Choice:
    """A solver, its plan for the graph, and why it was taken."""

    solver: Solver
    plan: Any
    reason: str


@dataclass(frozen=True)
class Auto(Solver):
    """The solver that suits the graph and its device: dense when small, direct where the predicted fill allows, else
    CG.

    A direct solver's cost is predicted from its symbolic analysis, which is then used, not thrown away. `Pardiso` and
    `CHOLMOD` are never taken unasked, so that installing a package changes no result: say ``solver=Pardiso()``.

    Args:
        rtol: the relative residual asked of whichever solver is taken, in (0, 1).
        max_flops: take a direct solver up to this many predicted operations per factorisation (the default takes some
            5–10 s on two cores).
        max_bytes: … and up to this much predicted memory.

    >>> import graphrw as rw
    >>> print(rw.solvers.Auto().explain(rw.grid_graph((4, 4))))
    Dense(rtol=1e-10): 16 nodes, at most 128 are solved densely
    """

    rtol: float = 1e-10
    max_flops: float = 1e11
    max_bytes: float = 4 * 2**30

    def plan(self, graph: Graph) -> Choice:
        limit = 128 if graph.device.type == "cpu" else 2048
        if graph.num_nodes <= limit:
            return self._choice(graph, Dense(self.rtol), f"{graph.num_nodes} nodes, at most {limit} are solved densely")
        if graph.device.type != "cpu" and not graph.directed:
            return self._choice(
                graph, CG(self.rtol), f"the graph is on {graph.device}, where CG runs without leaving it"
            )
        if not AVAILABLE:
            return self._choice(graph, SuperLU(self.rtol), "rslab is not installed; SciPy's SuperLU is always there")
        return self._by_fill(graph)

    def factor(self, walk: Walk, plan: Choice) -> Factor:
        return plan.solver.factor(walk, plan.plan)

    def explain(self, graph: Graph) -> str:
        """Which solver serves `graph`, and why."""
        choice: Choice = self.plan_for(graph)
        return f"{choice.solver}: {choice.reason}"

    def _by_fill(self, graph: Graph) -> Choice:
        direct = LU(self.rtol) if graph.directed else Cholesky(self.rtol)
        plan = direct.plan_for(graph)
        cost = f"predicted {plan.flops:.1e} flops and {plan.bytes / 2**30:.2f} GiB to factorise"
        if graph.directed or (plan.flops <= self.max_flops and plan.bytes <= self.max_bytes):
            return Choice(direct, plan, cost)
        limits = f"more than {self.max_flops:.1e} flops or {self.max_bytes / 2**30:.2f} GiB"
        return self._choice(graph, CG(self.rtol), f"{cost}, {limits}")

    def _choice(self, graph: Graph, solver: Solver, reason: str) -> Choice:
        return Choice(solver, solver.plan_for(graph), reason)
