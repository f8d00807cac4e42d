"""Fast products with A outside autograd: what residuals and Krylov methods are made of."""

import warnings
from collections.abc import Iterator
from functools import cache, cached_property

import torch
from torch import Tensor

from graphrw.core.blocks import columns_at_once
from graphrw.core.graph import Graph
from graphrw.core.walk import Walk
from graphrw.solvers.pattern import column_pattern, compressed, row_pattern

FLOWS_AT_ONCE = 8  # of the flows over edges, (E, K), in a residual: bounds their memory
EDGES_AT_ONCE = 4096  # on a CPU: rows gathered at their ends stay within the cache, up to some 32 columns


class Operator:
    """A of one walk and its transpose as float64 CSR matrices on the walk's device."""

    def __init__(self, walk: Walk) -> None:
        self.walk = walk
        self.num_nodes = walk.graph.num_nodes
        self._matrices: dict[bool, Tensor] = {}

    @cached_property
    def degree(self) -> Tensor:
        """(N,)"""
        return self.walk.degree

    @cached_property
    def diagonal(self) -> Tensor:
        """(N,): the rates."""
        return self.degree + self.walk.killing

    def matmul(self, x: Tensor, out: Tensor | None = None, *, transpose: bool = False) -> Tensor:
        """A x, or Aᵀx, for `x` (N, K) float64, written into `out` where one is given.

        An iteration should give one: with sixteen columns most of the time of a product is spent on fresh memory.
        """
        return multiply(self._matrix(transpose and self.walk.graph.directed), x, out)

    def matmul_in_differences(self, x: Tensor, out: Tensor | None = None, *, transpose: bool = False) -> Tensor:
        """A x as k ⊙ x + Σ_j w_ij (x_i − x_j), where nothing cancels; Aᵀ of a directed graph has no such form."""
        if transpose and self.walk.graph.directed:
            return self.matmul(x, out, transpose=True)
        at_once = min(FLOWS_AT_ONCE, columns_at_once(self.walk.graph.num_edges))
        out = torch.empty_like(x) if out is None else out
        for place, columns in zip(out.split(at_once, dim=1), x.split(at_once, dim=1), strict=True):
            self._flow_out(columns, place)
        return out

    def residual(self, b: Tensor, x: Tensor, transpose: bool, in_differences: bool) -> Tensor:
        """b − A x, or b − Aᵀx."""
        transpose = transpose and self.walk.graph.directed
        if in_differences and not transpose:
            return torch.sub(b, out := self.matmul_in_differences(x), out=out)
        return self._subtracted(b, x, transpose)

    def _subtracted(self, b: Tensor, x: Tensor, transpose: bool) -> Tensor:
        return torch.addmm(b, self._matrix(transpose), x, alpha=-1)

    def magnitude(self, x: Tensor, transpose: bool = False) -> Tensor:
        """|A||x| = 2 c|x| − A|x|: the size of the terms that A x adds up."""
        return 2 * self.diagonal[:, None] * x.abs() - self.matmul(x.abs(), transpose=transpose)

    def _flow_out(self, x: Tensor, out: Tensor) -> None:
        """k ⊙ x + Σ_j w_ij (x_i − x_j), written into `out`."""
        tail, head = self.walk.graph.edges
        flow = x.index_select(0, tail).sub_(x.index_select(0, head)).mul_(self.walk.weight[:, None])
        torch.addcmul(divergence(self.walk.graph) @ flow, self.walk.killing[:, None], x, out=out)

    def _matrix(self, transpose: bool) -> Tensor:
        if transpose not in self._matrices:
            pattern = column_pattern(self.walk.graph) if transpose else row_pattern(self.walk.graph)
            size, values = (self.num_nodes, self.num_nodes), pattern.values(self.diagonal, self.walk.weight)
            self._matrices[transpose] = csr(pattern.indptr, pattern.indices, values, size)
        return self._matrices[transpose]


def divergence(graph: Graph) -> Tensor:
    """(N, E) CSR: +1 where an edge leaves a node, −1 where an undirected one enters."""
    return graph.cached("divergence", lambda: _divergence(graph))


def _divergence(graph: Graph) -> Tensor:
    ends = graph.edges[:1] if graph.directed else graph.edges
    size, edge = (graph.num_nodes, graph.num_edges), torch.arange(graph.num_edges, device=graph.device)
    indptr, indices, order = compressed(ends.reshape(-1), edge.repeat(len(ends)), size)
    sign = torch.where(order < graph.num_edges, 1.0, -1.0).double()
    return csr(indptr, indices, sign, size)


def csr(indptr: Tensor, indices: Tensor, values: Tensor, size: tuple[int, int]) -> Tensor:
    """A compressed sparse matrix of torch's, with 32-bit indices where they will do: products are faster by a third."""
    if max(len(indices), *size) < 2**31:
        indptr, indices = indptr.int(), indices.int()
    _hear_all_about_sparse_tensors()
    return torch.sparse_csr_tensor(indptr, indices, values, size, check_invariants=False)


@cache
def _hear_all_about_sparse_tensors() -> None:
    """Once a process, with its first CSR tensor, torch says that they are in beta, or unchecked: let that pass unheard.

    Once, not around every tensor: `catch_warnings` changes the filters of all threads for a while, and makes Python
    forget which warnings it has shown, so that one of ours would come again at every training step.
    """
    with warnings.catch_warnings():
        for message in ("Sparse CSR tensor support is in beta", "Sparse invariant checks are implicitly disabled"):
            warnings.filterwarnings("ignore", message=message)
        torch.sparse_csr_tensor([0], [], [], (0, 0), check_invariants=False)


def multiply(matrix: Tensor, x: Tensor, out: Tensor | None = None) -> Tensor:
    """M x for a sparse `matrix` (R, N) and `x` (N, K), into `out` (R, K) where one is given."""
    out = x.new_empty(matrix.shape[0], x.shape[1]) if out is None else out
    if x.shape[1] == 1:  # up to three times as fast
        torch.mv(matrix, x[:, 0], out=out[:, 0])
        return out
    return torch.addmm(out, matrix, x, beta=0, out=out)


def edges_at_once(x: Tensor) -> int:
    """How many rows to gather from `x` (N, K): on a GPU, which waits for every launch, as many as memory lets."""
    return EDGES_AT_ONCE if x.device.type == "cpu" else columns_at_once(x.shape[1])


def edge_blocks(edges: Tensor, x: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Tails and heads of `edges` (2, E), a block at a time: for what gathers rows of `x` (N, K) at both ends."""
    for block in edges.split(edges_at_once(x), dim=1):
        tail, head = block.unbind()
        yield tail, head
