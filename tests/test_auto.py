"""What `Auto` takes for which graph, why, and how one method hands over to the next."""

import contextlib
from functools import partial

import pytest
import torch
from hard_walks import noise

import graphrw as rw
from graphrw.solvers import CG, Auto, BiCGStab, Cholesky, Dense, Multigrid, auto, cost, levels
from graphrw.solvers.direct import pardiso, simplicial
from graphrw.solvers.direct import rslab as embedded
from graphrw.solvers.levels import LevelStructure, level_structure
from graphrw.testing import sample_graphs


@pytest.fixture(autouse=True)
def without_pardiso(monkeypatch):
    """What `Auto` takes where nothing optional is installed."""
    monkeypatch.setattr(pardiso, "available", lambda: False)


def test_auto_says_what_it_chose_and_why():
    small = Auto().explain(sample_graphs()["grid"])
    assert small.startswith("Dense(rtol=1e-10), then Multigrid(rtol=1e-10, max_iterations=100): 12 nodes")
    grid = rw.grid_graph((30, 30))
    both = "Cholesky(rtol=1e-10), then Multigrid(rtol=1e-10, max_iterations=100)"
    assert Auto().explain(grid).startswith(f"{both}: a step with 8 labels should take 0.0")
    assert "; by multigrid 0.0" in Auto().explain(grid)
    assert Auto(max_bytes=10.0).explain(grid).startswith("Multigrid(rtol=1e-10, max_iterations=100): a step")
    volume = Auto().explain(rw.grid_graph((48, 48, 48)))
    assert volume.startswith("Multigrid(rtol=1e-10, max_iterations=100), then Cholesky(rtol=1e-10): a step")
    directed, _ = rw.from_edge_index(rw.to_edge_index(grid, torch.ones(grid.num_edges))[0], directed=True)
    assert Auto().explain(directed).startswith("LU(rtol=1e-10), then BiCGStab")


def everyone_knows_everyone(count=200):
    first, second = torch.triu_indices(count, count, offset=1)
    return rw.Graph(torch.stack([first, second]), count)


def test_auto_tries_plain_cg_first_where_a_few_steps_lead_everywhere():
    explained = Auto(max_bytes=1e4).explain(everyone_knows_everyone())
    assert explained.startswith("CG(rtol=1e-10, max_iterations=80), then Multigrid(rtol=1e-10")
    assert explained.endswith("1 steps from its rim lead everywhere, so that plain CG may do")


def test_auto_hands_over_from_cg_to_multigrid_where_cg_does_not_converge():
    graph, solver = everyone_knows_everyone(), Auto(max_bytes=1e4)
    generator = torch.Generator().manual_seed(0)
    weight = 10 ** (-6 * torch.rand(graph.num_edges, generator=generator, dtype=torch.float64))
    chain = (graph.edges[1] - graph.edges[0]) == 1
    weight = torch.where(chain, 1.0, 1e-9 * weight)  # a long chain in all but name
    killing = torch.zeros(200, dtype=torch.float64).index_fill(0, torch.tensor([0]), 1e-3)
    b = torch.rand(200, 2, generator=generator, dtype=torch.float64)
    with rw.record_solves() as reports:
        x = rw.solve(rw.walk(graph, weight, killing), b, solver)
        easy = rw.solve(rw.walk(graph, torch.ones(graph.num_edges, dtype=torch.float64), 1.0), b, solver)
    expected = rw.solve(rw.walk(graph, weight, killing), b, Dense())
    torch.testing.assert_close(x, expected, rtol=1e-6, atol=1e-6)
    assert easy.isfinite().all()
    assert isinstance(reports[0].solver, Multigrid)
    assert isinstance(reports[1].solver, CG)


def test_level_structures_know_how_wide_and_deep_a_graph_is():
    assert level_structure(rw.grid_graph((30, 7))) == LevelStructure(depth=36, width=7, cycles=174)
    assert level_structure(rw.grid_graph((50,))) == LevelStructure(depth=50, width=1, cycles=0)
    assert level_structure(everyone_knows_everyone(9)) == LevelStructure(depth=2, width=8, cycles=28)
    assert level_structure(sample_graphs()["no edge"]) == LevelStructure(depth=1, width=1, cycles=0)
    apart = rw.Graph.batch([rw.grid_graph((3,)), rw.grid_graph((5, 5))])
    assert level_structure(apart) == LevelStructure(depth=9, width=5, cycles=16)


def test_very_deep_graphs_are_not_followed_to_their_end(monkeypatch):
    monkeypatch.setattr(levels, "MOST_LEVELS", 5)
    assert level_structure(rw.grid_graph((50,))).depth < 50


@pytest.mark.parametrize("shape", [(128, 128), (24, 24, 24), (20, 600)])
def test_levels_alone_predict_no_more_than_the_doubt_allows_on_grids(shape):
    graph = rw.grid_graph(shape)
    guess, analysed = cost.of_direct_by_levels(graph, level_structure(graph)), cost.of_direct(Cholesky(), graph)
    assert guess.seconds < auto.OVERESTIMATE * analysed.seconds
    assert guess.bytes < auto.OVERESTIMATE * analysed.bytes


@pytest.mark.parametrize("dimensions", [2, 3, 12])
def test_levels_alone_predict_no_more_than_the_doubt_allows_on_knn_graphs(dimensions):
    points = torch.rand(2000, dimensions, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    graph, _ = rw.knn_graph(points, 8)
    guess, analysed = cost.of_direct_by_levels(graph, level_structure(graph)), cost.of_direct(Cholesky(), graph)
    assert guess.seconds < auto.OVERESTIMATE * analysed.seconds


def test_auto_analyses_nothing_where_the_level_structure_shows_that_it_would_be_in_vain(monkeypatch):
    monkeypatch.setattr(embedded, "_analyse", lambda *args: pytest.fail("an analysis was made"))
    generator = torch.Generator().manual_seed(0)
    points = torch.rand(8000, 8, generator=generator, dtype=torch.float64)
    graph, _ = rw.knn_graph(points, 10)
    assert Auto().explain(graph).startswith("CG(rtol=1e-10, max_iterations=80), then Multigrid")


def test_auto_takes_the_floor_where_the_embedded_solver_is_missing(monkeypatch):
    monkeypatch.setattr(embedded, "AVAILABLE", False)
    assert Auto().explain(rw.grid_graph((30, 30))).startswith("SuperLU(rtol=1e-10), then Multigrid")
    assert Auto().explain(rw.grid_graph((48, 48, 48))).startswith("Multigrid")


def test_auto_takes_pardiso_where_it_is_installed(monkeypatch):
    pytest.importorskip("pypardiso", exc_type=ImportError)
    monkeypatch.undo()
    grid = rw.grid_graph((30, 30))
    assert Auto().explain(grid).startswith("Pardiso(rtol=1e-10), then Multigrid")
    assert Auto(max_bytes=10.0).explain(grid).startswith("Multigrid")
    directed, _ = rw.from_edge_index(rw.to_edge_index(grid, torch.ones(grid.num_edges))[0], directed=True)
    assert Auto().explain(directed).startswith("Pardiso(rtol=1e-10), then BiCGStab")


def test_a_direct_solver_that_needs_refinement_gets_it():
    graph = rw.grid_graph((30, 30))
    generator = torch.Generator().manual_seed(0)
    weight = 10 ** (-12 * torch.rand(graph.num_edges, generator=generator, dtype=torch.float64))
    seeds = torch.full((900,), -1)
    seeds[[0, 450, 899]] = torch.tensor([0, 1, 2])
    walk = rw.walk(graph, weight)
    with rw.record_solves() as reports:
        z = rw.hitting_probabilities(walk, seeds, solver=Auto(rtol=1e-14))
    assert isinstance(reports[0].solver, embedded.Cholesky)
    assert reports[0].iterations > 0
    assert (z.sum(1) - 1).abs().max() < 1e-12


def test_where_a_direct_solver_has_no_digits_multigrid_may():
    walk, seeds = noise(40)
    with pytest.raises(rw.ConvergenceError, match=r"on A 1 = killing"):
        rw.hitting_probabilities(walk, seeds, solver=embedded.Cholesky())
    with rw.record_solves() as reports:
        z = rw.hitting_probabilities(walk, seeds)
    assert isinstance(reports[0].solver, Multigrid)
    assert (z.sum(1) - 1).abs().max() < 1e-9


def test_an_error_tells_what_became_of_every_method(monkeypatch):
    monkeypatch.setattr(auto, "Multigrid", partial(Multigrid, max_iterations=1))
    walk, seeds = noise(40)
    with pytest.raises(rw.ConvergenceError, match=r"(?s)Multigrid.* Before it: .*Cholesky"):
        rw.hitting_probabilities(walk, seeds)


def citations(nodes: int) -> rw.Graph:
    """Each node points to five others, mostly to a few that all point to."""
    generator = torch.Generator().manual_seed(0)
    to = (nodes * torch.rand(5 * nodes, generator=generator, dtype=torch.float64) ** 3).long()
    edges = torch.stack([torch.arange(nodes).repeat_interleave(5), to])
    return rw.Graph(edges[:, edges[0] != edges[1]].unique(dim=1), nodes, directed=True)


def test_directed_graphs_whose_factors_fill_in_are_solved_by_iteration():
    graph = citations(5000)
    weight = torch.ones(graph.num_edges, dtype=torch.float64)
    walk = rw.walk(graph, weight, killing=0.5)
    for transpose in (False, True):
        with rw.record_solves() as reports:
            x = rw.solve(walk, walk.killing[:, None], transpose=transpose)
        assert isinstance(reports[0].solver, BiCGStab)
        back = rw.walk(rw.Graph(graph.edges.flip(0), 5000, directed=True), weight)
        product = walk.rate * x[:, 0] - apply_weights(back if transpose else walk, x[:, 0])
        torch.testing.assert_close(product, walk.killing, rtol=1e-8, atol=1e-8)


def apply_weights(walk: rw.Walk, x: torch.Tensor) -> torch.Tensor:
    tail, head = walk.graph.edges
    return torch.zeros_like(x).index_add(0, tail, walk.weight * x[head])


def test_a_directed_walk_that_hardly_ends_goes_to_the_direct_solver_in_the_end(monkeypatch):
    monkeypatch.setattr(cost, "of_bicgstab", lambda graph, rtol: cost.Cost(1e-6, 0.0))
    monkeypatch.setattr(auto, "OVERESTIMATE", 1e9)
    ring = torch.arange(3000)
    graph = rw.Graph(torch.stack([ring, (ring + 1) % 3000]), 3000, directed=True)
    assert Auto().explain(graph).startswith("BiCGStab(rtol=1e-10, max_iterations=1000), then BlockGaussSeidel")
    walk = rw.walk(graph, torch.ones(3000, dtype=torch.float64), killing=1e-6)
    b = torch.rand(3000, 1, dtype=torch.float64)
    with rw.record_solves() as reports:
        x = rw.solve(walk, b)
    assert isinstance(reports[0].solver, embedded.LU)
    torch.testing.assert_close(walk.rate[:, None] * x - x.roll(-1, 0), b, rtol=1e-6, atol=1e-6)


def test_trees_are_factorised_however_wide_they_are():
    child = torch.arange(1, 2**13)
    tree = rw.Graph(torch.stack([(child - 1) // 2, child]), 2**13)
    assert level_structure(tree).separator == 1
    assert Auto().explain(tree).startswith("Cholesky(rtol=1e-10)")


def test_both_directions_of_an_edge_are_no_cycle():
    child = torch.arange(1, 2**10)
    down = torch.stack([(child - 1) // 2, child])
    tree = rw.Graph(torch.cat([down, down.flip(0)], dim=1), 2**10, directed=True)
    assert level_structure(tree).separator == 1
    assert Auto().explain(tree).startswith("LU(rtol=1e-10)")


def test_memory_is_that_of_all_graphs_of_a_batch(monkeypatch):
    monkeypatch.setattr(simplicial, "suits", lambda graph: False)  # whether numba is there or not
    part = rw.grid_graph((30, 30))
    limit = 1.5 * embedded.Cholesky(rtol=1e-10).plan_for(part).bytes
    assert Auto(max_bytes=limit).explain(part).startswith("Cholesky")
    assert Auto(max_bytes=limit).explain(rw.Graph.batch([part] * 4)).startswith("Multigrid")


def hardly_killed(killing):
    """A walk that plain CG cannot solve, and A 1 = killing for it."""
    points = torch.rand(3000, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    graph, _ = rw.knn_graph(points, 8)
    rates = torch.zeros(3000, dtype=torch.float64)
    rates[5] = killing
    walk = rw.walk(graph, torch.ones(graph.num_edges, dtype=torch.float64), rates)
    assert Auto().explain(graph).startswith("CG(")
    return walk, rates


def test_what_hands_over_is_not_taken_for_an_answer():
    walk, rates = hardly_killed(1e-12)
    assert (rw.solve(walk, rates) - 1).abs().max() < 1e-6


@pytest.mark.parametrize("killing", [1e-14, 1e-16])
def test_where_float64_ends_there_is_the_right_answer_or_an_error(killing):
    walk, rates = hardly_killed(killing)
    with contextlib.suppress(rw.ConvergenceError):  # which of the two depends on how sums are rounded
        assert (rw.solve(walk, rates) - 1).abs().max() < 1e-2


def test_a_tolerance_without_meaning_is_refused():
    with pytest.raises(ValueError, match=r"`rtol` must lie in \(0, 1\); got 2.0"):
        Auto(rtol=2.0)
