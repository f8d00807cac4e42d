"""The multigrid cycle: an approximate inverse of A, applied to many columns at once."""

import torch
from torch import Tensor

from graphrw.solvers.krylov import column_dots
from graphrw.solvers.multigrid.aggregation import aggregate
from graphrw.solvers.multigrid.rows import Rows, compress
from graphrw.solvers.operator import csr, multiply

DENSE = {"cpu": 400, "cuda": 2048}  # nodes: the coarsest level is inverted; GPUs do better with fewer, larger steps
STALLED = 0.8  # a level with more than this share of the nodes of the last is not worth its while
FIRST, SECOND = 80 / 41, -32 / 41  # see `Level.relax`
LEAST_RATE = 1e-15  # beside a largest of 1, for float32
BLUR = 1.0  # float32 serves where its rounding, times the largest entry of the inverse, stays below this


class Level:
    """A = diag(c) − W of one walk, and the way to the next coarser level or the inverse."""

    def __init__(self, rows: Rows, dtype: torch.dtype) -> None:
        size = rows.num_nodes
        self.matrix = csr(rows.start, rows.column, rows.entries().to(dtype), (size, size))
        self.inverse_rate = (1 / rows.rate).to(dtype)[:, None]
        self.inverse: Tensor | None = None
        self.aggregate: Tensor | None = None

    def lead_to(self, aggregate: Tensor, count: int) -> None:
        """Set the aggregate of each node, as `aggregation.aggregate` gives it."""
        nodes = torch.arange(len(aggregate), dtype=torch.int32, device=aggregate.device)
        ones = torch.ones_like(nodes, dtype=self.inverse_rate.dtype)
        start, members, ones = compress(aggregate, nodes, ones, (count + 1, len(nodes)))
        inside = int(start[count])  # the last row holds those in no aggregate
        self.restriction = csr(start[:-1], members[:inside], ones[:inside], (count, len(nodes)))
        self.aggregate, self.count = aggregate, count
        self.shrinks = 2 * count <= len(aggregate)

    def reserve(self, columns: int, finest: bool) -> None:
        """Memory for so many columns, taken once; only coarser levels run CG."""
        size = self.matrix.shape[0]
        self.residual, self.change, self.scratch = (self._empty(size, columns) for _ in range(3))
        if not finest:
            self.first, self.first_product, self.product, self.rest = (self._empty(size, columns) for _ in range(4))
        if self.aggregate is not None:
            self.coarse_residual = self._empty(self.count, columns)
            self.coarse = self._empty(self.count + 1, columns).zero_()  # a last row of zeros for no aggregate

    def _empty(self, rows: int, columns: int) -> Tensor:
        return self.inverse_rate.new_empty(rows, columns)

    def relax(self, r: Tensor, out: Tensor) -> Tensor:
        """Two steps of Chebyshev's method for A x = r from x = 0: x = D⁻¹ (80 r − 32 A D⁻¹ r) / 41.

        Their error 1 − (80 λ − 32 λ²)/41 is at most 9/41 on [½, 2]; no eigenvalue of D⁻¹A exceeds 2.
        """
        torch.mul(r, self.inverse_rate, out=self.scratch)
        torch.addmm(r, self.matrix, self.scratch, beta=FIRST, alpha=SECOND, out=out)
        return out.mul_(self.inverse_rate)

    def leave(self, b: Tensor, x: Tensor) -> Tensor:
        """b − A x, in memory of this level."""
        return torch.addmm(b, self.matrix, x, alpha=-1, out=self.residual)


class Cycle:
    """A K-cycle (Notay & Vassilevski 2008): two steps of flexible CG on each coarser level.

    Constant prolongations alone make a poor two-level method for smooth errors; the inner steps set that right, at
    every number of levels. (The authors leave out the second where the first has done enough.) A level that has more
    than half the nodes of the one above gets one step, or the work would double from level to level. Each level is
    relaxed before and after, by the same symmetric polynomial.
    """

    def __init__(self, finest: Rows) -> None:
        rows = [finest.divided(float(finest.rate.max()))]
        aggregates = []
        dense = DENSE["cpu" if finest.killing.device.type == "cpu" else "cuda"]
        while rows[-1].num_nodes > dense:
            group, count = aggregate(rows[-1])
            if not 0 < count <= STALLED * rows[-1].num_nodes:
                break
            aggregates.append((group, count))
            rows.append(rows[-1].coarsened(group, count))
        inverse = torch.linalg.inv(rows[-1].dense()) if rows[-1].num_nodes <= dense else None
        self.dtype = _precision(float(rows[0].rate.min()), inverse)
        self.levels = [Level(level, self.dtype) for level in rows]
        for level, (group, count) in zip(self.levels, aggregates, strict=False):
            level.lead_to(group, count)
        self.levels[-1].inverse = None if inverse is None else inverse.to(self.dtype)
        self._input = finest.killing.new_empty(0, 0)

    def apply(self, r: Tensor) -> Tensor:
        """M⁻¹ r for `r` (N, K) float64, up to a constant factor; the answer is overwritten by the next call."""
        if self._input.shape != r.shape:
            self._reserve(r)
        self._input.copy_(r)
        self._run(0, self._input, self._output)
        return self._answer.copy_(self._output)

    def _reserve(self, r: Tensor) -> None:
        self._input, self._output = torch.empty_like(r, dtype=self.dtype), torch.empty_like(r, dtype=self.dtype)
        self._answer = torch.empty_like(r)
        for level in self.levels:
            level.reserve(r.shape[1], finest=level is self.levels[0])

    def _run(self, depth: int, b: Tensor, out: Tensor) -> Tensor:
        """One cycle from x = 0 at this depth."""
        level = self.levels[depth]
        if level.inverse is not None:
            return torch.mm(level.inverse, b, out=out)
        level.relax(b, out)
        if level.aggregate is None:
            return out
        multiply(level.restriction, level.leave(b, out), level.coarse_residual)
        further = self._solve if level.shrinks else self._run
        further(depth + 1, level.coarse_residual, level.coarse[:-1])
        out.add_(torch.index_select(level.coarse, 0, level.aggregate, out=level.change))
        return out.add_(level.relax(level.leave(b, out), level.change))

    def _solve(self, depth: int, b: Tensor, out: Tensor) -> Tensor:
        """Two steps of CG, each with a cycle as preconditioner."""
        level = self.levels[depth]
        if level.inverse is not None:
            return self._run(depth, b, out)
        work = level.scratch
        first, first_product = self._run(depth, b, level.first), level.first_product
        multiply(level.matrix, first, first_product)
        curvature = _positive(column_dots(first, first_product, work))
        length = column_dots(first, b, work) / curvature
        rest = torch.addcmul(b, first_product, -length, out=level.rest)
        self._run(depth, rest, out)
        multiply(level.matrix, out, level.product)
        overlap = column_dots(out, first_product, work) / curvature
        second = _positive(column_dots(out, level.product, work) - overlap * overlap * curvature)
        step = column_dots(out, rest, work) / second
        return out.mul_(step).addcmul_(first, length - overlap * step)


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
