"""`boundary_probabilities` against dense algebra, sums over paths, simulation, and what it refuses."""

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from path_sums import (
    GRAPHS,
    both_ways,
    dense,
    every_form,
    every_graph,
    force_transform,
    labelled,
    normalised,
    numbers,
    problem,
    transition,
)
from scipy.spatial import Delaunay

from graphrw import ConvergenceError, Graph, SingularWalkError, grid_graph, hitting_probabilities, walk
from graphrw.functional.boundary import boundary_probabilities, missing_neighbours

# --- values ---------------------------------------------------------------------------------------------------------


@every_graph
@every_form
def test_probabilities_are_those_of_dense_linear_algebra(name, form, monkeypatch):
    graph, boundary, seeds, weight = problem(name)
    boundary = boundary + 1.2  # so that the sums over paths that are printed are finite
    options = form(graph)
    z, _ = dense(transition(graph, boundary, weight, **options), seeds)
    answers = both_ways(lambda: boundary_probabilities(graph, boundary, seeds, weight=weight, **options), monkeypatch)
    for answer in answers:
        torch.testing.assert_close(answer, normalised(z), rtol=1e-10, atol=1e-12)


@every_form
def test_probabilities_are_sums_over_paths(form):
    graph, boundary, seeds, _ = problem("grid")
    matrix = transition(graph, boundary + 1.2, None, **form(graph))
    fixed = torch.nn.functional.one_hot(seeds.clamp(min=0), 3).double() * (seeds >= 0)[:, None]
    z = fixed
    for _ in range(4000):  # the weights of all paths of up to 4000 steps
        z = torch.where((seeds >= 0)[:, None], fixed, matrix @ z)
    answer = boundary_probabilities(graph, boundary + 1.2, seeds, **form(graph))
    torch.testing.assert_close(answer, normalised(z), rtol=1e-9, atol=1e-12)


def test_simulated_walks_end_in_these_proportions():
    graph, boundary, seeds, weight = problem("grid", strength=0.5)
    exits = missing_neighbours((3, 4))
    matrix = transition(graph, boundary, weight, exits=exits)
    answer = boundary_probabilities(graph, boundary, seeds, weight=weight, exits=exits)
    generator, start, walkers = torch.Generator().manual_seed(0), 5, 10_000
    ends = torch.cat([matrix, 1 - matrix.sum(1, keepdim=True)], dim=1)  # the last place: killed
    ends[seeds >= 0] = torch.eye(13, dtype=torch.float64)[:12][seeds >= 0]
    place = torch.full((walkers,), start)
    for _ in range(200):
        drawn = torch.rand(walkers, 1, generator=generator, dtype=torch.float64)
        moved = (ends.cumsum(1)[place.clamp(max=11)] < drawn).sum(1)
        place = torch.where(place == 12, 12, moved)
    survivors = seeds[place[place < 12]]
    assert bool((survivors >= 0).all())  # all have come to a seed or died
    assert 500 < len(survivors) < 0.9 * walkers
    for label in range(3):
        share, expected = float((survivors == label).double().mean()), float(answer[start, label])
        assert abs(share - expected) < 4 * math.sqrt(expected * (1 - expected) / len(survivors))


def test_without_any_boundary_they_are_hitting_probabilities(monkeypatch):
    graph, _, seeds, weight = problem("grid")
    expected = hitting_probabilities(walk(graph, weight), seeds)
    zeros = torch.zeros(12, dtype=torch.float64)
    for answer in both_ways(lambda: boundary_probabilities(graph, zeros, seeds, weight=weight), monkeypatch):
        torch.testing.assert_close(answer, expected, rtol=1e-11, atol=1e-12)


def test_a_wall_keeps_labels_on_their_sides():
    scores = torch.zeros(9, 9)
    scores[:, 5] = 8.0  # nearer to the right seed than to the left one
    seeds = labelled(81, {36: 0, 44: 1})
    left = boundary_probabilities(grid_graph((9, 9)), scores.flatten(), seeds)[:, 0].reshape(9, 9)
    assert bool((left[:, :5] > 0.99).all())
    assert bool((left[:, 6:] < 0.01).all())
    open_left = boundary_probabilities(grid_graph((9, 9)), torch.zeros(81), seeds)[:, 0].reshape(9, 9)
    assert bool((open_left[:, 4] < 0.51).all())


def test_superpixels_of_any_adjacency_are_served(monkeypatch):
    generator = np.random.default_rng(0)
    triangles = Delaunay(generator.random((150, 2))).simplices
    pairs = np.unique(
        np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [0, 2]]])), axis=0
    )
    graph = Graph(torch.from_numpy(pairs.T.astype(np.int64)), 150)
    length, scores = numbers(graph.num_edges, 4, 0.1, 20.0), numbers(150, 5, 0, 6)
    seeds = labelled(150, {3: 0, 50: 1, 77: 2, 149: 1})
    z, _ = dense(transition(graph, scores, length), seeds)
    for answer in both_ways(lambda: boundary_probabilities(graph, scores, seeds, weight=length), monkeypatch):
        torch.testing.assert_close(answer, normalised(z), rtol=1e-9, atol=1e-12)


@every_graph
def test_float32_agrees_with_float64(name):
    graph, scores, seeds, weight = problem(name)
    exact = boundary_probabilities(graph, scores, seeds, weight=weight)
    narrow = boundary_probabilities(graph, scores.float(), seeds, weight=weight.float())
    assert narrow.dtype == torch.float32
    torch.testing.assert_close(narrow.double(), exact, rtol=0, atol=1e-6)
    assert boundary_probabilities(graph, scores.float(), seeds, weight=weight).dtype == torch.float64


def test_the_scores_of_seeds_have_no_effect():
    graph, scores, seeds, _ = problem("grid")
    other = torch.where(seeds >= 0, scores + 30, scores)
    torch.testing.assert_close(
        boundary_probabilities(graph, other, seeds), boundary_probabilities(graph, scores, seeds), rtol=0, atol=0
    )
    leaf = scores.clone().requires_grad_()
    (slope,) = torch.autograd.grad(boundary_probabilities(graph, leaf, seeds)[:, 0].sum(), leaf)
    assert bool((slope[seeds >= 0] == 0).all())
    assert bool((slope[seeds < 0] != 0).all())


def test_where_every_node_is_a_seed_nothing_walks(monkeypatch):
    seeds = torch.tensor([0, 1, 1, 0])
    for form in ({}, {"degree_normalised": False}):
        call = partial(boundary_probabilities, grid_graph((2, 2)), torch.zeros(4), seeds, **form)
        with pytest.warns(UserWarning, match="All nodes are seeds"):
            answers = both_ways(call, monkeypatch)
        for answer in answers:
            assert torch.equal(answer, torch.eye(2)[seeds])


def test_more_labels_than_seeds_have_probability_zero():
    graph, scores, seeds, _ = problem("grid")
    answer = boundary_probabilities(graph, scores, seeds, 5)
    torch.testing.assert_close(answer[:, :3], boundary_probabilities(graph, scores, seeds))
    assert bool((answer[:, 3:] == 0).all())


def test_missing_neighbours_complete_the_degree_of_a_grid():
    for shape in [(1,), (4,), (3, 5), (1, 4), (2, 3, 4)]:
        degree = torch.bincount(grid_graph(shape).edges.flatten(), minlength=math.prod(shape))
        assert torch.equal(missing_neighbours(shape) + degree, torch.full((math.prod(shape),), 2.0 * len(shape)))


# --- nodes without a path to a seed ---------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["divided", "through logarithms"])
def test_nodes_without_a_path_to_a_seed_get_the_distribution_asked_for(way, monkeypatch):
    if way == "through logarithms":
        force_transform(monkeypatch)
    graph = GRAPHS["disconnected"]
    seeds, prior = torch.tensor([0, -1, 1, -1, -1]), torch.tensor([0.25, 0.75], dtype=torch.float64)
    scores = numbers(5, 11).requires_grad_()
    with pytest.raises(SingularWalkError, match=r"leaves 2 of 5 nodes \(first: 3\) in components without any seed"):
        boundary_probabilities(graph, scores, seeds)
    answer = boundary_probabilities(graph, scores, seeds, unreachable=prior)
    torch.testing.assert_close(answer[3:], prior.expand(2, 2))
    alone = boundary_probabilities(Graph(graph.edges[:, :2], 3), scores[:3], seeds[:3])
    torch.testing.assert_close(answer[:3], alone)
    (slope,) = torch.autograd.grad(answer[:, 0].sum(), scores)
    assert bool((slope[3:] == 0).all())
    assert bool(torch.isfinite(slope).all())


@pytest.mark.parametrize("way", ["divided", "through logarithms"])
def test_paths_into_a_one_way_trap_count_for_nothing(way, monkeypatch):
    if way == "through logarithms":
        force_transform(monkeypatch)
    graph = Graph(torch.tensor([[1, 1, 1, 3], [0, 2, 3, 4]]), 5, directed=True)  # 3 → 4 leads to no seed
    seeds, weight = torch.tensor([0, -1, 1, -1, -1]), torch.tensor([1.0, 3.0, 5.0, 1.0], dtype=torch.float64)
    prior = torch.tensor([1.0, 0.0])
    answer = boundary_probabilities(graph, numbers(5, 12), seeds, weight=weight, unreachable=prior)
    expected = torch.tensor([[1, 0], [0.25, 0.75], [0, 1], [1, 0], [1, 0]], dtype=torch.float64)
    torch.testing.assert_close(answer, expected)


# --- errors ---------------------------------------------------------------------------------------------------------

GRID, SCORES, PLACES, _ = problem("grid")
REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "negative": (
        lambda: boundary_probabilities(GRID, SCORES - 3, PLACES),
        r"`boundary` must be finite and not negative; got -[\d.]+ at index 0",
    ),
    "infinite": (
        lambda: boundary_probabilities(GRID, SCORES + math.inf, PLACES),
        "`boundary` must be finite and not negative; got inf at index 0",
    ),
    "NaN": (lambda: boundary_probabilities(GRID, SCORES * math.nan, PLACES), "`boundary` must be finite .*; got nan"),
    "integers": (
        lambda: boundary_probabilities(GRID, SCORES.long(), PLACES),
        "`boundary` must be float32 or float64; got torch.int64. Cast it",
    ),
    "shape": (
        lambda: boundary_probabilities(GRID, SCORES[:5], PLACES),
        r"`boundary` must have shape \(N,\) = \(12,\); got \(5,\)",
    ),
    "device": (
        lambda: boundary_probabilities(GRID, SCORES.to("meta"), PLACES),
        r"`boundary` is on meta but `graph` on cpu; move one",
    ),
    "weight": (
        lambda: boundary_probabilities(GRID, SCORES, PLACES, weight=-torch.ones(17)),
        "`weight` must be finite and not negative; got -1.0",
    ),
    "stay": (
        lambda: boundary_probabilities(GRID, SCORES, PLACES, stay=-SCORES),
        "`stay` must be finite and not negative; got -",
    ),
    "exits' shape": (
        lambda: boundary_probabilities(GRID, SCORES, PLACES, exits=SCORES[:3]),
        r"`exits` must have shape \(N,\) = \(12,\); got \(3,\)",
    ),
    "exits as printed": (
        lambda: boundary_probabilities(GRID, SCORES, PLACES, exits=SCORES, degree_normalised=False),
        "`exits` has no meaning with `degree_normalised=False`",
    ),
    "seeds": (lambda: boundary_probabilities(GRID, SCORES, PLACES.int()), r"`seeds` must be \(12,\) int64"),
    "no seed": (
        lambda: boundary_probabilities(GRID, SCORES, 0 * PLACES - 1),
        r"`seeds` are all −1.*at least one node\.$",
    ),
    "too few labels": (lambda: boundary_probabilities(GRID, SCORES, PLACES, 2), "`seeds` holds label 2"),
    "no distribution": (
        lambda: boundary_probabilities(GRAPHS["disconnected"], SCORES[:5], PLACES[:5], unreachable=torch.ones(1) / 2),
        "`unreachable` must be a distribution",
    ),
}


@pytest.mark.parametrize(("call", "message"), REFUSED.values(), ids=list(REFUSED))
def test_what_has_no_answer_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_newton_steps_that_do_not_suffice_raise(monkeypatch):
    monkeypatch.setattr("graphrw.functional.paths.MAX_STEPS", 1)
    with pytest.raises(ConvergenceError, match=r"still changes by .* after 1 Newton steps"):
        boundary_probabilities(GRID, SCORES + 300, PLACES)
