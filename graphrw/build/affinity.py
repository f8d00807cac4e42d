"""Edge weights from node features or distances, without a network."""

import math

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from graphrw.core.arrays import as_floats, as_numbers
from graphrw.core.blocks import AT_ONCE, KEPT
from graphrw.core.finite import DIVERGED, check_finite, check_spread, kept_in
from graphrw.core.graph import Graph, check_graph
from graphrw.core.opaque import opaque
from graphrw.core.scale import power_below
from graphrw.core.transforms import plainly
from graphrw.core.whole import check_whole, is_number

FLOOR = 1e-6  # the smallest of weights up to 1: an exponential alone underflows to 0, which cuts a graph off its seeds


@opaque
def gaussian_affinity(graph: Graph, features: Tensor, beta: Tensor | float, length: Tensor | None = None) -> Tensor:
    """w_ij = exp(−β |f_i − f_j|² / ℓ_ij²): near 1 between alike nodes (Grady 2006, eq. 1). Nothing is scaled behind it.

    Args:
        graph: E edges, N nodes.
        features: (N, C) or (N,) floats, finite; channels should have comparable units.
        beta: finite and ≥ 0, in inverse squared units of `features`: a number or a tensor (), or (C,) with one for each
            channel, Σ_c β_c (f_ic − f_jc)². A tensor may be learned.
        length: (E,) edge lengths, finite and > 0, for samples that are unevenly spaced: differences become slopes.

    Returns:
        (E,) in [0, 1]; 0 where the exponential underflows, which parts the graph there: see `above`.

    Raises:
        ValueError: for a wrong shape, values that are not finite, a negative `beta`, or lengths that are not positive.

    >>> pair = Graph(torch.tensor([[0], [1]]), num_nodes=2)
    >>> gaussian_affinity(pair, torch.tensor([0.0, 0.5]), beta=4.0)
    tensor([0.3679])
    """
    features = _checked_features(graph, features)
    beta = checked_beta(beta, features)
    # In units of about 1/√β no square that counts overflows or underflows, whatever the units of the features.
    unit = power_below(beta.detach().rsqrt())
    beta, features = beta * unit * unit, features / unit
    check_spread(features, "√`beta` · `features`")
    difference = features[graph.edges[0]] - features[graph.edges[1]]
    if length is not None:
        difference = difference / _checked_length(length, graph.num_edges)[:, None]
    square, most = difference.square(), torch.finfo(difference.dtype).max  # what is infinite would make dw/dβ 0 · ∞
    # One factor for all channels goes behind the sum. No matrix product, which autocast would run in half precision.
    if beta.ndim == 0:
        return torch.exp(-beta * square.sum(1).clamp(max=most))
    return torch.exp(-(beta * square.clamp(max=most)).sum(1))


@opaque
def l1_affinity(graph: Graph, features: Tensor, beta: Tensor | float) -> Tensor:
    """w_ij = exp(−Σ_c β_c |f_ic − f_jc|), the affinity of Convolutional Random Walk Networks.

    Source: G. Bertasius et al., Convolutional random walk networks, CVPR 2017 (L1 distances in each channel, weighted).

    The differences of all edges and channels, E × C numbers, are never in memory together: edges come in blocks. From
    16 million of them on, backward makes them again. That is torch's `checkpoint`, which the reverse-mode transforms of
    `torch.func` refuse.

    Args:
        graph: E edges, N nodes.
        features: (N, C) or (N,) floats, finite; channels should have comparable units.
        beta: finite and ≥ 0, in inverse units of `features`: a number or a tensor (), or (C,) with one for each
            channel. A tensor may be learned.

    Returns:
        (E,) in [0, 1]; 0 where the exponential underflows, which parts the graph there: see `above`.

    Raises:
        ValueError: for a wrong shape, values that are not finite, also as products of both, or a negative `beta`.

    >>> pair = Graph(torch.tensor([[0], [1]]), num_nodes=2)
    >>> l1_affinity(pair, torch.tensor([[0.0, 5.0], [0.5, 5.1]]), beta=torch.tensor([2.0, 0.0]))
    tensor([0.3679])
    """
    features = _checked_features(graph, features)
    features = (features * checked_beta(beta, features)).contiguous()  # rows are gathered by the million
    check_spread(features, "`beta` · `features`")
    size = max(1, KEPT // max(features.shape[1], 1))
    if graph.num_edges <= size:
        return torch.exp(-_l1_distance(features, graph.edges))
    blocks = graph.edges.split(size, dim=1)
    distances = [
        checkpoint(_l1_distance, features, block, use_reentrant=False, preserve_rng_state=False) for block in blocks
    ]
    return torch.exp(-torch.cat(distances))


@opaque
def above(share: Tensor, floor: float = FLOOR) -> Tensor:
    """ε + (1 − ε) · `share`: affinities from [0, 1] in [ε, 1], so that none vanishes and parts the graph.

    Raises:
        ValueError: for shares that are no floats, or a floor out of range.

    >>> above(torch.tensor([0.0, 1.0]), floor=0.25)
    tensor([0.2500, 1.0000])
    """
    if not (is_number(floor) and 0 <= floor <= 1):
        raise ValueError(f"`floor` must lie in [0, 1]; got {floor!r}.")
    return floor + (1 - floor) * as_floats("share", share, "floats in [0, 1]")


@opaque
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
    distance = as_floats("distance", distance, "(E,) floats, one per edge")
    scale = local_scale(graph, distance, k)
    same = (scale.detach() == 0).nonzero().squeeze(1)
    if len(same):
        raise ValueError(
            f"`distance` is 0 to the first {k} neighbours of {len(same)} nodes (first: node {int(same[0])}): they have "
            "no scale. Use a larger `k`, or keep one of several equal points."
        )
    most = torch.finfo(distance.dtype).max  # of a weight of 0, whose derivative shall not be 0 · ∞
    there, back = ((distance / scale[ends]).clamp(max=most) for ends in graph.edges)
    return torch.exp(-there * back)


@opaque
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
    check_graph(graph)
    if graph.directed:
        raise ValueError("`local_scale` is defined on undirected graphs only; got a directed one.")
    distance = _checked_distance(distance, graph.num_edges)
    node = graph.edges.flatten()
    degree = node.bincount(minlength=graph.num_nodes)
    _check_neighbours(degree, k)
    order = distance.detach().repeat(2).argsort(stable=True)
    order = order[node[order].argsort(stable=True)]  # by node, then by distance
    chosen = order[degree.cumsum(0) - degree + k - 1] % max(graph.num_edges, 1)
    return distance[chosen]


def _l1_distance(features: Tensor, edges: Tensor) -> Tensor:
    """(E,): Σ_c |f_ic − f_jc| for each edge ij, a block of edges at a time."""
    size = max(1, AT_ONCE // max(features.shape[1], 1))
    return torch.cat([(_rows(features, i) - _rows(features, j)).abs().sum(1) for i, j in edges.split(size, dim=1)])


def _rows(features: Tensor, nodes: Tensor) -> Tensor:
    """The rows of `nodes`; `gather`, because its backward adds rows up faster than that of indexing."""
    return features.gather(0, nodes[:, None].expand(-1, features.shape[1]))


def _checked_features(graph: Graph, features: Tensor) -> Tensor:
    """(N, C), C ≥ 1."""
    check_graph(graph)
    wanted = f"(N, C) or (N,) floats with N = {graph.num_nodes}"
    features = as_floats("features", features, wanted)
    fits = features.ndim in (1, 2) and len(features) == graph.num_nodes and 0 not in features.shape[1:]
    if not fits:
        raise ValueError(f"`features` must be {wanted}; got {tuple(features.shape)} {features.dtype}. C ≥ 1.")
    check_finite("features", features, DIVERGED)
    return features if features.ndim == 2 else features[:, None]


def checked_beta(beta: Tensor | float, features: Tensor) -> Tensor:
    """() or (C,)."""
    wanted = f"a number, a tensor () or one for each channel, {tuple(features.shape[1:])}"
    if not isinstance(beta, Tensor):
        beta = kept_in("beta", as_numbers("beta", beta, wanted), features.dtype)
    beta = as_numbers("beta", beta, wanted).to(features.device)
    if beta.ndim and beta.shape != features.shape[1:]:
        raise ValueError(f"`beta` must be {wanted}; got {tuple(beta.shape)}.")
    values: list[float] = plainly(lambda beta: beta.reshape(-1).tolist(), beta)
    wrong = [value for value in values if not 0 <= value < math.inf]
    if wrong:
        raise ValueError(f"`beta` must be finite and not negative; got {wrong[0]}.")
    if beta.ndim == 0:
        kept_in("beta", beta, features.dtype)
    return beta


def _checked_length(length: Tensor, num_edges: int) -> Tensor:
    length = as_floats("length", length, f"({num_edges},) floats and positive")
    if length.shape != (num_edges,):
        raise ValueError(f"`length` must be ({num_edges},), positive and finite; got {tuple(length.shape)}.")
    wrong = length.detach()[~((length > 0) & (length < torch.inf))]
    if wrong.numel():
        raise ValueError(f"`length` must be ({num_edges},), positive and finite; got {float(wrong[0])}.")
    return length


def _checked_distance(distance: Tensor, num_edges: int) -> Tensor:
    wanted = f"({num_edges},) floats, one per edge"
    distance = as_floats("distance", distance, wanted)
    if distance.shape != (num_edges,):
        raise ValueError(f"`distance` must be {wanted}; got {tuple(distance.shape)} {distance.dtype}.")
    wrong = distance.detach()[~((distance >= 0) & (distance < torch.inf))]
    if wrong.numel():
        raise ValueError(f"`distance` must be finite and not negative; got {float(wrong[0])}.")
    return distance


def _check_neighbours(degree: Tensor, k: int) -> None:
    check_whole("k", k, 1)
    poor = (degree < k).nonzero().squeeze(1)
    if len(poor):
        raise ValueError(
            f"`k` is {k}, but {len(poor)} of {len(degree)} nodes have fewer edges (first: node {int(poor[0])} with "
            f"{int(degree[poor[0]])}). Use a smaller `k`, or a graph with more neighbours."
        )
