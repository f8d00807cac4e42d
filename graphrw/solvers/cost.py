"""What a training step would cost, predicted before anything costly is done.

The unit is the second on two cores of 2026. What counts is not how long a step takes on another machine, but which of
two methods takes longer, and there the ratios of these figures hold well enough. `benchmarks/solver_landscape.py`
shows what becomes of the choices made with them.
"""

from dataclasses import dataclass

from graphrw.graph import Graph
from graphrw.solvers.levels import LevelStructure
from graphrw.solvers.rslab import SparsePlan

COLUMNS = 16  # solved with each factor: eight labels, forward and backward
SECONDS_PER_FLOP = 6e-11  # of a numeric factorisation
SECONDS_PER_FACTOR_ENTRY = 1.2e-8  # of a numeric factorisation, beside its operations
SOLVE_PER_FACTOR_ENTRY = 1e-9  # for each column
SETUP_PER_ENTRY = 2e-7  # of multigrid's levels, for each entry of A
SOLVE_PER_ENTRY = 2e-7  # by multigrid to 1e-10, for each entry of A and each column
FILL = 50  # the flops of a factorisation over those of eliminating one level alone; on grids


@dataclass(frozen=True)
class Cost:
    """Predicted seconds of a factorisation and `COLUMNS` solves, and bytes of memory."""

    seconds: float
    bytes: float

    def __str__(self) -> str:
        return f"{self.seconds:.2g} s and {self.bytes / 2**30:.2g} GiB"


def of_direct(plan: SparsePlan, copies: int) -> Cost:
    """Of a direct solver, from its symbolic analysis, which serves so many equal graphs."""
    per_entry = SECONDS_PER_FACTOR_ENTRY + COLUMNS * SOLVE_PER_FACTOR_ENTRY
    return Cost(copies * (SECONDS_PER_FLOP * plan.flops + per_entry * plan.entries), copies * plan.bytes)


def of_direct_by_levels(levels: LevelStructure, copies: int) -> Cost:
    """Of a direct solver, before any analysis: what it takes to eliminate one separator as a dense block tells the
    order of magnitude."""
    flops, entries = FILL * levels.separator**3 / 3, levels.separator**2 / 2
    return Cost(copies * SECONDS_PER_FLOP * flops, copies * 8 * entries)


def of_multigrid(graph: Graph) -> Cost:
    """Of `Multigrid`: linear in the size of the graph."""
    entries = graph.num_nodes + 2 * graph.num_edges
    seconds = entries * (SETUP_PER_ENTRY + COLUMNS * SOLVE_PER_ENTRY)
    return Cost(seconds, 64 * entries + 100 * COLUMNS * graph.num_nodes)
