"""Hierarchical segmentation: clusters by kernel k-means, merged two at a time."""

from collections.abc import Sequence

import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from graphrw.checks import is_whole
from graphrw.clustering import in_order_of_appearance, kernel_kmeans, kmeans


def kernel_hierarchy(
    similarity: Tensor,
    num_segments: Sequence[int],
    *,
    edges: Tensor | None = None,
    linkage: Tensor | None = None,
    weight: Tensor | None = None,
    seed: int = 0,
    starts: int = 5,
) -> Tensor:
    """Nested segmentations: kernel k-means into the most segments asked for, which then merge, the most similar first.

    The similarity of two segments is the mean of K_ij over their pairs of nodes. With `edges`, segments are connected
    and only those merge that touch: of each cluster its largest connected part stays, and the other parts go to the
    segment with which they share most edges.

    Source: J. Sun, Z. Xu, Neural diffusion distance for image segmentation, NeurIPS 2019, from the authors' code on a
    grid. Departures: theirs runs a soft k-means, as many clusters (at most 9) as it takes greedily chosen centres to be
    similar to 98 % of the image; and merges by the similarity of features instead of K, for which there is `linkage`.

    Args:
        similarity: K, (N, N), as in `kernel_kmeans`.
        num_segments: of each level, each in [1, N], in any order.
        edges: (2, E) int64, which nodes touch; None: all do. A segment then never spans two components.
        linkage: (N, N) floats, the similarity by which segments merge; None: `similarity`.
        weight, seed, starts: as in `kernel_kmeans`.

    Returns:
        (L, N) int64, one level for each of `num_segments`, in [0, num_segments[l]), numbered in the order in which they
        appear. Levels with fewer segments join segments of those with more.

    Raises:
        ValueError: for wrong shapes, types or numbers, or fewer segments than `edges` has components; and as
            `kernel_kmeans`.

    >>> alike = torch.block_diag(torch.ones(2, 2), 0.9 * torch.ones(1, 1), torch.ones(2, 2)) + 0.1
    >>> kernel_hierarchy(alike, [3, 1])
    tensor([[0, 0, 1, 2, 2],
            [0, 0, 0, 0, 0]])
    """
    num_segments = _levels(num_segments, len(similarity))
    labels = kernel_kmeans(similarity, max(num_segments), weight=weight, seed=seed, starts=starts)
    link = similarity if linkage is None else linkage
    if link.shape != similarity.shape:
        raise ValueError(
            f"`linkage` must have the shape of `similarity`, {tuple(similarity.shape)}; got {tuple(link.shape)}."
        )
    labels = labels if edges is None else _connected(labels, edges)
    member = _members(labels)
    total = member.T @ (link.detach().double() @ member)
    return _merged(labels, (total + total.T) / 2, edges, num_segments)


def map_hierarchy(
    coordinates: Tensor,
    num_segments: Sequence[int],
    *,
    edges: Tensor | None = None,
    weight: Tensor | None = None,
    seed: int = 0,
    starts: int = 5,
) -> Tensor:
    """Nested segmentations of points: `kmeans` into the most segments asked for, of which the nearest merge first.

    The distance of two segments is the mean of |z_i − z_j|² over their pairs of points: in a diffusion map, their mean
    diffusion distance. Nothing of size (N, N) is formed.

    Args:
        coordinates: Z, (N, k), as in `kmeans`.

    The other args, the result and the errors are those of `kernel_hierarchy`.

    >>> map_hierarchy(torch.tensor([[0.0], [0.1], [1.0], [9.0]]), [3, 2])
    tensor([[0, 0, 1, 2],
            [0, 0, 0, 1]])
    """
    num_segments = _levels(num_segments, len(coordinates))
    labels = kmeans(coordinates, max(num_segments), weight=weight, seed=seed, starts=starts)
    labels = labels if edges is None else _connected(labels, edges)
    member = _members(labels)
    points = coordinates.detach().double()
    points = points - points.mean(0)
    centre, size, square = member.T @ points, member.sum(0), member.T @ points.square().sum(1)
    apart = square[:, None] * size + size[:, None] * square - 2 * centre @ centre.T
    return _merged(labels, -apart, edges, num_segments)


def _merged(labels: Tensor, total: Tensor, edges: Tensor | None, num_segments: Sequence[int]) -> Tensor:
    """The levels, from first labels and the total similarity (c, c) between them."""
    segment = torch.arange(len(total), device=labels.device)  # that each of the first segments belongs to
    size = torch.bincount(labels).double()
    touching = _touching(labels, edges)
    levels = {}
    for count in range(len(total), min(num_segments) - 1, -1):
        if count < len(total):
            one, other = _closest(total / torch.outer(size, size), touching, count)
            for table in (total, touching):
                table[one] += table[other]
                table[:, one] += table[:, other]
            size[one] += size[other]
            touching[other] = touching[:, other] = False
            segment[segment == other] = one
        if count in num_segments:
            levels[count] = in_order_of_appearance(segment[labels])
    return torch.stack([levels[count] for count in num_segments])


def _closest(mean: Tensor, touching: Tensor, count: int) -> tuple[int, int]:
    """The most similar two segments that touch; of equals the first."""
    allowed = torch.where(touching.triu(1), mean, -torch.inf)
    pair = int(allowed.argmax())
    one, other = divmod(pair, len(mean))
    if not bool(touching.triu(1)[one, other]):
        raise ValueError(
            f"`edges` leaves {count + 1} components, so that there cannot be {count} segments. Ask for more segments, "
            "or join the components by edges."
        )
    return one, other


def _touching(labels: Tensor, edges: Tensor | None) -> Tensor:
    count = int(labels.max()) + 1
    if edges is None:
        return torch.ones(count, count, dtype=torch.bool, device=labels.device)
    touching = torch.zeros(count, count, dtype=torch.bool, device=labels.device)
    tail, head = labels[edges]
    touching[tail, head] = touching[head, tail] = True
    return touching


def _connected(labels: Tensor, edges: Tensor) -> Tensor:
    """Each cluster reduced to its largest connected part in each component; other parts go where most edges lead."""
    _check_edges(edges, len(labels))
    component = _components(edges, len(labels))
    labels = torch.unique(component * (labels.max() + 1) + labels, return_inverse=True)[1]
    part = _components(edges[:, labels[edges[0]] == labels[edges[1]]], len(labels))
    label = torch.zeros_like(part).scatter(0, part, labels)[: int(part.max()) + 1]  # of each part
    kept = _largest(label, torch.bincount(part))[part]
    both = torch.cat([edges, edges.flip(0)], 1)
    while not bool(kept.all()):
        tail, head = both[:, ~kept[both[0]] & kept[both[1]]]
        vote, votes = torch.unique(part[tail] * len(labels) + labels[head], return_counts=True)
        voter, choice = vote // len(labels), vote % len(labels)
        winner = _largest(voter, votes)
        for old, new in zip(voter[winner].tolist(), choice[winner].tolist(), strict=True):
            labels[part == old] = new
            kept[part == old] = True
    return in_order_of_appearance(labels)


def _largest(group: Tensor, size: Tensor) -> Tensor:
    """Which items are the largest of their group; of equals the first."""
    order = torch.argsort(size, descending=True, stable=True)
    order = order[torch.argsort(group[order], stable=True)]
    first = torch.ones_like(order, dtype=torch.bool)
    first[1:] = group[order[1:]] != group[order[:-1]]
    return torch.zeros_like(first).scatter(0, order, first)


def _components(edges: Tensor, nodes: int) -> Tensor:
    tail, head = edges.cpu().numpy()
    matrix = coo_array((torch.ones(edges.shape[1]).numpy(), (tail, head)), shape=(nodes, nodes))
    return torch.from_numpy(connected_components(matrix, directed=False)[1]).long().to(edges.device)


def _members(labels: Tensor) -> Tensor:
    """(N, c) float64: 1 where a node lies in a segment."""
    return torch.nn.functional.one_hot(labels).double()


def _levels(num_segments: Sequence[int], nodes: int) -> list[int]:
    counts = list(num_segments) if isinstance(num_segments, Sequence) else []
    if not counts or not all(is_whole(count) and 1 <= count <= nodes for count in counts):
        raise ValueError(
            f"`num_segments` must be a list of whole numbers in [1, {nodes}], the number of nodes, at least one; "
            f"got {num_segments!r}."
        )
    return [int(count) for count in counts]


def _check_edges(edges: Tensor, nodes: int) -> None:
    if edges.ndim != 2 or len(edges) != 2 or edges.dtype != torch.int64:
        raise ValueError(f"`edges` must be (2, E) int64; got {tuple(edges.shape)} {edges.dtype}.")
    outside = (edges < 0) | (edges >= nodes)
    if bool(outside.any()):
        raise ValueError(f"`edges` names node {int(edges[outside][0])}, but there are {nodes}, counted from 0.")
