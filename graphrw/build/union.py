"""One graph from several on the same nodes."""

from collections.abc import Iterable

import torch
from torch import Tensor

from graphrw.core.arrays import as_tensor
from graphrw.core.graph import Graph, check_graph, unchecked
from graphrw.core.opaque import opaque


@opaque
def union(weighted: Iterable[tuple[Graph, Tensor]]) -> tuple[Graph, Tensor]:
    """The graph with the edges of all of them; where several have an edge, their weights add up.

    So a walker chooses among all edges of a node at once: w_ij = Σ_g w_ij of graph g. Edges run from the smaller node
    to the larger, in lexicographic order; in directed graphs, as they are.

    Args:
        weighted: pairs of a graph with N nodes and weights (E,) for its edges; of one kind, type and device.

    Returns:
        The graph, and a weight for each edge; differentiable in the weights.

    Raises:
        ValueError: for no graph at all, for graphs that differ in nodes, direction or device, and for weights that do
            not fit.

    >>> line = Graph(torch.tensor([[0, 1], [1, 2]]), num_nodes=3)
    >>> jump = Graph(torch.tensor([[2, 1], [0, 0]]), num_nodes=3)
    >>> graph, weight = union([(line, torch.tensor([1.0, 2.0])), (jump, torch.tensor([5.0, 0.5]))])
    >>> graph.edges, weight
    (tensor([[0, 0, 1],
            [1, 2, 2]]), tensor([1.5000, 5.0000, 2.0000]))
    """
    pairs = _checked(weighted)
    first, _ = pairs[0]
    tail, head = torch.cat([graph.edges for graph, _ in pairs], dim=1)
    if not first.directed:
        tail, head = torch.minimum(tail, head), torch.maximum(tail, head)
    key, place = (tail * first.num_nodes + head).unique(return_inverse=True)
    each = torch.cat([weight for _, weight in pairs])
    edges = torch.stack([key // max(first.num_nodes, 1), key % max(first.num_nodes, 1)])
    return unchecked(edges, first.num_nodes, first.directed), each.new_zeros(len(key)).index_add(0, place, each)


def _checked(weighted: Iterable[tuple[Graph, Tensor]]) -> list[tuple[Graph, Tensor]]:
    pairs = list(weighted) if isinstance(weighted, Iterable) else []
    if not pairs or not all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in pairs):
        raise ValueError(f"`weighted` must be pairs (graph, weight), at least one; got {type(weighted).__name__}.")
    for graph, weight in pairs:
        check_graph(graph)
        as_tensor("weight", weight, f"({graph.num_edges},)")
    first, like = pairs[0]
    for graph, weight in pairs:
        if (graph.num_nodes, graph.directed, graph.device) != (first.num_nodes, first.directed, first.device):
            raise ValueError(
                "`union` needs graphs on the same nodes, all directed or all undirected, on one device; got "
                f"{first} on {first.device} and {graph} on {graph.device}. For other nodes there is `Graph.batch`."
            )
        if weight.shape != (graph.num_edges,) or weight.dtype != like.dtype or weight.device != like.device:
            got = f"{tuple(weight.shape)} {weight.dtype} on {weight.device}"
            wanted = f"({graph.num_edges},) {like.dtype} on {like.device}"
            raise ValueError(f"`union` needs a weight for each edge, all of one type: {wanted}; got {got}.")
    return pairs
