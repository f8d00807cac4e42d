"""From and to networkx graphs."""

from numbers import Real
from typing import Any

import networkx as nx
import torch
from torch import Tensor

from graphrw.convert.fold import Source, check_weight, fold
from graphrw.core.graph import Graph

_DEFAULT = "weight"


def from_networkx(
    network: "nx.Graph[Any]", weight: str | None = _DEFAULT, dtype: torch.dtype | None = None
) -> tuple[Graph, Tensor]:
    """The graph and weights of a networkx graph; node i is ``list(network)[i]``.

    A `DiGraph` gives a directed graph. Parallel edges of a multigraph become one edge with the sum of their weights.

    Args:
        network: a `Graph`, `DiGraph`, `MultiGraph` or `MultiDiGraph` with nodes of any kind.
        weight: name of the edge attribute that holds the weights, real numbers. The default ``"weight"`` may be absent
            from every edge, which means ones; otherwise each edge must have it. None: ones.
        dtype: of the result, float32 or float64, which Python's numbers do not tell; None: torch's default.

    Returns:
        The `Graph`, its edges in networkx's order, and their weights (E,).

    Raises:
        ValueError: for self loops, weights that are missing, no real numbers, negative or not finite, or another dtype.

    >>> from_networkx(nx.Graph([("a", "b", {"weight": 2.0}), ("b", "c", {"weight": 3.0})]))
    (Graph(num_nodes=3, num_edges=2), tensor([2., 3.]))
    """
    if not isinstance(network, nx.Graph):
        raise ValueError(f"`network` must be a networkx graph; got {type(network).__name__}.")
    nodes: list[Any] = list(network)
    number = {node: i for i, node in enumerate(nodes)}
    listed = list(network.edges(data=weight, default=None)) if weight else [(*edge[:2], 1) for edge in network.edges()]
    ends = [(number[tail], number[head]) for tail, head, _ in listed]
    index = torch.tensor(ends, dtype=torch.int64).reshape(-1, 2).T
    value = torch.tensor(_numbers(listed, weight), dtype=dtype or torch.get_default_dtype())
    if not network.is_directed():  # networkx lists an undirected edge once
        index, value = torch.cat([index, index.flip(0)], dim=1), value.repeat(2)
    source = Source(
        entries="`network`",
        values=f'`network`\'s "{weight}"',
        drop_loops="`network.remove_edges_from(list(networkx.selfloop_edges(network)))`",
        node=lambda i: repr(nodes[i]),
    )
    return fold(index, value, len(nodes), directed=network.is_directed(), source=source)


def to_networkx(graph: Graph, weight: Tensor) -> "nx.Graph[int]":
    """A networkx `Graph` (or `DiGraph`) with nodes 0 … N − 1 and the weights as Python numbers under ``"weight"``.

    Args:
        graph: N nodes, E edges.
        weight: (E,) float32 or float64; gradients end here.

    Raises:
        ValueError: when `weight` does not fit `graph`.

    >>> to_networkx(Graph(torch.tensor([[0], [1]]), num_nodes=3), torch.tensor([2.0])).edges(data="weight")
    EdgeDataView([(0, 1, 2.0)])
    """
    check_weight(graph, weight)
    network: nx.Graph[int] = nx.DiGraph() if graph.directed else nx.Graph()
    network.add_nodes_from(range(graph.num_nodes))
    network.add_weighted_edges_from(zip(*graph.edges.tolist(), weight.tolist(), strict=True))
    return network


def _numbers(listed: list[tuple[Any, Any, Any]], weight: str | None) -> list[float]:
    values = [value for _, _, value in listed]
    if weight == _DEFAULT and all(value is None for value in values):
        return [1.0] * len(values)
    for tail, head, value in listed:
        if not isinstance(value, Real):
            found = "has none" if value is None else f"has {value!r}"
            raise ValueError(f'Every edge needs a number as its "{weight}"; {tail!r} → {head!r} {found}.')
    return [float(value) for value in values]
