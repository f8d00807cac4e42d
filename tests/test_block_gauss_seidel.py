"""Block Gauss–Seidel: what its sweep keeps of A, and where it needs few iterations."""

import numpy as np
import pytest
import torch

import graphrw as rw
from graphrw.solvers import BiCGStab, BlockGaussSeidel
from graphrw.solvers.block_gauss_seidel import LARGEST, STRONG, blocks

DOUBLE = torch.float64


def one_way(count=3000, seed=0):
    """Cells along a line: steps ahead are likely, steps back rare, and pairs of neighbours hold walkers up."""
    random = np.random.default_rng(seed)
    tail = np.repeat(np.arange(count), 6)
    head = tail + random.integers(-8, 9, size=len(tail))
    kept = (head >= 0) & (head < count) & (head != tail)
    tail, head = np.unique(np.stack([tail[kept], head[kept]]), axis=1)
    weight = 1 / (1 + np.exp(-0.8 * (head - tail)))
    traps = random.choice(np.arange(0, count - 1, 2), size=count // 20, replace=False)
    pairs = np.stack([np.concatenate([traps, traps + 1]), np.concatenate([traps + 1, traps])])
    edges, place = np.unique(np.concatenate([np.stack([tail, head]), pairs], 1), axis=1, return_index=True)
    weight = np.concatenate([weight, np.full(pairs.shape[1], 1e4)])[place]
    graph = rw.Graph(torch.from_numpy(edges), count, directed=True)
    killing = torch.zeros(count, dtype=DOUBLE).index_fill(0, torch.arange(count - 10, count), 1.0)
    return rw.walk(graph, torch.from_numpy(weight), killing)


def test_probable_steps_never_lead_to_a_later_block_and_blocks_are_small():
    walk = one_way()
    tail, head = walk.graph.edges.numpy()
    chance = (walk.weight / walk.rate[walk.graph.edges[0]]).numpy()
    found = blocks(tail, head, chance, walk.graph.num_nodes)
    assert any(bool((found[tail] >= found[head])[chance > strong].all()) for strong in STRONG)
    assert (np.bincount(found).astype(float) ** 2).sum() <= LARGEST * walk.graph.num_nodes


def test_where_everything_hangs_together_each_node_is_a_block():
    near = np.arange(100)
    tail, head = np.concatenate([near, near]), np.concatenate([(near + 1) % 100, (near - 1) % 100])
    assert len(np.unique(blocks(tail, head, np.full(200, 0.9), 100))) == 100


@pytest.mark.parametrize("transpose", [False, True])
def test_places_that_hold_walkers_up_cost_few_iterations(transpose):
    walk, b = one_way(), torch.rand(3000, 2, generator=torch.Generator().manual_seed(0), dtype=DOUBLE)
    with rw.record_solves() as reports:
        found = rw.solve(walk, b, BlockGaussSeidel(rtol=1e-12), transpose)
    torch.testing.assert_close(found, rw.solve(walk, b, rw.solvers.LU(), transpose), rtol=1e-6, atol=1e-6)
    assert reports[0].iterations <= 80
    with pytest.raises(rw.ConvergenceError):
        rw.solve(walk, b, BiCGStab(max_iterations=200), transpose)


def with_a_trap(chance):
    """Two more nodes, which walkers come to from node 5 and leave with so little probability."""
    walk, count = one_way(), 3000
    ends = torch.tensor([[count, count + 1, count, 5], [count + 1, count, 100, count]])
    weight = torch.cat([walk.weight, torch.tensor([1.0, 1.0, chance, 0.5], dtype=DOUBLE)])
    graph = rw.Graph(torch.cat([walk.graph.edges, ends], 1), count + 2, directed=True)
    return rw.walk(graph, weight, torch.cat([walk.killing, torch.zeros(2, dtype=DOUBLE)]))


def test_where_walkers_hardly_ever_leave_the_error_names_a_node():
    words = r"could not factorise A: .*singular; walkers hardly ever leave 2 nodes \(first: 3000\)\. Likely"
    with pytest.raises(rw.ConvergenceError, match=words):
        rw.factorize(with_a_trap(1e-18), BlockGaussSeidel())
    rw.factorize(with_a_trap(1e-8), BlockGaussSeidel())


def test_nodes_without_edges_and_graphs_without_nodes_are_solved():
    empty = rw.walk(rw.Graph(torch.empty(2, 0, dtype=torch.int64), 0, directed=True), torch.ones(0, dtype=DOUBLE))
    assert rw.solve(empty, torch.ones(0, 2, dtype=DOUBLE), BlockGaussSeidel()).shape == (0, 2)
