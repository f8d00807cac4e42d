"""Normalised cuts: a graph taken apart where walkers seldom cross."""

import heapq
import math
import warnings
from dataclasses import dataclass, field

import torch
from torch import Tensor

from graphrw.core.arrays import whole_numbers
from graphrw.core.components import node_components
from graphrw.core.graph import unchecked
from graphrw.core.opaque import opaque
from graphrw.core.scale import unit_of
from graphrw.core.transforms import plainly
from graphrw.core.walk import Walk, check_walk
from graphrw.core.whole import check_whole, is_number
from graphrw.functional.diffusion import walks_of_batch
from graphrw.spectral import SpectralCutWarning, spectral_map


@opaque
def normalised_cut(walk: Walk, num_segments: int | None = 2, *, threshold: float = math.inf) -> Tensor:
    """Segments between which walkers seldom cross, by two-way cuts of least

        Ncut(A, B) = cut(A, B) / vol(A) + cut(A, B) / vol(B),    cut(A, B) = Σ_{i∈A, j∈B} w_ij,    vol(A) = Σ_{i∈A} d_i,

    the probabilities that a walker of the stationary state who is in A, or in B, crosses with its next step.

    To find the least is NP-hard. With real indicators it is the eigenvector of P = D⁻¹W of the second largest λ (Shi &
    Malik, PAMI 2000). Of the N − 1 cuts between its sorted entries the best is taken. Parts that no edge joins come
    apart first, at no cost. Then the segment whose own cut is least is cut next, until there are enough or none is
    below the threshold. TokenCut (Wang et al., CVPR 2022) cuts once, at the mean in place of the best; DiffCut
    (Couairon et al., NeurIPS 2024) until 0.5.

    Args:
        walk: on an undirected graph of N nodes, without killing. Each graph of a batch is cut by itself.
        num_segments: how many at most, ≥ 1, of each graph of a batch; None: as many as `threshold` lets.
        threshold: the largest Ncut, > 0, at which a segment is still cut; from 2 on, every segment is.

    Returns:
        (N,) int64: the segment of each node, from 0, numbered as nodes come; in a batch from 0 in each graph. No
        gradient: for one see `normalised_cut_cost`.

    Raises:
        ValueError: for a directed walk or one that kills, or a number out of range.
        ConvergenceError: if the eigenpairs do not converge.

    >>> from graphrw import Graph, walk
    >>> path = walk(Graph(torch.tensor([[0, 1, 2], [1, 2, 3]]), num_nodes=4), torch.tensor([1.0, 0.1, 1.0]))
    >>> normalised_cut(path), normalised_cut(path, threshold=0.05)
    (tensor([0, 0, 1, 1]), tensor([0, 0, 0, 0]))
    """
    _check_reversible(walk)
    most = math.inf if num_segments is None else check_whole("num_segments", num_segments, 1)
    if not (is_number(threshold) and threshold > 0):
        raise ValueError(f"`threshold` must be > 0; got {threshold!r}. At 0 no segment is ever cut.")
    return plainly(lambda weight: _labels(Walk(walk.graph, weight, walk.killing), most, threshold), walk.weight)


@opaque
def normalised_cut_cost(walk: Walk, labels: Tensor) -> Tensor:
    """Σ_l cut(A_l, rest) / vol(A_l): for two segments Ncut(A, B), differentiable in the weights.

    Args:
        walk: on an undirected graph of N nodes, without killing.
        labels: (N,) integers ≥ 0, the segment of each node. One without any edge costs nothing.

    Returns:
        (), of the walk's type.

    Raises:
        ValueError: for a directed walk or one that kills, or labels of a wrong shape, type or range.

    >>> from graphrw import Graph, walk
    >>> path = walk(Graph(torch.tensor([[0, 1, 2], [1, 2, 3]]), num_nodes=4), torch.tensor([1.0, 0.5, 1.0]))
    >>> normalised_cut_cost(path, torch.tensor([0, 0, 1, 1]))  # 0.5 / 2.5, twice
    tensor(0.4000)
    """
    _check_reversible(walk)
    labels = whole_numbers("labels", labels, f"({walk.graph.num_nodes},) integers")
    if labels.shape != walk.killing.shape:
        raise ValueError(f"`labels` must be ({walk.graph.num_nodes},) integers; got {tuple(labels.shape)}.")
    if labels.numel() and int(labels.min()) < 0:
        raise ValueError(f"`labels` must be ≥ 0; got {int(labels.min())}. A cut leaves no node out.")
    labels = labels.unique(return_inverse=True)[1]
    tail, head = labels[walk.graph.edges]
    weight = walk.weight / unit_of(walk.weight)
    zero = weight.new_zeros(int(labels.max()) + 1 if labels.numel() else 0)
    volume = zero.index_add(0, tail, weight).index_add(0, head, weight)
    crossing = torch.where(tail == head, 0, weight)
    cut = zero.index_add(0, tail, crossing).index_add(0, head, crossing)
    return (cut / torch.where(volume == 0, 1, volume)).sum()


@dataclass(order=True)
class _Cut:
    """A segment in two."""

    cost: float
    first: int  # the smallest node: of equal costs, the segment that comes first
    sides: tuple[Tensor, Tensor] = field(compare=False)  # nodes, in rising order


def _labels(walk: Walk, most: float, threshold: float) -> Tensor:
    weight = walk.weight.double()
    exact = Walk(walk.graph, weight / unit_of(weight), walk.killing.double())
    return torch.cat([_segments(part, most, threshold) for part in walks_of_batch(exact)])


def _segments(walk: Walk, most: float, threshold: float) -> Tensor:
    """(N,): the segments of one graph."""
    count, cuts = 1, list[_Cut]()
    labels = walk.graph.edges.new_zeros(walk.graph.num_nodes)
    fresh: tuple[Tensor, ...] = (torch.arange(len(labels), device=labels.device),)
    while count < most:
        for cut in (_cut(walk, nodes) for nodes in fresh if len(nodes) > 1):
            if cut.cost <= threshold:
                heapq.heappush(cuts, cut)
        if not cuts:
            break
        fresh = heapq.heappop(cuts).sides
        labels[fresh[1]] = count
        count += 1
    return _as_nodes_come(labels)


def _as_nodes_come(labels: Tensor) -> Tensor:
    nodes = torch.arange(len(labels), device=labels.device)
    count = int(labels.max()) + 1 if len(labels) else 0
    first = nodes.new_full((count,), len(labels)).scatter_reduce(0, labels, nodes, "amin")
    return first.argsort().argsort()[labels]


def _cut(walk: Walk, nodes: Tensor) -> _Cut:
    """The best cut of the segment of these nodes, by what joins them among each other."""
    part = _inside(walk, nodes)
    component = node_components(part.graph.edges, len(nodes))
    inside, cost = component == component[0], 0.0
    if bool(inside.all()):
        inside, cost = _best_threshold(part, _second_eigenvector(part))
        inside = inside == inside[0]
    return _Cut(cost, int(nodes[0]), (nodes[inside], nodes[~inside]))


def _inside(walk: Walk, nodes: Tensor) -> Walk:
    """The walk on `nodes` alone, numbered anew, without the edges that nobody takes."""
    place = nodes.new_full((walk.graph.num_nodes,), -1)
    place[nodes] = torch.arange(len(nodes), device=nodes.device)
    edges = place[walk.graph.edges]
    kept = (edges >= 0).all(0) & (walk.weight > 0)
    return Walk(unchecked(edges[:, kept], len(nodes)), walk.weight[kept], walk.killing[nodes])


def _second_eigenvector(walk: Walk) -> Tensor:
    """(N,): that of P of the second largest λ; of either sign.

    Eigenpairs come by |λ|, and on a grid −1 is among the first: as many are asked for as it takes to have two above 0.
    """
    num_nodes, k = walk.graph.num_nodes, 4
    while True:
        k = min(k, num_nodes)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SpectralCutWarning)  # of equal |λ| any will do
            vectors, values = spectral_map(walk, 0.0, k)
        if k == num_nodes or int((values > 0).sum()) > 1:
            return vectors[:, values.argsort(descending=True)[1]] / walk.rate.sqrt()
        k *= 2


def _best_threshold(walk: Walk, y: Tensor) -> tuple[Tensor, float]:
    """Which nodes (N,) are below the threshold of `y` whose Ncut is least; and that."""
    order = y.argsort(stable=True)
    rank = order.argsort()
    low, high = rank[walk.graph.edges].aminmax(dim=0)
    joined = torch.zeros_like(y).index_add(0, low, walk.weight).index_add(0, high, -walk.weight)
    cut = joined.cumsum(0)[:-1].clamp(min=0)  # edges that begin up to here and end beyond
    rate = walk.rate[order]
    below, beyond = rate.cumsum(0)[:-1], rate.flip(0).cumsum(0).flip(0)[1:]
    cost = cut / below + cut / beyond
    best = int(cost.argmin())
    return rank <= best, float(cost[best])


def _check_reversible(walk: Walk) -> None:
    check_walk(walk)
    if walk.graph.directed:
        raise ValueError(
            "`walk` must be on an undirected graph for a normalised cut; got a directed one. Make it undirected, for "
            "example with the mean weight of both directions."
        )
    if plainly(lambda killing: bool((killing > 0).any()), walk.killing):
        raise ValueError("`walk` must not kill: a normalised cut weighs who crosses, not who dies. Leave it out.")
