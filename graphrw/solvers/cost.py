"""What a training step would cost, predicted before anything costly is done.

The unit is the second on two cores of 2026. What counts is not how long a step takes on another machine, but which of
two methods takes longer, and there the ratios of these figures hold well enough. `benchmarks/solver_landscape.py`
shows what becomes of the choices made with them.
"""

import math
from dataclasses import dataclass
from typing import Protocol

from graphrw.core.graph import Graph
from graphrw.solvers.base import Solver
from graphrw.solvers.direct.base import Analysis, representative
from graphrw.solvers.direct.rslab import SPEED
from graphrw.solvers.grids.dissection import Dissection
from graphrw.solvers.levels import LevelStructure
from graphrw.solvers.numba_kernels import NUMBA

COLUMNS = 16  # solved with each factor: eight labels, forward and backward
# Of multigrid's levels, for each entry of A; and of solving with them, for each entry, each column and each decimal
# digit. Compiled kernels take one core, torch both.
SETUP_PER_ENTRY, SOLVE_PER_ENTRY = (6e-8, 7.5e-9) if NUMBA else (2e-7, 1.2e-8)
BICGSTAB_PER_ENTRY = 3e-8  # likewise, where walks end soon
DISSECTION = 7.75  # entries of a factor for each node of a square grid, over log2 of its side (George 1973)
ANALYSIS_PER_ENTRY = 4.5e-7  # seconds for each entry of A: 0.65 s at 512², 1.96 s at 1024²
FRONT_PER_ENTRY, FRONT_PER_FLOP = 4e-8, 1.2e-11  # seconds of a factorisation by our own nested dissection of a grid
FILL = 50  # the flops of a factorisation over those of eliminating one level alone: 26–63 on images and volumes


@dataclass(frozen=True)
class Cost:
    """Predicted seconds of a factorisation and `COLUMNS` solves, and bytes of memory."""

    seconds: float
    bytes: float

    def __str__(self) -> str:
        return f"{self.seconds:.2g} s and {self.bytes / 2**30:.2g} GiB"


@dataclass(frozen=True)
class Factor:
    """How large a factor becomes, guessed before any analysis."""

    entries: float
    flops: float

    @staticmethod
    def behind(nodes: int, separator: int) -> "Factor":
        """That of a graph which so many nodes part in two."""
        entries = nodes * min(separator, DISSECTION * math.log2(nodes) / 2) + separator**2 / 2
        return Factor(entries, min(FILL * separator**3, nodes**3) / 3)  # no more than for a dense matrix


class Sized(Protocol):
    """A graph, or as much of one as is needed here."""

    @property
    def num_nodes(self) -> int: ...

    @property
    def num_edges(self) -> int: ...


def of_direct(solver: Solver, graph: Graph) -> Cost | None:
    """Of a direct solver, from its symbolic analysis of the graph, or of the one part that a batch repeats; None where
    it makes none."""
    plan = solver.plan_for(graph)
    if not isinstance(plan, Analysis):
        return None
    copies, speed = graph.num_nodes // plan.num_nodes, plan.speed
    seconds = speed.flop * plan.flops + (speed.entry + COLUMNS * speed.solve) * plan.entries
    return Cost(copies * seconds, copies * plan.bytes)


def seconds_of_analysis(solver: Solver, graph: Graph) -> float:
    """Until a direct solver has its symbolic analysis of the graph; 0 where it has one already."""
    part = representative(graph)
    return 0.0 if part.has_plan(solver.plan_key) else ANALYSIS_PER_ENTRY * (part.num_nodes + 2 * part.num_edges)


def of_direct_by_levels(graph: Graph, levels: LevelStructure) -> Cost:
    """Of a direct solver, before any analysis: what it takes to eliminate one separator as a dense block tells the
    order of magnitude. `levels` are those of the one part that a batch repeats."""
    copies = graph.num_nodes // representative(graph).num_nodes
    factor = Factor.behind(graph.num_nodes // copies, levels.separator)
    return Cost(copies * SPEED.flop * factor.flops, copies * 8 * factor.entries)


def of_dissection(dissection: Dissection) -> Cost:
    """Of a grid's own factorisation, without the solves."""
    seconds = FRONT_PER_ENTRY * dissection.entries + FRONT_PER_FLOP * dissection.flops
    return Cost(seconds, dissection.bytes)


def of_last_front(shape: tuple[int, ...]) -> Cost:
    """Less than `of_dissection` of a grid of this shape: of the pixels alone that part it in two."""
    last = math.prod(shape) // max(shape)
    return Cost(2 * FRONT_PER_FLOP * last**3, 8 * last**2)


def of_multigrid(graph: Sized, rtol: float, columns: int = COLUMNS) -> Cost:
    """Of `Multigrid`: linear in the size of the graph, and in the digits asked for."""
    entries = graph.num_nodes + 2 * graph.num_edges
    seconds = entries * (SETUP_PER_ENTRY - columns * SOLVE_PER_ENTRY * math.log10(rtol))
    return Cost(seconds, 64 * entries + 100 * columns * graph.num_nodes)


def of_bicgstab(graph: Graph, rtol: float) -> Cost:
    """Of `BiCGStab`, where walks end soon."""
    entries = graph.num_nodes + graph.num_edges
    return Cost(
        -entries * COLUMNS * BICGSTAB_PER_ENTRY * math.log10(rtol), 24 * entries + 80 * COLUMNS * graph.num_nodes
    )
