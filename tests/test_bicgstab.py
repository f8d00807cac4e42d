"""BiCGStab: the directed graphs that it is for, breakdowns, and what it promises."""

import networkx as nx
import pytest
import torch

import graphrw as rw
from graphrw.solvers import LU, BiCGStab
from graphrw.testing import dense_operator


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


def test_a_recursion_that_breaks_down_starts_anew():
    """On a directed ring a residual at one node is orthogonal to all that the walk makes of it for many steps."""
    ring = torch.arange(60)
    graph = rw.Graph(torch.stack([ring, (ring + 1) % 60]), 60, directed=True)
    walk = rw.walk(graph, torch.ones(60, dtype=torch.float64), killing=1e-3)
    b = torch.eye(60, dtype=torch.float64)[:, :2]
    for transpose in (False, True):
        matrix = dense_operator(walk)
        x = rw.solve(walk, b, BiCGStab(rtol=1e-12, max_iterations=5000), transpose)
        torch.testing.assert_close(x, torch.linalg.solve(matrix.T if transpose else matrix, b), rtol=1e-8, atol=1e-8)


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
