"""Edge weights from node features or distances, without a network."""

import torch
from torch import Tensor

from graphrw.core.graph import Graph
from graphrw.core.whole import check_whole


def gaussian_affinity(graph: Graph, features: Tensor, beta: Tensor | float, length: Tensor | None = None) -> Tensor:
    """w_ij = exp(−β |f_i − f_j|² / ℓ_ij²): near 1 between alike nodes (Grady 2006, eq. 1). Nothing is scaled behind it.

    Args:
        graph: E edges, N nodes.
        features: (N, C) or (N,) floats; channels should have comparable units.
        beta: ≥ 0, in inverse squared units of `features`; a tensor () may be learned.
        length: (E,) edge lengths > 0, for samples that are unevenly spaced: differences become slopes.

    Returns:
        (E,) in [0, 1]; 0 where the exponential underflows, which parts the graph there: add a small number if unwanted.

    Raises:
        ValueError: for a wrong shape, a negative `beta`, or lengths that are not positive.

    >>> pair = Graph(torch.tensor([[0], [1]]), num_nodes=2)
    >>> gaussian_affinity(pair, torch.tensor([0.0, 0.5]), beta=4.0)
    tensor([0.3679])
    """
    if features.ndim not in (1, 2) or len(features) != graph.num_nodes or not features.is_floating_point():
        got = f"{tuple(features.shape)} {features.dtype}"
        raise ValueError(f"`features` must be (N, C) or (N,) floats with N = {graph.num_nodes}; got {got}.")
    _check_beta(beta)
    features = features if features.ndim == 2 else features[:, None]
    difference = features[graph.edges[0]] - features[graph.edges[1]]
    if length is not None:
        _check_length(length, graph.num_edges)
        difference = difference / length[:, None]
    return torch.exp(-beta * difference.square().sum(1))


def self_tuning_affinity(graph: Graph, distance: Tensor, k: int = 7) -> Tensor:
    """w_ij = exp(−d_ij² / (σ_i σ_j)), σ_i the distance from i to its k-th neighbour (Zelnik-Manor & Perona 2004).

    Each node has its own scale, so that dense and sparse clusters hold together alike and nothing is left to choose.

    Args:
        graph: E edges, undirected.
        distance: (E,) ≥ 0, as `knn_graph` returns it.
        k: K of the paper, which takes 7; at most the `k` of `knn_graph`. See `local_scale`.

    Returns:
        (E,) in [0, 1]; differentiable in `distance`, through the scales too.

    Raises:
        ValueError: as `local_scale`, or if σ = 0 at a node.

    >>> line = Graph(torch.tensor([[0, 1], [1, 2]]), num_nodes=3)
    >>> self_tuning_affinity(line, torch.tensor([1.0, 2.0]), k=1)
    tensor([0.3679, 0.1353])
    """
    scale = local_scale(graph, distance, k)
    same = (scale.detach() == 0).nonzero().squeeze(1)
    if len(same):
        raise ValueError(
            f"`distance` is 0 to the first {k} neighbours of {len(same)} nodes (first: node {int(same[0])}): they have "
            "no scale. Use a larger `k`, or keep one of several equal points."
        )
    tail, head = graph.edges
    return torch.exp(-distance / scale[tail] * (distance / scale[head]))


def local_scale(graph: Graph, distance: Tensor, k: int) -> Tensor:
    """The k-th smallest distance on the edges at each node; on a `knn_graph`, that to its k-th nearest neighbour.

    It is exact there although only edges are looked at: a node's k nearest neighbours are all joined to it, and nobody
    else who is joined to it is nearer.

    Args:
        graph: N nodes, E edges, undirected.
        distance: (E,) floats ≥ 0.
        k: from 1 to the smallest number of edges at any node.

    Returns:
        (N,), differentiable in `distance`.

    Raises:
        ValueError: for a directed graph, a wrong shape, a negative distance, or a node with fewer than `k` edges.

    >>> line = Graph(torch.tensor([[0, 1], [1, 2]]), num_nodes=3)
    >>> local_scale(line, torch.tensor([1.0, 2.0]), k=1)
    tensor([1., 1., 2.])
    """
    if graph.directed:
        raise ValueError("`local_scale` is defined on undirected graphs only; got a directed one.")
    _check_distance(distance, graph.num_edges)
    node = graph.edges.flatten()
    degree = node.bincount(minlength=graph.num_nodes)
    _check_neighbours(degree, k)
    order = distance.detach().repeat(2).argsort(stable=True)
    order = order[node[order].argsort(stable=True)]  # by node, then by distance
    chosen = order[degree.cumsum(0) - degree + k - 1] % max(graph.num_edges, 1)
    return distance[chosen]


def _check_beta(beta: Tensor | float) -> None:
    value = torch.as_tensor(beta).detach()
    if value.ndim:
        raise ValueError(f"`beta` must be a number or a tensor (); got {tuple(value.shape)}.")
    if not value >= 0:
        raise ValueError(f"`beta` must not be negative; got {float(value)}.")


def _check_length(length: Tensor, num_edges: int) -> None:
    if length.shape != (num_edges,):
        raise ValueError(f"`length` must be ({num_edges},) and positive; got {tuple(length.shape)}.")
    wrong = length.detach()[~(length > 0)]
    if wrong.numel():
        raise ValueError(f"`length` must be ({num_edges},) and positive; got {float(wrong[0])}.")


def _check_distance(distance: Tensor, num_edges: int) -> None:
    if distance.shape != (num_edges,) or not distance.is_floating_point():
        got = f"{tuple(distance.shape)} {distance.dtype}"
        raise ValueError(f"`distance` must be ({num_edges},) floats, one per edge; got {got}.")
    wrong = distance.detach()[~((distance >= 0) & (distance < torch.inf))]
    if wrong.numel():
        raise ValueError(f"`distance` must be finite and not negative; got {float(wrong[0])}.")


def _check_neighbours(degree: Tensor, k: int) -> None:
    check_whole("k", k, 1)
    poor = (degree < k).nonzero().squeeze(1)
    if len(poor):
        raise ValueError(
            f"`k` is {k}, but {len(poor)} of {len(degree)} nodes have fewer edges (first: node {int(poor[0])} with "
            f"{int(degree[poor[0]])}). Use a smaller `k`, or a graph with more neighbours."
        )
