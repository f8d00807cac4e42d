"""When walks end: against the dense fundamental matrix, simulated walks, closed forms and networkx."""

import math

import networkx as nx
import numpy as np
import pytest
import torch

import graphrw as rw
from graphrw import functional
from graphrw.testing import dense_operator, sample_graphs, sample_walk

DOUBLE = torch.float64
GRAPHS = sample_graphs()
LARGER = {name: graph for name, graph in GRAPHS.items() if graph.num_edges > 2}


def dense_moments(walk, seeds, num_labels, absorption=None, loops=0.0):
    """Share, E[T | l] and Var[T | l] from P(T = n, l) = Qⁿ⁻¹ b: with N = (I − Q)⁻¹, E[T; l] = N² b and
    E[T²; l] = (2N − I) N² b."""
    rate = walk.rate.detach() + loops + (0 if absorption is None else absorption.sum(1))
    moves = walk.rate.detach().diag() - dense_operator(walk) + loops * torch.eye(len(seeds), dtype=DOUBLE)
    moves = moves / rate[:, None]
    ends = torch.zeros(len(seeds), num_labels, dtype=DOUBLE)
    ends[seeds >= 0, seeds[seeds >= 0]] = 1
    into = moves @ ends + (0 if absorption is None else absorption / rate[:, None])
    free = seeds < 0
    eye = torch.eye(int(free.sum()), dtype=DOUBLE)
    visits = torch.linalg.inv(eye - moves[free][:, free])
    share, mean, square = ends.clone(), torch.zeros_like(ends), torch.zeros_like(ends)
    share[free] = visits @ into[free]
    mean[free] = visits @ visits @ into[free]
    square[free] = (2 * visits - eye) @ visits @ visits @ into[free]
    never = share < 1e-13
    mean, square = (torch.where(never, math.inf, each / share) for each in (mean, square))
    return share, mean, torch.where(never, math.inf, square - mean**2)


@pytest.mark.parametrize("loops", [0.0, 0.7])
@pytest.mark.parametrize("name", LARGER)
def test_times_and_variances_are_those_of_the_fundamental_matrix(name, loops):
    moved = sample_walk(LARGER[name])
    seeds = torch.full((moved.graph.num_nodes,), -1)
    seeds[0], seeds[-1] = 1, 0
    absorption = torch.rand(len(seeds), 2, generator=torch.Generator().manual_seed(2), dtype=DOUBLE)
    for rates in (absorption, None):
        options = {"absorption": rates, "self_loops": loops, "unreachable": math.inf}
        _, mean, variance = dense_moments(moved, seeds, 2, rates, loops)
        torch.testing.assert_close(rw.absorption_time(moved, seeds, **options).detach(), mean)
        torch.testing.assert_close(functional.absorption_time_variance(moved, seeds, **options).detach(), variance)


def test_times_are_those_of_simulated_walks_that_may_be_killed():
    graph, weight = GRAPHS["directed"], torch.tensor([1.0, 2.0, 0.5, 1.0, 3.0, 1.0], dtype=DOUBLE)
    killing = torch.tensor([0.2, 0.1, 0.0, 0.3, 0.0], dtype=DOUBLE)
    chances = np.zeros((6, 6))  # the sixth place is where the killed are
    tail, head = graph.edges.numpy()
    chances[tail, head], chances[:5, 5] = weight, killing
    chances[[1, 4, 5]] = 0
    chances[1, 1] = chances[4, 4] = chances[5, 5] = 1
    steps = (chances / chances.sum(1, keepdims=True)).cumsum(1)
    random, place, ended = np.random.default_rng(0), np.full(40_000, 3), np.zeros(40_000)
    while not np.isin(place, [1, 4, 5]).all():
        ended += ~np.isin(place, [1, 4, 5])
        place = (random.random(len(place))[:, None] > steps[place]).sum(1)
    seeds = torch.tensor([-1, 0, -1, -1, 1])
    moved = rw.walk(graph, weight, killing)
    mean = rw.absorption_time(moved, seeds)[3].numpy()
    variance = functional.absorption_time_variance(moved, seeds)[3].numpy()
    for label, node in enumerate((1, 4)):
        times = ended[place == node]
        assert abs(times.mean() - mean[label]) < 5 * np.sqrt(variance[label] / len(times)) + 1e-9
        assert times.var() == pytest.approx(variance[label], rel=0.1, abs=1e-9)


def test_hitting_times_of_paths_and_complete_graphs_are_known():
    length = 9
    path = rw.walk(rw.grid_graph((length,)), torch.ones(length - 1, dtype=DOUBLE))
    place = torch.arange(length, dtype=DOUBLE)
    torch.testing.assert_close(rw.hitting_time(path, torch.tensor([0])), place * (2 * (length - 1) - place))
    complete = rw.Graph(torch.combinations(torch.arange(length)).T, length)
    moved = rw.walk(complete, torch.full((complete.num_edges,), 3.0, dtype=DOUBLE))
    time, variance = (ask(moved, torch.tensor([4])) for ask in (rw.hitting_time, functional.hitting_time_variance))
    there = torch.arange(length) == 4
    torch.testing.assert_close(time, torch.where(there, 0.0, length - 1.0).to(DOUBLE))
    torch.testing.assert_close(variance, torch.where(there, 0.0, (length - 1.0) * (length - 2)).to(DOUBLE))


def test_commute_times_are_networkxs_resistance_times_the_sum_of_degrees():
    club = nx.karate_club_graph()
    moved = rw.walk(*rw.from_networkx(club))
    names, volume = list(club), sum(degree for _, degree in club.degree(weight="weight"))
    pairs = torch.tensor([[0, 33], [5, 7], [16, 26]])
    expected = [
        nx.resistance_distance(club, names[i], names[j], "weight", invert_weight=False) * volume for i, j in pairs
    ]
    torch.testing.assert_close(rw.commute_time(moved, pairs), torch.tensor(expected, dtype=moved.weight.dtype))


@pytest.mark.parametrize("directed", [False, True])
def test_commute_times_there_and_back_are_two_hitting_times(directed):
    random = nx.gnp_random_graph(12, 0.4, seed=1, directed=directed)
    graph, _ = rw.from_networkx(random)
    for killing in (0.0, 0.3):
        moved = rw.walk(graph, torch.linspace(1, 2, graph.num_edges, dtype=DOUBLE), killing)
        pairs = torch.tensor([[0, 3], [3, 0], [2, 5], [4, 4]])
        there, back = (
            torch.stack([rw.hitting_time(moved, end[None], self_loops=0.4)[start] for start, end in ends])
            for ends in (pairs, pairs.flip(1))
        )
        torch.testing.assert_close(rw.commute_time(moved, pairs, self_loops=0.4), there + back)


def test_nobody_commutes_between_components():
    moved = rw.walk(GRAPHS["disconnected"], torch.ones(3))
    assert rw.commute_time(moved, torch.tensor([[0, 1], [0, 3]])).tolist() == [4.0 / 2 * 1 * 2, math.inf]
    killed = rw.walk(GRAPHS["disconnected"], torch.ones(3), 0.1)
    assert rw.commute_time(killed, torch.tensor([[0, 3]])).tolist() == [math.inf]


@pytest.mark.parametrize("name", ["grid", "directed", "batched"])
def test_times_and_variances_have_exact_derivatives(name):
    sample = sample_walk(LARGER[name])
    seeds = torch.full((sample.graph.num_nodes,), -1)
    seeds[0], seeds[-1] = 0, 1

    def times(weight, killing, absorption, loops):
        moved = rw.walk(sample.graph, weight, killing)
        options = {"absorption": absorption, "self_loops": loops}
        time = rw.absorption_time(moved, seeds, **options)
        variance = functional.absorption_time_variance(moved, seeds, **options)
        finite = time.detach().isfinite()
        return time[finite], variance[finite]

    absorption = torch.linspace(0.1, 0.5, 2 * len(seeds), dtype=DOUBLE).reshape(-1, 2).requires_grad_()
    loops = torch.linspace(0, 1, len(seeds), dtype=DOUBLE).add(0.1).requires_grad_()
    leaves = (sample.weight, sample.killing, absorption, loops)
    assert torch.autograd.gradcheck(times, leaves, check_forward_ad=True, fast_mode=name != "directed")
    assert torch.autograd.gradgradcheck(times, leaves, fast_mode=True)
    plain = tuple(leaf.detach() for leaf in leaves)
    found = torch.func.jacrev(times, argnums=(0, 1))(*plain)
    expected = torch.autograd.functional.jacobian(lambda w, k: times(w, k, *plain[2:]), plain[:2])
    torch.testing.assert_close(found, expected)


def test_a_gradient_moves_a_hitting_time_as_finite_differences_do_where_walkers_are_lost():
    graph = rw.Graph(torch.tensor([[0, 1, 1, 3], [1, 0, 2, 2]]), 5, directed=True)
    weight = torch.tensor([1.0, 2.0, 3.0, 1.0], dtype=DOUBLE, requires_grad=True)
    nodes = torch.tensor([0])
    assert torch.autograd.gradcheck(lambda w: rw.hitting_time(rw.walk(graph, w), nodes, unreachable=7.0), (weight,))
    # From node 1 two of five walkers arrive, in one step; from nodes 2, 3 and 4 none.
    assert rw.hitting_time(rw.walk(graph, weight.detach()), nodes, unreachable=7.0).tolist() == [0, 1, 7, 7, 7]


def far(directed, length=50, killing=2e4):
    """A path whose walkers hardly ever come to its beginning: a share of 1e-4 per step."""
    line = rw.grid_graph((length,))
    if directed:
        line = rw.Graph(torch.cat([line.edges, line.edges.flip(0)], 1), length, directed=True)
    return rw.walk(line, torch.linspace(1, 2, line.num_edges, dtype=DOUBLE), killing)


@pytest.mark.parametrize(
    "solver", [rw.solvers.Auto(), rw.solvers.LU(), rw.solvers.Cholesky(), rw.solvers.SuperLU()], ids=str
)
@pytest.mark.parametrize("directed", [False, True])
def test_times_of_walkers_of_whom_1e_minus_200_arrive_have_their_digits(solver, directed):
    mpmath = pytest.importorskip("mpmath")
    if directed and isinstance(solver, rw.solvers.Cholesky):
        pytest.skip("undirected only")
    moved = far(directed)
    time = rw.hitting_time(moved, torch.tensor([0]), solver=solver)
    variance = functional.hitting_time_variance(moved, torch.tensor([0]), solver=solver)
    with mpmath.workdps(60):
        exact = mpmath.matrix(dense_operator(moved).tolist())
        # Row sums are the killing, which float64 has rounded away in diagonal entries.
        rates = [mpmath.mpf(float(killing)) for killing in moved.killing]
        for node in range(len(rates)):
            exact[node, node] = rates[node] - sum(exact[node, other] for other in range(len(rates)) if other != node)
        inner, into = exact[1:, 1:], -exact[1:, 0]
        diagonal = [inner[node, node] for node in range(len(rates) - 1)]
        share = mpmath.lu_solve(inner, into)
        mean = mpmath.lu_solve(inner, mpmath.matrix([c * h for c, h in zip(diagonal, share, strict=True)]))
        square = mpmath.lu_solve(
            inner, mpmath.matrix([c * (2 * m - h) for c, m, h in zip(diagonal, mean, share, strict=True)])
        )
        expected = [float(m / h) for m, h in zip(mean, share, strict=True)]
        spread = [float(s / h - (m / h) ** 2) for s, m, h in zip(square, mean, share, strict=True)]
        assert 1e-205 < share[len(share) - 1] < 1e-190
    torch.testing.assert_close(time[1:], torch.tensor(expected, dtype=DOUBLE), rtol=1e-9, atol=0)
    torch.testing.assert_close(variance[1:], torch.tensor(spread, dtype=DOUBLE), rtol=1e-9, atol=0)


def test_a_solver_without_a_digit_of_so_few_walkers_says_so():
    with pytest.raises(rw.ConvergenceError, match=r"cannot tell when walkers from node \d+ end in label 0, so few do"):
        rw.hitting_time(far(directed=False), torch.tensor([0]), solver=rw.solvers.CG(rtol=1e-6))
    with pytest.raises(rw.ConvergenceError, match="so few do"):  # a share of 1e-400 is 0 in float64
        rw.hitting_time(far(directed=False, length=100), torch.tensor([0]))


def test_a_gradient_through_walkers_of_whom_1e_minus_200_arrive_is_right():
    line = rw.grid_graph((100,))
    weight = torch.linspace(1, 2, 99, dtype=DOUBLE)

    def last(weight):
        return rw.hitting_time(rw.walk(line, weight, 150.0), torch.tensor([0]))[-1]

    found = torch.autograd.functional.jacobian(last, weight)
    change = torch.zeros_like(weight)
    change[20] = 0.01
    assert float(found[20]) == pytest.approx(float(last(weight + change) - last(weight - change)) / 0.02, rel=1e-3)


def test_scale_changes_no_time():
    for scale in (1e-300, 1e300):
        graph = rw.grid_graph((3, 3))
        moved = rw.walk(graph, torch.full((graph.num_edges,), scale, dtype=DOUBLE), scale)
        plain = rw.walk(graph, torch.ones(graph.num_edges, dtype=DOUBLE), 1.0)
        for ask in (rw.hitting_time, functional.hitting_time_variance):
            torch.testing.assert_close(ask(moved, torch.tensor([4])), ask(plain, torch.tensor([4])))


def test_nodes_from_which_no_label_is_reached_are_an_error_unless_filled():
    moved = rw.walk(GRAPHS["disconnected"], torch.ones(3))
    with pytest.raises(rw.SingularWalkError, match=r"`nodes` cannot be reached from 2 of 5 nodes \(first: 3\)"):
        rw.hitting_time(moved, torch.tensor([0]))
    assert rw.hitting_time(moved, torch.tensor([0]), unreachable=math.inf).tolist() == [0, 3, 4, math.inf, math.inf]
    with pytest.raises(ValueError, match="`unreachable` must be a number"):
        rw.hitting_time(moved, torch.tensor([0]), unreachable=-1.0)
    with pytest.raises(rw.SingularWalkError, match="`seeds` cannot be reached"):
        rw.absorption_time(moved, torch.tensor([0, -1, 1, -1, -1]))


def test_hitting_time_is_an_absorption_time_with_one_label():
    moved = sample_walk(GRAPHS["grid"])
    seeds = torch.full((12,), -1)
    seeds[[3, 7]] = 0
    torch.testing.assert_close(rw.hitting_time(moved, torch.tensor([3, 7])), rw.absorption_time(moved, seeds)[:, 0])


def test_commute_times_have_their_gradient_in_killing_where_nothing_kills():
    moved, pairs = sample_walk(rw.grid_graph((3, 4))), torch.tensor([[1, 10], [0, 3]])

    def times(killing):
        return rw.commute_time(rw.walk(moved.graph, moved.weight, killing), pairs).sum()

    none, step = torch.zeros(12, dtype=DOUBLE), 1e-7
    (slope,) = torch.autograd.grad(times(start := none.clone().requires_grad_()), start)
    differences = torch.stack([(times(none + step * one) - times(none)) / step for one in torch.eye(12, dtype=DOUBLE)])
    torch.testing.assert_close(slope, differences, rtol=1e-4, atol=1e-4)


def test_commute_times_that_are_infinite_leave_the_gradients_of_others_alone():
    weight = torch.ones(2, dtype=DOUBLE, requires_grad=True)
    time = rw.commute_time(rw.walk(rw.Graph(torch.tensor([[0, 1], [1, 2]]), 4), weight), torch.tensor([[0, 2], [0, 3]]))
    assert time.tolist() == pytest.approx([8, math.inf])
    (slope,) = torch.autograd.grad(time[time.isfinite()].sum(), weight)
    assert slope.tolist() == pytest.approx([0, 0], abs=1e-12)  # 2 (a + b) (1/a + 1/b) is least where both are equal
