"""Points in space, each joined to its nearest neighbours."""

import torch
from scipy.spatial import KDTree
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from graphrw.core.arrays import as_floats, as_tensor, require_values
from graphrw.core.blocks import AT_ONCE
from graphrw.core.finite import check_finite, check_spread
from graphrw.core.graph import Graph, check_graph, unchecked
from graphrw.core.memory import require_room
from graphrw.core.opaque import opaque
from graphrw.core.scale import unit_of
from graphrw.core.whole import check_whole

TREE_CHANNELS = 8  # up to so many channels a tree is faster than comparing all pairs; it decays with each channel more
BLOCK = 64  # distances of which the smallest is looked at first, so that few blocks need be sorted
SPARE = 8  # candidates beyond k, so that the rounding of bounds seldom sends a point to the slow, direct comparison
TIE = 1e-10  # squared distances whose ratio is this close to 1 count as equal, or every grid would be compared directly
SHORTEST = 1e-150  # of float64's numbers about the least whose square keeps its digits


@opaque
def knn_graph(points: Tensor, k: int, *, batch: Tensor | None = None) -> tuple[Graph, Tensor]:
    """The graph of exact nearest neighbours: i and j are joined when j is among the k points nearest to i, or i to j.

    A point is never its own neighbour, also where others lie on it. Which points are taken of several that are equally
    far is not specified; squared distances that agree to a relative 1e-10 count as equal. Edges run from the smaller
    node to the larger, in lexicographic order.

    Up to 8 channels neighbours are found with SciPy's k-d tree on the CPU, in more by comparing all pairs in float64 on
    the device of `points`, a block at a time.

    Args:
        points: (N, C) float32 or float64, finite. Channels should have comparable units.
        k: from 1 to N − 1.
        batch: (N,) int64, for several sets of points in one tensor: the set of each point, 0 first, without gaps and
            in order, as in PyG. Neighbours are sought within a set, and the graph knows its parts, as `Graph.batch`.

    Returns:
        The graph, with N nodes and between kN / 2 and kN edges, and the Euclidean distance along each edge (E,), ≥ 0;
        differentiable with respect to `points`, as `edge_length`.

    Raises:
        ValueError: for a wrong shape or type, fewer than two points or such as are not finite, a `k` that is not below
            the number of points of every set, or a `batch` out of order.

    >>> knn_graph(torch.tensor([[0.0], [1.0], [3.0], [7.0]]), k=1)
    (Graph(num_nodes=4, num_edges=3), tensor([1., 2., 4.]))
    """
    points = _checked_points(points)
    if batch is not None:
        k = check_whole("k", k, 1)
        sets = [knn_graph(part, k) for part in points.split(_set_sizes(batch, len(points), k))]
        return Graph.batch([graph for graph, _ in sets]), torch.cat([distance for _, distance in sets])
    check_several("points", len(points))
    k = check_whole("k", k, 1, len(points) - 1, reason=f", below the {len(points)} points")
    require_room(5 * len(points) * k, f"A graph of {len(points)} points and k = {k}", "Take a smaller `k`.")
    search = _by_tree if points.shape[1] <= TREE_CHANNELS else _by_products
    scaled = points.detach().double()
    unit = unit_of(scaled)  # squares of points of any size are held
    graph = _union(search(scaled / unit, k))
    length = edge_length(graph, points)
    _check_decades(length.detach() / unit)
    return graph, length


@opaque
def edge_length(graph: Graph, points: Tensor) -> Tensor:
    """The Euclidean distance |p_i − p_j| along each edge; differentiable with respect to `points`.

    Where two points coincide the distance has no derivative; it is given the subgradient 0. Memory does not grow with
    E · C: differences are formed a block at a time, and again in the backward pass; squares in float64, for those of
    large or small float32 would be infinite or 0, and those of float64 in units of each edge.

    Args:
        graph: N nodes, E edges.
        points: (N, C) floats.

    Returns:
        (E,) ≥ 0.

    Raises:
        ValueError: if `points` does not have that shape or type.

    >>> pair = Graph(torch.tensor([[0], [1]]), num_nodes=2)
    >>> edge_length(pair, torch.tensor([[0.0, 0.0], [3.0, 4.0]]))
    tensor([5.])
    """
    check_graph(graph)
    wanted = f"(N, C) floats with N = {graph.num_nodes}"
    points = as_floats("points", points, wanted)
    if points.ndim != 2 or len(points) != graph.num_nodes:
        raise ValueError(f"`points` must be {wanted}; got {tuple(points.shape)} {points.dtype}.")
    tail, head = graph.edges
    check_finite("points", points)
    rows = max(1, AT_ONCE // max(1, points.shape[1]))
    if graph.num_edges <= rows:
        length = _length(points, tail, head)
    else:
        blocks = zip(tail.split(rows), head.split(rows), strict=True)
        length = torch.cat([checkpoint(_length, points, *ends, use_reentrant=False) for ends in blocks])
    check_spread(length, "Lengths of edges between `points`")
    return length


def _length(points: Tensor, tail: Tensor, head: Tensor) -> Tensor:
    difference = points.index_select(0, tail) - points.index_select(0, head)
    unit = unit_of(difference, 1) if points.dtype == torch.float64 else difference.new_ones(1, 1)
    square = (difference.double() / unit).square().sum(1)
    apart = square > 0
    length = torch.where(apart, torch.where(apart, square, 1).sqrt(), 0)  # √0 would have an infinite derivative
    return (length * unit.squeeze(1)).to(points.dtype)


def _union(neighbours: Tensor) -> Graph:
    """The graph in which each of N nodes is joined to its `neighbours` (N, k)."""
    num_nodes, k = neighbours.shape
    tail = torch.arange(num_nodes, device=neighbours.device).repeat_interleave(k)
    head = neighbours.flatten()
    key = (torch.minimum(tail, head) * num_nodes + torch.maximum(tail, head)).unique()
    return unchecked(torch.stack([key // num_nodes, key % num_nodes]), num_nodes)


def _by_tree(points: Tensor, k: int) -> Tensor:
    """(N, k): the nearest neighbours of each point (N, C) float64, with a k-d tree."""
    data = points.cpu().numpy()
    _, found = KDTree(data).query(data, k + 1, workers=torch.get_num_threads())
    neighbours = torch.from_numpy(found).long()
    own = neighbours == torch.arange(len(data))[:, None]
    own[:, -1] |= ~own.any(1)  # among many points in one place, a point may not find itself
    return neighbours[~own].reshape(len(data), k).to(points.device)


def _by_products(points: Tensor, k: int) -> Tensor:
    """(N, k): the nearest neighbours of each point, by comparing all pairs.

    |x − y|² = |x|² + |y|² − 2 x·y is one matrix product, but rounded; with u = 2⁻⁵³ and C channels, by less than
    s·(|x|² + |y|²), s = (4C + 16) u. So (1 − s)(|x|² + |y|²) − 2 x·y, as computed, is a lower bound. The k + 8 points
    with the smallest bounds are candidates, ranked by their true distances. If the k-th of these is not above the
    last candidate's bound, no other point can be nearer. Where it is, that point is compared with all directly.
    """
    others = _augmented(points)
    count = min(k + SPARE, len(points) - 1)
    rows = max(1, AT_ONCE // max(len(others), count * points.shape[1]))
    bounds = points.new_empty(min(rows, len(points)), len(others))  # fresh memory for each block would cost more
    found = []
    for query in torch.arange(len(points), device=points.device).split(rows):
        square = others[query, -1]
        own = -2 * others[query]
        own[:, -1] = 1
        bound = torch.mm(own, others.T, out=bounds[: len(query)])  # without |x|²
        bound[torch.arange(len(query), device=points.device), query] = torch.inf
        candidates, last = _smallest(bound, count)
        neighbours, farthest = _ranked(points, query, candidates, k)
        unsure = (1 - TIE) * farthest > (last + square).clamp(min=0)
        if count < len(points) - 1 and bool(unsure.any()):
            neighbours[unsure] = _directly(points, query[unsure], k)
        found.append(neighbours)
    return torch.cat(found)


def _augmented(points: Tensor) -> Tensor:
    """(64 n, C + 1): each point y less the mean, then (1 − s)|y|²; then points that are never near, to fill a block."""
    num_points, channels = points.shape
    others = points.new_zeros(-(-num_points // BLOCK) * BLOCK, channels + 1)
    torch.sub(points, points.mean(0), out=others[:num_points, :-1])
    slack = (4 * channels + 16) * torch.finfo(points.dtype).eps / 2
    others[:, -1] = (1 - slack) * others.square().sum(1)
    others[num_points:, -1] = torch.inf
    return others


def _smallest(bound: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """(M, count): where each row of `bound` (M, 64 n) is smallest; and (M,) the largest of these bounds.

    They lie in the blocks with the smallest minima, so that only as many blocks need be sorted.
    """
    blocks = bound.reshape(len(bound), -1, BLOCK)
    minima = blocks.amin(2)
    chosen = minima.topk(min(count, minima.shape[1]), largest=False, sorted=False).indices
    inside = blocks.gather(1, chosen[:, :, None].expand(-1, -1, BLOCK)).flatten(1)
    values, place = inside.topk(count, largest=False, sorted=False)
    return chosen.gather(1, place // BLOCK) * BLOCK + place % BLOCK, values.amax(1)


def _ranked(points: Tensor, query: Tensor, candidates: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """(M, k): the nearest `candidates` (M, count) of the points `query` (M,); and (M,) the largest squared distance."""
    difference = points[candidates].sub_(points[query, None])
    nearest, place = torch.linalg.vector_norm(difference, dim=2).topk(k, largest=False)
    return candidates.gather(1, place), nearest.amax(1).square()


def _directly(points: Tensor, query: Tensor, k: int) -> Tensor:
    """(M, k): the nearest neighbours of the points `query` (M,), by differences."""
    distance = torch.cdist(points[query], points, compute_mode="donot_use_mm_for_euclid_dist")
    distance[torch.arange(len(query), device=query.device), query] = torch.inf
    return distance.topk(k, largest=False).indices


def _check_decades(length: Tensor) -> None:
    """Of edges, in units of the largest coordinate: squares of shorter ones were 0 in the search, so that all tied."""
    tiny = (length > 0) & (length < SHORTEST)
    if bool(tiny.any()):
        raise ValueError(
            f"`points` lie {float(length[tiny].min()):.1e} times as close together as the largest of their coordinates "
            f"is far from 0; neighbours are told apart down to {SHORTEST:.0e}. Remove points that lie so far out."
        )


def _checked_points(points: Tensor) -> Tensor:
    points = as_tensor("points", points, "(N, C) float32 or float64")
    if points.dtype not in (torch.float32, torch.float64):
        raise ValueError(f"`points` must be a float32 or float64 tensor (N, C); got {points.dtype}.")
    require_values("points", points)
    if points.ndim != 2 or points.shape[1] == 0:
        raise ValueError(f"`points` must have shape (N, C), with at least one channel; got {tuple(points.shape)}.")
    wrong = (~points.detach().isfinite().all(1)).nonzero().squeeze(1)
    if len(wrong):
        raise ValueError(
            f"`points` must be finite; {len(wrong)} of {len(points)} are not (first: point {int(wrong[0])}). "
            "Remove them."
        )
    return points


def check_several(name: str, count: int) -> None:
    """Raise `ValueError` for fewer than two, of which none has a neighbour."""
    if count < 2:
        raise ValueError(f"`{name}` must be at least two, among which neighbours are sought; got {count}.")


def _set_sizes(batch: Tensor, num_points: int, k: int) -> list[int]:
    batch = as_tensor("batch", batch, f"({num_points},) int64")
    if batch.dtype != torch.int64 or batch.shape != (num_points,):
        raise ValueError(f"`batch` must be ({num_points},) int64; got {tuple(batch.shape)} {batch.dtype}.")
    steps = batch.diff(prepend=batch.new_zeros(1))
    wrong = (steps < 0) | (steps > 1)
    wrong[:1] |= steps[:1] != 0
    if bool(wrong.any()):
        point = int(wrong.nonzero()[0])
        raise ValueError(
            f"`batch` must number the sets 0, 1, 2, … in the order of `points`; got {int(batch[point])} "
            f"at point {point}. Sort the points by their set."
        )
    sizes: list[int] = batch.bincount(minlength=1).tolist()
    if min(sizes) <= k:
        small = min(range(len(sizes)), key=sizes.__getitem__)
        raise ValueError(
            f"`k` must be below the number of points of every set; set {small} has {sizes[small]}, `k` is {k}."
        )
    return sizes
