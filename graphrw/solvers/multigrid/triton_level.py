"""Levels whose relaxation, residual and restriction are Triton's, where it is installed: each one pass over memory."""

from types import ModuleType

import torch
from torch import Tensor

from graphrw.core.errors import MissingDependencyError
from graphrw.solvers.multigrid.cycle import Cycle
from graphrw.solvers.multigrid.level import TorchLevel

NUMBERS = 512  # of the answer, for each program: 4 to each thread of its 4 warps


class TritonLevel(TorchLevel):
    """The same products by one kernel of ours (`triton_product`), in Triton (Tillet, Kung & Cox 2019).

    Torch takes two passes for each, one that copies b and one that adds cuSPARSE's product to it. The rows of a program
    wait for the longest of them: that suits grids, volumes and nearest neighbours, not hubs.
    """

    def relax(self, b: Tensor, out: Tensor) -> Tensor:
        return launch(self.matrix, b, b, out, factors=(80, -32, 41))

    def descend(self, b: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        self.relax(b, y)
        below, above = self.memory("below", b, rows=self.count), self.memory("above", b, rows=self.count + 1)
        return launch(self._restriction, self._leave(b, y), below, below, factors=(0, 1, 1)), above[:-1]

    def _leave(self, b: Tensor, y: Tensor) -> Tensor:
        return launch(self.matrix, y, b, self.memory("residual", b), factors=(1, -1, 1))


class TritonCycle(Cycle):
    """A cycle of such levels."""

    _level = TritonLevel


def launch(matrix: Tensor, x: Tensor, b: Tensor, out: Tensor, *, factors: tuple[int, int, int]) -> Tensor:
    """(α b + β M x) / γ for a CSR `matrix` M (R, N), into `out` (R, K), without gaps as are `x` (N, K) and `b` (R, K).

    Args:
        matrix: M, of the same type as the others, float32 or float64.
        x: what it multiplies.
        b: what is added; not looked at where α is 0.
        out: where the answer goes.
        factors: α, β and γ.
    """
    triton, product = _triton()
    num_rows, width = out.shape
    columns = int(triton.next_power_of_2(width))
    rows = max(NUMBERS // columns, 1)
    parts = matrix.crow_indices(), matrix.col_indices(), matrix.values()
    with torch.cuda.device_of(out):  # a kernel starts on the current device, wherever its tensors are
        product.combine[(triton.cdiv(num_rows, rows),)](*parts, x, b, out, num_rows, width, *factors, rows, columns)
    return out


def _triton() -> tuple[ModuleType, ModuleType]:
    try:
        import triton  # noqa: PLC0415 (it takes long, and few need it)

        from graphrw.solvers.multigrid import triton_product  # noqa: PLC0415
    except ImportError as error:
        raise MissingDependencyError(
            f"`Multigrid(triton=True)` needs the package triton: pip install triton. ({error}) Without it, "
            "`Multigrid()` has torch's products."
        ) from error
    return triton, triton_product
