"""From and to PyG's ``edge_index, edge_weight``."""

import torch
from torch import Tensor
from torch_geometric import EdgeIndex

from graphrw.convert.fold import Source, check_nodes, check_weight, checked_index, fold
from graphrw.core.graph import Graph

_SOURCE = Source(
    entries="`edge_index`",
    values="`edge_weight`",
    drop_loops="`torch_geometric.utils.remove_self_loops(edge_index, edge_weight)`",
    symmetrise="`torch_geometric.utils.to_undirected(edge_index, edge_weight, reduce='mean')`",
)


def from_edge_index(
    edge_index: Tensor, edge_weight: Tensor | None = None, num_nodes: int | None = None, directed: bool = False
) -> tuple[Graph, Tensor]:
    """The graph and weights of PyG's edge list, in which an undirected edge appears once in each direction.

    With W_ij the sum of all entries i → j, an undirected edge gets w_ij = ½ (W_ij + W_ji): each direction receives half
    of the gradient. Both must be listed and agree to a relative 1e-4 in float32, 1e-12 in float64 (about a thousand
    roundings). In a directed graph w_ij = W_ij.

    Args:
        edge_index: (2, M) integers; entry (i, j) is an edge i → j.
        edge_weight: (M,) float32 or float64, finite, not negative; whole numbers and booleans become torch's default
            dtype; None: ones.
        num_nodes: N; None: the largest node in `edge_index` + 1, so that isolated nodes after it are lost.
        directed: keep each direction as an edge of its own.

    Returns:
        The `Graph`, its edges in the order and direction in which they are first listed, and their weights (E,),
        differentiable with respect to `edge_weight`.

    Raises:
        ValueError: for wrong shapes or types, nodes out of range, self loops, negative or non-finite weights, or two
            directions that differ without ``directed=True``.

    >>> graph, weight = from_edge_index(torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]), torch.tensor([3.0, 3.0, 5.0, 5.0]))
    >>> graph, weight
    (Graph(num_nodes=3, num_edges=2), tensor([3., 5.]))
    """
    return fold(as_tensor(edge_index), edge_weight, num_nodes, directed=directed, source=_SOURCE)


def to_edge_index(graph: Graph, weight: Tensor) -> tuple[Tensor, Tensor]:
    """PyG's edge list: each undirected edge once in each direction, a directed edge once.

    Args:
        graph: N nodes, E edges.
        weight: (E,) float32 or float64.

    Returns:
        ``edge_index`` (2, 2E) and ``edge_weight`` (2E,): all edges as `graph` lists them, then all reversed; for a
        directed graph (2, E) and (E,). Differentiable with respect to `weight`.

    Raises:
        ValueError: when `weight` does not fit `graph`.

    >>> path = Graph(torch.tensor([[0, 1], [1, 2]]), num_nodes=3)
    >>> to_edge_index(path, torch.tensor([3.0, 5.0]))
    (tensor([[0, 1, 1, 2],
            [1, 2, 0, 1]]), tensor([3., 5., 3., 5.]))
    """
    check_weight(graph, weight)
    if graph.directed:
        return graph.edges, weight
    return torch.cat([graph.edges, graph.edges.flip(0)], dim=1), torch.cat([weight, weight])


def checked_edge_index(edge_index: Tensor, num_nodes: int | None) -> Tensor:
    """`edge_index` as a plain int64 tensor (2, M), for callers that keep its entries as they are listed.

    Args:
        edge_index: (2, M) integers.
        num_nodes: N; None: the largest node + 1.

    Raises:
        ValueError: for a wrong shape or type, nodes out of range, or self loops.
    """
    index = checked_index(as_tensor(edge_index), _SOURCE)
    if num_nodes is None:
        num_nodes = int(index.max()) + 1 if index.numel() else 0
    check_nodes(index, num_nodes, _SOURCE)
    return index


def as_tensor(edge_index: Tensor) -> Tensor:
    """`edge_index` without PyG's `EdgeIndex` around it."""
    return edge_index.as_tensor() if isinstance(edge_index, EdgeIndex) else edge_index
