"""S = C^{−½} W C^{−½}, the symmetric matrix whose eigenpairs are those of the walk, and fast products with it."""

import math
from abc import ABC, abstractmethod
from functools import cached_property
from typing import TypeVar

import torch
from torch import Tensor

from graphrw.core.graph import Graph
from graphrw.core.opaque import opaque
from graphrw.core.walk import Walk
from graphrw.solvers.norms import sums_of_squares
from graphrw.solvers.operator import csr, multiply
from graphrw.spectral.inverse import ShiftInvert
from graphrw.spectral.layout import Fold, layout

Number = TypeVar("Number", float, Tensor)

# Eigenvalues that differ by less count as one. Rounding moves those of S, whose norm is 1, by some 1e-15 and searches
# move them by no more than their tolerance, which is far below it unless asked otherwise; and eigenvectors of
# eigenvalues so close are determined to no more than half the digits of float64.
EQUAL = 1e-8
NEGLIGIBLE = 1e-8  # |λ|ᵗ, whose square adds less than rounding to any distance
# The least bound of a polynomial, beside eigenvalues or shifts of size 1: a matrix of low rank has no unwanted spectrum
# but 0, and y(λ) = λ / bound needs one above it.
MIN_BOUND = 1e-3
# So much a Chebyshev polynomial may grow along eigenvectors that are known, where it is meant to be applied beside
# them: float32 leaves 6e-8 of a vector there, which must not grow beyond what it is beside them.
HEADROOM = 1e6


@opaque
def inverse_root(rate: Tensor) -> Tensor:
    """(N,): c^{−½}, and 0 where the rate is 0: no walker leaves or enters such a node."""
    positive = rate > 0
    return torch.where(positive, torch.where(positive, rate, 1.0).rsqrt(), 0.0)


def symmetric_weight(walk: Walk) -> Tensor:
    """(E,): the entries s_ij = w_ij / √(c_i c_j) of S, one per edge; differentiable, 0 at nodes of rate 0."""
    root = inverse_root(walk.rate)
    tail, head = walk.graph.edges
    return walk.weight * root[tail] * root[head]


def column_norms(block: Tensor) -> Tensor:
    """(K,) of `block` (N, K)."""
    return sums_of_squares(block).sqrt_()


def clear(known: Tensor, *blocks: Tensor) -> None:
    """Take away what blocks have along the columns of `known`, in place."""
    for block in blocks:
        block.addmm_(known, known.T @ block, alpha=-1)


class Symmetric(ABC):
    """A symmetric float64 matrix with spectrum in [−1, 1], outside autograd. Vectors may be float32 as well."""

    num_nodes: int
    device: torch.device

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


class ChebyshevMatrix(Symmetric):
    """A symmetric matrix S and Chebyshev polynomials of it, small where the unwanted spectrum is, |λ| ≤ bound.

    A subclass says with which y(λ) it maps the unwanted spectrum to [−1, 1], and how the recurrence runs.
    """

    @property
    @abstractmethod
    def mirrored(self) -> Symmetric | None:
        """−S, or None where no eigenvalue is below 0."""

    @abstractmethod
    def slope(self, bound: float) -> float:
        """y′."""

    @abstractmethod
    def position(self, value: Number, bound: float) -> Number:
        """y(λ)."""

    @abstractmethod
    def advance(self, previous: Tensor, current: Tensor, bound: float) -> None:
        """The Chebyshev recurrence, in place: `previous` becomes 2 y(S) current − previous."""

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

    def correction(
        self, residual: Tensor, values: Tensor, bound: float, degree: int, *, known: Tensor, stride: int
    ) -> Tensor:
        """(T(y(S)) / T(y(θ)) − 1) x, T of this degree, from the residual S x − θ x alone, in float32.

        This is what a Chebyshev filter adds to x (N, b), for Ritz values θ (b,); inside |θ| ≤ bound, where T(y(θ)) may
        be 0, it is not divided by that. Divided by S − θ, the recurrence T_{n+1} = 2 y T_n − T_{n−1} has the source
        2 y′ T_n(y(θ)). Rounding is relative to the residual, so that half the precision at half the time does no harm.
        What it leaves along the eigenvectors `known` (N, m), float32, is cleared away every `stride` terms.
        """
        norms = column_norms(residual).clamp(min=1e-300)
        r = (residual / norms).float()
        y, slope = self.position(values, bound), self.slope(bound)
        last, now = torch.ones_like(y), y
        previous, current = torch.zeros_like(r), slope * r
        for term in range(1, degree):
            self.advance(previous, current, bound)
            previous, current = current, previous.addcmul_(r, (2 * slope * now).float())
            if term % stride == 0:
                clear(known, previous, current)
            last, now = now, 2 * y * now - last
        change: Tensor = current.double().mul_(norms / torch.where(now.abs() > 1, now, 1.0))
        return change

    def filter_degree(self, largest: float, bound: float, growth: float, limit: int) -> int:
        """The degree at which the filter of `bound` grows to `growth` at `largest`; from 1 to `limit`."""
        if largest <= bound:
            return limit
        return max(1, min(limit, math.floor(math.acosh(growth) / math.acosh(self.position(largest, bound)))))


class SymmetricMatrix(ChebyshevMatrix):
    """S of a walk, on the device of its entries; rows and columns as in `layout`."""

    def __init__(self, graph: Graph, values: Tensor, inverse: ShiftInvert | None = None) -> None:
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
    def inverse(self) -> ShiftInvert:
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
        """(N, N)."""
        return self._sparse.double.to_dense()

    @property
    def mirrored(self) -> Symmetric:
        return Mirrored(self)  # kept nowhere: two matrices that held each other would outlive their use


class Mirrored(Symmetric):
    """−S: what is made for upper ends serves the lower end of S."""

    def __init__(self, whole: SymmetricMatrix) -> None:
        self._whole, self.num_nodes, self.device = whole, whole.num_nodes, whole.device

    @property
    def ceiling(self) -> float:
        return self._whole.ceiling

    def matmul(self, x: Tensor) -> Tensor:
        return self._whole.matmul(x).neg_()

    def apply_inverse(self, r: Tensor) -> Tensor:
        return self._whole.inverse.apply_mirrored(r)


class Folded(ChebyshevMatrix):
    """B Bᵀ on the nodes of one colour of a bipartite graph, S = [0 B; Bᵀ 0]: half the nodes are enough.

    Its spectrum lies in [0, 1]: for B Bᵀ u = λ² u and λ > 0, (u, ±Bᵀu/λ)/√2 are the eigenvectors of S for ±λ.
    """

    mirrored = None

    def __init__(self, whole: SymmetricMatrix, parts: Fold) -> None:
        self.whole, self.fold = whole, parts
        self.num_nodes, others = len(parts.upper), len(parts.lower)
        self.device, entries = whole.device, whole.values[parts.source]
        self._b = InBothPrecisions(parts.indptr, parts.indices, entries, (self.num_nodes, others))
        values, shape = whole.values[parts.source_t], (others, self.num_nodes)
        self._bt = InBothPrecisions(parts.indptr_t, parts.indices_t, values, shape)
        self._middle = entries.new_empty(0, 0)

    def matmul(self, x: Tensor) -> Tensor:
        return self.to_upper(self._below(x))

    def apply_inverse(self, r: Tensor) -> Tensor:
        """(σ² − B Bᵀ)⁻¹: on these nodes (σ − S)⁻¹ = σ (σ² − S²)⁻¹ + S (σ² − S²)⁻¹ has no more than its first term."""
        whole = r.new_zeros(self.whole.num_nodes, r.shape[1]).index_copy_(0, self.fold.upper, r)
        return self.whole.apply_inverse(whole).index_select(0, self.fold.upper) / self.whole.ceiling

    @property
    def ceiling(self) -> float:
        return self.whole.ceiling**2

    def slope(self, bound: float) -> float:
        return 2 / bound

    def position(self, value: Number, bound: float) -> Number:
        return 2 * value / bound - 1

    def advance(self, previous: Tensor, current: Tensor, bound: float) -> None:
        b = self._b.like(current)
        previous.addmm_(b, self._below(current), beta=-1, alpha=4 / bound).sub_(current, alpha=2)

    def unfolded(self, squares: Tensor, upper: Tensor) -> tuple[Tensor, Tensor]:
        """(2m,) and (N, 2m): the eigenpairs of S, λ before −λ, for those of B Bᵀ, (m,) and (U, m), by falling λ²."""
        size, count = squares.sqrt(), len(squares)
        upper, lower = upper * 0.5**0.5, self.to_lower(upper) * (0.5**0.5 / size)
        vectors = upper.new_empty(self.whole.num_nodes, count, 2)
        for side, sign in enumerate((1, -1)):
            vectors[self.fold.upper, :, side] = upper
            vectors[self.fold.lower, :, side] = sign * lower
        return torch.stack([size, -size], 1).view(-1), vectors.view(-1, 2 * count)

    def to_upper(self, x: Tensor) -> Tensor:
        """B x."""
        return multiply(self._b.like(x), x)

    def to_lower(self, x: Tensor) -> Tensor:
        """Bᵀ x."""
        return multiply(self._bt.like(x), x)

    def _below(self, x: Tensor) -> Tensor:
        """Bᵀ x, in memory that is used again."""
        if self._middle.shape[1] != x.shape[1] or self._middle.dtype != x.dtype:
            self._middle = x.new_empty(len(self.fold.lower), x.shape[1])
        return multiply(self._bt.like(x), x, self._middle)


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
