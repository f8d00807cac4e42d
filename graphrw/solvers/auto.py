"""The choice of a solver for a graph."""

import math
from dataclasses import dataclass
from threading import Lock

import torch
from torch import Tensor

from graphrw.core.errors import ConvergenceError
from graphrw.core.graph import Graph
from graphrw.core.walk import Walk
from graphrw.solvers import cost, pardiso, rslab
from graphrw.solvers.base import Factor, Solver, column_norm
from graphrw.solvers.bicgstab import BiCGStab
from graphrw.solvers.cg import CG
from graphrw.solvers.dense import Dense
from graphrw.solvers.direct import DirectFactor
from graphrw.solvers.levels import level_structure
from graphrw.solvers.multigrid import Multigrid
from graphrw.solvers.superlu import SuperLU

DOUBT = 12  # how far off a prediction from levels alone may be
FORECAST, PATIENCE = 16, 80  # iterations after which a try is judged, and within which plain CG should be done


@dataclass(frozen=True)
class Choice:
    """What is tried in turn, and why."""

    solvers: tuple[Solver, ...]
    reason: str


@dataclass(frozen=True)
class Auto(Solver):
    """The best solver that is installed for the graph and its device: dense when small, else whichever of a direct
    solver and of an iterative one is predicted to take less time.

    The level structure of the graph tells at once where a factorisation is hopeless. Elsewhere its cost is predicted
    from the symbolic analysis, which is then used, not thrown away; that of multigrid grows with the edges alone. On
    graphs of small diameter, where conditioning is often good, plain `CG` has a try before `Multigrid`; on directed
    graphs `BiCGStab` takes the place of both. What does not converge, or has lost its digits, hands over to the next
    method. The direct solver is `Pardiso` where pypardiso is installed, else `Cholesky` or `LU`, whose answers agree
    within `rtol`.

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
        choice = self._choose(graph)
        choice.solvers[0].plan_for(graph)
        return choice

    def factor(self, walk: Walk, plan: Choice) -> Factor:
        first, *others = plan.solvers
        return _StagedFactor(walk, plan.solvers) if others else first.factor(walk, first.plan_for(walk.graph))

    def explain(self, graph: Graph) -> str:
        """Which solver serves `graph`, and why."""
        choice: Choice = self.plan_for(graph)
        return f"{', then '.join(map(str, choice.solvers))}: {choice.reason}"

    def _choose(self, graph: Graph) -> Choice:
        limit = 128 if graph.device.type == "cpu" else 2048
        if graph.num_nodes <= limit:
            return Choice((Dense(self.rtol),), f"{graph.num_nodes} nodes, at most {limit} are solved densely")
        if graph.device.type == "cpu":
            return self._by_cost(graph)
        reason = f"the graph is on {graph.device}, which it does not leave"
        if graph.directed:
            return Choice((BiCGStab(self.rtol), self._direct(True)), reason)
        return Choice((Multigrid(self.rtol),), reason)

    def _direct(self, directed: bool) -> Solver:
        """The fastest direct solver that is installed."""
        if pardiso.available():
            return pardiso.Pardiso(self.rtol)
        if rslab.AVAILABLE:
            return rslab.LU(self.rtol) if directed else rslab.Cholesky(self.rtol)
        return SuperLU(self.rtol)

    def _by_cost(self, graph: Graph) -> Choice:
        solver = self._direct(graph.directed)
        other: Solver = BiCGStab(self.rtol) if graph.directed else Multigrid(self.rtol)
        iterative = (cost.of_bicgstab if graph.directed else cost.of_multigrid)(graph, self.rtol)
        levels = level_structure(rslab.representative(graph))
        direct, fits = cost.of_direct_by_levels(graph, levels), False
        if direct.seconds <= DOUBT * iterative.seconds and direct.bytes <= DOUBT * self.max_bytes:
            direct = cost.of_direct(solver, graph) or direct
            fits = direct.bytes <= self.max_bytes
        if fits and direct.seconds <= iterative.seconds:
            name = "BiCGStab" if graph.directed else "multigrid"
            return Choice((solver, other), f"a step with 8 labels should take {direct}; by {name} {iterative}")
        reason = f"a step with 8 labels should take {iterative}; by a direct solver {direct}"
        if graph.directed:  # analysed or not, a factor stands by wherever it may fit: nothing else does
            other = BiCGStab(self.rtol, forecast_after=FORECAST if fits else None)
            return Choice((other, solver) if direct.bytes <= self.max_bytes else (other,), reason)
        last = (solver,) if fits else ()
        if levels.depth > 3 * math.log2(graph.num_nodes):
            return Choice((other, *last), reason)
        reason += f"; {levels.depth} steps lead everywhere, so that plain CG may do"
        return Choice((CG(self.rtol, PATIENCE, FORECAST), other, *last), reason)


class _StagedFactor(Factor):
    """The factor of the first solver; when that fails, of the next, for good."""

    def __init__(self, walk: Walk, solvers: tuple[Solver, ...]) -> None:
        super().__init__(walk, solvers[0])
        self._waiting = list(solvers)
        self._failures: list[str] = []
        self._working = Lock()
        self._advance()

    @property
    def refinements(self) -> int:
        return self._factor.refinements

    @property
    def most_hidden(self) -> float:
        return self._factor.most_hidden

    def solve(self, b: Tensor, transpose: bool = False, start: Tensor | None = None) -> Tensor:
        try:
            return super().solve(b, transpose, start)
        except ConvergenceError as error:
            with self._working:
                self._fail_over(error)
                self._advance()
            return self.solve(b, transpose, start)

    def approximate(self, b: Tensor, target: Tensor, transpose: bool) -> tuple[Tensor, int]:
        with self._working:
            x, iterations = self._attempt(b, target, transpose)
            while self._waiting and not isinstance(self._factor, DirectFactor):  # direct answers are refined by `solve`
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
        """By this solver, or NaN if it gives up and others wait."""
        try:
            return self._factor.approximate(b, target, transpose)
        except ConvergenceError as error:
            self._fail_over(error)
            return torch.full_like(b, torch.nan), 0

    def _advance(self) -> None:
        """To the next solver that can prepare the walk."""
        while True:
            self.solver = self._waiting.pop(0)
            try:
                walk = self.operator.walk
                self._factor = self.solver.factorize(walk, self.solver.plan_for(walk.graph))
                self.operator = self._factor.operator  # its matrices serve both
            except ConvergenceError as error:
                self._fail_over(error)
            else:
                return

    def _fail_over(self, error: ConvergenceError) -> None:
        """Go on if others wait; else raise what has become of all."""
        self._failures.append(str(error))
        if not self._waiting:
            told, self._failures = " Before it: ".join(reversed(self._failures)), []
            raise ConvergenceError(told) from error
