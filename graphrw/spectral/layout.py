"""Where the entries of S stand, from the structure alone: neighbours side by side, and by colour if there are two."""

from dataclasses import dataclass

import torch
from scipy.sparse import csr_array
from scipy.sparse.csgraph import reverse_cuthill_mckee
from torch import Tensor

from graphrw.core.components import node_components
from graphrw.core.graph import Graph, unchecked
from graphrw.core.transforms import plainly
from graphrw.solvers.pattern import compressed, row_pattern

FEW = 2048  # nodes: rows of a block stay within the cache in any order, and a new one takes longer than it saves


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


@dataclass(frozen=True, eq=False)
class Fold:
    """The two colours of a bipartite graph, S = [0 B; Bᵀ 0], and where the entries of B and Bᵀ stand.

    Rows are those of the `Layout`.
    """

    upper: Tensor  # (U,) int64: the rows of S of one colour
    lower: Tensor  # (N − U,) int64: of the other
    indptr: Tensor  # (U + 1,) int32, of B
    indices: Tensor  # (E',) int32
    source: Tensor  # (E',) int64: the edge of each entry
    indptr_t: Tensor  # (N − U + 1,) int32, of Bᵀ
    indices_t: Tensor
    source_t: Tensor


def layout(graph: Graph) -> Layout:
    """Found once per graph, which keeps it."""
    return graph.cached("spectral layout", lambda: _layout(graph))


def fold(graph: Graph, values: Tensor) -> Fold | None:
    """The two colours, or None where an odd cycle of edges with `values` (E,) > 0 forbids them."""
    if bool((values > 0).all()):  # what depends on the structure alone is found once per graph
        return graph.cached("fold", lambda: _fold(graph, torch.arange(graph.num_edges, device=graph.device)))
    return plainly(lambda: _fold(graph, (values > 0).nonzero().squeeze(1)))


def double_cover(edges: Tensor, num_nodes: int) -> Tensor:
    """(2, 2E): two copies of the nodes, each edge crossing from one to the other.

    That is (i, red) to (j, blue) and (i, blue) to (j, red) for every edge ij; blue nodes come after the N red ones. The
    walk on the cover has S̃ = [0 S; S 0].
    """
    tail, head = edges
    return torch.stack([torch.cat([tail, tail + num_nodes]), torch.cat([head + num_nodes, head])])


def two_colours(edges: Tensor, num_nodes: int) -> Tensor | None:
    """(N,) bool: a colour that differs between the ends of every edge, if there is one."""
    red, blue = _covered(edges, num_nodes)
    return None if bool((red == blue).any()) else red < blue


def in_odd_cycles(edges: Tensor, num_nodes: int) -> Tensor:
    """(N,) bool: the nodes whose component holds an odd cycle, so that it is not bipartite."""
    red, blue = _covered(edges, num_nodes)
    odd: Tensor = red == blue
    return odd


def _covered(edges: Tensor, num_nodes: int) -> Tensor:
    """(2, N) int64: the component of each copy of each node; a component is bipartite exactly if its cover has two."""
    return node_components(double_cover(edges, num_nodes), 2 * num_nodes).view(2, num_nodes)


def _layout(graph: Graph) -> Layout:
    count = graph.num_nodes
    order = torch.arange(count, device=graph.device) if count <= FEW else _near_in_memory(graph)
    rank = torch.empty_like(order)
    rank[order] = torch.arange(count, device=graph.device)
    edges = rank[graph.edges]
    row, column = torch.cat([edges, edges.flip(0)], dim=1)
    indptr, indices, place = compressed(row, column, (count, count))
    moved = unchecked(edges, count)
    return Layout(moved, order, rank, indptr.int(), indices.int(), place % max(graph.num_edges, 1))


def _near_in_memory(graph: Graph) -> Tensor:
    """(N,) int64: the nodes, numbered anew."""
    pattern, count = row_pattern(graph), graph.num_nodes
    ones = torch.ones_like(pattern.source, device="cpu")
    arrays = (ones.numpy(), pattern.indices.cpu().numpy(), pattern.indptr.cpu().numpy())
    permutation = reverse_cuthill_mckee(csr_array(arrays, shape=(count, count)), symmetric_mode=True)
    return torch.from_numpy(permutation.astype("int64")).to(graph.device)


def _fold(graph: Graph, kept: Tensor) -> Fold | None:
    """Of the edges `kept` (E',), by their numbers."""
    rows = layout(graph).edges[:, kept]
    colour = two_colours(rows, graph.num_nodes)
    if colour is None:
        return None
    if 2 * int(colour.sum()) > graph.num_nodes:  # B Bᵀ on the colour that has fewer nodes
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
