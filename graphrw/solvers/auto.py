"""The choice of a solver for a graph."""

import math
from collections.abc import Hashable
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock

from torch import Tensor

from graphrw.core.errors import ConvergenceError, is_out_of_memory
from graphrw.core.graph import Graph, check_graph
from graphrw.core.memory import available_memory
from graphrw.core.walk import Walk
from graphrw.core.warn import warn
from graphrw.core.whole import is_number
from graphrw.solvers import cost
from graphrw.solvers.base import Inverse, Solution, Solver
from graphrw.solvers.differences import Differences
from graphrw.solvers.direct import pardiso, rslab, simplicial
from graphrw.solvers.direct.base import representative
from graphrw.solvers.direct.dense import Dense
from graphrw.solvers.direct.superlu import SuperLU
from graphrw.solvers.directed.block_gauss_seidel import BlockGaussSeidel
from graphrw.solvers.iterative.bicgstab import BiCGStab
from graphrw.solvers.iterative.cg import CG
from graphrw.solvers.levels import level_structure
from graphrw.solvers.multigrid import Multigrid

# How many times too large a prediction from levels alone may be: up to 5 on images, volumes and kNN graphs. It is more
# on expanders (30 to 50 on power-law and small-world graphs), where iterations are few and a factor is not missed.
OVERESTIMATE = 12
SHALLOW = 3  # times log2 of the nodes: graphs of no more levels are often well conditioned, as expanders are
ADVICE = "Solve fewer columns at a time, or a smaller graph: superpixels, a coarser image, a part of it."
SHARE = 0.75  # of the free memory: answers, gradients and whatever else runs need some, too
FORECAST, PATIENCE = 16, 80  # iterations after which a try is judged, and within which plain CG should be done


@dataclass(frozen=True)
class Choice:
    """What is tried in turn, and why."""

    solvers: tuple[Solver, ...]
    reason: str


@dataclass(frozen=True)
class Auto(Solver[Choice]):
    """The best solver that is installed for the graph and its device: dense when small, else whichever of a direct
    solver and of an iterative one is predicted to take less time.

    The level structure of the graph tells at once where a factorisation is hopeless. Elsewhere its cost is predicted
    from the symbolic analysis, which is then used, not thrown away; that of multigrid grows with the edges alone. On
    graphs of small diameter, where conditioning is often good, plain `CG` has a try before `Multigrid`; on directed
    graphs `BiCGStab` and `BlockGaussSeidel` take their places. What does not converge, or has lost its digits, hands
    over to the next method. The direct solver is `Pardiso` where pypardiso is installed, else `Cholesky` or `LU`, whose
    answers agree within `rtol`; for batches of equal small graphs `Simplicial`, where numba is installed.

    Args:
        rtol: the relative residual asked of whichever solver is taken, in (0, 1).
        max_bytes: take a direct solver up to this much predicted memory; None: three quarters of what is free when the
            graph is first solved.

    >>> import graphrw as rw
    >>> print(rw.solvers.Auto().explain(rw.grid_graph((4, 4))))
    Dense(rtol=1e-10), then Multigrid(rtol=1e-10, max_iterations=100): 16 nodes, at most 128 are solved densely
    """

    rtol: float = 1e-10
    max_bytes: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.max_bytes is not None and not (is_number(self.max_bytes) and self.max_bytes >= 0):
            raise ValueError(f"`max_bytes` must be a number ≥ 0, or None (what is free); got {self.max_bytes!r}.")

    def plan(self, graph: Graph) -> Choice:
        choice = self._choose(graph)
        choice.solvers[0].plan_for(graph)
        return choice

    @property
    def plan_key(self) -> Hashable:
        return self

    def invert(self, walk: Walk, plan: Choice) -> Inverse:
        return _InTurn(walk, plan.solvers)

    def explain(self, graph: Graph) -> str:
        """Which solver serves `graph`, and why."""
        check_graph(graph)
        choice = self.plan_for(graph)
        return f"{', then '.join(map(str, choice.solvers))}: {choice.reason}"

    @property
    def limit(self) -> float:
        """Bytes that a direct solver may take now."""
        return SHARE * available_memory() if self.max_bytes is None else self.max_bytes

    def _choose(self, graph: Graph) -> Choice:
        limit = 128 if graph.device.type == "cpu" else 2048
        if graph.num_nodes <= limit:
            reason = f"{graph.num_nodes} nodes, at most {limit} are solved densely"
            return Choice((Dense(self.rtol), self._iterative(graph)), reason)
        if graph.device.type == "cpu":
            return self._by_cost(graph)
        reason = f"the graph is on {graph.device}, which it does not leave"
        others = (self._direct(True),) if graph.directed else ()
        return Choice((self._iterative(graph), *others), reason)

    def _iterative(self, graph: Graph) -> Solver:
        return BiCGStab(self.rtol) if graph.directed else Multigrid(self.rtol)

    def _direct(self, directed: bool) -> Solver:
        """The fastest direct solver that is installed."""
        if pardiso.available():
            return pardiso.Pardiso(self.rtol)
        if rslab.AVAILABLE:
            return rslab.LU(self.rtol) if directed else rslab.Cholesky(self.rtol)
        return SuperLU(self.rtol)

    def _by_cost(self, graph: Graph) -> Choice:
        solver = simplicial.Simplicial(self.rtol) if simplicial.suits(graph) else self._direct(graph.directed)
        other = self._iterative(graph)
        iterative = (cost.of_bicgstab if graph.directed else cost.of_multigrid)(graph, self.rtol)
        part = representative(graph)
        levels = level_structure(part)
        direct, fits = cost.of_direct_by_levels(graph, levels), False
        limit = self.limit
        analysis = cost.seconds_of_analysis(solver, graph)  # once it is made, it costs nothing more
        patient = direct.seconds <= OVERESTIMATE * iterative.seconds and analysis <= iterative.seconds
        if patient and direct.bytes <= OVERESTIMATE * limit:
            with suppress(MemoryError):  # not even the analysis fits
                direct = cost.of_direct(solver, graph) or direct
                fits = direct.bytes <= limit
        if fits and direct.seconds <= iterative.seconds:
            name = "BiCGStab" if graph.directed else "multigrid"
            return Choice((solver, other), f"a step with 8 labels should take {direct}; by {name} {iterative}")
        reason = f"a step with 8 labels should take {iterative}; by a direct solver {direct}"
        if not direct.bytes <= limit:
            reason += f", more than the {limit / 2**30:.2g} GiB that it may take"
        if graph.directed:  # analysed or not, a factor stands by wherever it may fit
            swept = BlockGaussSeidel(self.rtol, forecast_after=FORECAST if fits else None)
            both = (BiCGStab(self.rtol, forecast_after=FORECAST), swept)
            return Choice((*both, solver) if direct.bytes <= limit else both, reason)
        last = (solver,) if fits else ()
        if levels.depth > SHALLOW * math.log2(part.num_nodes):
            return Choice((other, *last), reason)
        reason += f"; {levels.depth - 1} steps from its rim lead everywhere, so that plain CG may do"
        return Choice((CG(self.rtol, PATIENCE, FORECAST), other, *last), reason)


class _InTurn(Inverse):
    """The inverses of several solvers, tried in turn at every solve: what one cannot answer the next may.

    Nothing is remembered but the inverses themselves, or why one cannot be made, so that an answer does not hang on
    what was solved before. The first is made at once, the others when they are needed.
    """

    def __init__(self, walk: Walk, solvers: tuple[Solver, ...]) -> None:
        self._walk, self._solvers = walk, solvers
        self._made: dict[Solver, Inverse | str] = {}  # or why it cannot be made
        self._making = Lock()  # two threads shall not factorise the same walk twice
        self._inverse(solvers[0])

    def __repr__(self) -> str:
        return ", then ".join(map(str, self._solvers))

    def solve(self, b: Tensor, transpose: bool = False, start: Tensor | None = None) -> Solution:
        refusals: list[str] = []
        for solver in self._solvers:
            inverse = self._inverse(solver)
            if isinstance(inverse, str):
                refusals.append(inverse)
                continue
            try:
                return inverse.solve(b, transpose, start)
            except (ConvergenceError, MemoryError, RuntimeError) as error:
                refusals.append(self._refusal(solver, error))
        raise ConvergenceError(" Before it: ".join(reversed(refusals)))

    @property
    def may_tell_differences(self) -> bool:  # type: ignore[override]
        return any(isinstance(solver, BlockGaussSeidel) for solver in self._solvers)

    @property
    def differences(self) -> Differences | None:  # type: ignore[override]
        """Those of the first inverse so far that knows any; where others have answered, they change rounding alone."""
        with self._making:
            known = [made.differences for made in self._made.values() if isinstance(made, Inverse)]
        return next((found for found in known if found is not None), None)

    def _inverse(self, solver: Solver) -> Inverse | str:
        """That of `solver`, or why there is none."""
        with self._making:
            if solver not in self._made:
                try:
                    self._made[solver] = solver.inverse_of(self._walk)
                except (ConvergenceError, MemoryError, RuntimeError) as error:
                    self._made[solver] = self._refusal(solver, error)
            return self._made[solver]

    def _refusal(self, solver: Solver, error: Exception) -> str:
        """Why the next method is asked; whatever is neither a want of digits nor of memory is raised as it is."""
        if isinstance(error, ConvergenceError):
            return str(error)
        if not is_out_of_memory(error):
            raise error
        told = f"{solver} ran out of memory ({error})"
        if solver == self._solvers[-1]:
            raise MemoryError(f"{told}, and no method is left that needs less. {ADVICE}") from error
        warn(f"{told}: the next method takes its place.")
        return f"{told}."
