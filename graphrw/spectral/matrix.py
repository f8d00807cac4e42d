"""S = C^{−½} W C^{−½}, the symmetric matrix whose eigenpairs are those of the walk, and fast products with it."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import torch
from scipy.sparse import csr_array
from scipy.sparse.csgraph import reverse_cuthill_mckee
from torch import Tensor

from graphrw.core.graph import Graph, unchecked
from graphrw.core.walk import Walk
from graphrw.solvers.operator import csr, multiply
from graphrw.solvers.pattern import compressed, row_pattern
from graphrw.spectral.inverse import Inverse

Number = TypeVar("Number", float, Tensor)


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

    graph: Graph  # its nodes are the rows
    order: Tensor  # (N,) int64: the node in each row
    rank: Tensor  # (N,) int64: the row of each node
    indptr: Tensor  # (N + 1,) int32
    indices: Tensor  # (2E,) int32
    source: Tensor  # (2E,) int64: the edge of each entry

    @property
    def edges(self) -> Tensor:
        """(2, E) int64: the rows of both ends of each edge."""
        return self.graph.edges


class InBothPrecisions:
    """A sparse matrix in float64 and, once it is asked for, in float32."""

    def __init__(self, indptr: Tensor, indices: Tensor, values: Tensor, shape: tuple[int, int]) -> None:
        self._parts, self._shape = (indptr, indices), shape
        self.double = csr(indptr, indices, values, shape)

    def like(self, x: Tensor) -> Tensor:
        return self.double if x.dtype == torch.float64 else self.single

    @cached_property
    def single(self) -> Tensor:
        return csr(*self._parts, self.double.values().float(), self._shape)


class Symmetric(ABC):
    """A symmetric float64 matrix with spectrum in [−1, 1], outside autograd, and Chebyshev polynomials of it.

    These are small where the unwanted spectrum is, |λ| ≤ bound. Blocks of vectors may be float32 as well.
    """

    num_nodes: int
    device: torch.device

    @property
    @abstractmethod
    def mirrored(self) -> "Symmetric | None":
        """−S, or None where no eigenvalue is below 0."""

    @property
    @abstractmethod
    def ceiling(self) -> float:
        """σ, which no eigenvalue reaches; of the inverse."""

    @abstractmethod
    def matmul(self, x: Tensor) -> Tensor:
        """S x for `x` (N, K)."""

    @abstractmethod
    def apply_inverse(self, r: Tensor) -> Tensor:
        """T r ≈ (σ − S)⁻¹ r for `r` (N, K); overwritten by the next call."""

    @abstractmethod
    def slope(self, bound: float) -> float:
        """y′, where y(λ) maps the unwanted spectrum to [−1, 1]."""

    @abstractmethod
    def position(self, value: Number, bound: float) -> Number:
        """y(λ)."""

    @abstractmethod
    def advance(self, previous: Tensor, current: Tensor, bound: float) -> None:
        """The Chebyshev recurrence, in place: `previous` becomes 2 y(S) current − previous."""

    @abstractmethod
    def dense(self) -> Tensor:
        """(N, N)."""

    def chebyshev(self, x: Tensor, bound: float, degree: int) -> Tensor:
        """T_degree(y(S)) x, for degree ≥ 1.

        Its eigenvalues are at most 1 where |λ| ≤ bound, and grow as cosh(degree · arccosh y(|λ|)) beyond.
        """
        previous, current = x.clone(), x.clone()
        self.advance(previous, current, bound)  # 2 y(S) x − x
        previous, current = current, previous.add_(x).div_(2)
        for _ in range(degree - 1):
            self.advance(previous, current, bound)
            previous, current = current, previous
        return current

    def correction(self, residual: Tensor, values: Tensor, bound: float, degree: int) -> Tensor:
        """(T(y(S)) − T(y(θ))) x up to a factor, T of this degree, from the residual S x − θ x alone, in float32.

        This is what a Chebyshev filter gives beside x (N, b), for Ritz values θ (b,). Divided by S − θ, the recurrence
        T_{n+1} = 2 y T_n − T_{n−1} has the source 2 y′ T_n(y(θ)). Rounding is relative to the residual, so that half
        the precision at half the time does no harm.
        """
        r = (residual / torch.linalg.vector_norm(residual, dim=0).clamp(min=1e-300)).float()
        y, slope = self.position(values, bound), self.slope(bound)
        last, now = torch.ones_like(y), y
        previous, current = torch.zeros_like(r), slope * r
        for _ in range(degree - 1):
            self.advance(previous, current, bound)
            previous, current = current, previous.addcmul_(r, (2 * slope * now).float())
            last, now = now, 2 * y * now - last
        filtered: Tensor = current.double()
        return filtered

    def filter_degree(self, largest: float, bound: float, growth: float, limit: int) -> int:
        """The degree at which the filter of `bound` grows to `growth` at `largest`; from 1 to `limit`."""
        if largest <= bound:
            return limit
        return max(1, min(limit, math.floor(math.acosh(growth) / math.acosh(self.position(largest, bound)))))


class SymmetricMatrix(Symmetric):
    """S on the device of its entries; rows and columns as in `layout`."""

    def __init__(self, graph: Graph, values: Tensor, inverse: Inverse | None = None) -> None:
        self.graph, self.layout = graph, layout(graph)
        self.num_nodes = graph.num_nodes
        self.values = values.detach().double()
        self.device = values.device
        self._inverse = inverse
        entries, shape = self.values[self.layout.source], (self.num_nodes, self.num_nodes)
        self._sparse = InBothPrecisions(self.layout.indptr, self.layout.indices, entries, shape)

    def matmul(self, x: Tensor) -> Tensor:
        return multiply(self._sparse.like(x), x) if self.num_nodes else x.clone()

    def apply_inverse(self, r: Tensor) -> Tensor:
        return self.inverse.apply(r)

    @property
    def inverse(self) -> Inverse:
        if self._inverse is None:
            raise RuntimeError("This matrix was made without an inverse.")
        return self._inverse

    @property
    def ceiling(self) -> float:
        return self.inverse.sigma

    def slope(self, bound: float) -> float:
        return 1 / bound

    def position(self, value: Number, bound: float) -> Number:
        return value / bound

    def advance(self, previous: Tensor, current: Tensor, bound: float) -> None:
        previous.addmm_(self._sparse.like(current), current, beta=-1, alpha=2 / bound)

    def dense(self) -> Tensor:
        return self._sparse.double.to_dense()

    @property
    def mirrored(self) -> Symmetric:
        return Mirrored(self)  # kept nowhere: two matrices that held each other would outlive their use


class Mirrored(Symmetric):
    """−S: what is made for upper ends serves the lower end of S."""

    def __init__(self, whole: SymmetricMatrix) -> None:
        self._whole, self.num_nodes, self.device = whole, whole.num_nodes, whole.device

    @property
    def mirrored(self) -> Symmetric:
        return self._whole

    @property
    def ceiling(self) -> float:
        return self._whole.ceiling

    def matmul(self, x: Tensor) -> Tensor:
        return self._whole.matmul(x).neg_()

    def apply_inverse(self, r: Tensor) -> Tensor:
        return self._whole.inverse.apply_mirrored(r)

    def slope(self, bound: float) -> float:
        return self._whole.slope(bound)

    def position(self, value: Number, bound: float) -> Number:
        return self._whole.position(value, bound)

    def advance(self, previous: Tensor, current: Tensor, bound: float) -> None:
        self._whole.advance(previous.neg_(), current, bound)
        previous.neg_()

    def dense(self) -> Tensor:
        return -self._whole.dense()


def layout(graph: Graph) -> Layout:
    """Found once per graph."""
    return graph.cached("spectral layout", lambda: _make_layout(graph))


def inverse_of(graph: Graph, weight: Tensor, killing: Tensor) -> Inverse:
    """(σ − S)⁻¹ for this walk, its rows in the order of the graph's layout."""
    ordered = layout(graph)
    return Inverse(ordered.graph, ordered.order, weight, killing)


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
    indptr, indices, place = compressed(row, column, (count, count))
    moved = unchecked(edges, count)
    return Layout(moved, order, rank, indptr.int(), indices.int(), place % max(graph.num_edges, 1))
