"""What every module takes: a `Graph` with weights, or PyG's edge_index and edge_weight in their place."""

import torch
from torch import Tensor

from graphrw.convert import from_edge_index
from graphrw.graph import Graph


def as_graph(
    graph: Graph | Tensor, weight: Tensor | None, num_nodes: int, *, directed: bool = False
) -> tuple[Graph, Tensor]:
    """The graph and its weights (E,), in whichever of the two ways they were given.

    Args:
        graph: a `Graph`, or PyG's (2, M) edge_index, in which an undirected edge stands once in each direction.
        weight: (E,) or (M,); half-precision weights are widened; None: ones.
        num_nodes: N, for an edge_index.
        directed: keep each direction of an edge_index as an edge of its own.

    Raises:
        ValueError: as `from_edge_index`, for an edge_index; a `Graph` is taken as it is.
    """
    weight = None if weight is None else widened(weight)
    if isinstance(graph, Tensor):
        return from_edge_index(graph, weight, num_nodes=num_nodes, directed=directed)
    return graph, torch.ones(graph.num_edges, device=graph.device) if weight is None else weight


def widened(values: Tensor) -> Tensor:
    """Half-precision values, as autocast makes them, in float32: a walk is never solved in less."""
    return values.float() if values.dtype in (torch.float16, torch.bfloat16) else values
