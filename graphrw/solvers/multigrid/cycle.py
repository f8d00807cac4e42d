"""The multigrid cycle: an approximate inverse of A, applied to many columns at once."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from graphrw.solvers.multigrid.aggregation import aggregate
from graphrw.solvers.multigrid.level import Level, TorchLevel
from graphrw.solvers.multigrid.rows import Rows

# A level with so many nodes or fewer is the coarsest, and inverted: a product with 400² numbers takes no longer than
# the levels that it replaces. GPUs, where each small step waits for its launch, do better with fewer and larger ones.
DENSE = {"cpu": 400, "cuda": 4096}
STALLED = 0.8  # with more than this share of the nodes of the level above, another level costs more than it saves
# Beside a largest rate of 1: answers are as large as 1 / rate, and float32, which ends at 3e38, has to hold their
# squares with some room for sums.
LEAST_RATE = 1e-15
SHIFT = 1e-13  # of the coarsest diagonal: beside less killing than this, rounding would make the inverse indefinite
# Float32 serves where its rounding, times the largest entry of the inverse, stays below this. On grids, iterations were
# seen to double at 0.05 and to end nowhere from 0.5 on.
BLUR = 0.03


class Cycle:
    """A cycle that takes two steps of flexible CG on every other coarser level, and one plain cycle on the others.

    Constant prolongations alone make a poor two-level method for smooth errors; the inner steps set that right, at
    every number of levels (the K-cycle: Notay & Vassilevski 2008). On every level they cost more than they save: here
    each pair of levels, well relaxed, stands for one of theirs. A level that has more than half the nodes of the one
    above gets one step, too, or the work would double from level to level. Each level is relaxed before and after, by
    a map and its transpose.

    >>> from graphrw import grid_graph, walk
    >>> from graphrw.solvers.multigrid.rows import structure
    >>> grid = walk(grid_graph((40, 40)), torch.ones(3120, dtype=torch.float64), killing=0.01)
    >>> Cycle(structure(grid.graph).rows(grid))
    Cycle of 3 levels in float32, grid complexity 1.42, operator complexity 1.47
    level     nodes   entries
        0     1,600     7,840
        1       535     2,913
        2       141       789  inverted
    """

    _aggregate: Callable[[Any], tuple[Tensor, int]] = staticmethod(aggregate)
    _level: Callable[[Any, torch.dtype], Level] = TorchLevel

    def __init__(self, finest: Rows) -> None:
        rows = [finest.divided(float(finest.rate.max()))]
        aggregates = []
        dense = DENSE["cpu" if finest.killing.device.type == "cpu" else "cuda"]
        while rows[-1].num_nodes > dense:
            group, count = self._aggregate(rows[-1])
            if not 0 < count <= STALLED * rows[-1].num_nodes:
                break
            aggregates.append(group)
            rows.append(rows[-1].coarsened(group, count))
        inverse = _inverse(rows[-1]) if rows[-1].num_nodes <= dense else None
        self.dtype = _precision(float(rows[0].rate.min()), inverse)
        self.levels = [self._level(level, self.dtype) for level in rows]
        for fine, coarse, group in zip(self.levels[:-1], self.levels[1:], aggregates, strict=True):
            fine.lead_to(coarse, group)
        if inverse is not None:
            root = self.levels[-1].root
            self.levels[-1].inverse = (root[:, None] * inverse * root).to(self.dtype)

    def __repr__(self) -> str:
        nodes, entries = zip(*((level.num_nodes, level.num_entries) for level in self.levels), strict=True)
        precision = str(self.dtype).removeprefix("torch.")
        head = f"Cycle of {len(nodes)} levels in {precision}"
        head += f", grid complexity {sum(nodes) / nodes[0]:.2f}, operator complexity {sum(entries) / entries[0]:.2f}"
        rows = [
            f"{depth:5}{size:10,}{count:10,}" for depth, (size, count) in enumerate(zip(nodes, entries, strict=True))
        ]
        ending = "" if self.levels[-1].inverse is None else "  inverted"
        return "\n".join([head, "level     nodes   entries", *rows]) + ending

    def apply(self, r: Tensor) -> Tensor:
        """M⁻¹ r for `r` (N, K) float64, up to a constant factor; the answer is overwritten by the next call."""
        finest = self.levels[0]
        return finest.give(self.run(finest.receive(r)))

    def run(self, b: Tensor) -> Tensor:
        """D½ M⁻¹ r for `b` = D⁻½ r, (N, K) in the precision of the cycle."""
        return self._run(0, b, self.levels[0].memory("answer", b))

    def _run(self, depth: int, b: Tensor, out: Tensor) -> Tensor:
        """One cycle from 0 at this depth."""
        level = self.levels[depth]
        if level.inverse is not None:
            return torch.mm(level.inverse, b, out=out)
        if level.count == 0:
            return level.relax(b, out)
        below, above = level.descend(b, out)
        twice = depth % 2 == 0 and level.halves and self.levels[depth + 1].inverse is None
        (self._solve if twice else self._run)(depth + 1, below, above)
        return level.ascend(b, out)

    def _solve(self, depth: int, b: Tensor, out: Tensor) -> Tensor:
        """Two steps of CG, each with a cycle as preconditioner.

        These are two steps of `krylov.ConjugateGradients`, written out: the answer is a combination of two vectors, so
        that x, p and r need not be kept beside them, nor begun with zeros. With that class in their place a cycle takes
        12 % longer on 512² nodes and 8 % on 48³ (four columns, one core), which is what they stand apart for.
        """
        level = self.levels[depth]
        step = level.first_step(b, self._run(depth, b, level.memory("first", b)))
        return level.second_step(step, self._run(depth, step.rest, out))


def _inverse(rows: Rows) -> Tensor:
    """(N, N): of A."""
    matrix = rows.dense()
    matrix.diagonal().mul_(1 + SHIFT)
    return torch.cholesky_inverse(torch.linalg.cholesky(matrix))


def _precision(least: float, inverse: Tensor | None) -> torch.dtype:
    """Float32 where it serves.

    It has no room for squares of answers at nodes whose rates (from `least` to 1) are too small. And weakly bound
    clusters would drown its residuals in rounding: answers to a residual of size 1 are as large as the inverse of the
    coarsest level, and so is the rounding of A times them.
    """
    blur = 0.0 if inverse is None else torch.finfo(torch.float32).eps * float(inverse.abs().max())
    return torch.float32 if least > LEAST_RATE and blur < BLUR else torch.float64
