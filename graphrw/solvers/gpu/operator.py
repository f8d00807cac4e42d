"""Products with A by the kernels."""

import torch
from torch import Tensor

from graphrw.core.graph import Graph
from graphrw.core.walk import Walk
from graphrw.solvers.gpu.rows import PRODUCT, RESIDUAL, EvenRows, serve
from graphrw.solvers.operator import Operator
from graphrw.solvers.pattern import column_pattern, row_pattern


class GpuOperator(Operator):
    """The same products in a fifth of the time, and those in differences without the flows over all edges."""

    def __init__(self, walk: Walk) -> None:
        super().__init__(walk)
        self._rows: dict[bool, EvenRows] = {}

    def matmul(self, x: Tensor, out: Tensor | None = None, *, transpose: bool = False) -> Tensor:
        if x.shape[1] == 1 or (out is not None and not out.is_contiguous()):  # one column cuSPARSE does as fast
            return super().matmul(x, out, transpose=transpose)
        out = torch.empty_like(x, memory_format=torch.contiguous_format) if out is None else out
        return self._even(transpose).combine(x.contiguous(), x, out, *PRODUCT)

    def matmul_in_differences(self, x: Tensor, out: Tensor | None = None, *, transpose: bool = False) -> Tensor:
        if (transpose and self.walk.graph.directed) or (out is not None and not out.is_contiguous()):
            return super().matmul_in_differences(x, out, transpose=transpose)
        out = torch.empty_like(x, memory_format=torch.contiguous_format) if out is None else out
        return self._even(False).flow_out(self.walk.killing, x.contiguous(), out)

    def _subtracted(self, b: Tensor, x: Tensor, transpose: bool) -> Tensor:
        b = b.contiguous()
        return self._even(transpose).combine(x.contiguous(), b, torch.empty_like(b), *RESIDUAL)

    def _even(self, transpose: bool) -> EvenRows:
        transpose = transpose and self.walk.graph.directed
        if transpose not in self._rows:
            self._rows[transpose] = EvenRows.of(self._matrix(transpose))
        return self._rows[transpose]


def operator_of(walk: Walk) -> Operator:
    """By the kernels where they serve, else by torch."""
    return (GpuOperator if _serve(walk.graph) else Operator)(walk)


def _serve(graph: Graph) -> bool:
    patterns = row_pattern, column_pattern
    return graph.device.type == "cuda" and graph.cached(
        "kernels serve", lambda: all(serve(pattern(graph).indptr) for pattern in patterns)
    )
