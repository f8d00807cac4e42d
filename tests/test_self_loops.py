"""Self loops: no edges of a graph, but steps of a walk that stay where they are."""

import re
from collections.abc import Callable
from typing import Any

import networkx as nx
import numpy as np
import pytest
import torch
from scipy import sparse
from torch import Tensor

import graphrw as rw
from graphrw import Graph
from graphrw.convert import (
    from_edge_index,
    from_networkx,
    from_pyg,
    from_scipy,
    from_torch_sparse,
    to_edge_index,
    to_networkx,
    to_pyg,
    to_scipy,
    to_torch_sparse,
)
from graphrw.functional import pagerank

EDGES = torch.tensor([[0, 1, 2, 1], [1, 2, 0, 3]])
LOOPS = torch.tensor([0.5, 0.0, 2.0, 0.0], dtype=torch.float64)
WEIGHT = torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64)
Triple = tuple[Graph, Tensor, Tensor]


def graph_of(directed: bool) -> Graph:
    return Graph(EDGES, 4, directed)


def matrix_of(graph: Graph, weight: Tensor, loops: Tensor) -> Tensor:
    matrix = torch.diag(loops.detach())
    matrix[graph.edges[0], graph.edges[1]] = weight.detach()
    if not graph.directed:
        matrix[graph.edges[1], graph.edges[0]] = weight.detach()
    return matrix


def through(to: Callable[..., Any], back: Callable[..., Triple]) -> Callable[[Graph, Tensor, Tensor], Triple]:
    return lambda graph, weight, loops: back(to(graph, weight, self_loops=loops), graph.directed)


ROUND_TRIPS: dict[str, Callable[[Graph, Tensor, Tensor], Triple]] = {
    "edge_index": through(to_edge_index, lambda pair, d: from_edge_index(*pair, 4, d, self_loops=True)),
    "pyg": through(to_pyg, lambda data, d: from_pyg(data, directed=d, self_loops=True)),
    "networkx": through(to_networkx, lambda net, d: from_networkx(net, dtype=torch.float64, self_loops=True)),
    "scipy": through(to_scipy, lambda matrix, d: from_scipy(matrix, d, self_loops=True)),
    "torch_sparse": through(to_torch_sparse, lambda matrix, d: from_torch_sparse(matrix, d, self_loops=True)),
}
every_way = pytest.mark.parametrize("name", ROUND_TRIPS)
either_kind = pytest.mark.parametrize("directed", [False, True], ids=["undirected", "directed"])


@every_way
@either_kind
def test_self_loops_survive_the_way_there_and_back(name: str, directed: bool) -> None:
    graph = graph_of(directed)
    back = ROUND_TRIPS[name](graph, WEIGHT, LOOPS)
    assert torch.equal(matrix_of(*back), matrix_of(graph, WEIGHT, LOOPS))


@pytest.mark.parametrize("name", ["edge_index", "pyg", "torch_sparse"])
@either_kind
def test_gradients_flow_through_self_loops(name: str, directed: bool) -> None:
    leaf = LOOPS.clone().requires_grad_()
    loops = ROUND_TRIPS[name](graph_of(directed), WEIGHT, leaf)[2]
    slope = torch.autograd.grad(loops @ torch.arange(4.0, dtype=torch.float64), leaf)[0]
    assert slope.tolist() == [0.0, 0.0, 2.0, 0.0]  # node 3 has no loop


def test_a_batch_keeps_the_self_loops_of_its_graphs() -> None:
    batch = Graph.batch([graph_of(False), graph_of(False)])
    data = to_pyg(batch, WEIGHT.repeat(2), self_loops=LOOPS.repeat(2))
    graph, weight, loops = from_pyg(data, self_loops=True)
    assert graph.num_graphs == 2
    assert torch.equal(loops, LOOPS.repeat(2))
    assert torch.equal(weight, WEIGHT.repeat(2))


def test_repeated_self_loops_are_summed_and_no_half_of_one_is_lost() -> None:
    ends = torch.tensor([[0, 1, 1, 1], [1, 0, 1, 1]])
    _, weight, loops = from_edge_index(ends, torch.tensor([3.0, 3.0, 1.0, 4.0]), self_loops=True)
    assert (weight.tolist(), loops.tolist()) == ([3.0], [0.0, 5.0])
    network = nx.MultiGraph([(0, 1, {"weight": 3.0}), (1, 1, {"weight": 1.0}), (1, 1, {"weight": 4.0})])
    assert from_networkx(network, self_loops=True)[2].tolist() == [0.0, 5.0]


# --- what depends on them -------------------------------------------------------------------------------------------


def looped_digraph() -> "nx.DiGraph[int]":
    """Loops at a dead end, at a node that is left, and at a node alone; a dead end, and a node alone, without."""
    network = nx.gnp_random_graph(12, 0.2, seed=1, directed=True)
    network.remove_edges_from([(3, head) for head in list(network[3])])
    network.remove_edges_from([(5, head) for head in list(network[5])])
    network.add_nodes_from([12, 13])
    network.add_edges_from([(0, 0), (3, 3), (12, 12)])
    rng = np.random.default_rng(0)
    nx.set_edge_attributes(network, {edge: 0.5 + rng.random() for edge in network.edges}, "weight")
    return network


@pytest.mark.parametrize("kind", [nx.DiGraph, nx.Graph])
def test_pagerank_with_self_loops_is_networkxs(kind: Any) -> None:
    network = kind(looped_digraph())
    graph, weight, loops = from_networkx(network, dtype=torch.float64, self_loops=True)
    ours = pagerank(rw.walk(graph, weight), self_loops=loops)
    theirs = nx.pagerank(network, tol=1e-14, max_iter=10_000)
    torch.testing.assert_close(ours, torch.tensor([theirs[node] for node in network], dtype=torch.float64))
    without = pagerank(rw.walk(graph, weight))
    assert float((without - ours).abs().max()) > 0.01


def test_the_example_of_three_nodes_is_right() -> None:
    graph, weight, loops = from_networkx(nx.DiGraph([(0, 0), (0, 1), (1, 2), (2, 0)]), self_loops=True)
    assert pagerank(rw.walk(graph, weight), self_loops=loops).tolist() == pytest.approx(
        [0.48006, 0.25402, 0.26592], 1e-4
    )


@either_kind
def test_steps_and_resolvent_of_a_converted_matrix_are_those_of_the_matrix(directed: bool) -> None:
    matrix = matrix_of(graph_of(directed), WEIGHT, LOOPS)
    matrix[3, 3] = 0.25  # else node 3 of the directed graph has no way to go
    graph, weight, loops = from_scipy(sparse.csr_array(matrix.numpy()), directed, self_loops=True)
    f = torch.linspace(-1, 1, 4, dtype=torch.float64)
    shares = matrix / matrix.sum(1, keepdim=True)
    walk = rw.walk(graph, weight)
    torch.testing.assert_close(rw.step(walk, f, 3, self_loops=loops), torch.linalg.matrix_power(shares, 3) @ f)
    ending = rw.damp(walk, 0.8, self_loops=loops)
    expected = torch.linalg.solve(torch.eye(4, dtype=torch.float64) - 0.8 * shares, f)
    torch.testing.assert_close(rw.resolvent(ending, f, self_loops=loops), expected)


# --- errors ---------------------------------------------------------------------------------------------------------

ADVICE = (
    "They do change `step`, `resolvent`, `pagerank` and `nn.Propagation`: get them apart, (N,), with "
    "`self_loops=True`, and pass them on there as `self_loops`."
)
LOOPED: dict[str, Callable[[], object]] = {
    "edge_index": lambda: from_edge_index(torch.tensor([[0], [0]])),
    "pyg": lambda: from_pyg(to_pyg(graph_of(False), WEIGHT, self_loops=LOOPS)),
    "networkx": lambda: from_networkx(looped_digraph()),
    "scipy": lambda: from_scipy(sparse.csr_array(np.eye(2))),
    "torch_sparse": lambda: from_torch_sparse(torch.eye(2).to_sparse()),
}


@pytest.mark.parametrize("call", LOOPED.values(), ids=list(LOOPED))
def test_self_loops_that_nobody_asked_for_are_refused_with_advice_for_every_use(call: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=re.escape(ADVICE)):
        call()


def test_a_graph_of_edges_that_are_self_loops_says_what_takes_them() -> None:
    with pytest.raises(ValueError, match=r"They do change .*, which take their weights, \(N,\), as `self_loops`\."):
        Graph(torch.tensor([[0], [0]]), 1)


@pytest.mark.parametrize("convert", [to_edge_index, to_pyg, to_networkx, to_scipy, to_torch_sparse])
@pytest.mark.parametrize(
    ("loops", "message"),
    [
        (LOOPS[:3], "`self_loops` must be (4,) torch.float64 on cpu, as `weight` asks; got (3,) torch.float64 on cpu."),
        (LOOPS.float(), "as `weight` asks; got (4,) torch.float32 on cpu."),
        ([0.0] * 4, "`self_loops` must be (4,) torch.float64, of torch or NumPy; got list."),
    ],
)
def test_self_loops_that_do_not_fit_are_refused_on_the_way_out(
    convert: Callable[..., object], loops: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        convert(graph_of(False), WEIGHT, self_loops=loops)
