"""How direct solvers test their factors, and what that costs."""

import pytest
import torch

import graphrw as rw
from graphrw.solvers import LU, Cholesky, Dense, SuperLU
from graphrw.solvers.verdict import distance_from_one


@pytest.fixture
def widths(monkeypatch):
    """How many columns each substitution has had, on SciPy's solver."""
    seen = []
    factor = type(SuperLU().inverse_of(walk_of(0)))
    original = factor.substitute
    monkeypatch.setattr(
        factor, "substitute", lambda self, b, transpose: (seen.append(b.shape[1]), original(self, b, transpose))[1]
    )
    return seen


def walk_of(contrast, dtype=torch.float64):
    graph = rw.grid_graph((20, 20))
    generator = torch.Generator().manual_seed(0)
    weight = 10 ** (-contrast * torch.rand(graph.num_edges, generator=generator, dtype=torch.float64))
    return rw.walk(graph, weight.to(dtype))


def seeds_of(labels):
    seeds = torch.full((400,), -1)
    seeds[torch.linspace(0, 399, labels).long()] = torch.arange(labels)
    return seeds


def test_hitting_probabilities_test_the_factor_by_their_sum(widths):
    walk = walk_of(2)
    weight = walk.weight.clone().requires_grad_()
    z = rw.hitting_probabilities(rw.walk(walk.graph, weight), seeds_of(3), solver=SuperLU())
    z[:, 0].sum().backward()
    assert widths == [3, 3]  # forward and backward, and no column more


def test_absorption_counts_in_that_sum(widths):
    absorption = torch.rand(400, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    rw.hitting_probabilities(walk_of(2), seeds_of(2), absorption=absorption, solver=SuperLU())
    assert widths == [2]


@pytest.mark.parametrize("killing", [0.0, 0.1])
def test_other_right_hand_sides_need_a_column_of_their_own(widths, killing):
    """One label of two; and walkers that are killed, in no label."""
    walk = rw.walk(walk_of(2).graph, walk_of(2).weight, killing)
    nodes = torch.tensor([0, 399])
    values = torch.eye(2, dtype=torch.float64)
    rw.harmonic(walk, nodes, values[:, :1] if killing == 0 else values, SuperLU())
    assert widths == ([1, 1] if killing == 0 else [1, 2])


def test_right_hand_sides_rounded_to_float32_are_no_test_of_float64(widths):
    absorption = torch.rand(400, 2, generator=torch.Generator().manual_seed(1))
    walk = walk_of(2, torch.float32)
    rw.hitting_probabilities(walk, seeds_of(2), absorption=absorption, solver=SuperLU())
    assert widths == [1, 2]


@pytest.mark.parametrize("contrast", [6, 10, 12])
def test_both_tests_see_about_the_same(contrast):
    walk = rw.absorb(walk_of(contrast), torch.tensor([0, 399]))
    share = torch.rand(400, 1, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    b = walk.killing[:, None] * torch.cat([share, 1 - share], 1)
    by_sum, by_column = (
        Cholesky().inverse_of(walk).substitute(each, transpose=False) for each in (b, walk.killing[:, None])
    )
    assert 0.1 < distance_from_one(by_sum.sum(1)[walk.degree > 0]) / distance_from_one(by_column) < 10


def test_columns_that_cancel_each_other_are_no_test():
    walk = rw.walk(walk_of(2).graph, walk_of(2).weight, 1.0)
    large = 2.0**50 * torch.randint(1, 3, (400, 1), generator=torch.Generator().manual_seed(3)).double()
    b = torch.cat([3 * large, -large, -large, -large, walk.killing[:, None]], 1)
    assert (b.sum(1) == walk.killing).all()
    x = rw.solve(walk, b, SuperLU())
    torch.testing.assert_close(x, rw.solve(walk, b, Dense()))
    torch.testing.assert_close(x[:, 4], torch.ones(400, dtype=torch.float64))


def test_a_node_that_none_leaves_counts_where_walkers_enter_it():
    """Its killing is 1 and its right-hand side 5, which all others inherit."""
    path = rw.Graph(torch.tensor([[0, 1], [1, 2]]), 3, directed=True)
    walk = rw.walk(path, torch.ones(2, dtype=torch.float64), torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64))
    b = torch.tensor([[0.0], [0.0], [5.0]], dtype=torch.float64)
    for solver in (LU(), SuperLU(), Dense()):
        torch.testing.assert_close(rw.solve(walk, b, solver), torch.full((3, 1), 5.0, dtype=torch.float64))
