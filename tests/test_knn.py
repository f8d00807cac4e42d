"""Nearest neighbours against all distances and scikit-learn; ties, copies, precision, sets, derivatives, errors."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.neighbors import kneighbors_graph  # type: ignore[import-untyped]
from torch import Tensor

from graphrw.build import knn
from graphrw.build.knn import edge_length, knn_graph
from graphrw.core.graph import Graph

TREE, PRODUCTS = 3, 20  # numbers of channels on both sides of the limit
both_searches = pytest.mark.parametrize("channels", [TREE, PRODUCTS], ids=["tree", "products"])


def points(num_points: int, channels: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(num_points, channels, generator=generator, dtype=torch.float64)


def pairs(graph: Graph) -> list[tuple[int, int]]:
    return [(i, j) for i, j in graph.edges.T.tolist()]


def brute_force(x: Tensor, k: int) -> list[tuple[int, int]]:
    """All pairs of which one is among the k nearest of the other; for points without ties."""
    square = (x[:, None] - x[None]).square().sum(2).fill_diagonal_(torch.inf)
    nearest = square.argsort(1)[:, :k].tolist()
    return sorted({(min(i, j), max(i, j)) for i, row in enumerate(nearest) for j in row})


@both_searches
@pytest.mark.parametrize(("num_points", "k"), [(2, 1), (10, 1), (10, 9), (70, 5), (300, 7), (300, 150)])
def test_edges_are_those_of_all_distances_sorted(channels: int, num_points: int, k: int) -> None:
    x = points(num_points, channels)
    graph, distance = knn_graph(x, k)
    assert pairs(graph) == brute_force(x, k)
    torch.testing.assert_close(distance, (x[graph.edges[0]] - x[graph.edges[1]]).norm(dim=1))
    assert Graph(graph.edges, graph.num_nodes).num_edges == len(distance)


@pytest.mark.parametrize("channels", [1, 2, 8, 9, 100])
def test_edges_and_distances_are_those_of_scikit_learn(channels: int) -> None:
    x = points(500, channels, seed=1)
    found = kneighbors_graph(x.numpy(), 6, mode="distance", include_self=False)
    expected = found.maximum(found.T).tocoo()
    graph, distance = knn_graph(x, 6)
    dense = torch.zeros(500, 500, dtype=torch.float64)
    dense[graph.edges[0], graph.edges[1]] = distance
    torch.testing.assert_close(dense + dense.T, torch.from_numpy(expected.toarray()))


def test_a_line_of_points_by_hand() -> None:
    graph, distance = knn_graph(torch.tensor([[0.0], [1.0], [3.0], [7.0], [7.5]]), 1)
    assert pairs(graph) == [(0, 1), (1, 2), (3, 4)]
    assert distance.tolist() == [1.0, 2.0, 0.5]


@both_searches
def test_permuted_points_give_the_permuted_graph(channels: int) -> None:
    x = points(90, channels)
    order = torch.randperm(90, generator=torch.Generator().manual_seed(2))
    graph, _ = knn_graph(x[order], 4)
    assert sorted(pairs(Graph(order[graph.edges].sort(0).values, 90))) == pairs(knn_graph(x, 4)[0])


@both_searches
def test_copies_of_a_point_are_joined_at_distance_0_and_no_point_to_itself(channels: int) -> None:
    x = points(8, channels).repeat_interleave(40, 0)
    graph, distance = knn_graph(x, 5)
    assert Graph(graph.edges, graph.num_nodes).num_nodes == 320  # which refuses self loops
    assert torch.equal(graph.edges[0] // 40, graph.edges[1] // 40)
    assert torch.equal(distance, torch.zeros_like(distance))
    assert int(graph.edges.flatten().bincount(minlength=320).min()) >= 5


@both_searches
def test_equally_far_points_are_as_near_as_any_others(channels: int) -> None:
    lattice = torch.tensor(list(itertools.product([0.0, 1.0, 2.0], repeat=3)))
    x = torch.nn.functional.pad(lattice, (0, channels - 3)) + 0.1
    for k in (1, 4, 11):
        graph, distance = knn_graph(x, k)
        degree = graph.edges.flatten().bincount(minlength=27)
        assert int(degree.min()) >= k
        square = (x[:, None] - x[None]).square().sum(2).fill_diagonal_(torch.inf)
        farthest = square.sort(1).values[:, k - 1].sqrt() + 1e-6
        assert bool((distance <= torch.maximum(farthest[graph.edges[0]], farthest[graph.edges[1]])).all())


def test_neighbours_far_from_the_origin_and_close_together_are_exact() -> None:
    # |x|² + |y|² − 2 x·y has lost every digit of these distances: the search has to compare differences.
    clusters = 1e6 * points(10, PRODUCTS).repeat_interleave(50, 0)
    x = clusters + 1e-4 * points(500, PRODUCTS, seed=3) + 1e7
    assert pairs(knn_graph(x, 5)[0]) == brute_force(x, 5)
    near = 1e-3 * points(200, PRODUCTS, seed=4) + 1e5
    assert pairs(knn_graph(near, 5)[0]) == brute_force(near, 5)


def test_one_point_far_away_does_not_spoil_the_others() -> None:
    x = points(300, PRODUCTS)
    x[7] = 1e9
    assert pairs(knn_graph(x, 5)[0]) == brute_force(x, 5)


def test_points_whose_candidates_are_doubtful_are_compared_with_all(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    directly: Callable[..., Tensor] = knn._directly

    def counted(x: Tensor, query: Tensor, k: int) -> Tensor:
        asked.append(len(query))
        return directly(x, query, k)

    monkeypatch.setattr(knn, "_directly", counted)
    x = points(500, PRODUCTS)
    knn_graph(x, 5)
    assert asked == []
    x[100:400] = 1e6 + 1e-6 * x[100:400]
    assert pairs(knn_graph(x, 5)[0]) == brute_force(x, 5)
    assert sum(asked) == 300


def test_a_search_in_many_small_blocks_finds_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    x = points(300, PRODUCTS).requires_grad_()
    graph, distance = knn_graph(x, 7)
    (gradient,) = torch.autograd.grad(distance.square().sum(), x)
    monkeypatch.setattr(knn, "AT_ONCE", 1000)
    in_blocks, same = knn_graph(x, 7)
    assert torch.equal(in_blocks.edges, graph.edges)
    assert torch.equal(same, distance)
    torch.testing.assert_close(torch.autograd.grad(same.square().sum(), x)[0], gradient)
    few = x[:6, :2].detach().requires_grad_()
    small, _ = knn_graph(few, 2)
    monkeypatch.setattr(knn, "AT_ONCE", 6)
    assert torch.autograd.gradcheck(lambda leaf: edge_length(small, leaf), few)
    assert torch.autograd.gradgradcheck(lambda leaf: edge_length(small, leaf), few)


@both_searches
@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_distances_have_the_type_of_the_points_and_lose_nothing_to_an_offset(channels: int, kind: torch.dtype) -> None:
    x = (points(50, channels) + 1000).to(kind)
    graph, distance = knn_graph(x, 3)
    assert distance.dtype == kind
    assert pairs(graph) == brute_force(x.double(), 3)
    exact = (x.double()[graph.edges[0]] - x.double()[graph.edges[1]]).norm(dim=1)
    torch.testing.assert_close(distance.double(), exact, rtol=4 * torch.finfo(kind).eps, atol=0)


@both_searches
def test_gradients_are_those_of_finite_differences(channels: int) -> None:
    x = points(5, channels).requires_grad_()
    assert torch.autograd.gradcheck(lambda leaf: knn_graph(leaf, 2)[1], x)
    assert torch.autograd.gradgradcheck(lambda leaf: knn_graph(leaf, 2)[1], x)


@both_searches
def test_at_distance_0_all_derivatives_are_0(channels: int) -> None:
    x = points(3, channels).repeat_interleave(2, 0).requires_grad_()
    _, distance = knn_graph(x, 1)
    assert distance.tolist() == [0.0] * 3
    (gradient,) = torch.autograd.grad(distance.sum(), x, create_graph=True)
    assert torch.equal(gradient, torch.zeros_like(x))
    (second,) = torch.autograd.grad(gradient.sum(), x)
    assert torch.equal(second, torch.zeros_like(x))


@both_searches
def test_neighbours_are_sought_within_each_set(channels: int) -> None:
    sets = [points(size, channels, seed=size) for size in (6, 30, 4)]
    batch = torch.arange(3).repeat_interleave(torch.tensor([6, 30, 4]))
    graph, distance = knn_graph(torch.cat(sets), 3, batch=batch)
    alone = [knn_graph(part, 3) for part in sets]
    assert torch.equal(graph.edges, Graph.batch([part for part, _ in alone]).edges)
    assert torch.equal(distance, torch.cat([part for _, part in alone]))
    assert [part.num_nodes for part in graph.parts] == [6, 30, 4]


def test_edge_length_is_the_distance_along_each_edge_of_any_graph() -> None:
    ring = torch.arange(5)
    graph = Graph(torch.stack([ring, (ring + 1) % 5]), 5)
    x = points(5, 4)
    torch.testing.assert_close(edge_length(graph, x), (x - x.roll(-1, 0)).norm(dim=1))
    assert edge_length(Graph(torch.empty(2, 0, dtype=torch.int64), 5), x).shape == (0,)


@pytest.mark.parametrize("scale", [1e-38, 1e-25, 1.0, 1e30])
def test_edge_length_neither_underflows_nor_overflows_where_its_value_does_not(scale: float) -> None:
    x = (scale * torch.tensor([[0.0, 0.0], [3.0, 4.0], [3.0, 4.0]])).requires_grad_()
    length = edge_length(Graph(torch.tensor([[0, 1], [1, 2]]), 3), x)
    assert length.dtype == torch.float32
    assert (length / scale).tolist() == pytest.approx([5.0, 0.0], rel=1e-6)
    length.sum().backward()
    assert x.grad is not None
    assert x.grad.flatten().tolist() == pytest.approx([-0.6, -0.8, 0.6, 0.8, 0.0, 0.0], rel=1e-6)


def test_k_may_be_counted_by_numpy() -> None:
    assert torch.equal(knn_graph(points(9, 2), np.int64(3))[0].edges, knn_graph(points(9, 2), 3)[0].edges)


def test_k_is_checked_before_the_sets_of_a_batch() -> None:
    with pytest.raises(ValueError, match="`k` must be a whole number from 1; got True"):
        knn_graph(points(4, 2), True, batch=torch.tensor([0, 0, 1, 1]))


@pytest.mark.parametrize(
    ("x", "k", "message"),
    [
        ([[0.0], [1.0]], 1, r"`points` must be \(N, C\) float32 or float64, of torch or NumPy; got list"),
        (torch.arange(6).reshape(3, 2), 1, r"`points` must be a float32 or float64 tensor \(N, C\); got torch\.int64"),
        (torch.ones(3, 2).half(), 1, r"`points` must be a float32 or float64 tensor \(N, C\); got torch\.float16"),
        (torch.ones(3), 1, r"`points` must have shape \(N, C\), with at least one channel; got \(3,\)"),
        (torch.ones(3, 0), 1, r"`points` must have shape \(N, C\), .* got \(3, 0\)"),
        (torch.ones(2, 3, 4), 1, r"`points` must have shape \(N, C\), .* got \(2, 3, 4\)"),
        (torch.tensor([[0.0], [torch.nan], [torch.inf]]), 1, r"`points` must be finite; 2 of 3 .* \(first: point 1\)"),
        (torch.ones(1, 2), 1, "`points` must be at least two, among which neighbours are sought; got 1"),
        (torch.ones(0, 2), 1, "`points` must be at least two, among which neighbours are sought; got 0"),
        (torch.ones(3, 2), 0, r"`k` must be a whole number from 1 to 2, below the 3 points; got 0"),
        (torch.ones(3, 2), 3, r"`k` must be a whole number from 1 to 2, below the 3 points; got 3"),
        (torch.ones(3, 2), 1.5, r"`k` must be a whole number from 1 to 2, below the 3 points; got 1\.5"),
        (torch.ones(3, 2), True, r"`k` must be a whole number .* got True"),
    ],
)
def test_what_has_no_neighbours_is_refused(x: Any, k: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        knn_graph(x, k)


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (torch.zeros(5, dtype=torch.int64), r"`batch` must be \(6,\) int64; got \(5,\) torch\.int64"),
        (torch.zeros(6), r"`batch` must be \(6,\) int64; got \(6,\) torch\.float32"),
        (torch.tensor([0, 0, 0, 1, 1, 0]), r"`batch` must number the sets 0, 1, 2, … .* got 0 at point 5\. Sort"),
        (torch.tensor([0, 0, 0, 2, 2, 2]), r"`batch` must number the sets .* got 2 at point 3"),
        (torch.tensor([1, 1, 1, 2, 2, 2]), r"`batch` must number the sets .* got 1 at point 0"),
        (torch.tensor([-1, -1, -1, 0, 0, 0]), r"`batch` must number the sets .* got -1 at point 0"),
        (torch.tensor([0, 0, 0, 0, 1, 1]), r"`k` must be below .* of every set; set 1 has 2, `k` is 2"),
    ],
)
def test_a_batch_that_names_no_sets_is_refused(batch: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        knn_graph(points(6, 3), 2, batch=batch)


def test_no_points_at_all_are_refused() -> None:
    with pytest.raises(ValueError, match=r"`k` must be below .* every set; set 0 has 0, `k` is 2"):
        knn_graph(torch.empty(0, 3), 2, batch=torch.empty(0, dtype=torch.int64))


@pytest.mark.parametrize("wrong", [torch.ones(4, 3), torch.ones(3), torch.ones(3, 2, 2), torch.ones(3, 2).long()])
def test_points_that_do_not_fit_the_graph_are_refused(wrong: Tensor) -> None:
    with pytest.raises(ValueError, match=r"`points` must be \(N, C\) floats with N = 3; got "):
        edge_length(Graph(torch.tensor([[0], [1]]), 3), wrong)
