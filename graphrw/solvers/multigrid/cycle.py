"""The multigrid cycle: an approximate inverse of A, applied to many columns at once."""

import torch
from torch import Tensor

from graphrw.solvers.krylov import column_dots
from graphrw.solvers.multigrid.aggregation import aggregate
from graphrw.solvers.multigrid.rows import Rows, compress
from graphrw.solvers.operator import csr, multiply

# A level with so many nodes or fewer is the coarsest, and inverted: a product with 400² numbers takes no longer than
# the levels that it replaces. GPUs, where each small step waits for its launch, do better with fewer and larger ones.
DENSE = {"cpu": 400, "cuda": 2048}
STALLED = 0.8  # with more than this share of the nodes of the level above, another level costs more than it saves
# Beside a largest rate of 1: answers are as large as 1 / rate, and float32, which ends at 3e38, has to hold their
# squares with some room for sums.
LEAST_RATE = 1e-15
SHIFT = 1e-13  # of the coarsest diagonal: beside less killing than this, rounding would make the inverse indefinite
# Float32 serves where its rounding, times the largest entry of the inverse, stays below this. On grids, iterations were
# seen to double at 0.05 and to end nowhere from 0.5 on.
BLUR = 0.03


class Level:
    """S = D⁻½ A D⁻½ of one walk, where D is the diagonal of A, and the way to the next coarser level or the inverse.

    A level sees D⁻½ b and gives D½ x, so that numbers stay where float32 has room for them, whatever the contrast.
    """

    def __init__(self, rows: Rows, dtype: torch.dtype) -> None:
        size = rows.num_nodes
        self.root = rows.rate.sqrt()
        self.matrix = csr(rows.start, rows.column, rows.scaled_entries().to(dtype), (size, size))
        self.inverse: Tensor | None = None  # of S, on the coarsest level if that is small
        self.coarser: Coarsening | None = None
        self._memory: dict[str, Tensor] = {}

    def memory(self, name: str, like: Tensor) -> Tensor:
        """As large as `like`, and taken once for each name: fresh memory would cost more than what is done in it."""
        found = self._memory.get(name)
        if found is None or found.shape != like.shape:
            found = self._memory[name] = torch.empty_like(like)
        return found

    def relax(self, b: Tensor, out: Tensor) -> Tensor:
        """Two steps of Chebyshev's method for S y = b from y = 0: y = (80 b − 32 S b) / 41.

        Their error 1 − (80 λ − 32 λ²)/41 is at most 9/41 on [½, 2]; no eigenvalue of S exceeds 2. Being one polynomial
        of S before and after the coarser levels, it keeps the cycle symmetric, as Gauss–Seidel in one order does not,
        and it runs on any device at the speed of a product.
        """
        return torch.addmm(b, self.matrix, b, beta=80 / 41, alpha=-32 / 41, out=out)

    def leave(self, b: Tensor, y: Tensor) -> Tensor:
        """b − S y, in memory of this level."""
        return torch.addmm(b, self.matrix, y, alpha=-1, out=self.memory("residual", b))

    @property
    def num_nodes(self) -> int:
        return len(self.root)

    @property
    def num_entries(self) -> int:
        return len(self.matrix.values())


class Coarsening:
    """The way between the nodes of a level and their aggregates, on which answers are constant."""

    def __init__(self, fine: Level, coarse: Level, aggregate: Tensor) -> None:
        """`aggregate` (N,) int32 as `aggregation.aggregate` gives it."""
        dtype, nodes, count = fine.matrix.dtype, len(aggregate), len(coarse.root)
        share = fine.root / torch.cat([coarse.root, coarse.root.new_ones(1)]).index_select(0, aggregate)
        node = torch.arange(nodes, dtype=torch.int32, device=aggregate.device)
        start, members, values = compress(aggregate, node, share, (count + 1, nodes))
        inside = int(start[count])  # the last row holds those in no aggregate
        self.restriction = csr(start[:-1], members[:inside], values[:inside].to(dtype), (count, nodes))
        self.aggregate, self.share, self.count = aggregate, share.to(dtype)[:, None], count
        self.halves = 2 * count <= nodes
        self._below = self._above = share.new_empty(0, 0)

    def restrict(self, residual: Tensor) -> tuple[Tensor, Tensor]:
        """The residual (C, K) of the aggregates, and where their answer goes."""
        if self._below.shape[1] != residual.shape[1]:
            self._below = residual.new_empty(self.count, residual.shape[1])
            self._above = residual.new_zeros(self.count + 1, residual.shape[1])  # 0 for those in no aggregate
        return multiply(self.restriction, residual, self._below), self._above[:-1]

    def prolong(self, y: Tensor, scratch: Tensor) -> Tensor:
        """Add the aggregates' answer, where `restrict` said, to `y` (N, K)."""
        return y.addcmul_(torch.index_select(self._above, 0, self.aggregate, out=scratch), self.share)


class Cycle:
    """A cycle that takes two steps of flexible CG on every other coarser level, and one plain cycle on the others.

    Constant prolongations alone make a poor two-level method for smooth errors; the inner steps set that right, at
    every number of levels (the K-cycle: Notay & Vassilevski 2008). On every level they cost more than they save: here
    each pair of levels, well relaxed, stands for one of theirs. A level that has more than half the nodes of the one
    above gets one step, too, or the work would double from level to level. Each level is relaxed before and after, by
    the same symmetric polynomial.

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

    def __init__(self, finest: Rows) -> None:
        rows = [finest.divided(float(finest.rate.max()))]
        aggregates = []
        dense = DENSE["cpu" if finest.killing.device.type == "cpu" else "cuda"]
        while rows[-1].num_nodes > dense:
            group, count = aggregate(rows[-1])
            if not 0 < count <= STALLED * rows[-1].num_nodes:
                break
            aggregates.append(group)
            rows.append(rows[-1].coarsened(group, count))
        inverse = _inverse(rows[-1]) if rows[-1].num_nodes <= dense else None
        self.dtype = _precision(float(rows[0].rate.min()), inverse)
        self.levels = [Level(level, self.dtype) for level in rows]
        for fine, coarse, group in zip(self.levels[:-1], self.levels[1:], aggregates, strict=True):
            fine.coarser = Coarsening(fine, coarse, group)
        if inverse is not None:
            root = self.levels[-1].root
            self.levels[-1].inverse = (root[:, None] * inverse * root).to(self.dtype)
        self._unroot = (1 / self.levels[0].root).to(self.dtype)[:, None]
        self._input = finest.killing.new_empty(0, 0)

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
        if self._input.shape != r.shape:
            self._input, self._output = torch.empty_like(r, dtype=self.dtype), torch.empty_like(r, dtype=self.dtype)
            self._answer = torch.empty_like(r)
        self._run(0, self._input.copy_(r).mul_(self._unroot), self._output)
        return self._answer.copy_(self._output.mul_(self._unroot))

    def _run(self, depth: int, b: Tensor, out: Tensor) -> Tensor:
        """One cycle from 0 at this depth."""
        level = self.levels[depth]
        if level.inverse is not None:
            return torch.mm(level.inverse, b, out=out)
        level.relax(b, out)
        if level.coarser is None:
            return out
        below, above = level.coarser.restrict(level.leave(b, out))
        twice = depth % 2 == 0 and level.coarser.halves and self.levels[depth + 1].inverse is None
        (self._solve if twice else self._run)(depth + 1, below, above)
        change = level.memory("change", b)
        level.coarser.prolong(out, change)
        return out.add_(level.relax(level.leave(b, out), change))

    def _solve(self, depth: int, b: Tensor, out: Tensor) -> Tensor:
        """Two steps of CG, each with a cycle as preconditioner.

        These are two steps of `krylov.ConjugateGradients`, written out: the answer is a combination of two vectors, so
        that x, p and r need not be kept beside them, nor begun with zeros. With that class in their place a cycle takes
        12 % longer on 512² nodes and 8 % on 48³ (four columns, one core), which is what they stand apart for.
        """
        level = self.levels[depth]
        first, first_product, product, rest, work = (
            level.memory(name, b) for name in ("first", "first product", "product", "rest", "change")
        )
        multiply(level.matrix, self._run(depth, b, first), first_product)
        curvature = _positive(column_dots(first, first_product, work))
        length = column_dots(first, b, work) / curvature
        torch.addcmul(b, first_product, -length, out=rest)
        multiply(level.matrix, self._run(depth, rest, out), product)
        overlap = column_dots(out, first_product, work) / curvature
        second = _positive(column_dots(out, product, work) - overlap * overlap * curvature)
        step = column_dots(out, rest, work) / second
        return out.mul_(step).addcmul_(first, length - overlap * step)


def _inverse(rows: Rows) -> Tensor:
    """(N, N): of A."""
    matrix = rows.dense()
    matrix.diagonal().mul_(1 + SHIFT)
    inverse: Tensor = torch.linalg.inv(matrix)
    return inverse


def _precision(least: float, inverse: Tensor | None) -> torch.dtype:
    """Float32 where it serves.

    It has no room for squares of answers at nodes whose rates (from `least` to 1) are too small. And weakly bound
    clusters would drown its residuals in rounding: answers to a residual of size 1 are as large as the inverse of the
    coarsest level, and so is the rounding of A times them.
    """
    blur = 0.0 if inverse is None else torch.finfo(torch.float32).eps * float(inverse.abs().max())
    return torch.float32 if least > LEAST_RATE and blur < BLUR else torch.float64


def _positive(curvature: Tensor) -> Tensor:
    """1 where rounding, or a residual of 0, has left no curvature; the step is then 0 or harmless."""
    return torch.where(curvature > 0, curvature, 1.0)
