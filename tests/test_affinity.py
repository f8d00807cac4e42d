"""Affinities edge by edge, their derivatives, and what they refuse."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from graphrw import Graph, gaussian_affinity, grid_graph
from graphrw.build import above, l1_affinity, local_scale, self_tuning_affinity
from graphrw.build.knn import knn_graph

GRAPH = grid_graph((3, 4))


def features(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(12, *shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def lengths(seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 0.5 + torch.rand(GRAPH.num_edges, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("channels", [(), (1,), (3,)])
@pytest.mark.parametrize("length", [None, lengths()])
def test_each_weight_is_the_gaussian_of_a_slope(channels: tuple[int, ...], length: Tensor | None) -> None:
    values = features(*channels)
    weight = gaussian_affinity(GRAPH, values, 0.7, length)
    assert weight.shape == (GRAPH.num_edges,)
    for edge, (i, j) in enumerate(GRAPH.edges.T.tolist()):
        square = sum(
            (a - b) ** 2 for a, b in zip(values[i].view(-1).tolist(), values[j].view(-1).tolist(), strict=True)
        )
        step = 1.0 if length is None else float(length[edge])
        assert float(weight[edge]) == pytest.approx(math.exp(-0.7 * square / step**2), rel=1e-12)


def test_nothing_is_scaled_behind_the_formula() -> None:
    values = features(2)
    torch.testing.assert_close(gaussian_affinity(GRAPH, 3 * values, 1.0), gaussian_affinity(GRAPH, values, 9.0))
    torch.testing.assert_close(gaussian_affinity(GRAPH, values + 5, 1.0), gaussian_affinity(GRAPH, values, 1.0))
    repeated = gaussian_affinity(GRAPH, values.repeat(1, 4), 1.0)
    torch.testing.assert_close(repeated, gaussian_affinity(GRAPH, values, 4.0))


def test_without_beta_or_difference_every_edge_is_one_and_far_nodes_are_parted() -> None:
    ones = torch.ones(GRAPH.num_edges, dtype=torch.float64)
    assert torch.equal(gaussian_affinity(GRAPH, features(2), 0.0), ones)
    assert torch.equal(gaussian_affinity(GRAPH, torch.ones(12).double(), 130), ones)
    assert torch.equal(gaussian_affinity(GRAPH, features(2), 1e6), 0 * ones)


def test_the_direction_in_which_an_edge_is_listed_does_not_matter() -> None:
    turned = Graph(GRAPH.edges.flip(0), 12)
    assert torch.equal(gaussian_affinity(turned, features(2), 2.0), gaussian_affinity(GRAPH, features(2), 2.0))


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_weights_have_the_type_of_the_features(kind: torch.dtype) -> None:
    weight = gaussian_affinity(GRAPH, features(2).to(kind), torch.tensor(2.0, dtype=torch.float64), lengths().to(kind))
    assert weight.dtype == kind
    torch.testing.assert_close(weight.double(), gaussian_affinity(GRAPH, features(2), 2.0, lengths()), check_dtype=True)


def test_a_graph_without_edges_has_no_weight() -> None:
    empty = Graph(torch.empty(2, 0, dtype=torch.int64), 12)
    assert gaussian_affinity(empty, features(2), 1.0).shape == (0,)


@pytest.mark.parametrize("channels", [(), (3,)])
def test_a_graph_without_nodes_has_no_weight(channels: tuple[int, ...]) -> None:
    nothing = Graph(torch.empty(2, 0, dtype=torch.int64), 0)
    assert gaussian_affinity(nothing, torch.empty(0, *channels), 1.0).shape == (0,)


def test_gradients_are_those_of_finite_differences() -> None:
    leaves = (features(3).requires_grad_(), lengths().requires_grad_())
    assert torch.autograd.gradcheck(lambda values, length: gaussian_affinity(GRAPH, values, 0.7, length), leaves)
    assert torch.autograd.gradgradcheck(lambda values: gaussian_affinity(GRAPH, values, 0.7), leaves[:1])


def test_beta_may_be_learned() -> None:
    beta = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda leaf: gaussian_affinity(GRAPH, features(3), leaf), beta)


@pytest.mark.parametrize("affinity", [gaussian_affinity, l1_affinity])
def test_a_beta_for_each_channel_scales_that_channel_alone(affinity: Any) -> None:
    values, beta = features(3), torch.tensor([0.3, 0.0, 2.0], dtype=torch.float64)
    parts = [affinity(GRAPH, values[:, channel], float(beta[channel])) for channel in range(3)]
    torch.testing.assert_close(affinity(GRAPH, values, beta), parts[0] * parts[1] * parts[2])
    torch.testing.assert_close(affinity(GRAPH, values, torch.full_like(beta, 0.4)), affinity(GRAPH, values, 0.4))
    leaves = (values.requires_grad_(), (beta + 0.1).requires_grad_())
    assert torch.autograd.gradcheck(lambda values, beta: affinity(GRAPH, values, beta), leaves)
    assert torch.autograd.gradgradcheck(lambda values, beta: affinity(GRAPH, values, beta), leaves)


def test_each_l1_weight_falls_with_the_sum_of_absolute_differences() -> None:
    values = features(3)
    for weight, (i, j) in zip(l1_affinity(GRAPH, values, 0.7).tolist(), GRAPH.edges.T.tolist(), strict=True):
        distance = sum(abs(a - b) for a, b in zip(values[i].tolist(), values[j].tolist(), strict=True))
        assert weight == pytest.approx(math.exp(-0.7 * distance), rel=1e-12)


@pytest.mark.parametrize("affinity", [gaussian_affinity, l1_affinity])
def test_a_beta_that_belongs_to_no_channel_is_refused(affinity: Any) -> None:
    with pytest.raises(ValueError, match=r"`beta` must be a number, .* each channel, \(3,\); got \(2,\)"):
        affinity(GRAPH, features(3), torch.ones(2))
    with pytest.raises(ValueError, match=r"`beta` must be finite and not negative; got -1\.0"):
        affinity(GRAPH, features(3), torch.tensor([0.0, -1.0, 2.0]))


def test_above_a_floor_no_weight_vanishes_and_one_stays_one() -> None:
    weight = above(gaussian_affinity(GRAPH, features(2), 1e6))
    assert torch.equal(weight, torch.full_like(weight, 1e-6))
    assert float(above(torch.ones(1, dtype=torch.float64), 0.3)) == 1.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            (features(3)[:5], 1.0),
            r"`features` must be \(N, C\) or \(N,\) floats with N = 12; got \(5, 3\) torch.float64",
        ),
        ((features(3, 2), 1.0), r"got \(12, 3, 2\) torch.float64"),
        ((torch.arange(12), 1.0), r"`features` must be .* floats .*; got torch.int64"),
        ((features(), -0.5), "`beta` must be finite and not negative; got -0.5"),
        ((features(), torch.tensor(-2.0)), "`beta` must be finite and not negative; got -2.0"),
        ((features(), math.nan), "`beta` must be finite and not negative; got nan"),
        pytest.param(
            (features(), torch.ones(2)),
            r"`beta` must .*\(2,\)",
        ),
        ((features(), 1.0, torch.ones(5)), r"`length` must be \(17,\), positive and finite; got \(5,\)"),
        ((features(), 1.0, torch.zeros(17)), r"`length` must be \(17,\), positive and finite"),
        pytest.param(
            (features(), 1.0, lengths() - 0.75),
            r"`length` must be .* positive and finite; got -0\.",
        ),
    ],
)
def test_what_makes_no_weight_is_refused(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gaussian_affinity(GRAPH, *arguments)


def clusters() -> Tensor:
    """A dense and a sparse cluster."""
    return torch.cat([0.01 * features(3, seed=2), 5 + features(3, seed=3)])


@pytest.mark.parametrize("k", [1, 3, 5])
def test_the_local_scale_is_the_distance_to_the_kth_neighbour(k: int) -> None:
    points = clusters()
    graph, distance = knn_graph(points, 5)
    expected = torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist").sort(1).values[:, k]
    torch.testing.assert_close(local_scale(graph, distance, k), expected)


def test_the_local_scale_of_any_graph_is_the_kth_smallest_distance_at_each_node() -> None:
    distance = lengths()
    at_node: list[list[float]] = [[] for _ in range(12)]
    for edge, pair in enumerate(GRAPH.edges.T.tolist()):
        for node in pair:
            at_node[node].append(float(distance[edge]))
    assert local_scale(GRAPH, distance, 2).tolist() == [sorted(found)[1] for found in at_node]


def test_each_self_tuning_weight_is_the_gaussian_in_the_scales_of_its_ends() -> None:
    graph, distance = knn_graph(clusters(), 7)
    for k, weight in ((7, self_tuning_affinity(graph, distance)), (2, self_tuning_affinity(graph, distance, 2))):
        scale = local_scale(graph, distance, k)
        for edge, (i, j) in enumerate(graph.edges.T.tolist()):
            square = float(distance[edge]) ** 2
            assert float(weight[edge]) == pytest.approx(math.exp(-square / float(scale[i] * scale[j])), rel=1e-12)


def test_self_tuning_weights_know_no_unit() -> None:
    graph, distance = knn_graph(clusters().float(), 4)
    weight = self_tuning_affinity(graph, distance, 3)
    assert weight.dtype == torch.float32
    for unit in (1e-25, 1e25):  # whose squares float32 cannot hold
        torch.testing.assert_close(self_tuning_affinity(graph, unit * distance, 3), weight)


def test_the_gradient_of_self_tuning_weights_counts_the_scales() -> None:
    graph, distance = knn_graph(clusters(), 3)
    leaf = distance.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda d: self_tuning_affinity(graph, d, 2), leaf)
    points = clusters().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: self_tuning_affinity(*knn_graph(x, 3), 2), points)


def test_equal_points_have_weight_1_and_a_scale_from_the_others() -> None:
    points = torch.cat([clusters(), clusters()[:1]])
    weight = self_tuning_affinity(*knn_graph(points, 3), 2)
    assert bool(weight.isfinite().all())
    assert float(weight.max()) == 1.0


def test_a_graph_without_nodes_has_no_scale() -> None:
    nothing = Graph(torch.empty(2, 0, dtype=torch.int64), 0)
    assert local_scale(nothing, torch.empty(0), 1).shape == (0,)
    assert self_tuning_affinity(nothing, torch.empty(0)).shape == (0,)


@pytest.mark.parametrize("scale", [local_scale, self_tuning_affinity])
@pytest.mark.parametrize(
    ("graph", "distance", "k", "message"),
    [
        (GRAPH, lengths(), 3, r"`k` is 3, but 4 of 12 nodes have fewer edges \(first: node 0 with 2\)\. Use a smaller"),
        (GRAPH, lengths(), 0, r"`k` must be a whole number from 1; got 0"),
        (GRAPH, lengths(), 1.5, r"`k` must be a whole number from 1; got 1\.5"),
        (GRAPH, lengths(), True, r"`k` must be a whole number from 1; got True"),
        (GRAPH, lengths()[:5], 1, r"`distance` must be \(17,\) floats, one per edge; got \(5,\) torch\.float64"),
        (GRAPH, lengths().long(), 1, r"`distance` must be .* floats, .* got torch\.int64"),
        (GRAPH, lengths() - 1, 1, r"`distance` must be finite and not negative; got -0\."),
        (GRAPH, lengths() / 0, 1, r"`distance` must be finite and not negative; got inf"),
        (Graph(GRAPH.edges, 12, directed=True), lengths(), 1, r"`local_scale` is defined on undirected graphs only"),
    ],
)
def test_what_makes_no_scale_is_refused(scale: Any, graph: Graph, distance: Tensor, k: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        scale(graph, distance, k)


def test_a_node_whose_neighbours_all_coincide_with_it_has_no_scale() -> None:
    graph, distance = knn_graph(clusters()[[0, 0, 0, 1, 2, 3]], 2)
    assert local_scale(graph, distance, 2)[:3].tolist() == [0.0] * 3
    with pytest.raises(ValueError, match=r"`distance` is 0 to the first 2 neighbours of 3 nodes \(first: node 0\)"):
        self_tuning_affinity(graph, distance, 2)
