"""Levels by kernels in Triton, where it is installed: one pass over memory for each step, and few launches."""

import torch
from torch import Tensor

from graphrw.solvers.gpu.rows import PRODUCT, RESIDUAL, EvenRows, StepNumbers, blend, prolong
from graphrw.solvers.multigrid.cycle import Cycle
from graphrw.solvers.multigrid.level import Level, Step, TorchLevel
from graphrw.solvers.multigrid.rows import Rows

RELAX = 80, -32, 41  # as `TorchLevel.relax`


class TritonLevel(TorchLevel):
    """The same numbers as torch's, where cuSPARSE takes up to five times as long for a product, and more passes."""

    def __init__(self, rows: Rows, dtype: torch.dtype) -> None:
        super().__init__(rows, dtype)
        self._rows = EvenRows.of(self.matrix)
        self._numbers: StepNumbers | None = None

    def lead_to(self, coarse: Level, aggregate: Tensor) -> None:
        super().lead_to(coarse, aggregate)
        self._members = EvenRows.of(self._restriction)

    def relax(self, b: Tensor, out: Tensor) -> Tensor:
        return self._rows.combine(b, b, out, *RELAX)

    def _leave(self, b: Tensor, y: Tensor) -> Tensor:
        return self._rows.combine(y, b, self.memory("residual", b), *RESIDUAL)

    def descend(self, b: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        self.relax(b, y)
        below, above = self.memory("below", b, rows=self.count), self.memory("above", b, rows=self.count + 1)
        return self._members.combine(self._leave(b, y), below, below, *PRODUCT), above[:-1]

    def ascend(self, b: Tensor, y: Tensor) -> Tensor:
        prolong(self.aggregate, self.share, self.memory("above", b, rows=self.count + 1), y)
        left = self._leave(b, y)
        return self._rows.combine(left, left, y, *RELAX, added=True)

    def first_step(self, b: Tensor, first: Tensor) -> Step:
        product, rest, numbers = self.memory("first product", b), self.memory("rest", b), self._numbers_for(b)
        self._rows.first_step(first, b, product, numbers)
        curvature, length, *_ = numbers.settled[:, : b.shape[1]]
        return Step(first, product, curvature, length, blend(numbers, b, product, rest))

    def second_step(self, step: Step, second: Tensor) -> Tensor:
        numbers = self._numbers_for(second)
        self._rows.second_step(second, step.product, step.rest, numbers)
        return blend(numbers, second, step.direction, second)

    def _numbers_for(self, b: Tensor) -> StepNumbers:
        """In the same memory for all steps."""
        if self._numbers is None or self._numbers.width != b.shape[1]:
            self._numbers = StepNumbers.for_columns(b)
        return self._numbers


def level(rows: Rows, dtype: torch.dtype) -> Level:
    """Torch's where Triton's kernels do not serve."""
    return (TritonLevel if rows.even else TorchLevel)(rows, dtype)


class TritonCycle(Cycle):
    """A cycle of such levels."""

    _level = staticmethod(level)
