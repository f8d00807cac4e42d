"""What a solve on a grid would cost, told from its shape before there is a graph of it."""

import math
from dataclasses import dataclass

import numpy as np

from graphrw.core.memory import available_memory
from graphrw.solvers.auto import SHARE, Auto
from graphrw.solvers.base import Solver
from graphrw.solvers.cost import COLUMNS, Cost, Factor, of_multigrid
from graphrw.solvers.direct.dense import Dense
from graphrw.solvers.direct.rslab import ANALYSIS, SPEED
from graphrw.solvers.iterative.approximate_cholesky import ApproximateCholesky
from graphrw.solvers.iterative.bicgstab import BiCGStab
from graphrw.solvers.iterative.cg import CG
from graphrw.solvers.levels import LevelStructure
from graphrw.solvers.multigrid import Multigrid

ITERATIVE = (Multigrid, ApproximateCholesky)  # whose iterations are about as many everywhere
ANALYSIS_SECONDS = 1.5e-6  # for each entry of the pattern
VOLUME_FILL = 0.25  # entries of a volume's factor for each node, over its separator: 0.26 at 40³, 0.35 at 24³
ITERATIONS = 1000  # of plain CG on an image: 400 to 5000 were seen
PER_ITERATION = 1.5e-9  # seconds, for each entry of A and each column


@dataclass(frozen=True)
class Grid:
    """A grid of connectivity 1.

    >>> grid = Grid((3, 4))
    >>> grid.num_nodes, grid.num_edges, grid.levels.width, grid.levels.depth
    (12, 17, 3, 6)
    """

    shape: tuple[int, ...]

    @property
    def num_nodes(self) -> int:
        """N"""
        return math.prod(self.shape)

    @property
    def num_edges(self) -> int:
        """E"""
        return sum(self.num_nodes // size * (size - 1) for size in self.shape)

    @property
    def levels(self) -> LevelStructure:
        """What `level_structure` finds from a corner: the nodes whose indices have the same sum."""
        widths = np.ones(1)
        for size in self.shape:
            widths = np.convolve(widths, np.ones(size))
        return LevelStructure(len(widths), int(widths.max()), self.num_edges - self.num_nodes + 1)


def of_grid(solver: Solver, shape: tuple[int, ...], columns: int, *, planned: bool) -> Cost:
    """Of factorising a walk over a grid, and solving for so many columns.

    Args:
        solver: any; of `CG` and `BiCGStab`, whose iterations hang on the weights, it is hardly more than a guess.
        shape: of the grid, two or three sizes.
        columns: of the right-hand side.
        planned: whether the graph is there and has been analysed.
    """
    grid = Grid(shape)
    entries = grid.num_nodes + 2 * grid.num_edges
    if isinstance(solver, Dense):
        return Cost(SPEED.flop * grid.num_nodes**3 / 3, 16.0 * grid.num_nodes**2)
    if isinstance(solver, CG | BiCGStab):
        seconds = min(ITERATIONS, solver.max_iterations) * columns * PER_ITERATION * entries
        return Cost(seconds, 24 * entries + 80 * columns * grid.num_nodes)
    iterates = _auto_iterates(grid, solver) if isinstance(solver, Auto) else isinstance(solver, ITERATIVE)
    return of_multigrid(grid, solver.rtol, columns) if iterates else _direct(grid, columns, planned)


def _auto_iterates(grid: Grid, solver: Auto) -> bool:
    """As `Auto` decides where it has an analysis."""
    limit = SHARE * available_memory() if solver.max_bytes is None else solver.max_bytes
    direct = _direct(grid, COLUMNS, planned=True)
    return direct.bytes > limit or direct.seconds > of_multigrid(grid, solver.rtol).seconds


def _direct(grid: Grid, columns: int, planned: bool) -> Cost:
    separator = grid.levels.separator
    factor = Factor.behind(grid.num_nodes, separator)
    entries = max(factor.entries, VOLUME_FILL * grid.num_nodes * separator) if len(grid.shape) > 2 else factor.entries
    seconds = SPEED.flop * factor.flops + (SPEED.entry + columns * SPEED.solve) * entries
    pattern = 0 if planned else grid.num_nodes + grid.num_edges
    return Cost(seconds + ANALYSIS_SECONDS * pattern, 8 * entries + ANALYSIS * pattern)
