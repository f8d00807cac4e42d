"""From and to PyG's ``edge_index, edge_weight``."""

from typing import Literal, overload

import torch
from torch import Tensor

from graphrw.convert.fold import Source, check_nodes, checked_index, checked_loops, checked_weight, fold
from graphrw.core.graph import Graph
from graphrw.core.opaque import opaque

SOURCE = Source(
    entries="`edge_index`",
    values="`edge_weight`",
    drop_loops="`torch_geometric.utils.remove_self_loops(edge_index, edge_weight)`",
    symmetrise="`torch_geometric.utils.to_undirected(edge_index, edge_weight, reduce='mean')`",
)


@overload
def from_edge_index(
    edge_index: Tensor,
    edge_weight: Tensor | None = None,
    num_nodes: int | None = None,
    directed: bool = False,
    *,
    self_loops: Literal[False] = False,
) -> tuple[Graph, Tensor]: ...


@overload
def from_edge_index(
    edge_index: Tensor,
    edge_weight: Tensor | None = None,
    num_nodes: int | None = None,
    directed: bool = False,
    *,
    self_loops: Literal[True],
) -> tuple[Graph, Tensor, Tensor]: ...


@opaque
def from_edge_index(
    edge_index: Tensor,
    edge_weight: Tensor | None = None,
    num_nodes: int | None = None,
    directed: bool = False,
    *,
    self_loops: bool = False,
) -> tuple[Graph, Tensor] | tuple[Graph, Tensor, Tensor]:
    """The graph and weights of PyG's edge list, in which an undirected edge appears once in each direction.

    With W_ij the sum of all entries i → j, an undirected edge gets w_ij = ½ (W_ij + W_ji): each direction receives half
    of the gradient. Both must be listed and agree to a relative 1e-4 in float32, 1e-12 in float64 (about a thousand
    roundings). In a directed graph w_ij = W_ij.

    Args:
        edge_index: (2, M) integers; entry (i, j) is an edge i → j. A tensor or a NumPy array, as `edge_weight`.
        edge_weight: (M,) or (M, 1), float32 or float64, finite, not negative; whole numbers and booleans become torch's
            default dtype; None: ones.
        num_nodes: N; None: the largest node in `edge_index` + 1, so that isolated nodes after it are lost.
        directed: keep each direction as an edge of its own.
        self_loops: return the self loops, too. A `Graph` has none: they are an error otherwise.

    Returns:
        The `Graph`, its edges in the order and direction in which they are first listed, and their weights (E,),
        differentiable with respect to `edge_weight`. With `self_loops` also the weights (N,) of the self loops, W_ii,
        as `step`, `resolvent` and `pagerank` take them; 0 where there is none.

    Raises:
        ValueError: for wrong shapes or types, nodes out of range, self loops, negative or non-finite weights, or two
            directions that differ without ``directed=True``.

    >>> graph, weight = from_edge_index(torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]), torch.tensor([3.0, 3.0, 5.0, 5.0]))
    >>> graph, weight
    (Graph(num_nodes=3, num_edges=2), tensor([3., 5.]))
    """
    folded = fold(plain(edge_index), edge_weight, num_nodes, directed=directed, source=SOURCE, loops=self_loops)
    return folded.triple if self_loops else folded.pair


@opaque
def to_edge_index(graph: Graph, weight: Tensor, *, self_loops: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """PyG's edge list: each undirected edge once in each direction, a directed edge once.

    Args:
        graph: N nodes, E edges.
        weight: (E,) float32 or float64.
        self_loops: (N,) of the same type: weights of self loops; where they are 0 there is none. None: nowhere.

    Returns:
        ``edge_index`` (2, 2E) and ``edge_weight`` (2E,): all edges as `graph` lists them, then all reversed; for a
        directed graph (2, E) and (E,). Self loops come last. Differentiable with respect to the weights.

    Raises:
        ValueError: when `weight` or `self_loops` does not fit `graph`.

    >>> path = Graph(torch.tensor([[0, 1], [1, 2]]), num_nodes=3)
    >>> to_edge_index(path, torch.tensor([3.0, 5.0]))
    (tensor([[0, 1, 1, 2],
            [1, 2, 0, 1]]), tensor([3., 5., 3., 5.]))
    """
    weight = checked_weight(graph, weight)
    edges, values = [graph.edges], [weight]
    if not graph.directed:
        edges, values = [*edges, graph.edges.flip(0)], [*values, weight]
    if self_loops is not None:
        loops = checked_loops(graph, weight, self_loops)
        nodes = loops.detach().nonzero().squeeze(1)
        edges, values = [*edges, nodes.expand(2, -1)], [*values, loops[nodes]]
    return torch.cat(edges, dim=1), torch.cat(values)


def checked_edge_index(edge_index: Tensor, num_nodes: int | None) -> Tensor:
    """`edge_index` as a plain int64 tensor (2, M), for callers that keep its entries as they are listed.

    Args:
        edge_index: (2, M) integers, self loops among them or not.
        num_nodes: N; None: the largest node + 1.

    Raises:
        ValueError: for a wrong shape or type, or nodes out of range.
    """
    index = checked_index(plain(edge_index), SOURCE)
    if num_nodes is None:
        num_nodes = int(index.max()) + 1 if index.numel() else 0
    check_nodes(index, num_nodes, SOURCE, loops=True)
    return index


def plain(edge_index: Tensor) -> Tensor:
    """`edge_index` without PyG's `EdgeIndex` around it."""
    # Known by its method: whoever has no `EdgeIndex` need not load PyG.
    return edge_index.as_tensor() if hasattr(edge_index, "as_tensor") else edge_index
