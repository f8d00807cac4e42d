"""BiCGStab: the directed graphs that it is for, breakdowns, and what it promises."""

import contextlib
import itertools
from dataclasses import replace

import networkx as nx
import pytest
import torch

import graphrw as rw
from graphrw.solvers import LU, BiCGStab, Dense


def directed(nodes: int, seed: int = 0) -> rw.Graph:
    generator = torch.Generator().manual_seed(seed)
    ring = torch.arange(nodes)
    edges = torch.randint(nodes, (2, 5 * nodes), generator=generator)
    edges = torch.cat([edges, torch.stack([ring, (ring + 1) % nodes])], dim=1)
    return rw.Graph(edges[:, edges[0] != edges[1]].unique(dim=1), nodes, directed=True)


def random_walk(graph: rw.Graph, killing: float, decades: float = 1.0) -> rw.Walk:
    generator = torch.Generator().manual_seed(1)
    weight = 10 ** (-decades * torch.rand(graph.num_edges, generator=generator, dtype=torch.float64))
    return rw.walk(graph, weight, killing)


@pytest.mark.parametrize("transpose", [False, True])
@pytest.mark.parametrize(("killing", "decades"), [(1.0, 0), (1e-2, 1), (1e-4, 6)])
def test_it_agrees_with_elimination(transpose, killing, decades):
    walk = random_walk(directed(800), killing, decades)
    b = torch.rand(800, 20, dtype=torch.float64)
    expected = rw.solve(walk, b, LU(), transpose)
    found = rw.solve(walk, b, BiCGStab(rtol=1e-12), transpose)
    assert ((found - expected).abs().amax(0) / expected.abs().amax(0)).max() < 1e-8


def test_personalised_pagerank_is_networkxs():
    graph = directed(200)
    walk = rw.walk(graph, torch.ones(graph.num_edges, dtype=torch.float64))
    damped = rw.walk(graph, walk.weight, walk.degree * (1 / 0.85 - 1))
    start = torch.zeros(200, dtype=torch.float64)
    start[7] = 1.0
    rank = 0.15 * damped.rate * rw.solve(damped, start, BiCGStab(rtol=1e-13), transpose=True)
    theirs = nx.pagerank(nx.DiGraph(graph.edges.T.tolist()), 0.85, personalization={7: 1.0}, tol=1e-14, max_iter=500)
    torch.testing.assert_close(rank, torch.tensor([theirs[node] for node in range(200)], dtype=torch.float64))


@pytest.mark.parametrize("nodes", [2, 3])
@pytest.mark.parametrize("transpose", [False, True])
def test_a_recursion_that_breaks_down_starts_anew(nodes, transpose):
    """On small graphs of equal weights residuals are often orthogonal to what the walk makes of them."""
    pairs = torch.cartesian_prod(torch.arange(nodes), torch.arange(nodes))
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    for chosen in itertools.product([False, True], repeat=len(pairs)):
        edges = pairs[torch.tensor(chosen)].T
        walk = rw.walk(rw.Graph(edges, nodes, directed=True), torch.ones(edges.shape[1], dtype=torch.float64), 0.5)
        walk = replace(walk, killing=torch.where(walk.degree > 0, walk.killing * torch.arange(nodes), walk.killing))
        try:
            expected = rw.solve(walk, torch.ones(nodes, dtype=torch.float64), Dense(), transpose)
        except rw.SingularWalkError:
            continue
        found = rw.solve(walk, torch.ones(nodes, dtype=torch.float64), BiCGStab(max_iterations=60), transpose)
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("rtol", [1e-6, 1e-8, 1e-10])
def test_an_iteration_that_runs_away_is_never_taken_for_rounding(rtol):
    """A star that hardly ends: x = 5e12, and no digit of a residual of ordinary size is left beside A x."""
    leaf, hub = torch.arange(1, 5000), torch.zeros(4999, dtype=torch.int64)
    edges = torch.cat([torch.stack([leaf, hub]), torch.stack([hub, leaf])], dim=1)
    killing = torch.zeros(5000, dtype=torch.float64)
    killing[0] = 1e-9
    walk = rw.walk(rw.Graph(edges, 5000, directed=True), torch.ones(9998, dtype=torch.float64), killing)
    b = torch.ones(5000, dtype=torch.float64)
    torch.testing.assert_close(rw.solve(walk, b), torch.full_like(b, 5e12), rtol=1e-6, atol=0)
    with contextlib.suppress(rw.ConvergenceError):
        torch.testing.assert_close(rw.solve(walk, b, BiCGStab(rtol)), torch.full_like(b, 5e12), rtol=0.02, atol=0)


def test_the_test_of_a_factor_does_not_wait_for_a_forward_solve():
    """A part that walkers hardly leave, seen from Aᵀ alone."""
    first, second = directed(300), directed(300, seed=1)
    bridge = torch.tensor([[0], [300]])
    graph = rw.Graph(torch.cat([first.edges, second.edges + 300, bridge], dim=1), 600, directed=True)
    weight = torch.ones(graph.num_edges, dtype=torch.float64)
    weight[((graph.edges[0] < 300) & (graph.edges[1] >= 300)).nonzero()] = 1e-5
    killing = torch.cat([torch.ones(300), torch.full((300,), 1e-7)]).double()
    walk, b = rw.walk(graph, weight, killing), torch.cat([torch.rand(300), torch.zeros(300)]).double()
    expected = rw.solve(walk, b, LU(), transpose=True)
    found = rw.solve(walk, b, BiCGStab(rtol=1e-10), transpose=True)
    assert (found - expected).norm() / expected.norm() < 1e-3
    backward_first, forward_first = (BiCGStab(rtol=1e-10).inverse_of(walk) for _ in range(2))
    backward_first.solve(b[:, None], transpose=True)
    forward_first.solve(b[:, None])
    assert backward_first.verdict == forward_first.verdict


def test_walks_that_hardly_end_fall_to_the_direct_solver():
    walk = random_walk(directed(3000), 1e-7)
    b = torch.rand(3000, 1, dtype=torch.float64)
    expected = rw.solve(walk, b, LU(), transpose=True)
    found = rw.solve(walk, b, transpose=True)
    assert (found - expected).norm() / expected.norm() < 1e-6


def test_an_answer_that_is_not_reached_raises():
    walk = random_walk(directed(800), 1e-4)
    with pytest.raises(rw.ConvergenceError, match=r"BiCGStab\(.*left a true relative residual of .*asked was 1.0e-08"):
        rw.solve(walk, torch.rand(800, 2, dtype=torch.float64), BiCGStab(max_iterations=3))


@pytest.mark.parametrize("transpose", [False, True])
def test_columns_of_every_size_are_solved_each_to_its_own_tolerance(transpose):
    walk = random_walk(directed(300), 0.1)
    scale = torch.tensor([1.0, 0.0, 1e-150, 1e100, 1e-30], dtype=torch.float64)
    b = torch.randn(300, 5, dtype=torch.float64)
    x = rw.solve(walk, b * scale, BiCGStab(), transpose)
    assert (x[:, 1] == 0).all()
    torch.testing.assert_close(
        x[:, scale > 0] / scale[scale > 0], rw.solve(walk, b, LU(), transpose)[:, scale > 0], rtol=1e-6, atol=1e-6
    )


def test_undirected_graphs_are_solved_too():
    graph = rw.grid_graph((15, 15))
    walk = random_walk(graph, 0.01)
    b = torch.rand(225, 3, dtype=torch.float64)
    torch.testing.assert_close(rw.solve(walk, b, BiCGStab()), rw.solve(walk, b, LU()), rtol=1e-6, atol=1e-6)
