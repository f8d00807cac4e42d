"""S = C^{−½} W C^{−½}, the symmetric matrix whose eigenpairs are those of the walk, and fast products with it."""

import math
import warnings
from dataclasses import dataclass

import torch
from scipy.sparse import csr_array
from scipy.sparse.csgraph import reverse_cuthill_mckee
from torch import Tensor

from graphrw.graph import Graph
from graphrw.solvers.pattern import row_pattern
from graphrw.walk import Walk


def inverse_root(rate: Tensor) -> Tensor:
    """(N,): c^{−½}, and 0 where the rate is 0: no walker leaves or enters such a node."""
    positive = rate > 0
    return torch.where(positive, torch.where(positive, rate, 1.0).rsqrt(), 0.0)


def symmetric_weight(walk: Walk) -> Tensor:
    """(E,): the entries s_ij = w_ij / √(c_i c_j) of S, one per edge; differentiable, 0 at nodes of rate 0."""
    root = inverse_root(walk.rate)
    tail, head = walk.graph.edges
    return walk.weight * root[tail] * root[head]


@dataclass(frozen=True, eq=False)
class Layout:
    """Where the entries of S stand when its nodes are numbered so that neighbours lie close together in memory.

    Products with many columns are some ten times faster so than with the nodes of a k-nearest-neighbour graph in
    random order.
    """

    order: Tensor  # (N,) int64: the node in each row
    rank: Tensor  # (N,) int64: the row of each node
    edges: Tensor  # (2, E) int64: the rows of both ends of each edge
    indptr: Tensor  # (N + 1,) int32
    indices: Tensor  # (2E,) int32
    source: Tensor  # (2E,) int64: the edge of each entry


class SymmetricMatrix:
    """S as a float64 matrix, outside autograd, on the device of its entries; rows and columns as in `layout`."""

    def __init__(self, graph: Graph, values: Tensor) -> None:
        self.layout = graph.cached("spectral layout", lambda: _make_layout(graph))
        self.num_nodes = graph.num_nodes
        self.entries = values.detach().double()[self.layout.source]
        self._sparse = self._compressed()

    def matmul(self, x: Tensor) -> Tensor:
        """S x for `x` (N, K) float64."""
        return self._sparse @ x if self.num_nodes else x

    def chebyshev(self, x: Tensor, product: Tensor, bound: float, degree: int) -> Tensor:
        """T_degree(S / bound) x, where `product` is S x, and degree ≥ 1.

        Its eigenvalues are at most 1 where |λ| ≤ bound, and grow as cosh(degree · arccosh(|λ| / bound)) beyond.
        """
        previous, current = x.clone(), product / bound
        for _ in range(degree - 1):
            self.advance(previous, current, bound)
            previous, current = current, previous
        return current

    def advance(self, previous: Tensor, current: Tensor, bound: float) -> None:
        """The Chebyshev recurrence, in place: `previous` becomes 2 S current / bound − previous."""
        previous.addmm_(self._sparse, current, beta=-1, alpha=2 / bound)

    def dense(self) -> Tensor:
        """(N, N)."""
        return self._sparse.to_dense()

    def _compressed(self) -> Tensor:
        shape = (self.num_nodes, self.num_nodes)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
            layout = self.layout
            return torch.sparse_csr_tensor(layout.indptr, layout.indices, self.entries, shape, check_invariants=False)


def filter_degree(largest: float, bound: float, growth: float, limit: int) -> int:
    """The degree at which the Chebyshev filter of `bound` grows to `growth` at `largest`; from 1 to `limit`."""
    if largest <= bound:
        return limit
    return max(1, min(limit, math.floor(math.acosh(growth) / math.acosh(largest / bound))))


def _make_layout(graph: Graph) -> Layout:
    pattern = row_pattern(graph)
    arrays = (pattern.source.cpu().numpy() * 0 + 1, pattern.indices.cpu().numpy(), pattern.indptr.cpu().numpy())
    count = graph.num_nodes
    permutation = reverse_cuthill_mckee(csr_array(arrays, shape=(count, count)), symmetric_mode=True)
    order = torch.from_numpy(permutation.astype("int64")).to(graph.device)
    rank = torch.empty_like(order)
    rank[order] = torch.arange(count, device=graph.device)
    edges = rank[graph.edges]
    row, column = torch.cat([edges, edges.flip(0)], dim=1)
    place = torch.argsort(row * count + column)
    indptr = torch.cat([row.new_zeros(1), torch.bincount(row, minlength=count).cumsum(0)])
    return Layout(order, rank, edges, indptr.int(), column[place].int(), place % max(graph.num_edges, 1))
