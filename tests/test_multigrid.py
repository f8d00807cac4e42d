"""Aggregation multigrid: its levels, its cycle, and how many iterations it takes on every kind of graph."""

import itertools

import networkx as nx
import pytest
import torch
from multigrid_walks import KINDS, absorbed, random_weights, right_hand_side, rows_of

import graphrw as rw
from graphrw.core.walk import apply
from graphrw.solvers import Cholesky, Multigrid
from graphrw.solvers.iterative.krylov import ConjugateGradients, Uniform, iterate
from graphrw.solvers.multigrid import cycle as cycles
from graphrw.solvers.multigrid import solver as multigrid
from graphrw.solvers.multigrid.aggregation import aggregate
from graphrw.solvers.multigrid.cycle import Cycle
from graphrw.solvers.multigrid.engine import TORCH
from graphrw.solvers.multigrid.level import TorchLevel
from graphrw.solvers.multigrid.rows import compress, compress_by_sorting, structure
from graphrw.solvers.operator import Operator
from graphrw.testing import check_solver, dense_operator, sample_graphs, sample_walk

UNDIRECTED = {name: graph for name, graph in sample_graphs().items() if not graph.directed}


@pytest.fixture
def small_dense_levels(monkeypatch):
    """Levels all the way down, even on the small graphs of tests."""
    monkeypatch.setattr(cycles, "DENSE", {"cpu": 2, "cuda": 2})


def iterations(walk):
    """To a residual of 1e-6 of its size at the start, for answers of the size of 1."""
    operator, cycle = Operator(walk), Cycle(rows_of(walk))
    b = apply(walk, right_hand_side(walk.graph))
    target = 1e-6 * torch.linalg.vector_norm(b, dim=0)
    return iterate(ConjugateGradients, Uniform(operator.matmul, cycle.apply), b, target, max_iterations=200)[1]


@pytest.mark.usefixtures("small_dense_levels")
@pytest.mark.parametrize("name", ["repeated eigenvalues", "disconnected", "isolated nodes"])
def test_it_passes_conformance_with_levels_of_any_size(name, device):
    check_solver(Multigrid(rtol=1e-12), UNDIRECTED[name].to(device))


@pytest.mark.parametrize(("decades", "limit"), [(0, 25), (2, 25), (6, 40), (12, 40)])
@pytest.mark.parametrize("kind", KINDS)
def test_iterations_stay_few_on_every_kind_of_graph_at_any_contrast(kind, decades, limit):
    walk = absorbed(KINDS[kind], random_weights(KINDS[kind], decades))
    assert 0 < iterations(walk) <= limit


@pytest.mark.parametrize("kind", KINDS)
def test_it_agrees_with_a_direct_solution(kind):
    walk = absorbed(KINDS[kind], random_weights(KINDS[kind], 2))
    b = right_hand_side(walk.graph)
    expected = rw.solve(walk, b, Cholesky())
    found = rw.solve(walk, b, Multigrid(rtol=1e-12))
    assert (found - expected).norm() < 1e-8 * expected.norm()


@pytest.mark.parametrize("name", UNDIRECTED)
def test_a_coarse_level_is_the_galerkin_operator_of_its_aggregates(name):
    walk = sample_walk(UNDIRECTED[name])
    rows = rows_of(rw.Walk(walk.graph, walk.weight.detach(), 0.1 * walk.killing.detach()))
    group, count = aggregate(rows)
    coarse = rows.coarsened(group, count)
    spread = torch.nn.functional.one_hot(group.long(), count + 1)[:, :count].double()
    expected = spread.T @ rows.dense() @ spread
    torch.testing.assert_close(coarse.dense(), expected)
    assert (coarse.weight >= 0).all()
    assert (coarse.killing >= 0).all()


def test_both_ways_to_compress_agree():
    generator = torch.Generator().manual_seed(0)
    row = torch.randint(50, (400,), generator=generator, dtype=torch.int32)
    column = torch.randint(7, (400,), generator=generator, dtype=torch.int32)
    value = torch.rand(400, generator=generator, dtype=torch.float64)
    for found, expected in zip(
        compress_by_sorting(row, column, value, (60, 8)), compress(row, column, value, (60, 8)), strict=True
    ):
        torch.testing.assert_close(found, expected)


def test_aggregates_hang_together_and_a_uniform_grid_shrinks_by_half_or_more():
    graph = rw.grid_graph((40, 40))
    group, count = aggregate(rows_of(rw.walk(graph, torch.ones(graph.num_edges, dtype=torch.float64), 1e-3)))
    assert 0 < count <= 800
    inside = graph.edges[:, group[graph.edges[0]] == group[graph.edges[1]]]
    joined = nx.Graph()
    joined.add_nodes_from(range(1600))
    joined.add_edges_from(inside.T.tolist())
    assert nx.number_connected_components(joined) == count


def test_every_node_stands_with_its_heaviest_neighbour_if_that_is_mutual():
    graph = rw.grid_graph((30, 30))
    weight = random_weights(graph, 6)
    group, _ = aggregate(rows_of(rw.walk(graph, weight, 1e-9)))
    matrix = torch.zeros(900, 900, dtype=torch.float64)
    matrix[graph.edges[0], graph.edges[1]] = weight
    (first, second), (heaviest, _) = ((part[:, 0], part[:, 1]) for part in (matrix + matrix.T).topk(2, dim=1))
    clear = first > 2 * second  # by more than a power of two
    mutual = (heaviest[heaviest] == torch.arange(900)) & clear & clear[heaviest]
    assert mutual.any()
    assert (group[mutual] == group[heaviest[mutual]]).all()


def test_nodes_that_rather_die_than_move_stand_in_no_aggregate():
    graph = rw.grid_graph((5,))
    killing = torch.tensor([0.0, 0.0, 9.0, 0.0, 0.0], dtype=torch.float64)
    group, count = aggregate(rows_of(rw.walk(graph, torch.ones(4, dtype=torch.float64), killing)))
    assert count == 2
    assert group.tolist() == [0, 0, 2, 1, 1]


def test_relaxation_is_the_polynomial_that_its_docstring_states():
    walk = sample_walk(rw.grid_graph((5, 5)))
    rows = rows_of(rw.Walk(walk.graph, walk.weight.detach(), walk.killing.detach()))
    level = TorchLevel(rows, torch.float32)
    root, b = rows.rate.sqrt(), right_hand_side(walk.graph, 2)
    scaled = rows.dense() / root / root[:, None]
    expected = (80 * torch.eye(25, dtype=torch.float64) - 32 * scaled) @ b / 41
    found = level.relax(b.float(), torch.empty(25, 2))
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-5)
    values = torch.linalg.eigvalsh(scaled)
    error = 1 - (80 * values - 32 * values**2) / 41
    assert error[values >= 0.5].abs().max() <= 9 / 41 + 1e-6


def test_a_cycle_of_two_levels_is_symmetric_and_positive_definite(monkeypatch):
    monkeypatch.setattr(cycles, "DENSE", {"cpu": 40})
    graph = rw.grid_graph((9, 9))
    cycle = Cycle(rows_of(absorbed(graph, random_weights(graph, 2))))
    assert len(cycle.levels) == 2
    matrix = cycle.apply(torch.eye(81, dtype=torch.float64)).clone()
    torch.testing.assert_close(matrix, matrix.T, rtol=1e-4, atol=1e-4 * float(matrix.abs().max()))
    assert torch.linalg.eigvalsh((matrix + matrix.T) / 2).min() > 0


def smooth_weights(kind, shape):
    """Landscapes of weights in which every node knows which way is up."""
    graph = rw.grid_graph(shape)
    place = torch.stack(torch.meshgrid(*(torch.linspace(0, 1, side).double() for side in shape), indexing="ij"))
    middle = place.flatten(1)[:, graph.edges].mean(1)  # of each edge
    return graph, {
        "ramp": 1 + 60 * middle[0],
        "steep": torch.exp(-20 * middle.sum(0)),
        "bumps": torch.exp(-8 * torch.cos(9 * middle).prod(0)),
    }[kind]


@pytest.mark.parametrize("shape", [(4000,), (64, 64), (16, 16, 16)], ids=str)
@pytest.mark.parametrize("kind", ["ramp", "steep", "bumps"])
def test_smooth_weights_do_not_keep_nodes_from_joining(kind, shape):
    graph, weight = smooth_weights(kind, shape)
    walk = absorbed(graph, weight)
    sizes = [level.num_nodes for level in Cycle(rows_of(walk)).levels]
    assert all(2 * after <= before for before, after in itertools.pairwise(sizes))
    assert 0 < iterations(walk) <= 25


def test_two_steps_on_each_level_keep_iterations_from_growing_with_their_number(monkeypatch):
    monkeypatch.setattr(cycles, "DENSE", {"cpu": 10})
    graph = rw.grid_graph((4000,))
    walk = absorbed(graph, torch.ones(3999, dtype=torch.float64))
    assert 0 < iterations(walk) <= 25  # some 160 with one


@pytest.mark.parametrize("size", [12, 30, 80])
@pytest.mark.parametrize("killing", [1e-5, 1e-6, 5e-7])
def test_a_walk_that_hardly_ends_is_solved_in_few_iterations(size, killing):
    graph = rw.grid_graph((size, size))
    rates = torch.zeros(size * size, dtype=torch.float64).index_fill(0, torch.tensor([0]), killing)
    walk = rw.walk(graph, torch.ones(graph.num_edges, dtype=torch.float64), rates)
    b = torch.rand(size * size, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    with rw.record_solves() as reports:
        rw.solve(walk, b, Multigrid())
    assert reports[0].iterations <= 30


def test_cycles_run_in_float32_unless_that_has_no_room():
    graph = KINDS["image"]
    assert Cycle(rows_of(absorbed(graph, random_weights(graph, 2)))).dtype == torch.float32
    assert Cycle(rows_of(absorbed(graph, random_weights(graph, 14)))).dtype == torch.float64
    odd = torch.ones(graph.num_edges, dtype=torch.float64)
    odd[(graph.edges == 2000).any(0)] = 1e-57
    assert Cycle(rows_of(absorbed(graph, odd))).dtype == torch.float64


def test_the_same_walk_gives_the_same_answer_twice():
    walk = absorbed(KINDS["image"], torch.ones(KINDS["image"].num_edges, dtype=torch.float64))
    b = right_hand_side(walk.graph)
    assert torch.equal(rw.solve(walk, b, Multigrid()), rw.solve(walk, b, Multigrid()))


def test_no_coarse_level_is_made_where_killing_is_strong():
    graph = rw.grid_graph((40, 40))
    walk = rw.walk(graph, torch.ones(graph.num_edges, dtype=torch.float64), killing=10.0)
    assert len(Cycle(rows_of(walk)).levels) == 1
    with rw.record_solves() as reports:
        rw.solve(walk, right_hand_side(graph), Multigrid())
    assert reports[0].iterations < 12


def test_components_and_isolated_nodes_are_solved_beside_each_other():
    grid = rw.grid_graph((25, 25))
    lonely = rw.Graph(torch.empty(2, 0, dtype=torch.int64), 30)
    graph = rw.Graph.batch([grid, lonely, grid])
    walk = rw.walk(graph, random_weights(graph, 3), killing=0.01)
    b = right_hand_side(graph)
    torch.testing.assert_close(
        rw.solve(walk, b, Multigrid(rtol=1e-12)), rw.solve(walk, b, Cholesky()), rtol=1e-7, atol=1e-7
    )


def test_where_edges_stand_is_found_once_per_graph_whoever_asks(monkeypatch):
    graph = rw.grid_graph((30, 30))
    found = structure(graph)
    assert structure(graph) is found
    monkeypatch.setattr(multigrid, "engine_for", lambda graph, triton: TORCH)
    assert Multigrid().plan(graph).structure is Multigrid(rtol=1e-3).plan(graph).structure is found


def test_a_cycle_says_what_its_levels_cost(monkeypatch):
    monkeypatch.setattr(cycles, "DENSE", {"cpu": 40})
    shown = Cycle(rows_of(absorbed(rw.grid_graph((20, 20)), torch.ones(760, dtype=torch.float64))))
    lines = repr(shown).splitlines()
    assert lines[0].startswith(f"Cycle of {len(shown.levels)} levels in float32, grid complexity ")
    table = [[int(word.replace(",", "")) for word in line.split()[:3]] for line in lines[2:]]
    assert table[0] == [0, 400, 400 + 2 * 760]
    nodes, entries = ([row[place] for row in table] for place in (1, 2))
    assert f"grid complexity {sum(nodes) / 400:.2f}, operator complexity {sum(entries) / entries[0]:.2f}" in lines[0]
    assert lines[-1].endswith("inverted")


def test_forward_and_backward_share_one_hierarchy(monkeypatch):
    made = []
    make = Cycle.__init__
    monkeypatch.setattr(Cycle, "__init__", lambda self, rows: made.append(1) or make(self, rows))
    graph = KINDS["image"]
    weight = random_weights(graph, 1).requires_grad_()
    rw.solve(rw.walk(graph, weight, 0.01), torch.ones(graph.num_nodes), Multigrid()).square().sum().backward()
    assert made == [1]


def test_a_cycle_serves_blocks_of_different_widths():
    graph = KINDS["image"]
    factor = rw.factorize(absorbed(graph, random_weights(graph, 1)), Multigrid(rtol=1e-11))
    b = right_hand_side(graph, 5)
    whole = factor.solve(b)
    for columns in (b[:, :1], b[:, :3], b):
        torch.testing.assert_close(factor.solve(columns), whole[:, : columns.shape[1]], rtol=1e-7, atol=1e-7)


def test_graphs_too_large_for_the_priorities_are_refused(monkeypatch):
    monkeypatch.setattr("graphrw.solvers.multigrid.solver.MAX_NODES", 10)
    with pytest.raises(ValueError, match="takes graphs of up to 10 nodes; this one has 16"):
        Multigrid().plan(rw.grid_graph((4, 4)))


def test_too_few_iterations_raise_with_causes_and_cures():
    walk = absorbed(KINDS["image"], random_weights(KINDS["image"], 2))
    with pytest.raises(rw.ConvergenceError, match=r"Multigrid\(.*left a true relative residual of"):
        rw.solve(walk, right_hand_side(walk.graph), Multigrid(rtol=1e-12, max_iterations=1))


def test_the_finest_level_holds_the_operator_itself():
    walk = sample_walk(UNDIRECTED["grid"])
    rows = rows_of(rw.Walk(walk.graph, walk.weight.detach(), walk.killing.detach()))
    torch.testing.assert_close(rows.dense(), dense_operator(walk))
