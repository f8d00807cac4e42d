"""Kernel k-means against brute force, SciPy, normalised cuts and its own fixed point, and what it refuses."""

import math
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from scipy.cluster.vq import kmeans2
from torch import Tensor

from graphrw.partition import clustering
from graphrw.partition.clustering import in_order_of_appearance, kernel_kmeans, kmeans


def cloud(nodes: int, width: int = 2, seed: int = 0) -> Tensor:
    return torch.randn(nodes, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def gaussian(points: Tensor) -> Tensor:
    return torch.exp(-torch.cdist(points, points).square())


def weights(nodes: int, seed: int = 5) -> Tensor:
    return 0.2 + torch.rand(nodes, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def partitions(nodes: int, count: int) -> list[Tensor]:
    """Every partition of the nodes into so many clusters, each once, in order of appearance."""
    every = [torch.tensor(labels) for labels in product(range(count), repeat=nodes)]
    return [p for p in every if int(p.max()) == count - 1 and torch.equal(p, in_order_of_appearance(p))]


def kernel_scatter(similarity: Tensor, labels: Tensor, weight: Tensor | None = None) -> float:
    """What kernel k-means minimises: Σ_i u_i K_ii − Σ_c hᵀKh / Σ h, where h = u on the nodes of c and 0 elsewhere."""
    similarity = similarity.double()
    weight = torch.ones(len(labels), dtype=torch.float64) if weight is None else weight.double()
    total = float(weight @ similarity.diagonal())
    for label in labels.unique():
        h = torch.where(labels == label, weight, 0)
        total -= float(h @ similarity @ h / h.sum())
    return total


def scatter(points: Tensor, labels: Tensor, weight: Tensor) -> float:
    """Σ_i u_i |z_i − m_c(i)|² from the points themselves."""
    total = 0.0
    for label in labels.unique():
        inside, share = points[labels == label], weight[labels == label, None]
        mean = (share * inside).sum(0) / share.sum()
        total += float((share * (inside - mean).square()).sum())
    return total


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_best_partition_is_found_among_all(seed: int, count: int) -> None:
    similarity, weight = gaussian(cloud(7, seed=seed)), weights(7, seed)
    costs = [kernel_scatter(similarity, labels, weight=weight) for labels in partitions(7, count)]
    found = kernel_kmeans(similarity, count, weight=weight, starts=20)
    assert kernel_scatter(similarity, found, weight=weight) == pytest.approx(min(costs), rel=1e-9)


def test_the_scatter_of_a_linear_kernel_is_that_of_the_points() -> None:
    points, weight = cloud(9, 3), weights(9)
    for labels in (torch.arange(9) % 3, torch.arange(9), torch.zeros(9, dtype=torch.int64)):
        found = kernel_scatter(points @ points.T, labels, weight=weight)
        assert found == pytest.approx(scatter(points, labels, weight), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("weight", [None, weights(40)], ids=["equal", "weighted"])
def test_coordinates_and_their_products_give_the_same_clusters(weight: Tensor | None) -> None:
    points = cloud(40, 3)
    by_points = kmeans(points, 5, weight=weight)
    by_products = kernel_kmeans(points @ points.T, 5, weight=weight)
    assert torch.equal(by_points, by_products)


@pytest.mark.parametrize("seed", range(4))
def test_clusters_of_points_are_a_fixed_point_of_scipys_and_no_worse(seed: int) -> None:
    points = cloud(60, 2, seed)
    found = kmeans(points, 4, starts=20)
    centres = np.stack([points[found == label].mean(0).numpy() for label in range(4)])
    _, theirs = kmeans2(points.numpy(), centres, iter=20, minit="matrix")
    assert torch.equal(torch.from_numpy(theirs).long(), found)
    _, theirs = kmeans2(points.numpy(), 4, iter=50, minit="++", seed=seed)
    equal = torch.ones(60, dtype=torch.float64)
    assert scatter(points, found, equal) <= scatter(points, torch.from_numpy(theirs), equal) * (1 + 1e-9)


def test_with_degrees_as_weights_the_scatter_is_the_normalised_cut() -> None:
    upper = torch.rand(7, 7, generator=torch.Generator().manual_seed(3), dtype=torch.float64).triu(1)
    adjacency = upper + upper.T
    degree = adjacency.sum(1)
    similarity = torch.diag(2 / degree) + adjacency / torch.outer(degree, degree)
    offsets, cuts = [], []
    for labels in partitions(7, 3):
        parts = [labels == label for label in range(3)]
        cuts.append(sum(float(adjacency[p][:, ~p].sum() / degree[p].sum()) for p in parts))
        offsets.append(kernel_scatter(similarity, labels, weight=degree) - cuts[-1])
    assert max(offsets) - min(offsets) < 1e-9
    found = kernel_kmeans(similarity, 3, weight=degree, starts=20)
    parts = [found == label for label in range(3)]
    assert sum(float(adjacency[p][:, ~p].sum() / degree[p].sum()) for p in parts) == pytest.approx(min(cuts))


def test_a_diagonal_shift_by_the_inverse_weights_changes_no_comparison() -> None:
    similarity, weight = gaussian(cloud(6)), weights(6)
    shifted = similarity + torch.diag(3 / weight)
    gaps = [
        kernel_scatter(shifted, each, weight=weight) - kernel_scatter(similarity, each, weight=weight)
        for each in partitions(6, 2)
    ]
    assert max(gaps) - min(gaps) < 1e-9


def test_rings_that_no_line_separates_are_told_apart_by_a_diffusion_similarity() -> None:
    turn = torch.linspace(0, 2 * math.pi, 31, dtype=torch.float64)[:-1]
    circle = torch.stack([turn.cos(), turn.sin()], 1)
    points = torch.cat([circle, 3 * circle])
    step = gaussian(2 * points)
    step = step / step.sum(1, keepdim=True).sqrt() / step.sum(1).sqrt()
    similarity = torch.linalg.matrix_power(step, 128)
    truth = torch.arange(2).repeat_interleave(30)
    norm = similarity.diagonal().sqrt()
    assert torch.equal(kernel_kmeans(similarity / torch.outer(norm, norm), 2), truth)
    assert not torch.equal(kmeans(points, 2), truth)


@pytest.mark.parametrize("count", [1, 2, 7, 29, 30])
def test_as_many_clusters_come_out_as_were_asked_for(count: int) -> None:
    for labels in (kernel_kmeans(gaussian(cloud(30)), count), kmeans(cloud(30), count)):
        assert torch.equal(labels.unique(), torch.arange(count))
        assert torch.equal(labels, in_order_of_appearance(labels))


@pytest.mark.parametrize("count", [2, 3, 5, 8])
def test_copies_of_few_points_still_make_as_many_clusters(count: int) -> None:
    points = cloud(2).repeat_interleave(4, 0)
    labels = kmeans(points, count)
    assert torch.equal(labels.unique(), torch.arange(count))
    assert torch.equal(kernel_kmeans(torch.ones(8, 8), count).unique(), torch.arange(count))
    assert kernel_scatter(points @ points.T, labels) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("seed", range(8))
def test_rounding_between_copies_makes_no_cluster_empty(seed: int) -> None:
    points = cloud(3, 5, seed).repeat_interleave(5, 0)
    for labels in (kmeans(points, 9, seed=seed), kernel_kmeans(points @ points.T, 9, seed=seed)):
        assert torch.equal(labels.unique(), torch.arange(9))


def test_a_cluster_that_runs_empty_gets_the_node_that_is_worst_off() -> None:
    points = clustering._from_coordinates(torch.tensor([[0.0], [1.0], [2.0], [50.0]]), None)
    distance = torch.tensor([[0.0, 1.0], [1.0, 2.0], [4.0, 5.0], [9.0, 9.5]])
    assert clustering._nearest(points, torch.zeros(4), distance).tolist() == [0, 0, 0, 1]


def test_no_node_is_nearer_to_another_cluster() -> None:
    similarity, weight = gaussian(cloud(50)), weights(50)
    labels = kernel_kmeans(similarity, 6, weight=weight, starts=1)
    share = torch.nn.functional.one_hot(labels).double() * weight[:, None]
    share = share / share.sum(0)
    distance = similarity.diagonal()[:, None] - 2 * similarity @ share + (share * (similarity @ share)).sum(0)
    assert torch.equal(distance.argmin(1), labels)


def test_the_same_seed_gives_the_same_clusters_and_more_starts_never_worse_ones() -> None:
    similarity = gaussian(2 * cloud(60))
    assert torch.equal(kernel_kmeans(similarity, 8, seed=3), kernel_kmeans(similarity, 8, seed=3))
    costs = [
        [kernel_scatter(similarity, kernel_kmeans(similarity, 8, seed=seed, starts=s)) for s in (1, 2, 4)]
        for seed in range(4)
    ]
    assert all(row == sorted(row, reverse=True) for row in costs)
    assert len({row[0] for row in costs}) > 1


def test_a_renumbering_of_well_separated_nodes_renumbers_the_clusters() -> None:
    points = torch.cat([cloud(10) + 20 * shift for shift in range(3)])
    order = torch.randperm(30, generator=torch.Generator().manual_seed(0))
    expected = torch.arange(3).repeat_interleave(10)
    assert torch.equal(kmeans(points, 3), expected)
    assert torch.equal(kmeans(points[order], 3), in_order_of_appearance(expected[order]))


def test_points_far_from_the_origin_cluster_as_near_it() -> None:
    points = cloud(40)
    assert torch.equal(kmeans(points + 1e6, 4), kmeans(points, 4))
    assert torch.equal(kmeans((points + 1000).float(), 4), kmeans(points, 4))


def test_gradients_end_here() -> None:
    points = cloud(10).requires_grad_()
    assert not kmeans(points, 2).requires_grad
    assert not kernel_kmeans(gaussian(points), 2, weight=weights(10).requires_grad_()).requires_grad


def test_heavy_nodes_pull_the_cut_towards_themselves() -> None:
    points = torch.tensor([[0.0], [1.0], [2.1]])
    assert kmeans(points, 2).tolist() == [0, 0, 1]
    assert kmeans(points, 2, weight=torch.tensor([9.0, 9.0, 0.1])).tolist() == [0, 1, 1]


def test_an_indefinite_similarity_is_no_obstacle() -> None:
    similarity = cloud(7, 7) + cloud(7, 7).T
    assert torch.linalg.eigvalsh(similarity).min() < -1
    for count in (2, 3):
        costs = [kernel_scatter(similarity, labels) for labels in partitions(7, count)]
        found = kernel_scatter(similarity, kernel_kmeans(similarity, count, starts=20))
        assert found == pytest.approx(min(costs), rel=1e-9)


def test_labels_are_renumbered_in_order_of_appearance() -> None:
    assert in_order_of_appearance(torch.tensor([5, -2, 5, 10**12, -2])).tolist() == [0, 1, 0, 2, 1]


# --- what it refuses ------------------------------------------------------------------------------------------------


def test_similarities_that_are_no_square_of_floats_are_refused() -> None:
    with pytest.raises(ValueError, match=r"`similarity` must be \(N, N\) floats, N ≥ 1; got \(4, 3\) torch\.float32"):
        kernel_kmeans(torch.ones(4, 3), 2)
    with pytest.raises(ValueError, match=r"\(N, N\) floats, N ≥ 1; got torch\.int64"):
        kernel_kmeans(torch.ones(4, 4).long(), 2)


def test_points_that_are_no_matrix_of_floats_are_refused() -> None:
    with pytest.raises(ValueError, match=r"`coordinates` must be \(N, k\) floats, N ≥ 1; got \(4,\) torch\.float32"):
        kmeans(torch.ones(4), 2)
    with pytest.raises(ValueError, match=r"N ≥ 1; got \(0, 2\)"):
        kmeans(torch.ones(0, 2), 1)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_values_that_are_not_finite_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match=f"`similarity` must be finite; got {value}"):
        kernel_kmeans(torch.full((3, 3), value), 2)
    with pytest.raises(ValueError, match=f"`coordinates` must be finite; got {value}"):
        kmeans(torch.full((3, 3), value), 2)


def test_an_asymmetric_similarity_is_refused_and_a_rounded_one_is_not() -> None:
    similarity = gaussian(cloud(5))
    assert len(kernel_kmeans((similarity + 1e-6 * cloud(5, 5)).float(), 2)) == 5
    similarity[1, 2] += 0.5
    with pytest.raises(ValueError, match=r"must be symmetric; entries differ by up to 0\.5 .* Pass \(K \+ K\.T\) / 2"):
        kernel_kmeans(similarity, 2)


@pytest.mark.parametrize("count", [0, 6, -1])
def test_an_impossible_number_of_clusters_is_refused(count: int) -> None:
    with pytest.raises(
        ValueError, match=f"`num_clusters` must be a whole number from 1 to 5, the number of nodes; got {count}"
    ):
        kmeans(cloud(5), count)


@pytest.mark.parametrize("count", [3.0, True, torch.tensor(3), "3"])
def test_a_number_of_clusters_that_is_not_whole_is_refused(count: Any) -> None:
    with pytest.raises(
        ValueError, match=r"`num_clusters` must be a whole number from 1 to 5, .*; got (3\.0|True|tensor|'3')"
    ):
        kmeans(cloud(5), count)


def test_clusters_may_be_counted_by_numpy() -> None:
    assert torch.equal(kmeans(cloud(5), np.int64(3)), kmeans(cloud(5), 3))


def test_no_starts_are_refused() -> None:
    with pytest.raises(ValueError, match="`starts` must be a whole number from 1; got 0"):
        kmeans(cloud(5), 2, starts=0)


def test_weights_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match=r"`weight` must be \(5,\), one per node; got \(4,\)"):
        kmeans(cloud(5), 2, weight=torch.ones(4))
    for value in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match=f"`weight` must be finite and positive; got {value}"):
            kmeans(cloud(5), 2, weight=torch.tensor([1.0, 1.0, value, 1.0, 1.0]))
