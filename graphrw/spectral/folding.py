"""Bipartite graphs: eigenpairs come in pairs of ±λ, and half the nodes are enough to find them.

With the nodes of two colours, S = [0 B; Bᵀ 0]. For B Bᵀ u = λ² u and λ > 0, (u, ±Bᵀu/λ)/√2 are eigenvectors of ±λ.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from graphrw.core.components import node_components
from graphrw.core.graph import Graph
from graphrw.core.transforms import plainly
from graphrw.solvers.operator import multiply
from graphrw.solvers.pattern import compressed
from graphrw.spectral.cover import double_cover
from graphrw.spectral.matrix import InBothPrecisions, Number, Symmetric, SymmetricMatrix, layout


@dataclass(frozen=True, eq=False)
class Fold:
    """The two colours of a bipartite graph, and where the entries of B and Bᵀ stand; rows as in `layout`."""

    upper: Tensor  # (U,) int64: the rows of S of one colour
    lower: Tensor  # (N − U,) int64: of the other
    indptr: Tensor  # (U + 1,) int32, of B
    indices: Tensor  # (E',) int32
    source: Tensor  # (E',) int64: the edge of each entry
    indptr_t: Tensor  # (N − U + 1,) int32, of Bᵀ
    indices_t: Tensor
    source_t: Tensor


def fold(graph: Graph, values: Tensor) -> Fold | None:
    """The two colours, or None where an odd cycle of edges with `values` (E,) > 0 forbids them."""
    if bool((values > 0).all()):
        return graph.cached("fold", lambda: _fold(graph, torch.arange(graph.num_edges, device=graph.device)))
    return plainly(lambda: _fold(graph, (values > 0).nonzero().squeeze(1)))


def two_colours(edges: Tensor, num_nodes: int) -> Tensor | None:
    """(N,) bool: a colour that differs between the ends of every edge, if there is one.

    A component is bipartite exactly if its double cover is two.
    """
    red, blue = node_components(double_cover(edges, num_nodes), 2 * num_nodes).view(2, num_nodes)
    return None if bool((red == blue).any()) else red < blue


class Folded(Symmetric):
    """B Bᵀ, whose spectrum lies in [0, 1], on the nodes of one colour."""

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
    def mirrored(self) -> None:
        return None

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

    def dense(self) -> Tensor:
        return self.matmul(torch.eye(self.num_nodes, dtype=torch.float64, device=self.device))

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


def _fold(graph: Graph, kept: Tensor) -> Fold | None:
    rows = layout(graph).edges[:, kept]
    colour = two_colours(rows, graph.num_nodes)
    if colour is None:
        return None
    if 2 * int(colour.sum()) > graph.num_nodes:
        colour = ~colour
    upper, lower = colour.nonzero().squeeze(1), (~colour).nonzero().squeeze(1)
    place = torch.where(colour, colour.cumsum(0), (~colour).cumsum(0)) - 1
    above = colour[rows[0]]
    row, column = place[torch.where(above, rows[0], rows[1])], place[torch.where(above, rows[1], rows[0])]
    shape = (len(upper), len(lower))
    indptr, indices, order = compressed(row, column, shape)
    indptr_t, indices_t, order_t = compressed(column, row, shape[::-1])
    forth, back = (indptr.int(), indices.int(), kept[order]), (indptr_t.int(), indices_t.int(), kept[order_t])
    return Fold(upper, lower, *forth, *back)
