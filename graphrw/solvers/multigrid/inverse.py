"""Conjugate gradients with a cycle of torch's, or Triton's, as preconditioner."""

from functools import partial
from typing import TYPE_CHECKING

from torch import Tensor

from graphrw.core.walk import Walk
from graphrw.solvers.base import Solution
from graphrw.solvers.gpu.playback import cuda_graph
from graphrw.solvers.iterative.base import IterativeInverse
from graphrw.solvers.multigrid.cycle import Cycle
from graphrw.solvers.multigrid.playback import PlayedCycle
from graphrw.solvers.multigrid.rows import Rows

if TYPE_CHECKING:
    from graphrw.solvers.multigrid.solver import Multigrid


class MultigridInverse(IterativeInverse):
    """A walk's levels, and on a GPU the recording of a cycle through them."""

    def __init__(self, walk: Walk, solver: "Multigrid", rows: Rows, cycle: Cycle) -> None:
        super().__init__(walk, solver)
        device = walk.weight.device
        played = solver.capture and device.type == "cuda"
        self._cycle = PlayedCycle(cycle, partial(cuda_graph, device=device)) if played else cycle

    def solve(self, b: Tensor, transpose: bool = False, start: Tensor | None = None) -> Solution:
        if isinstance(self._cycle, PlayedCycle):
            self._cycle.expect(min(b.shape[1], self.columns_at_once))  # before the verdict asks for one column
        return super().solve(b, transpose, start)

    def precondition(self, r: Tensor, transpose: bool = False) -> Tensor:
        return self._cycle.apply(r)
