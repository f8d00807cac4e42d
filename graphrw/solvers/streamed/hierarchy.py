"""All levels: the finest ones on disk, the coarsest in memory."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from graphrw.solvers.iterative import krylov
from graphrw.solvers.multigrid.cycle import STALLED, Cycle
from graphrw.solvers.multigrid.rows import Rows, compress
from graphrw.solvers.operator import csr, multiply
from graphrw.solvers.streamed.coarsening import coarsened
from graphrw.solvers.streamed.level import Level

IN_MEMORY = 2**16  # nodes of the level that is kept in memory, some 60 MB with all below it, however large the finest
STEPS = 2  # of conjugate gradients on it, as the cycle takes them elsewhere


@dataclass(frozen=True, eq=False)
class Hierarchy:
    """The levels on disk, the finest first."""

    levels: tuple[Level, ...]
    coarsest: "Coarsest | None"  # the last of them, in memory; None: it hardly shrinks, and is relaxed alone


class Coarsest:
    """A level that fits in memory, with the multigrid cycle of its own."""

    def __init__(self, level: Level) -> None:
        rows = _rows(level)
        self._matrix = csr(rows.start, rows.column, rows.entries(), (rows.num_nodes, rows.num_nodes))
        self._cycle = Cycle(rows)

    def solve(self, b: Tensor) -> Tensor:
        """About A⁻¹ b for `b` (N, K), by two steps of conjugate gradients."""
        norm = b.norm(dim=0)
        norm = torch.where(norm > 0, norm, 1.0)
        system = krylov.Uniform(lambda x, out: multiply(self._matrix, x, out), self._cycle.apply)
        target = b.new_zeros(b.shape[1])
        x, _ = krylov.iterate(krylov.ConjugateGradients, system, b / norm, target, max_iterations=STEPS)
        return x * norm


def build_hierarchy(finest: Level, place: Callable[[int], Path], tick: Callable[[], None]) -> Hierarchy:
    """Coarsen until a level fits in memory, or hardly shrinks; levels that an earlier run has finished are kept.

    Args:
        finest: the walk, with its field `rate`.
        place: makes the folder for the level of each depth, from 1 on.
        tick: called once for each part and pass.
    """
    levels = [finest]
    while levels[-1].num_nodes > IN_MEMORY:
        folder = place(len(levels))
        coarse = Level.found(folder) or coarsened(levels[-1], folder, tick)
        if not 0 < coarse.num_nodes <= STALLED * levels[-1].num_nodes:
            return Hierarchy(tuple(levels), None)
        levels.append(coarse)
    return Hierarchy(tuple(levels), Coarsest(levels[-1]))


def _rows(level: Level) -> Rows:
    """The whole level in memory, with the diagonal that `Rows` wants."""
    nodes = torch.arange(level.num_nodes)
    row, column, weight = [nodes], [nodes], [torch.zeros(level.num_nodes, dtype=torch.float64)]
    killing = torch.zeros(level.num_nodes, dtype=torch.float64)
    for held, part in level.parts():
        number = torch.cat([torch.arange(held.start, held.stop), part.ghosts])
        row.append(part.row + held.start)
        column.append(number.index_select(0, part.column))
        weight.append(part.weight)
        killing[held.start : held.stop] = part.killing
    size = (level.num_nodes, level.num_nodes)
    start, found, summed = compress(torch.cat(row).int(), torch.cat(column).int(), torch.cat(weight), size)
    place = torch.repeat_interleave(start.diff(), output_size=len(found)).int()
    return Rows(start, place, found, summed, killing)
