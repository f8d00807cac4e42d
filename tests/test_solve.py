"""Solving: types and shapes, derivatives of every kind, errors."""

import pytest
import torch
from torch.func import jacfwd, jacrev

import graphrw as rw
from graphrw.solve import Factor
from graphrw.solvers import CG, LU, BiCGStab, Cholesky, Dense, Multigrid
from graphrw.testing import dense_operator, sample_graphs, sample_walk

GRAPHS = sample_graphs()
GRID = GRAPHS["grid"]


@pytest.mark.parametrize("transpose", [False, True])
@pytest.mark.parametrize("name", ["grid", "directed"])
def test_hessians_agree_in_forward_and_reverse_mode(name, transpose):
    sample, b = sample_walk(GRAPHS[name]), torch.randn(GRAPHS[name].num_nodes, 2, dtype=torch.float64)

    def loss(weight):
        return rw.solve(rw.walk(sample.graph, weight, 0.7), b, LU(), transpose).pow(3).sum()

    weight = sample.weight.detach()
    expected = torch.autograd.functional.hessian(loss, weight)
    torch.testing.assert_close(torch.func.hessian(loss)(weight), expected)
    torch.testing.assert_close(torch.func.jacrev(torch.func.jacrev(loss))(weight), expected)


def test_vmap_over_right_hand_sides_is_one_solve():
    sample = sample_walk(GRID)
    b = torch.randn(5, GRID.num_nodes, 2, dtype=torch.float64)
    with rw.record_solves() as reports:
        x = torch.func.vmap(lambda each: rw.solve(sample, each, Cholesky()))(b)
    assert len(reports) == 1
    torch.testing.assert_close(x, torch.linalg.solve(dense_operator(sample), b))


@pytest.mark.parametrize("solver", [CG(), Cholesky()])
def test_vmap_over_no_right_hand_sides_is_no_answer(solver):
    path = rw.Graph(torch.tensor([[0, 1], [1, 2]]), num_nodes=3)
    walk = rw.walk(path, torch.ones(2, dtype=torch.float64, requires_grad=True), killing=1.0)
    for none in (torch.ones(0, 3, dtype=torch.float64), torch.ones(0, 3, 2, dtype=torch.float64)):
        answers = torch.func.vmap(lambda b: rw.solve(walk, b, solver))(none)
        assert answers.shape == none.shape
        answers.sum().backward()
    torch.testing.assert_close(walk.weight.grad, torch.zeros(2, dtype=torch.float64))


def test_vmap_over_factorised_walks_and_right_hand_sides_agrees_with_a_loop():
    factors = [rw.factorize(sample_walk(GRID, seed), Dense()) for seed in range(2)]
    b = torch.randn(3, GRID.num_nodes, dtype=torch.float64)
    for factor in factors:
        expected = torch.stack([factor.solve(each) for each in b])
        torch.testing.assert_close(torch.func.vmap(factor.solve, in_dims=0)(b), expected)


def test_vmap_over_walks_says_what_to_use_instead():
    sample, b = sample_walk(GRID), torch.ones(12, dtype=torch.float64)

    def run(weight):
        return Factor.of(sample, Cholesky()).solve(b * weight.sum() * 0 + weight.sum())

    def batched(weight):
        walk = rw.Walk(GRID, weight, sample.killing)
        return Factor.of(walk, Cholesky()).solve(b)

    weights = torch.ones(3, GRID.num_edges, dtype=torch.float64)
    assert torch.func.vmap(run)(weights).shape == (3, 12)
    with pytest.raises(
        ValueError, match=r"vmap` may run over right-hand sides, not over weights.*use one `Graph.batch`"
    ):
        torch.func.vmap(batched)(weights)


def test_the_answer_has_the_common_type_and_the_shape_of_b():
    for weight_type, b_type, expected in (
        (torch.float32, torch.float32, torch.float32),
        (torch.float32, torch.float64, torch.float64),
        (torch.float64, torch.float32, torch.float64),
    ):
        walk = rw.walk(GRID, torch.ones(GRID.num_edges, dtype=weight_type), 1.0)
        assert rw.solve(walk, torch.ones(12, dtype=b_type)).dtype == expected
        assert rw.solve(walk, torch.ones(12, dtype=b_type)).shape == (12,)
        assert rw.solve(walk, torch.ones(12, 0, dtype=b_type)).shape == (12, 0)


def test_a_graph_without_nodes_has_an_empty_answer():
    walk = rw.walk(rw.Graph(torch.empty(2, 0, dtype=torch.int64), 0), torch.ones(0))
    assert rw.solve(walk, torch.ones(0, 3)).shape == (0, 3)
    assert rw.solve(walk, torch.ones(0)).shape == (0,)


def test_float32_gradients_agree_with_float64():
    gradients = []
    for dtype in (torch.float32, torch.float64):
        sample, b = sample_walk(GRID, dtype=dtype), torch.arange(12, dtype=dtype)
        loss = rw.solve(sample, b).square().sum()
        gradients.append(torch.autograd.grad(loss, sample.weight)[0].double())
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-4)


def test_a_factor_by_hand_carries_all_gradients():
    sample = sample_walk(GRID)
    b = torch.randn(12, 2, dtype=torch.float64, requires_grad=True)
    by_hand = rw.factorize(sample).T.solve(b).pow(2).sum()
    at_once = rw.solve(sample, b, transpose=True).pow(2).sum()
    wanted = (sample.weight, sample.killing, b)
    for one, other in zip(torch.autograd.grad(by_hand, wanted), torch.autograd.grad(at_once, wanted), strict=True):
        torch.testing.assert_close(one, other)


def test_the_transposed_factor_solves_with_the_transposed_operator():
    sample = sample_walk(GRAPHS["directed"])
    factor, b = rw.factorize(sample, LU()), torch.randn(5, dtype=torch.float64)
    expected = torch.linalg.solve(dense_operator(sample).T, b)
    for x in (factor.T.solve(b), factor.T.T.T.solve(b)):
        torch.testing.assert_close(x.detach(), expected)


def test_gradients_hold_where_everything_is_nearly_constant():
    """x is almost 1 everywhere; the gradient lies in differences of 1e-9, which must not cancel."""
    graph = rw.grid_graph((40,))
    weight = torch.ones(39, dtype=torch.float64, requires_grad=True)
    killing = torch.full((40,), 1e-9, dtype=torch.float64)
    source = killing * torch.linspace(0.5, 1.5, 40, dtype=torch.float64)
    x = rw.solve(rw.walk(graph, weight, killing), source)
    x[0].backward()
    smooth = torch.linspace(0.5, 1.5, 40, dtype=torch.float64)
    flow = torch.cumsum(killing * (smooth - smooth.mean()), 0)[:-1]  # to first order: x_i − x_{i+1} over edge i
    potential = torch.cumsum(torch.arange(39, 0, -1, dtype=torch.float64) / 40, 0)  # λ_0 − λ_i
    expected = -(torch.diff(potential, prepend=torch.zeros(1, dtype=torch.float64))) * flow
    torch.testing.assert_close(weight.grad, expected, rtol=1e-5, atol=1e-14)


def test_backward_is_deterministic():
    def gradient():
        weight = torch.linspace(0.1, 1, GRID.num_edges, dtype=torch.float64, requires_grad=True)
        rw.solve(rw.walk(GRID, weight, 0.1), torch.arange(12.0)).square().sum().backward()
        return weight.grad

    torch.use_deterministic_algorithms(True)
    try:
        assert gradient().equal(gradient())
    finally:
        torch.use_deterministic_algorithms(False)


def test_permuting_the_nodes_permutes_the_answer():
    sample, b = sample_walk(GRAPHS["directed"]), torch.randn(5, dtype=torch.float64)
    order = torch.tensor([3, 0, 4, 1, 2])
    moved = rw.Graph(order[sample.graph.edges], 5, directed=True)
    rank = order.argsort()
    x = rw.solve(rw.walk(moved, sample.weight, sample.killing[rank]), b[rank])
    torch.testing.assert_close(x[order], rw.solve(sample, b))


def test_more_killing_never_raises_the_answer():
    sample, b = sample_walk(GRID), torch.rand(12, dtype=torch.float64)
    less, more = (rw.solve(rw.walk(GRID, sample.weight, killing), b) for killing in (0.1, 0.2))
    assert bool((more < less).all())


@pytest.mark.parametrize(
    ("b", "message"),
    [
        (torch.ones(11), r"`b` must be \(N, K\) or \(N,\) with N = 12; got \(11,\)"),
        (torch.ones(12, 1, 1), r"got \(12, 1, 1\)"),
        (torch.ones(12, dtype=torch.int64), "`b` must be .* floats .*; got torch.int64"),
        (torch.ones(12, device="meta"), "`b` is on meta but the walk on cpu"),
    ],
)
def test_a_wrong_right_hand_side_says_what_is_wrong(b, message):
    with pytest.raises(ValueError, match=message):
        rw.solve(sample_walk(GRID), b)


@pytest.mark.parametrize("solver", [Cholesky(), CG()])
def test_nan_is_refused_in_forward_and_in_backward(solver):
    b = torch.ones(12, requires_grad=True)
    x = rw.solve(sample_walk(GRID), b, solver)
    with pytest.raises(ValueError, match=r"must be finite; got nan at node 3, column 0.*look at the loss"):
        rw.solve(sample_walk(GRID), torch.where(torch.arange(12) == 3, float("nan"), b), solver)
    with pytest.raises(ValueError, match=r"must be finite; got inf at node 0"):
        (x / 0).sum().backward()


def similar_walks():
    graph = rw.grid_graph((30, 30))
    generator = torch.Generator().manual_seed(0)
    weight = 10 ** (-2 * torch.rand(graph.num_edges, generator=generator, dtype=torch.float64))
    change = 1 + 1e-3 * torch.rand(graph.num_edges, generator=generator, dtype=torch.float64)
    return rw.walk(graph, weight, 1e-3), rw.walk(graph, weight * change, 1e-3)


@pytest.mark.parametrize("solver", [CG(), Multigrid(), Cholesky()], ids=str)
def test_a_start_changes_the_way_but_not_the_answer(solver):
    before, after = similar_walks()
    b = torch.rand(900, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    start = rw.solve(before, b, solver)
    factor = rw.factorize(after, solver)
    with rw.record_solves() as reports:
        for _ in range(2):  # the first solve with a factor tests it, too
            cold = factor.solve(b)
        warm = factor.solve(b, start=start)
        there = factor.T.solve(b, start=cold)
    torch.testing.assert_close(warm, cold, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(there, cold, rtol=1e-6, atol=1e-6)
    if not isinstance(solver, Cholesky):
        assert reports[3].iterations == 0 < reports[2].iterations < reports[1].iterations


@pytest.mark.parametrize("solver", [CG(), BiCGStab(), Multigrid(), Cholesky()], ids=str)
def test_where_a_right_hand_side_is_0_no_start_is_iterated_away(solver):
    walk = rw.walk(rw.grid_graph((20, 20)), torch.ones(760, dtype=torch.float64), 0.1)
    b = torch.ones(400, 2, dtype=torch.float64) * torch.tensor([1.0, 0.0])
    with rw.record_solves() as reports:
        cold, warm = (rw.solve(walk, b, solver, start=start) for start in (None, torch.ones_like(b)))
    assert not warm[:, 1].any()
    torch.testing.assert_close(warm, cold)
    assert reports[1].iterations <= 2 * reports[0].iterations + 10


def test_gradients_are_those_without_a_start():
    walk, _ = similar_walks()
    weight, b = walk.weight.clone().requires_grad_(), torch.rand(900, dtype=torch.float64, requires_grad=True)
    found = []
    for start in (None, torch.rand(900, dtype=torch.float64, requires_grad=True)):
        x = rw.solve(rw.walk(walk.graph, weight, 1e-3), b, start=start)
        found.append(torch.autograd.grad(x.square().sum(), (weight, b)))
    torch.testing.assert_close(*found, rtol=1e-8, atol=1e-8)
    over = torch.func.vmap(lambda column, start: rw.solve(walk, column, start=start), in_dims=(1, 0))
    columns = torch.rand(900, 2, dtype=torch.float64)
    torch.testing.assert_close(over(columns, torch.rand(2, 900)).T, rw.solve(walk, columns))
    alone = torch.func.vmap(lambda start: rw.solve(walk, columns[:, 0], start=start))(torch.rand(2, 900))
    torch.testing.assert_close(alone[1], rw.solve(walk, columns[:, 0]))


def test_labels_may_start_from_those_before_the_last_seed():
    walk, _ = similar_walks()
    seeds = torch.full((900,), -1)
    seeds[[0, 899]] = torch.tensor([0, 1])
    first = rw.hitting_probabilities(walk, seeds, solver=Multigrid())
    seeds[450] = 1
    cold = rw.hitting_probabilities(walk, seeds, solver=Multigrid())
    warm = rw.hitting_probabilities(walk, seeds, solver=Multigrid(), start=first)
    torch.testing.assert_close(warm, cold, rtol=1e-7, atol=1e-7)
    values = torch.tensor([0.0, 1.0], dtype=torch.float64)
    nodes = torch.tensor([0, 899])
    height = rw.harmonic(walk, nodes, values)
    torch.testing.assert_close(rw.harmonic(walk, nodes, values, start=torch.ones(900)), height)


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (torch.ones(899), r"`start` must be like `b`, \(900,\) on cpu; got torch.float32 \(899,\)"),
        (torch.ones(900, dtype=torch.int64), r"`start` must be like `b`.* got torch.int64"),
        (torch.full((900,), torch.nan), "`start` must be finite"),
    ],
)
def test_a_start_that_cannot_be_one_is_refused(start, message):
    walk, _ = similar_walks()
    with pytest.raises(ValueError, match=message):
        rw.solve(walk, torch.ones(900), start=start)


def test_forward_over_forward_mode_is_refused_and_any_other_order_is_right():
    graph, b = rw.grid_graph((3,)), torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)

    def solved(weight):
        return rw.solve(rw.walk(graph, weight, 0.5), b)

    weight = torch.tensor([0.7, 1.3], dtype=torch.float64)
    expected = jacrev(jacrev(solved))(weight)
    torch.testing.assert_close(jacfwd(jacrev(solved))(weight), expected)
    torch.testing.assert_close(jacrev(jacfwd(solved))(weight), expected)
    with pytest.raises(NotImplementedError, match="no forward mode over forward mode"):
        jacfwd(jacfwd(solved))(weight)
