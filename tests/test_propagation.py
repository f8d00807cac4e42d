"""`step`, `resolvent`, `damp` and `pagerank` against dense matrices, networkx and finite differences."""

import math
from collections.abc import Callable
from typing import Any

import networkx as nx
import numpy as np
import pytest
import torch
from propagation_walks import (
    GRAPHS,
    either_normalisation,
    every_graph,
    features,
    identity,
    inputs,
    plain_walk,
    transition,
    with_and_without_loops,
)
from torch import Tensor

from graphrw import Graph, SingularWalkError, from_networkx, grid_graph, walk
from graphrw.core.walk import Walk
from graphrw.functional import transition as transitions
from graphrw.functional.propagation import damp, pagerank, resolvent, step
from graphrw.solvers import CG
from graphrw.testing import sample_walk

# --- steps ----------------------------------------------------------------------------------------------------------


@every_graph
@either_normalisation
@with_and_without_loops
def test_a_step_is_the_product_with_the_transition_matrix(graph: Graph, symmetric: bool, self_loops: float) -> None:
    for killing in (0.0, 0.4):
        moved, f = plain_walk(graph, killing), features(graph, 2)
        dense = transition(moved, self_loops, symmetric)
        for steps in (0, 1, 3):
            y = step(moved, f, steps, self_loops=self_loops, symmetric=symmetric)
            torch.testing.assert_close(y, torch.linalg.matrix_power(dense, steps) @ f)


@every_graph
@either_normalisation
def test_steps_with_restart_follow_their_recursion(graph: Graph, symmetric: bool) -> None:
    moved, f, expected = plain_walk(graph), features(graph, 2), features(graph, 2)
    dense = transition(moved, 0.7, symmetric)
    for steps in (1, 2, 3):
        expected = 0.8 * dense @ expected + 0.2 * f
        y = step(moved, f, steps, restart=0.2, self_loops=0.7, symmetric=symmetric)
        torch.testing.assert_close(y, expected)


@every_graph
@either_normalisation
@with_and_without_loops
def test_many_steps_with_restart_come_to_the_scaled_resolvent(graph: Graph, symmetric: bool, self_loops: float) -> None:
    moved, f = plain_walk(graph), features(graph, 2)
    many = step(moved, f, 150, restart=0.2, self_loops=self_loops, symmetric=symmetric)
    damped = damp(moved, 0.8, self_loops=self_loops)
    limit = 0.2 * resolvent(damped, f, self_loops=self_loops, symmetric=symmetric)
    torch.testing.assert_close(many, limit, rtol=0, atol=1e-12)


@every_graph
def test_a_step_of_the_damped_walk_is_alpha_times_a_step(graph: Graph) -> None:
    moved, f = plain_walk(graph, 0.4), features(graph, 2)
    for loops in (0.0, 0.7):
        damped = damp(moved, 0.3, self_loops=loops)
        torch.testing.assert_close(step(damped, f, self_loops=loops), 0.3 * step(moved, f, self_loops=loops))


def test_steps_without_killing_keep_constants_and_the_range_of_the_features() -> None:
    moved = plain_walk(grid_graph((5, 6)))
    ones = torch.ones(30, dtype=torch.float64)
    torch.testing.assert_close(step(moved, ones, 7), ones)
    f = features(moved.graph, 4)
    y = step(moved, f, 5, restart=0.1)
    assert bool((y <= f.amax(0)).all())
    assert bool((y >= f.amin(0)).all())


def test_large_graphs_are_walked_in_blocks_with_the_same_answer_and_derivatives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("grid", "directed"):
        moved, f = sample_walk(GRAPHS[name]), features(GRAPHS[name], 3).requires_grad_()
        answers = []
        for entries in (10**6, 1):
            monkeypatch.setattr(transitions, "KEPT", entries)
            monkeypatch.setattr(transitions, "AT_ONCE", entries)
            y = step(moved, f, 2, restart=0.2)
            slopes = torch.autograd.grad(y.square().sum(), (moved.weight, f), create_graph=True)
            curvature = torch.autograd.grad(slopes[0].square().sum(), (moved.weight, f))
            answers.append((y, *slopes, *curvature))
        torch.testing.assert_close(*answers)


def test_a_block_keeps_nothing_along_its_edges_for_backward(monkeypatch: pytest.MonkeyPatch) -> None:
    moved, f = sample_walk(grid_graph((12, 12), radius=4)), features(grid_graph((12, 12)), 8).requires_grad_()
    kept: list[Tensor] = []

    def note(tensor: Tensor) -> Tensor:
        kept.append(tensor)
        return tensor

    monkeypatch.setattr(transitions, "AT_ONCE", 2000)
    totals = []
    for entries in (10**6, 2000):
        kept.clear()
        monkeypatch.setattr(transitions, "KEPT", entries)
        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            step(moved, f)
        totals.append(sum({tensor.data_ptr(): tensor.numel() for tensor in kept}.values()))
    gathered = moved.graph.num_edges * 8
    assert totals[0] > 2 * gathered  # at both ends of each edge
    assert totals[1] < 0.6 * gathered


def test_many_small_steps_keep_no_more_than_a_large_one(monkeypatch: pytest.MonkeyPatch) -> None:
    moved, f = sample_walk(grid_graph((12, 12), radius=4)), features(grid_graph((12, 12)), 8).requires_grad_()
    gathered = moved.graph.num_edges * 8
    monkeypatch.setattr(transitions, "KEPT", 4 * gathered)
    monkeypatch.setattr(transitions, "AT_ONCE", 2000)
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        kept[tensor.data_ptr()] = tensor.numel()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        y = step(moved, f, 20)
    assert sum(kept.values()) < 4 * gathered
    (slope,) = torch.autograd.grad(y.square().sum(), f)
    # Blocks cannot be differentiated by `torch.func`, so that there each step is taken as a whole.
    torch.testing.assert_close(torch.func.grad(lambda f: step(moved, f, 20).square().sum())(f.detach()), slope)


# --- the resolvent --------------------------------------------------------------------------------------------------


@every_graph
@either_normalisation
@with_and_without_loops
@pytest.mark.parametrize("transpose", [False, True], ids=["forward", "transposed"])
def test_the_resolvent_inverts_identity_minus_the_transition_matrix(
    graph: Graph, symmetric: bool, self_loops: float, transpose: bool
) -> None:
    moved, f = plain_walk(graph), features(graph, 2)
    for alpha in (0.01, 0.5, 0.99):
        matrix = identity(graph) - alpha * transition(moved, self_loops, symmetric)
        expected = torch.linalg.solve(matrix.T if transpose else matrix, f)
        damped = damp(moved, alpha, self_loops=self_loops)
        x = resolvent(damped, f, self_loops=self_loops, symmetric=symmetric, transpose=transpose)
        torch.testing.assert_close(x, expected, rtol=1e-11, atol=1e-11)


@every_graph
def test_the_resolvent_of_any_killed_walk_solves_a_x_equals_c_f(graph: Graph) -> None:
    moved, f = sample_walk(graph), features(graph, 2)
    expected = torch.linalg.solve(identity(graph) - transition(moved), f)
    torch.testing.assert_close(resolvent(moved, f), expected)
    torch.testing.assert_close(resolvent(moved, f[:, 0]), expected[:, 0])


@either_normalisation
def test_isolated_nodes_keep_their_features_to_the_bit(symmetric: bool) -> None:
    graph, weight = Graph(torch.tensor([[1, 3], [2, 4]]), 6), torch.tensor([0.3, 0.0])  # a weight of 0 joins nothing
    f = torch.rand(6, 2, generator=torch.Generator().manual_seed(0))
    for transpose in (False, True):
        x = resolvent(damp(walk(graph, weight), 0.9), f, symmetric=symmetric, transpose=transpose)
        assert torch.equal(x[[0, 3, 4, 5]], f[[0, 3, 4, 5]])
    assert bool((step(walk(graph, weight), f, symmetric=symmetric)[[0, 3, 4, 5]] == 0).all())
    restarted = step(walk(graph, weight), f, 5, restart=0.1, symmetric=symmetric)
    torch.testing.assert_close(restarted[[0, 3, 4, 5]], 0.1 * f[[0, 3, 4, 5]])


def test_a_node_that_walkers_reach_but_cannot_leave_keeps_its_features_and_passes_them_on() -> None:
    graph = Graph(torch.tensor([[0, 1], [1, 2]]), 3, directed=True)
    tiny = walk(graph, torch.tensor([1e-9, 1e-9], dtype=torch.float64))
    x = resolvent(damp(tiny, 0.5), torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64))
    torch.testing.assert_close(x, torch.tensor([0.25, 0.5, 1.0], dtype=torch.float64))


def test_isolated_nodes_do_not_spoil_the_accuracy_beside_tiny_weights() -> None:
    graph, f = Graph(grid_graph((5, 6)).edges, 31), features(grid_graph((5, 6)), 2)
    f, weight = torch.cat([f, 100 * torch.ones(1, 2)]), plain_walk(grid_graph((5, 6))).weight
    expected, tiny = (resolvent(damp(walk(graph, s * weight), 0.9), f, CG(rtol=1e-8)) for s in (1.0, 1e-9))
    torch.testing.assert_close(tiny, expected, rtol=0, atol=1e-5)


def test_a_batch_is_answered_like_its_parts() -> None:
    parts = [plain_walk(grid_graph((2, 3))), plain_walk(grid_graph((4, 2)))]
    f = [features(part.graph, 2) for part in parts]
    union = walk(Graph.batch([part.graph for part in parts]), torch.cat([part.weight for part in parts]))
    alone = torch.cat([resolvent(damp(part, 0.9), own) for part, own in zip(parts, f, strict=True)])
    torch.testing.assert_close(resolvent(damp(union, 0.9), torch.cat(f)), alone)


def test_the_solver_is_the_one_that_is_asked_for() -> None:
    moved, f = plain_walk(grid_graph((5, 6))), features(grid_graph((5, 6)), 2)
    rough, fine = (resolvent(damp(moved, 0.9), f, CG(rtol=rtol)) for rtol in (1e-2, 1e-12))
    assert 1e-9 < float((rough - fine).abs().max()) < 1e-1


@either_normalisation
def test_float32_agrees_with_float64(symmetric: bool) -> None:
    moved, f = plain_walk(grid_graph((8, 9))), features(grid_graph((8, 9)), 2)
    narrow = walk(moved.graph, moved.weight.float())

    def solved(moved: Walk, f: Tensor) -> Tensor:
        return resolvent(damp(moved, 0.99), f, symmetric=symmetric)

    def stepped(moved: Walk, f: Tensor) -> Tensor:
        return step(moved, f, 10, restart=0.1, symmetric=symmetric)

    for run in (solved, stepped):
        answer = run(narrow, f.float())
        assert answer.dtype == torch.float32
        torch.testing.assert_close(answer.double(), run(moved, f), rtol=1e-5, atol=1e-5)
        assert run(narrow, f).dtype == run(moved, f.float()).dtype == torch.float64


# --- PageRank -------------------------------------------------------------------------------------------------------


def scored(network: Any) -> Any:
    for k, (_, _, data) in enumerate(network.edges(data=True)):
        data["weight"] = 1.0 + (k * 7 % 5)
    return network


NETWORKS = {
    "karate club": scored(nx.karate_club_graph()),
    "directed": scored(nx.gnp_random_graph(30, 0.15, seed=1, directed=True)),
    "dangling nodes": scored(nx.gnp_random_graph(20, 0.06, seed=5, directed=True)),
    "isolated nodes": scored(nx.gnp_random_graph(20, 0.06, seed=5)),
}


@pytest.mark.parametrize("network", NETWORKS.values(), ids=list(NETWORKS))
@pytest.mark.parametrize("personalised", [False, True], ids=["uniform", "personalised"])
def test_pagerank_is_that_of_networkx(network: Any, personalised: bool) -> None:
    graph, weight = from_networkx(network)
    start = torch.zeros(graph.num_nodes, dtype=torch.float64)
    start[[0, 3]] = torch.tensor([2.0, 1.0], dtype=torch.float64)
    wanted = {i: float(value) for i, value in enumerate(start)} if personalised else None
    expected = nx.pagerank(network, 0.9, wanted, max_iter=2000, tol=1e-15)
    ours = pagerank(walk(graph, weight.double()), 0.9, start if personalised else None)
    torch.testing.assert_close(ours, torch.tensor(list(expected.values()), dtype=torch.float64), rtol=0, atol=1e-10)


def test_pagerank_of_several_starts_is_that_of_each() -> None:
    moved, start = plain_walk(GRAPHS["directed"]), features(GRAPHS["directed"], 3).square()
    together = pagerank(moved, 0.9, start)
    torch.testing.assert_close(together.sum(0), torch.ones(3, dtype=torch.float64))
    for column in range(3):
        torch.testing.assert_close(together[:, column], pagerank(moved, 0.9, start[:, column]))


def test_pagerank_has_all_derivatives() -> None:
    graph = GRAPHS["directed"]
    start = features(graph).square().requires_grad_()

    def run(weight: Tensor, alpha: Tensor, start: Tensor) -> Tensor:
        return pagerank(walk(graph, weight), alpha, start)

    weight, _, alpha, _ = inputs(graph)
    assert torch.autograd.gradcheck(run, (weight, alpha, start))
    assert torch.autograd.gradgradcheck(run, (weight, alpha, start), fast_mode=True)


# --- errors ---------------------------------------------------------------------------------------------------------

WALK, F = plain_walk(grid_graph((2, 3))), features(grid_graph((2, 3)), 2)
REFUSED: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "alpha 1": (lambda: damp(WALK, 1.0), ValueError, r"`alpha` .* \(0, 1\); got 1\.0\. At 1 the walk never ends\."),
    "alpha 0": (lambda: damp(WALK, 0.0), ValueError, r"`alpha` must lie in \(0, 1\); got 0\.0\. At 0 nothing walks\."),
    "alpha NaN": (lambda: damp(WALK, math.nan), ValueError, r"`alpha` must lie in \(0, 1\); got nan"),
    "many alphas": (lambda: damp(WALK, torch.rand(3)), ValueError, r"`alpha` must be a number or .* \(\); got \(3,\)"),
    "restart 0": (lambda: step(WALK, F, 1, 0.0), ValueError, r"got 0\.0\. At 0 nothing restarts: leave it out"),
    "restart 1": (lambda: step(WALK, F, 1, 1.0), ValueError, r"`restart` .* got 1\.0\. At 1 nothing walks"),
    "steps": (lambda: step(WALK, F, -1), ValueError, r"`steps` must be a whole number from 0; got -1"),
    "half steps": (lambda: step(WALK, F, 0.5), ValueError, r"`steps` must be a whole number from 0; got 0\.5"),  # type: ignore[arg-type]
    "true steps": (lambda: step(WALK, F, True), ValueError, "`steps` must be a whole number from 0; got True"),
    "f's shape": (lambda: step(WALK, F[1:]), ValueError, r"`f` must be \(N, K\) or \(N,\).* N = 6; got \(5, 2\)"),
    "f's type": (lambda: resolvent(WALK, F.half()), ValueError, r"float32 or float64, .*; got \(6, 2\) torch.float16"),
    "f elsewhere": (lambda: resolvent(WALK, F.to("meta")), ValueError, "`f` is on meta but the walk on cpu"),
    "loops' shape": (
        lambda: step(WALK, F, self_loops=torch.ones(2)),
        ValueError,
        r"`self_loops` must be a number or \(N,\) = \(6,\); got \(2,\)",
    ),
    "negative loops": (lambda: damp(WALK, 0.5, self_loops=-1.0), ValueError, "`self_loops` .* not negative; got -1"),
    "no killing": (lambda: resolvent(WALK, F), SingularWalkError, r"6 of 6 nodes .* can reach no node with killing"),
    "empty start": (lambda: pagerank(WALK, 0.9, 0 * F), ValueError, "`start` must have a positive sum in each column"),
    "negative start": (lambda: pagerank(WALK, 0.9, -F.abs()), ValueError, "`start` must be .* not negative; got -"),
    "start's shape": (lambda: pagerank(WALK, 0.9, F[1:].abs()), ValueError, r"`start` must be .* got \(5, 2\)"),
}


@pytest.mark.parametrize(("call", "error", "message"), REFUSED.values(), ids=list(REFUSED))
def test_what_has_no_answer_is_refused(call: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_steps_may_be_counted_by_numpy() -> None:
    assert torch.equal(step(WALK, F, np.int64(3)), step(WALK, F, 3))
