"""Kernel k-means: clusters of a similarity, or of the coordinates of a diffusion map."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from graphrw.core.arrays import as_floats, as_tensor
from graphrw.core.opaque import opaque
from graphrw.core.whole import check_id, check_whole

PROGRESS = 1e-12  # of the total scatter, in float64: a step that gains less could be undone by the next, for ever
ASYMMETRY = 1e-4  # of the largest entry: what float32 leaves after a matrix product. More is another matrix


@opaque
def kernel_kmeans(
    similarity: Tensor, num_clusters: int, *, weight: Tensor | None = None, seed: int = 0, starts: int = 5
) -> Tensor:
    """Clusters of the nodes that minimise  Σ_i u_i |φ_i − m_c(i)|²,  where K_ij = φ_i·φ_j and m_c are weighted means.

    From k-means++ seeds (Arthur and Vassilvitskii 2007) all nodes move to the nearest mean (Lloyd) while that helps,
    then single nodes wherever the objective falls, means moving along (Hartigan), until none does; several times over,
    of which the best is kept. All it needs are squared distances by the similarity,

        |φ_i − m_c|² = K_ii − 2 Σ_j h_jc K_ij + Σ_jk h_jc K_jk h_kc,    h_jc = u_j [c(j) = c] / Σ_c u.

    With K = σD⁻¹ + D⁻¹WD⁻¹ and u = d, of a graph with weights W and degrees d, the objective is a constant plus the
    normalised cut, whatever σ is (I. Dhillon, Y. Guan, B. Kulis, Kernel k-means, spectral clustering and normalized
    cuts, KDD 2004).

    Args:
        similarity: K, (N, N) floats, symmetric, large where nodes are alike: of distances D take exp(−γ D), as
            `diffusion_similarity` does. It need not be positive semi-definite: the objective falls with every step even
            so. Gradients end here.
        num_clusters: in [1, N]; so many clusters come out, none of them empty.
        weight: u > 0, (N,); None: ones.
        seed: of the random choices; the same seed gives the same clusters, on any device.
        starts: how often to start anew.

    Returns:
        (N,) int64 in [0, num_clusters), clusters numbered in the order in which they appear.

    Raises:
        ValueError: for wrong shapes, types or numbers, or an asymmetric similarity.

    >>> kernel_kmeans(torch.block_diag(torch.ones(2, 2), torch.ones(3, 3)), 2)
    tensor([0, 0, 1, 1, 1])
    """
    return _best(_from_similarity(similarity, weight), num_clusters, seed, starts)


@opaque
def kmeans(
    coordinates: Tensor, num_clusters: int, *, weight: Tensor | None = None, seed: int = 0, starts: int = 5
) -> Tensor:
    """Clusters of points that minimise  Σ_i u_i |z_i − m_c(i)|²:  `kernel_kmeans` with K = Z Zᵀ, which is never formed.

    In a diffusion map these are clusters by diffusion distance. (SciPy's ``cluster.vq`` knows no weights.)

    Args:
        coordinates: Z, (N, k) floats, finite.

    The other args, the result and the errors are those of `kernel_kmeans`.

    >>> kmeans(torch.tensor([[0.0], [5.0], [0.1], [5.2]]), 2)
    tensor([0, 1, 0, 1])
    """
    return _best(_from_coordinates(coordinates, weight), num_clusters, seed, starts)


def in_order_of_appearance(labels: Tensor) -> Tensor:
    """The same partition, (N,) int64, with labels 0, 1, … in the order in which they first appear.

    >>> in_order_of_appearance(torch.tensor([7, 7, 2, 7, 4]))
    tensor([0, 0, 1, 0, 2])
    """
    names, label = torch.unique(labels, return_inverse=True)
    node = torch.arange(len(labels), device=labels.device)
    first = torch.full_like(node[: len(names)], len(labels)).scatter_reduce(0, label, node, "amin")
    return first.argsort().argsort()[label]


@dataclass(frozen=True)
class _Points:
    """Points φ of which only products are known: K_ii (N,), v ↦ K v, and weights (N,)."""

    norm: Tensor
    times: Callable[[Tensor], Tensor]
    weight: Tensor


def _from_similarity(similarity: Tensor, weight: Tensor | None) -> _Points:
    similarity = as_floats("similarity", similarity, "(N, N) floats, N ≥ 1")
    if similarity.ndim != 2 or similarity.shape[0] != similarity.shape[1] or len(similarity) == 0:
        raise ValueError(
            f"`similarity` must be (N, N) floats, N ≥ 1; got {tuple(similarity.shape)} {similarity.dtype}."
        )
    _check_finite(similarity, "similarity")
    kernel = similarity.detach().double()
    gap, largest = float((kernel - kernel.T).abs().max()), float(kernel.abs().max())
    if gap > ASYMMETRY * largest:
        raise ValueError(
            f"`similarity` must be symmetric; entries differ by up to {gap:.3g} from their mirror images. "
            "Pass (K + K.T) / 2 if that is meant."
        )
    kernel = (kernel + kernel.T) / 2
    return _Points(kernel.diagonal(), kernel.matmul, _weight(weight, kernel))


def _from_coordinates(coordinates: Tensor, weight: Tensor | None) -> _Points:
    coordinates = as_floats("coordinates", coordinates, "(N, k) floats, N ≥ 1")
    if coordinates.ndim != 2 or len(coordinates) == 0:
        got = f"{tuple(coordinates.shape)} {coordinates.dtype}"
        raise ValueError(f"`coordinates` must be (N, k) floats, N ≥ 1; got {got}.")
    _check_finite(coordinates, "coordinates")
    points = coordinates.detach().double()
    points = points - points.mean(0)  # distances stay, and |z|² − 2 z·m + |m|² cancels less
    return _Points(points.square().sum(1), lambda v: points @ (points.T @ v), _weight(weight, points))


def _best(points: _Points, num_clusters: int, seed: int, starts: int) -> Tensor:
    """The best of several runs, by the objective; of equals the first."""
    num_clusters = check_whole("num_clusters", num_clusters, 1, len(points.norm), reason=", the number of nodes")
    starts = check_whole("starts", starts, 1)
    generator = torch.Generator().manual_seed(
        check_id("seed", seed)
    )  # on the CPU, so that a seed means the same on any device
    runs = [_descend(points, _seeded(points, num_clusters, generator), num_clusters) for _ in range(starts)]
    costs = [cost for _, cost in runs]
    return in_order_of_appearance(runs[costs.index(min(costs))][0])


def _seeded(points: _Points, num_clusters: int, generator: torch.Generator) -> Tensor:
    """Labels by the nearest of k-means++ centres, each drawn with probability ∝ u · squared distance to the others."""
    chance = points.weight
    nearest, labels = torch.full_like(points.norm, torch.inf), torch.zeros_like(points.norm, dtype=torch.int64)
    centres: list[int] = []
    for cluster in range(num_clusters):
        if float(chance.sum()) <= 0:  # only copies of the centres are left
            chance = torch.ones_like(chance)
            chance[centres] = 0
        node = int(torch.multinomial(chance.cpu(), 1, generator=generator))
        distance = points.norm - 2 * points.times(_unit(node, points.norm)) + points.norm[node]
        labels = torch.where(distance < nearest, cluster, labels)
        nearest = torch.minimum(nearest, distance).clamp(min=0)
        centres.append(node)
        nearest[centres] = 0  # and not some rounding, or a centre could be drawn again
        chance = points.weight * nearest
    labels[centres] = torch.arange(num_clusters, device=labels.device)
    return labels


def _descend(points: _Points, labels: Tensor, num_clusters: int) -> tuple[Tensor, float]:
    """Labels that no step improves, and their cost."""
    distance = _distance(points, labels, torch.arange(num_clusters, device=labels.device))
    cost = _cost(points, labels, distance)
    progress = PROGRESS * float((points.weight * points.norm.abs()).sum())
    step = _nearest
    while True:
        trial = step(points, labels, distance)
        moved = trial != labels
        changed = torch.cat([labels[moved], trial[moved]]).unique()
        columns = distance.clone()  # the means of other clusters have not moved, nor have the distances to them
        columns[:, changed] = _distance(points, trial, changed)
        lower = _cost(points, trial, columns)
        if lower < cost - progress:
            labels, distance, cost = trial, columns, lower
        elif step is _nearest:
            step = _single
        else:
            return labels, cost


def _nearest(points: _Points, labels: Tensor, distance: Tensor) -> Tensor:
    """Lloyd's step: each node to the nearest mean; an empty cluster gets the node that is worst off where it is."""
    labels = distance.argmin(1)
    counts = torch.bincount(labels, minlength=distance.shape[1])
    cost = points.weight * distance.gather(1, labels[:, None]).squeeze(1)
    for cluster in (counts == 0).nonzero().flatten().tolist():
        node = int(torch.where(counts[labels] > 1, cost, -torch.inf).argmax())
        counts[labels[node]] -= 1
        counts[cluster] += 1
        labels[node], cost[node] = cluster, 0
    return labels


def _single(points: _Points, labels: Tensor, distance: Tensor) -> Tensor:
    """Hartigan's step: the one node whose move to another cluster, both means moving along, lowers the cost most."""
    weight = points.weight[:, None]
    here = labels[:, None]
    mass = torch.zeros(distance.shape[1], dtype=weight.dtype, device=weight.device)
    mass = mass.scatter_add(0, labels, points.weight)
    # The only node of a cluster stays, or the cluster would be empty.
    alone = torch.bincount(labels, minlength=len(mass))[here] == 1
    left = torch.where(alone, 1, mass[here] - weight)
    gain = torch.where(alone, -torch.inf, weight * mass[here] / left * distance.gather(1, here))
    change = weight * mass / (mass + weight) * distance - gain
    change = change.scatter(1, here, torch.inf)
    node, cluster = divmod(int(change.argmin()), len(mass))
    labels = labels.clone()
    if float(change[node, cluster]) < 0:
        labels[node] = cluster
    return labels


def _distance(points: _Points, labels: Tensor, clusters: Tensor) -> Tensor:
    """(N, c): squared distance of each point to the weighted means of some clusters, none of them empty."""
    share = torch.where(labels[:, None] == clusters, points.weight[:, None], 0)
    share = share / share.sum(0)
    mean = points.times(share)
    return points.norm[:, None] - 2 * mean + (share * mean).sum(0)


def _cost(points: _Points, labels: Tensor, distance: Tensor) -> float:
    return float((points.weight * distance.gather(1, labels[:, None]).squeeze(1)).sum())


def _unit(node: int, like: Tensor) -> Tensor:
    vector = torch.zeros_like(like)
    vector[node] = 1
    return vector


def _weight(weight: Tensor | None, points: Tensor) -> Tensor:
    if weight is None:
        return torch.ones(len(points), dtype=points.dtype, device=points.device)
    weight = as_tensor("weight", weight, f"({len(points)},) numbers, one per node")
    if weight.is_complex() or weight.dtype == torch.bool:
        raise ValueError(f"`weight` must be ({len(points)},) numbers, one per node; got {weight.dtype}.")
    if weight.shape != points.shape[:1]:
        raise ValueError(f"`weight` must be ({len(points)},), one per node; got {tuple(weight.shape)}.")
    wrong = ~(weight > 0) | weight.isinf()
    if bool(wrong.any()):
        raise ValueError(f"`weight` must be finite and positive; got {float(weight[wrong][0])}.")
    return weight.detach().to(points.device, points.dtype)


def _check_finite(values: Tensor, name: str) -> None:
    wrong = ~values.detach().isfinite()
    if bool(wrong.any()):
        raise ValueError(f"`{name}` must be finite; got {float(values.detach()[wrong][0])}.")
