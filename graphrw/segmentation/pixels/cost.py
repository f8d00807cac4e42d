"""What a walk over pixels takes, told from its shape; and an error for what will not fit."""

import math

from torch import Tensor

from graphrw.core.memory import require_memory
from graphrw.functional.most_probable import LABELS_AT_ONCE
from graphrw.solvers import Auto, Solver
from graphrw.solvers.cost import Cost
from graphrw.solvers.grid_cost import of_grid

# Seconds on two cores of 2026, and bytes, as `benchmarks/forecast.py` sees them.
SOLVED = Cost(8e-8, 50)  # for a pixel and a label
FACTOR = Cost(2.6e-6, 800)  # of a photograph, for each pixel, with its weights and its analysis
KEPT = Cost(2.5e-7, 110)  # what strokes change of such a factor, which a session keeps
WEIGHING = Cost(1e-6, 150)  # a volume's edges, for each voxel
SLOWER = 1.8  # multigrid on volumes with noise than on the graphs that its cost was taken from

BLOCKS = (
    "In the memory of a block, `segmentation.random_walker_blocks`, or `graphrw walk --blocks 48`, gives the same "
    "answer, from Zarr to Zarr."
)


def of_walk(shape: tuple[int, ...], num_labels: int, solver: Solver, *, first: bool) -> list[tuple[int, Cost]]:
    """Over all pixels, how many times what; on photographs `KeptFactor` serves `Auto`."""
    pixels = math.prod(shape)
    if len(shape) == 2 and isinstance(solver, Auto):
        return [(pixels, FACTOR if first else KEPT), *_columns(pixels, num_labels)]
    return [*of_solve(shape, num_labels, solver), *([(pixels, WEIGHING)] if first else [])]


def of_solve(shape: tuple[int, ...], num_labels: int, solver: Solver) -> list[tuple[int, Cost]]:
    """Hitting probabilities on a grid, so many labels at a time."""
    columns = min(num_labels, LABELS_AT_ONCE)
    once = of_grid(solver, shape, columns, planned=False)
    more = [of_grid(solver, shape, count, planned=True).seconds for count in (columns, num_labels)]
    seconds = (once.seconds + more[1] - more[0]) * (SLOWER if len(shape) > 2 else 1.0)
    return [(1, Cost(seconds, once.bytes)), *_columns(math.prod(shape), num_labels)]


def require_room_to_walk(nodes: Tensor, num_labels: int, solver: Solver) -> None:
    """Raise `MemoryError` if the walk over `nodes` (\\*spatial) bool of a volume will not fit.

    Photographs fit, or their factor says so. On a GPU, torch says so.
    """
    if nodes.ndim < 3 or nodes.device.type != "cpu":
        return
    count = int(nodes.count_nonzero())
    thinner = (count / nodes.numel()) ** (1 / nodes.ndim)
    shape = tuple(max(1, round(thinner * size)) for size in nodes.shape)  # of a box with as many voxels
    needed = sum(times * cost.bytes for times, cost in of_walk(shape, num_labels, solver, first=True))
    require_memory(needed, f"A walk over {count:,} voxels", BLOCKS)


def _columns(pixels: int, num_labels: int) -> list[tuple[int, Cost]]:
    """Of the answers."""
    held = min(num_labels, LABELS_AT_ONCE)
    return [(num_labels * pixels, Cost(SOLVED.seconds, 0)), (held * pixels, Cost(0, SOLVED.bytes))]
