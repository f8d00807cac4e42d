"""From and to networkx graphs."""

from collections.abc import Hashable, Iterable
from numbers import Real
from typing import Any, Literal, overload

import networkx as nx
import torch
from torch import Tensor

from graphrw.convert.fold import Source, check_attribute, checked_loops, checked_weight, fold
from graphrw.core.graph import Graph
from graphrw.core.opaque import opaque

_DEFAULT = "weight"


@overload
def from_networkx(
    network: "nx.Graph[Any]",
    weight: str | None = _DEFAULT,
    dtype: torch.dtype | None = None,
    *,
    self_loops: Literal[False] = False,
) -> tuple[Graph, Tensor]: ...


@overload
def from_networkx(
    network: "nx.Graph[Any]",
    weight: str | None = _DEFAULT,
    dtype: torch.dtype | None = None,
    *,
    self_loops: Literal[True],
) -> tuple[Graph, Tensor, Tensor]: ...


@opaque
def from_networkx(
    network: "nx.Graph[Any]",
    weight: str | None = _DEFAULT,
    dtype: torch.dtype | None = None,
    *,
    self_loops: bool = False,
) -> tuple[Graph, Tensor] | tuple[Graph, Tensor, Tensor]:
    """The graph and weights of a networkx graph; node i is ``list(network)[i]``.

    A `DiGraph` gives a directed graph. Parallel edges of a multigraph become one edge with the sum of their weights.
    `node_seeds`, `node_values` and `node_dict` translate between nodes by name and by number.

    Args:
        network: a `Graph`, `DiGraph`, `MultiGraph` or `MultiDiGraph` with nodes of any kind.
        weight: name of the edge attribute that holds the weights, real numbers. The default ``"weight"`` may be absent
            from every edge, which means ones; otherwise each edge must have it. None: ones.
        dtype: of the result, float32 or float64, which Python's numbers do not tell; None: torch's default.
        self_loops: return the self loops, too. A `Graph` has none: they are an error otherwise.

    Returns:
        The `Graph`, its edges in networkx's order, and their weights (E,). With `self_loops` also their weights (N,),
        as `step`, `resolvent` and `pagerank` take them.

    Raises:
        ValueError: for weights that are missing, no real numbers, negative or not finite, or that `dtype` does not hold
            (1e-50 is 0 in float32); and for another dtype.

    >>> from_networkx(nx.Graph([("a", "b", {"weight": 2.0}), ("b", "c", {"weight": 3.0})]))
    (Graph(num_nodes=3, num_edges=2), tensor([2., 3.]))
    """
    check_attribute(weight)
    nodes, number = numbered(network)
    listed = list(network.edges(data=weight, default=None)) if weight else [(*edge[:2], 1) for edge in network.edges()]
    ends = [(number[tail], number[head]) for tail, head, _ in listed]
    index = torch.tensor(ends, dtype=torch.int64).reshape(-1, 2).T
    value = _weights(listed, weight, checked_dtype(dtype))
    if not network.is_directed():  # networkx lists an undirected edge once, and a self loop
        apart = index[0] != index[1]
        index, value = torch.cat([index, index[:, apart].flip(0)], dim=1), torch.cat([value, value[apart]])
    source = Source(
        entries="`network`",
        values=f'`network`\'s "{weight}"',
        drop_loops="`network.remove_edges_from(list(networkx.selfloop_edges(network)))`",
        node=lambda i: repr(nodes[i]),
    )
    folded = fold(index, value, len(nodes), directed=network.is_directed(), source=source, loops=self_loops)
    return folded.triple if self_loops else folded.pair


@opaque
def to_networkx(
    graph: Graph, weight: Tensor, *, nodes: Iterable[Any] | None = None, self_loops: Tensor | None = None
) -> "nx.Graph[Any]":
    """A networkx `Graph` (or `DiGraph`) with the weights as Python numbers under ``"weight"``.

    Args:
        graph: N nodes, E edges.
        weight: (E,) float32 or float64; gradients end here.
        nodes: the N names of the nodes, in their order, such as the networkx graph that `graph` came from;
            None: 0 … N − 1.
        self_loops: (N,) of the same type: weights of self loops; where they are 0 there is none. None: nowhere.

    Raises:
        ValueError: when an argument does not fit `graph`, or a name comes twice.

    >>> to_networkx(Graph(torch.tensor([[0], [1]]), num_nodes=3), torch.tensor([2.0]), nodes="abc").edges(data="weight")
    EdgeDataView([('a', 'b', 2.0)])
    """
    weight = checked_weight(graph, weight)
    names = _names(graph, nodes)
    if len(names) != graph.num_nodes or len(set(names)) < len(names):
        raise ValueError(
            f"`nodes` must be {graph.num_nodes} different names, one per node; got {len(names)}, {len(set(names))} of "
            "them different."
        )
    network: nx.Graph[Any] = nx.DiGraph() if graph.directed else nx.Graph()
    network.add_nodes_from(names)
    for tail, head, value in zip(*graph.edges.tolist(), weight.tolist(), strict=True):
        network.add_edge(names[tail], names[head], weight=value)
    if self_loops is not None:
        for name, value in zip(names, checked_loops(graph, weight, self_loops).tolist(), strict=True):
            if value:
                network.add_edge(name, name, weight=value)
    return network


def _names(graph: Graph, nodes: Iterable[Any] | None) -> list[Any]:
    if nodes is None:
        return list(range(graph.num_nodes))
    names = list(nodes) if isinstance(nodes, Iterable) else [nodes]
    if not all(isinstance(name, Hashable) for name in names):
        raise ValueError(
            "`nodes` must be names that networkx can take, such as numbers or strings; got lists or dicts."
        )
    return names


def numbered(network: "nx.Graph[Any]") -> tuple[list[Any], dict[Any, int]]:
    """The nodes in their order, and the number of each."""
    if not isinstance(network, nx.Graph):
        raise ValueError(f"`network` must be a networkx graph; got {type(network).__name__}.")
    nodes: list[Any] = list(network)
    return nodes, {node: i for i, node in enumerate(nodes)}


def checked_dtype(dtype: torch.dtype | None) -> torch.dtype:
    """`dtype`, or torch's default for None; `ValueError` for others than float32 and float64."""
    dtype = torch.get_default_dtype() if dtype is None else dtype
    if dtype not in (torch.float32, torch.float64):
        raise ValueError(f"`dtype` must be torch.float32 or torch.float64; got {dtype}.")
    return dtype


def _weights(listed: list[tuple[Any, Any, Any]], name: str | None, dtype: torch.dtype) -> Tensor:
    """(M,): the weights of the edges that are listed, of which none became 0 or infinite on the way."""
    numbers = [value for _, _, value in listed]
    if name == _DEFAULT and all(value is None for value in numbers):
        return torch.ones(len(numbers), dtype=dtype)
    weights = torch.tensor([_number(name, *edge) for edge in listed], dtype=dtype)
    for (tail, head, value), kept in zip(listed, weights.tolist(), strict=True):
        if (kept == 0) != (value == 0) or (kept == float("inf") and value != kept):
            cure = "pass `dtype=torch.float64`" if dtype == torch.float32 else "divide all weights by a common factor"
            raise ValueError(f'The "{name}" of {tail!r} → {head!r} is {value!r}, which is {kept} in {dtype}: {cure}.')
    return weights


def _number(name: str | None, tail: Any, head: Any, value: Any) -> float:
    if not isinstance(value, Real):
        found = "has none" if value is None else f"has {value!r}"
        raise ValueError(f'Every edge needs a number as its "{name}"; {tail!r} → {head!r} {found}.')
    try:
        return float(value)
    except OverflowError:  # of a whole number or fraction
        return float("inf")
