"""Hierarchical segmentation: clusters by kernel k-means, merged two at a time."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from graphrw.core.arrays import as_floats, as_tensor
from graphrw.core.components import node_components
from graphrw.core.opaque import opaque
from graphrw.core.whole import is_whole
from graphrw.partition.clustering import in_order_of_appearance, kernel_kmeans, kmeans


@opaque
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
    """Nested segmentations: kernel k-means into the most segments asked for, which then merge two at a time.

    Those two merge that raise what `kernel_kmeans` minimises by least: with means m and masses U of the segments

        U_a U_b / (U_a + U_b) · |m_a − m_b|²,     U_a = Σ_{i∈a} u_i,    K_ij = φ_i·φ_j,

    so that small segments join their neighbours before large ones do. With `edges`, segments are connected and only
    those merge that touch: of each cluster its largest connected part stays, and the other parts go to the segment with
    which they share most edges.

    Source: J. Sun, Z. Xu, Neural diffusion distance for image segmentation, NeurIPS 2019, from the authors' code on a
    grid. Departures: theirs runs a soft k-means, as many clusters (at most 9) as it takes greedily chosen centres to be
    similar to 98 % of the image; and merges the two that are most similar on average, by features instead of K (for
    which there is `linkage`). That keeps small odd corners to the end, and joins what fills the image before them.
    The merges here are those of J. H. Ward, Hierarchical grouping to optimize an objective function, JASA 58, 1963.

    Args:
        similarity: K, (N, N), as in `kernel_kmeans`.
        num_segments: of each level, each in [1, N], in any order.
        edges: (2, E) int64, which nodes touch; None: all do. A segment then never spans two components.
        linkage: (N, N) floats, the K by which segments merge, its diagonal included; None: `similarity`.
        weight: u > 0, (N,), as in `kernel_kmeans`; merges take it too.
        seed, starts: as in `kernel_kmeans`.

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
    similarity = as_floats("similarity", similarity, "(N, N) floats")
    num_segments = _levels(num_segments, similarity, "similarity")
    labels = kernel_kmeans(similarity, max(num_segments), weight=weight, seed=seed, starts=starts)
    link = similarity if linkage is None else as_floats("linkage", linkage, f"{tuple(similarity.shape)} floats")
    if link.shape != similarity.shape:
        raise ValueError(
            f"`linkage` must have the shape of `similarity`, {tuple(similarity.shape)}; got {tuple(link.shape)}."
        )
    if not bool(link.isfinite().all()):
        raise ValueError("`linkage` must be finite.")
    edges = None if edges is None else _checked_edges(edges, len(labels))
    labels = labels if edges is None else _connected(labels, edges)
    member = _members(labels, weight)
    gram = member.T @ (link.detach().double() @ member)
    return _merged(labels, _Segments((gram + gram.T) / 2, member.sum(0), _touching(labels, edges)), num_segments)


@opaque
def map_hierarchy(
    coordinates: Tensor,
    num_segments: Sequence[int],
    *,
    edges: Tensor | None = None,
    weight: Tensor | None = None,
    seed: int = 0,
    starts: int = 5,
) -> Tensor:
    """Nested segmentations of points: `kmeans` into the most segments asked for, which then merge by Ward's criterion.

    That is `kernel_hierarchy` with K = Z Zᵀ, in a diffusion map by diffusion distance. Nothing of size (N, N) is
    formed.

    Args:
        coordinates: Z, (N, k), as in `kmeans`.

    The other args, the result and the errors are those of `kernel_hierarchy`.

    >>> map_hierarchy(torch.tensor([[0.0], [0.1], [1.0], [9.0]]), [3, 2])
    tensor([[0, 0, 1, 2],
            [0, 0, 0, 1]])
    """
    coordinates = as_floats("coordinates", coordinates, "(N, k) floats")
    num_segments = _levels(num_segments, coordinates, "coordinates")
    labels = kmeans(coordinates, max(num_segments), weight=weight, seed=seed, starts=starts)
    edges = None if edges is None else _checked_edges(edges, len(labels))
    labels = labels if edges is None else _connected(labels, edges)
    points, member = coordinates.detach().double(), _members(labels, weight)
    centre = member.T @ (points - points.mean(0))
    return _merged(labels, _Segments(centre @ centre.T, member.sum(0), _touching(labels, edges)), num_segments)


@dataclass(frozen=True, eq=False)
class _Segments:
    """Segments of which two at a time merge: the other joins the one, and its rows and columns no longer count."""

    gram: Tensor  # (c, c): U_a U_b m_a·m_b
    mass: Tensor  # (c,): U
    touching: Tensor  # (c, c) bool

    def merged(self, one: int, other: int) -> "_Segments":
        gram, mass, touching = self.gram.clone(), self.mass.clone(), self.touching.clone()
        for table in (gram, touching):
            table[one] += table[other]
            table[:, one] += table[:, other]
        mass[one] += mass[other]
        touching[other] = touching[:, other] = False
        return _Segments(gram, mass, touching)

    def rise(self) -> Tensor:
        """(c, c): U_a U_b / (U_a + U_b) · |m_a − m_b|², by which merging raises the scatter."""
        pair = torch.outer(self.mass, self.mass)
        mean = self.gram / pair
        square = mean.diagonal()
        return pair / (self.mass[:, None] + self.mass) * (square[:, None] + square - 2 * mean)


def _merged(labels: Tensor, segments: _Segments, num_segments: Sequence[int]) -> Tensor:
    """The levels, from the labels of the finest."""
    segment = torch.arange(len(segments.mass), device=labels.device)  # that each of the first segments belongs to
    levels = {}
    for count in range(len(segment), min(num_segments) - 1, -1):
        if count < len(segment):
            one, other = _cheapest(segments, count)
            segments = segments.merged(one, other)
            segment[segment == other] = one
        if count in num_segments:
            levels[count] = in_order_of_appearance(segment[labels])
    return torch.stack([levels[count] for count in num_segments])


def _cheapest(segments: _Segments, count: int) -> tuple[int, int]:
    """The two segments that touch and cost least to merge; of equals the first."""
    allowed = segments.touching.triu(1)
    one, other = divmod(int(torch.where(allowed, segments.rise(), torch.inf).argmin()), len(allowed))
    if not bool(allowed[one, other]):
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
    component = node_components(edges, len(labels))
    # A cluster that lies in two components is two clusters from here on: nothing could ever join them.
    labels = torch.unique(component * (labels.max() + 1) + labels, return_inverse=True)[1]
    part = node_components(edges[:, labels[edges[0]] == labels[edges[1]]], len(labels))
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


def _members(labels: Tensor, weight: Tensor | None) -> Tensor:
    """(N, c) float64: the weight of a node in the column of its segment, else 0."""
    member = torch.nn.functional.one_hot(labels).double()
    if weight is None:
        return member
    return member * as_tensor("weight", weight, "(N,) numbers").detach().to(member)[:, None]


def _levels(num_segments: Sequence[int], points: Tensor, name: str) -> list[int]:
    if points.ndim != 2 or len(points) == 0:
        raise ValueError(f"`{name}` must have two axes and a row for each of N ≥ 1 nodes; got {tuple(points.shape)}.")
    nodes = len(points)
    counts = list(num_segments) if isinstance(num_segments, Sequence) else []
    if not counts or not all(is_whole(count) and 1 <= count <= nodes for count in counts):
        raise ValueError(
            f"`num_segments` must be a list of whole numbers in [1, {nodes}], the number of nodes, at least one; "
            f"got {num_segments!r}."
        )
    return [int(count) for count in counts]


def _checked_edges(edges: Tensor, nodes: int) -> Tensor:
    edges = as_tensor("edges", edges, "(2, E) int64")
    if edges.ndim != 2 or len(edges) != 2 or edges.dtype != torch.int64:
        raise ValueError(f"`edges` must be (2, E) int64; got {tuple(edges.shape)} {edges.dtype}.")
    outside = (edges < 0) | (edges >= nodes)
    if bool(outside.any()):
        raise ValueError(f"`edges` names node {int(edges[outside][0])}, but there are {nodes}, counted from 0.")
    return edges
