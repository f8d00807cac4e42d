"""Walks: arguments, absorption, and which nodes can end."""

from dataclasses import FrozenInstanceError

import pytest
import torch

import graphrw as rw
from graphrw.core.held import Held
from graphrw.core.reach import stranded
from graphrw.core.walk import apply, check_rates, neighbour_sum
from graphrw.testing import dense_operator, sample_graphs, sample_walk

GRAPHS = sample_graphs()
PATH = rw.grid_graph((4,))


@pytest.mark.parametrize(
    ("weight", "killing", "message"),
    [
        (torch.ones(3, dtype=torch.bfloat16), 0.0, "float32 or float64; got torch.bfloat16"),
        (torch.ones(3, dtype=torch.int64), 0.0, r"got torch\.int64\. Cast it: `\.double\(\)`, `\.astype\(float\)`"),
        (torch.ones(2), 0.0, r"`weight` must have shape \(E,\) = \(3,\); got \(2,\)"),
        (torch.tensor([1.0, -2.0, 1.0]), 0.0, "`weight` must be finite and not negative; got -2.0 at index 1"),
        (torch.tensor([1.0, 1.0, float("nan")]), 0.0, "got nan at index 2"),
        (torch.tensor([float("inf"), 1.0, 1.0]), 0.0, "got inf at index 0"),
        (torch.ones(3), -0.5, "`killing` must be finite and not negative; got -0.5 at index 0"),
        (torch.ones(3), torch.tensor([0.0, 1.0, float("nan"), 0.0]), "`killing` .* got nan at index 2"),
        (torch.ones(3), torch.ones(3), r"`killing` must be a number or \(N,\) = \(4,\); got \(3,\)"),
        (torch.ones(3, device="meta"), 0.0, "`weight` is on meta but `graph` on cpu"),
    ],
)
def test_a_wrong_walk_says_what_is_wrong(weight, killing, message):
    with pytest.raises(ValueError, match=message):
        rw.walk(PATH, weight, killing)


@pytest.mark.parametrize(
    ("weight", "killing", "node"),
    [([1e30, 2e38, 2e38], 0.0, 2), ([1e30, 1.0, 3e38], [0.0, 0.0, 0.0, 3e38], 3), ([3e38, 0.0, 0.0], 1e38, 0)],
)
def test_a_rate_that_overflows_names_its_node(weight, killing, node):
    weight, killing = torch.tensor(weight), torch.tensor(killing)
    message = (
        rf"The weights of node {node} and its killing .* more than torch\.float32 holds \(largest weight: \de\+38\)"
    )
    with pytest.raises(ValueError, match=message):
        rw.walk(PATH, weight, killing)
    assert bool(rw.walk(PATH, weight.double(), killing.double()).rate.isfinite().all())


def test_a_rate_that_just_fits_is_accepted():
    assert rw.walk(PATH, torch.tensor([1.6e38, 1.6e38, 1e38])).rate.isfinite().all()


HUGE = 3e38  # float32 holds it, but not twice
LARGE = torch.full((4,), HUGE)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (
            lambda walk: rw.hitting_probabilities(
                walk, torch.tensor([0, -1, -1, 1]), absorption=LARGE[:, None].repeat(1, 2)
            ),
            "node 0 and its killing and absorption",
        ),
        (lambda walk: rw.damp(walk, 1e-38), "node 0 and the killing that `alpha` makes"),
        (lambda walk: rw.damp(walk, 0.3, self_loops=LARGE), "node 0 and the killing that `alpha` makes"),
        (lambda walk: rw.step(walk, LARGE / HUGE, self_loops=LARGE), "node 3 and its killing and self loop"),
        (lambda walk: rw.resolvent(walk, LARGE / HUGE, self_loops=LARGE), "node 3 and its killing and self loop"),
    ],
    ids=["absorption", "damp", "damp with self loops", "step", "resolvent"],
)
def test_a_rate_that_overflows_later_names_its_node_too(ask, message):
    walk = rw.walk(PATH, torch.tensor([100.0, 1.0, 1.0]), torch.tensor([0.0, 0.0, 0.0, 1e38]))
    with pytest.raises(ValueError, match=rf"The weights of {message} must add up to a finite number; .*float32 holds"):
        ask(walk)


def test_absorption_that_overflows_is_found_on_a_graph_without_edges():
    walk = rw.walk(rw.Graph(torch.empty(2, 0, dtype=torch.int64), 1), torch.empty(0))
    with pytest.raises(ValueError, match=r"node 0 and its killing and absorption .*largest weight: 0"):
        rw.hitting_probabilities(walk, torch.tensor([-1]), absorption=torch.full((1, 2), HUGE))


def test_vmap_over_weights_or_killing_is_refused():
    message = "may run over right-hand sides, not over weights, killing"
    with pytest.raises(ValueError, match=message):
        torch.func.vmap(lambda weight: rw.walk(PATH, weight).rate)(torch.ones(2, 3))
    with pytest.raises(ValueError, match=message):
        torch.func.vmap(lambda killing: rw.walk(PATH, torch.ones(3), killing).rate)(torch.ones(2))


@pytest.mark.parametrize("name", GRAPHS)
def test_the_operator_is_what_its_definition_says(name):
    walk = sample_walk(GRAPHS[name])
    x = torch.randn(walk.graph.num_nodes, 3, dtype=torch.float64)
    matrix = dense_operator(walk)
    torch.testing.assert_close(apply(walk, x), matrix @ x)
    torch.testing.assert_close(apply(walk, x, transpose=True), matrix.T @ x)
    torch.testing.assert_close(neighbour_sum(walk.graph, walk.weight, x), walk.rate[:, None] * x - matrix @ x)


@pytest.mark.parametrize("name", GRAPHS)
def test_absorbing_keeps_every_rate_and_cuts_rows_and_columns(name):
    walk = sample_walk(GRAPHS[name])
    nodes = torch.tensor([walk.graph.num_nodes - 1])
    absorbed = rw.absorb(walk, nodes)
    assert absorbed.graph is walk.graph
    torch.testing.assert_close(absorbed.rate, walk.rate)
    expected = dense_operator(walk)
    rate = expected[nodes, nodes].clone()
    expected[nodes, :] = 0
    expected[:, nodes] = 0
    expected[nodes, nodes] = rate
    torch.testing.assert_close(dense_operator(absorbed), expected)


@pytest.mark.parametrize("name", GRAPHS)
def test_what_flows_from_held_nodes_comes_to_the_others_alone(name):
    """Also where two neighbours are held, between which nothing flows."""
    walk = sample_walk(GRAPHS[name])
    held = Held(walk, torch.arange(walk.graph.num_nodes) % 5 < 2)
    values = torch.rand(walk.graph.num_nodes, 2, dtype=torch.float64)
    known = torch.where(held.nodes[:, None], values, 0.0)
    expected = torch.where(held.nodes[:, None], 0.0, neighbour_sum(walk.graph, walk.weight.double(), known))
    torch.testing.assert_close(held.inflow(values).double(), expected)


def test_an_absorbed_node_without_any_rate_gets_one():
    walk = rw.walk(rw.Graph(torch.tensor([[0], [1]]), 3), torch.ones(1))
    assert rw.absorb(walk, torch.tensor([2])).rate.tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        (torch.tensor([0.0]), r"`nodes` must be \(M,\) int64; got \(1,\) torch.float32"),
        (torch.tensor([[0]]), r"must be \(M,\) int64; got \(1, 1\)"),
        (torch.tensor([4]), "`nodes` names node 4, but nodes run from 0 to 3"),
        (torch.tensor([-1]), "`nodes` names node -1"),
    ],
)
def test_absorbing_what_is_no_node_says_so(nodes, message):
    with pytest.raises(ValueError, match=message):
        rw.absorb(rw.walk(PATH, torch.ones(3)), nodes)


def test_edges_of_weight_zero_lead_nowhere():
    ends = torch.tensor([True, False, False, False])
    for weight, expected in (([1.0, 1.0, 1.0], [0, 0, 0, 0]), ([1.0, 0.0, 1.0], [0, 0, 1, 1])):
        assert stranded(rw.walk(PATH, torch.tensor(weight)), ends).tolist() == [bool(lost) for lost in expected]


def test_a_directed_walk_only_ends_downstream():
    graph = rw.Graph(torch.tensor([[0, 1, 2], [1, 2, 3]]), 4, directed=True)
    walk = rw.walk(graph, torch.ones(3))
    assert stranded(walk, torch.tensor([False, False, True, False])).tolist() == [False, False, False, True]


@pytest.mark.parametrize("directed", [False, True])
def test_a_walk_that_cannot_end_is_refused_with_the_number_and_the_first_node(directed):
    graph = rw.Graph(torch.tensor([[0, 2], [1, 3]]), 4, directed)
    killing = torch.tensor([0.0, 1.0, 0.0, 0.0])
    with pytest.raises(rw.SingularWalkError, match=r"2 of 4 nodes \(first: 2\) can reach no node with killing"):
        rw.solve(rw.walk(graph, torch.ones(2), killing), torch.ones(4))
    with pytest.raises(rw.SingularWalkError):
        rw.factorize(rw.walk(graph, torch.ones(2), killing))


def test_what_is_no_graph_and_what_is_no_walk_is_refused_by_name():
    with pytest.raises(ValueError, match=r"`graph`.*got str"):
        rw.walk("a graph", torch.ones(3))
    with pytest.raises(ValueError, match=r"`walk` must be a `Walk`.*got str"):
        rw.absorb("a walk", torch.tensor([0]))


def test_walks_hold_still_and_are_told_apart():
    walk = rw.walk(PATH, torch.ones(3))
    assert (walk == walk, walk == rw.walk(PATH, torch.ones(3))) == (True, False)
    with pytest.raises(FrozenInstanceError):
        walk.weight = torch.zeros(3)


def test_a_walk_is_moved_with_its_graph_and_keeps_its_gradient():
    weight = torch.ones(3, requires_grad=True)
    walk = rw.walk(PATH, weight, killing=0.5)
    assert walk.to("cpu") is walk
    moved = walk.to("meta")
    assert {moved.graph.device.type, moved.weight.device.type, moved.killing.device.type} == {"meta"}
    assert moved.weight.grad_fn is not None
    assert moved.killing.shape == (4,)


def test_of_a_batch_the_graph_of_a_wrong_rate_is_named():
    batch = rw.Graph.batch([PATH, rw.grid_graph((2,)), PATH])
    with pytest.raises(ValueError, match=r"got -1.0 at index 3, in graph 1 of the batch"):
        rw.walk(batch, torch.tensor([1.0, 1, 1, -1, 1, 1, 1]))
    with pytest.raises(ValueError, match=r"got -1.0 at index 7, in graph 2 of the batch"):
        rw.walk(batch, torch.ones(7), torch.tensor([1.0] * 7 + [-1] + [1] * 2))
    with pytest.raises(ValueError, match=r"`killing` .* got -1.0 at index 0\.$"):
        rw.walk(batch, torch.ones(7), -1.0)


def test_rates_are_checked_for_one_walk_unless_many_are_meant():
    rates = torch.ones(2, 3)
    with pytest.raises(ValueError, match="not over weights, killing"):
        torch.func.vmap(lambda row: check_rates("rates", row) or row)(rates)
    assert torch.func.vmap(lambda row: check_rates("rates", row, batched=True) or row)(rates).equal(rates)
