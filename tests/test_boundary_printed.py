"""The paper's recursion as printed: its relation to the normalised form, and where it is infinite."""

import math

import pytest
import torch
from path_sums import (
    dense,
    every_graph,
    labelled,
    normalised,
    problem,
    transition,
)
from torch import Tensor

from graphrw import ConvergenceError, Graph, grid_graph
from graphrw.functional.boundary import boundary_probabilities, missing_neighbours

# --- the paper's form -----------------------------------------------------------------------------------------------


@every_graph
def test_the_printed_form_is_the_normalised_one_with_log_degree_on_top(name):
    graph, scores, seeds, weight = problem(name)
    log_degree = transition(graph, torch.zeros_like(scores), weight, degree_normalised=False).sum(1).log()
    if bool((log_degree + scores < 0).any()):
        scores = scores + 1.0
    printed = boundary_probabilities(
        graph, (scores + log_degree).clamp(min=0), seeds, weight=weight, degree_normalised=False
    )
    torch.testing.assert_close(printed, boundary_probabilities(graph, scores, seeds, weight=weight))


@pytest.mark.parametrize("border", ["exits", "stay"])
def test_what_paths_do_at_the_border_is_the_same_in_both_forms(border):
    graph, scores, seeds, _ = problem("grid")
    missing = missing_neighbours((3, 4))
    printed = boundary_probabilities(
        graph,
        scores + math.log(4),
        seeds,
        stay=missing if border == "stay" else None,
        degree_normalised=False,
    )
    torch.testing.assert_close(printed, boundary_probabilities(graph, scores, seeds, **{border: missing}))
    assert (printed - boundary_probabilities(graph, scores, seeds)).abs().max() > 1e-3


def largest_eigenvalue(matrix: Tensor, seeds: Tensor) -> float:
    free = seeds < 0
    return float(torch.linalg.eigvals(matrix[free][:, free]).abs().max())


@pytest.mark.parametrize("shape", [(4, 5), (20, 20)])
@pytest.mark.parametrize("border", ["leave", "reflect"])
def test_where_the_printed_sum_is_infinite_the_spectral_radius_says_so(shape, border):
    graph = grid_graph(shape)
    seeds = labelled(graph.num_nodes, {0: 0, graph.num_nodes - 1: 1})
    stay = missing_neighbours(shape) if border == "reflect" else None
    flat = torch.zeros(graph.num_nodes, dtype=torch.float64)
    radius = largest_eigenvalue(transition(graph, flat, stay=stay, degree_normalised=False), seeds)
    with pytest.raises(ConvergenceError, match=rf"sum over paths is infinite: .* = {radius:.6g}, and must be < 1"):
        boundary_probabilities(graph, flat, seeds, stay=stay, degree_normalised=False)
    for excess in (-1e-3, 1e-3):
        scores = torch.full_like(flat, math.log(radius) + excess)
        matrix = transition(graph, scores, stay=stay, degree_normalised=False)
        if excess < 0:
            with pytest.raises(ConvergenceError, match="sum over paths is infinite"):
                boundary_probabilities(graph, scores, seeds, stay=stay, degree_normalised=False)
        else:
            answer = boundary_probabilities(graph, scores, seeds, stay=stay, degree_normalised=False)
            torch.testing.assert_close(answer, normalised(dense(matrix, seeds)[0]), rtol=1e-7, atol=1e-9)


def ring_with_tail(size: int) -> Graph:
    """A directed cycle of `size` nodes with two ways on at each, and a one-way path of as many nodes behind it."""
    nodes = torch.arange(size)
    hops = [torch.stack([nodes, (nodes + step) % size]) for step in (1, 2)]
    path = torch.arange(size - 1, 2 * size - 1)
    return Graph(torch.cat([*hops, torch.stack([path, path + 1])], dim=1), 2 * size, directed=True)


@pytest.mark.parametrize("size", [6, 120])
def test_the_spectral_radius_of_a_directed_graph_is_that_of_its_cycles(size):
    graph = ring_with_tail(size)
    seeds, flat = labelled(2 * size, {2 * size - 1: 0}), torch.zeros(2 * size, dtype=torch.float64)
    radius = largest_eigenvalue(transition(graph, flat, degree_normalised=False), seeds)
    assert radius == pytest.approx(2, rel=1e-6)
    with pytest.raises(ConvergenceError, match=r"= 2(\.0+\d*)?, and must be < 1"):
        boundary_probabilities(graph, flat, seeds, degree_normalised=False)
    path = Graph(graph.edges[:, -size:] - (size - 1), size + 1, directed=True)
    short = labelled(size + 1, {size: 0})
    one = boundary_probabilities(path, flat[: size + 1], short, weight=flat[:size] + 3.0, degree_normalised=False)
    assert torch.equal(one, torch.ones_like(one))  # no cycle: finitely many paths, however much each step gains


def test_steps_that_stay_and_pay_nothing_make_the_sum_infinite():
    graph = Graph(torch.tensor([[0, 1], [1, 2]]), 3, directed=True)
    scores, seeds = torch.zeros(3), torch.tensor([-1, -1, 0])
    with pytest.raises(ConvergenceError, match=r"sum over paths is infinite: .* = 1, and must be < 1"):
        boundary_probabilities(graph, scores, seeds, stay=torch.ones(3), degree_normalised=False)
