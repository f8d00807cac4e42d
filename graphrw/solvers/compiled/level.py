"""One level of multigrid, and the cycle through all of them, by compiled kernels."""

import numpy as np
import torch
from torch import Tensor

from graphrw.solvers.compiled import sweeps
from graphrw.solvers.compiled.rows import Rows, aggregate
from graphrw.solvers.multigrid.cycle import Cycle
from graphrw.solvers.multigrid.level import Level, Step


class CompiledLevel(Level):
    """S = 1 − L − Lᵀ, of which L is kept.

    Relaxation is a sweep of Gauss–Seidel, from the first row to the last before the coarser levels and back after them,
    which keeps the cycle symmetric. `sweeps` tells how little that has to read; `TorchLevel` takes a polynomial
    because it serves any device.
    """

    def __init__(self, rows: Rows, dtype: torch.dtype) -> None:
        super().__init__(rows.rate.sqrt(), dtype)
        self._lower = rows.lower(1 / self.root, dtype)
        self._transfer = np.zeros(self.num_nodes, np.uint32), torch.zeros(self.num_nodes, dtype=dtype).numpy()
        self.num_entries = self.num_nodes + len(rows.matrix.column)

    def lead_to(self, coarse: Level, aggregate: Tensor) -> None:
        super().lead_to(coarse, aggregate)
        self._transfer = aggregate.numpy().view(np.uint32), self.share.numpy()

    def relax(self, b: Tensor, out: Tensor) -> Tensor:
        _, above = self.descend(b, out)
        above.zero_()
        return self.ascend(b, out)

    def descend(self, b: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        below, above = (self.memory(name, b, rows=self.count + 1) for name in ("below", "above"))
        sweeps.down(self._lower, self._transfer, (b.numpy(), y.numpy(), below.zero_().numpy()))
        return below[:-1], above[:-1]  # nodes in no aggregate: what they give is lost in the last row, and they get 0

    def ascend(self, b: Tensor, y: Tensor) -> Tensor:
        above = self.memory("above", b, rows=self.count + 1)
        sweeps.up(self._lower, self._transfer, (above.numpy(), y.numpy()))
        return y

    def first_step(self, b: Tensor, first: Tensor) -> Step:
        product, rest = (self.memory(name, b) for name in ("first product", "rest"))
        numbers = self.memory("step", b, rows=4, dtype=torch.float64)
        sweeps.first_step(self._lower, (first.numpy(), product.numpy(), b.numpy(), rest.numpy()), numbers.numpy())
        return Step(first, product, numbers[0], numbers[1], rest)

    def second_step(self, step: Step, second: Tensor) -> Tensor:
        out, numbers = self.memory("product", second), self.memory("next step", second, rows=4, dtype=torch.float64)
        vectors = second, out, step.direction, step.product, step.rest
        first = step.curvature.numpy(), step.length.numpy()
        sweeps.second_step(self._lower, tuple(vector.numpy() for vector in vectors), first, numbers.numpy())
        return second


class CompiledCycle(Cycle):
    """The same cycle on the same levels."""

    _aggregate = staticmethod(aggregate)
    _level = CompiledLevel
