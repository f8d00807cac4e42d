"""Walks in continuous time: against dense spectral sums (those of DiffusionNet) and exponentials, and PyG's GDC."""

import math

import pytest
import scipy.linalg
import torch
from torch_geometric.transforms import GDC

import graphrw as rw
from graphrw.functional import exponential
from graphrw.testing import dense_operator, sample_graphs, sample_walk

DOUBLE = torch.float64
GRAPHS = sample_graphs()
LARGER = {name: graph for name, graph in GRAPHS.items() if graph.num_edges > 2}


def features(graph, columns=2):
    return torch.randn(graph.num_nodes, columns, generator=torch.Generator().manual_seed(0), dtype=DOUBLE)


def dense(walk, f, time, mass=None):
    rate = walk.rate.detach()
    mass = torch.where(rate == 0, 1.0, rate) if mass is None else mass
    if not walk.graph.directed:
        values, vectors = map(torch.from_numpy, scipy.linalg.eigh(dense_operator(walk).numpy(), mass.diag().numpy()))
        values = torch.where(values > 1e-13 * values.max(), values, 0.0)  # rounding of 0 would count at t = 10⁹
        decay = torch.exp(-values[:, None] * torch.as_tensor(time, dtype=DOUBLE))
        return vectors @ (decay * (vectors.T @ (mass[:, None] * f)))
    generator = dense_operator(walk) / mass[:, None]
    columns = [torch.linalg.matrix_exp(-t * generator) @ column for t, column in zip(time, f.T, strict=True)]
    return torch.stack(columns, 1)


@pytest.mark.parametrize("time", [0.0, 0.3, 20.0, 150.0, 1e4, 1e9])
@pytest.mark.parametrize("name", GRAPHS)
def test_heat_is_the_exponential_of_the_generator(name, time):
    graph = GRAPHS[name]
    if graph.directed and time > 1e5:
        pytest.skip("as many products as steps")
    f = features(graph)
    for killing in (sample_walk(graph).killing.detach() / 100, torch.zeros(graph.num_nodes)):
        moved = rw.walk(graph, sample_walk(graph).weight.detach(), killing.double())
        torch.testing.assert_close(rw.heat(moved, f, time), dense(moved, f, [time] * 2), rtol=1e-8, atol=1e-9)
        mass = torch.linspace(0.1, 3, graph.num_nodes, dtype=DOUBLE)
        if time < 1e4 or not graph.directed:
            expected = dense(moved, f, [time] * 2, mass)
            torch.testing.assert_close(rw.heat(moved, f, time, mass=mass), expected, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("rtol", [1e-2, 1e-5, 1e-8, 1e-11])
@pytest.mark.parametrize("time", [3.0, 90.0, 150.0, 2e4])
def test_the_error_is_within_rtol(rtol, time):
    graph = rw.grid_graph((6, 7))
    moved, f = rw.walk(graph, sample_walk(graph).weight.detach()), features(graph, 3)
    error = rw.heat(moved, f, time, rtol=rtol) - dense(moved, f, [time] * 3)
    norm, size = ((moved.degree[:, None] * each**2).sum(0).sqrt() for each in (error, f))
    assert bool((norm <= (rtol + 1e-13) * size).all())


def test_each_column_may_have_a_time_of_its_own():
    for name, unit in (("grid", 1.0), ("directed", 0.1)):
        graph = GRAPHS[name]
        time = unit * torch.tensor([40.0, 0.0, 1.0, 3e3, 2e2, 5e4, 1e-3], dtype=DOUBLE)
        moved, f = sample_walk(graph), features(graph, 7)
        torch.testing.assert_close(rw.heat(moved, f, time).detach(), dense(moved, f, time), rtol=1e-8, atol=1e-9)


def test_without_killing_ones_stay_ones_and_with_it_they_decay():
    for name, graph in GRAPHS.items():
        weight, ones = torch.ones(graph.num_edges), torch.ones(graph.num_nodes)
        for time in (0.5, 50.0, 5e3):
            torch.testing.assert_close(rw.heat(rw.walk(graph, weight), ones, time), ones)
            left = rw.heat(rw.walk(graph, weight, 0.1), ones, time)
            assert bool((left < 1).all()), name


def test_heat_of_a_pair_is_known_and_may_be_float32():
    pair = rw.walk(rw.Graph(torch.tensor([[0], [1]]), 2), torch.ones(1))
    for time in (0.1, 3.0):
        found = rw.heat(pair, torch.tensor([1.0, 0.0]), time)
        assert found.dtype == torch.float32
        assert found.tolist() == pytest.approx([(1 + math.exp(-2 * time)) / 2, (1 - math.exp(-2 * time)) / 2], rel=1e-6)


@pytest.mark.parametrize(
    ("name", "time"),
    # On a directed graph products are as many as the time is long.
    [("grid", 0.0), ("grid", 2.0), ("grid", 400.0), ("directed", 2.0), ("directed", 40.0), ("batched", 400.0)],
)
def test_heat_has_exact_derivatives_in_everything(name, time):
    sample = sample_walk(GRAPHS[name])
    weight, killing = sample.weight.detach(), sample.killing.detach() / 500
    mass = torch.linspace(1, 2, len(killing), dtype=DOUBLE)
    when = torch.tensor([time, time / 3], dtype=DOUBLE)

    def run(weight, killing, f, when, mass):
        return rw.heat(rw.walk(sample.graph, weight, killing), f, when, mass=mass)

    leaves = [leaf.clone().requires_grad_() for leaf in (weight, killing, features(sample.graph), when, mass)]
    if time:  # at 0 a time has no neighbour below
        assert torch.autograd.gradcheck(run, leaves, fast_mode=True)
        assert torch.autograd.gradgradcheck(run, leaves, fast_mode=True)
    x = run(*leaves)
    (slope,) = torch.autograd.grad(x.sum(), leaves[3])
    generator = dense_operator(rw.walk(sample.graph, weight, killing)) / mass[:, None]
    torch.testing.assert_close(slope, -(generator @ x.detach()).sum(0), rtol=1e-6, atol=1e-8)
    assert len(torch.func.jacrev(run, argnums=(0, 3))(weight, killing, leaves[2].detach(), when, mass)) == 2


def test_heat_is_the_exact_heat_diffusion_of_gdc():
    graph = rw.grid_graph((3, 4))
    edge_index, edge_weight = rw.to_edge_index(graph, sample_walk(graph).weight.detach())
    gdc = GDC(normalization_in="row", self_loop_weight=None)
    edge_index, normalised = gdc.transition_matrix(edge_index, edge_weight, graph.num_nodes, "row")
    expected = gdc.diffusion_matrix_exact(edge_index, normalised, graph.num_nodes, method="heat", t=5.0)
    moved = rw.walk(graph, sample_walk(graph).weight.detach())
    torch.testing.assert_close(rw.heat(moved, torch.eye(graph.num_nodes, dtype=DOUBLE), 5.0), expected)


def test_any_time_takes_some_thirty_solves_with_one_factor():
    graph = rw.grid_graph((30, 30))
    moved, f = rw.walk(graph, torch.ones(graph.num_edges, dtype=DOUBLE)), features(graph)
    for time in (1e3, 1e6, 1e12):
        with rw.record_solves() as reports:
            rw.heat(moved, f, time)
        assert len(reports) <= 30


def test_rates_of_any_unit_give_the_same_heat():
    graph = GRAPHS["grid"]
    f = features(graph)
    expected = rw.heat(rw.walk(graph, torch.ones(graph.num_edges, dtype=DOUBLE)), f, 500.0)
    for unit in (1e-250, 1e250):
        moved = rw.walk(graph, torch.full((graph.num_edges,), unit, dtype=DOUBLE))
        torch.testing.assert_close(rw.heat(moved, f, 500.0), expected)


def test_a_directed_walk_of_too_many_steps_says_so():
    with pytest.raises(ValueError, match=r"`time` makes \d+ products of it"):
        rw.heat(sample_walk(GRAPHS["directed"]), features(GRAPHS["directed"]), 1e9)


def test_a_series_is_as_long_as_its_samples_allow():
    steps = torch.tensor([exponential.SHORT], dtype=DOUBLE)
    terms = exponential._coefficients(lambda x, s: torch.exp(-s * (1 - x)), steps, exponential.ROUNDING)
    both = exponential._coefficients(
        lambda x, s: torch.exp(-s * (1 - x) / (1 + x)),
        exponential.POLE * torch.tensor([exponential.APART**-0.5, exponential.APART**0.5], dtype=DOUBLE),
        exponential.ROUNDING,
    )
    assert max(len(terms), len(both)) < exponential.SAMPLES / 2
