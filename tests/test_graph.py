"""Graphs: what they accept, how they batch, what they keep."""

import copy
import pickle

import networkx as nx
import numpy as np
import pytest
import torch

import graphrw as rw


def edges(*pairs):
    return torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2).T


@pytest.mark.parametrize(
    ("bad", "num_nodes", "message"),
    [
        (torch.zeros(2, 3), 3, r"`edges` must be an int64 tensor of shape \(2, E\); got torch.float32"),
        ([[0], [1]], 3, "got list"),
        (torch.zeros(3, 2, dtype=torch.int64), 3, r"shape \(2, E\); got \(3, 2\)"),
        (edges((0, 1)), -1, "`num_nodes` must be a whole number from 0; got -1"),
        (edges((0, 3)), 3, r"names node 3, but nodes run from 0 to 2 \(num_nodes=3\)"),
        (edges((0, -2)), 3, "names node -2"),
        (edges((0, 1), (2, 2)), 3, r"1 self loops \(first: node 2\)"),
        (edges((0, 1), (1, 2), (1, 0)), 3, r"1 edges more than once \(first: 0 and 1\).*`from_edge_index`"),
    ],
)
def test_a_wrong_graph_says_what_is_wrong(bad, num_nodes, message):
    with pytest.raises(ValueError, match=message):
        rw.Graph(bad, num_nodes)


def test_a_directed_graph_may_have_both_directions_but_not_twice_the_same():
    assert rw.Graph(edges((0, 1), (1, 0)), 2, directed=True).num_edges == 2
    with pytest.raises(ValueError, match=r"more than once.*sum their weights"):
        rw.Graph(edges((0, 1), (0, 1)), 2, directed=True)


def test_a_batch_is_the_disjoint_union_and_knows_its_graphs():
    first, second = rw.Graph(edges((0, 1)), 3), rw.Graph(edges((1, 0)), 2)
    union = rw.Graph.batch([first, second])
    assert union.edges.tolist() == [[0, 4], [1, 3]]
    assert (union.num_nodes, union.num_graphs) == (5, 2)
    assert union.parts == (first, second)


@pytest.mark.parametrize(
    ("graphs", "message"),
    [
        ([], "at least one `Graph`"),
        ([rw.Graph(edges(), 1), rw.Graph(edges(), 1, directed=True)], "directed and undirected"),
        ([rw.Graph(edges(), 1), rw.Graph(edges(), 1).to("meta")], "graphs on cpu, meta"),
    ],
)
def test_a_batch_that_cannot_be_says_why(graphs, message):
    with pytest.raises(ValueError, match=message):
        rw.Graph.batch(graphs)


def test_moving_keeps_batches_and_repeated_parts():
    part = rw.Graph(edges((0, 1)), 2)
    union = rw.Graph.batch([part, part]).to("meta")
    assert union.device.type == "meta"
    assert union.num_graphs == 2
    assert union.parts[0] is union.parts[1]
    assert part.to("cpu") is part


def test_what_is_cached_is_made_once_and_stays_behind_when_the_graph_is_copied():
    graph, made = rw.Graph(edges((0, 1)), 2), []
    for _ in range(2):
        assert graph.cached("key", lambda: made.append(1) or len(made)) == 1
    for other in (copy.deepcopy(graph), pickle.loads(pickle.dumps(graph))):
        assert other.cached("key", lambda: "made anew") == "made anew"
        assert other.edges.equal(graph.edges)


def test_a_graph_that_has_been_solved_on_can_be_copied_and_sent():
    graph = rw.grid_graph((20, 20))
    rw.solve(rw.walk(graph, torch.ones(graph.num_edges), 1.0), torch.ones(400))
    assert (
        repr(pickle.loads(pickle.dumps(graph))) == repr(copy.deepcopy(graph)) == "Graph(num_nodes=400, num_edges=760)"
    )


def test_a_graph_cannot_be_changed():
    with pytest.raises(AttributeError):
        rw.Graph(edges((0, 1)), 2).num_nodes = 3


def test_edges_that_are_changed_after_the_first_solve_are_refused() -> None:
    edges = rw.grid_graph((4, 4)).edges.clone()
    graph, b = rw.Graph(edges, 16), torch.arange(16.0)
    walk = rw.walk(graph, torch.ones(graph.num_edges), 0.1)
    rw.solve(walk, b)
    copied = copy.deepcopy(graph)
    edges[1, 5] = 15
    with pytest.raises(ValueError, match="changed in place"):
        rw.solve(walk, b)
    rw.solve(rw.walk(copied, walk.weight, 0.1), b)


def test_edges_that_are_changed_before_the_first_solve_are_refused_too() -> None:
    edges = rw.grid_graph((4, 4)).edges.clone()
    graph = rw.Graph(edges, 16)
    unused = copy.deepcopy(graph)
    edges[1, 5] = 15
    with pytest.raises(ValueError, match=r"changed in place after it was made.*Make another `Graph`"):
        rw.solve(rw.walk(graph, torch.ones(graph.num_edges), 0.1), torch.arange(16.0))
    rw.solve(rw.walk(unused, torch.ones(graph.num_edges), 0.1), torch.arange(16.0))


def test_edges_that_are_part_of_a_tensor_that_is_changed_are_told_so() -> None:
    room = torch.tensor([[0, 1, 0, 0], [1, 2, 0, 0]])
    graph = rw.Graph(room[:, :2], 3)
    room[:, 2:] = 5
    with pytest.raises(ValueError, match="or what they are a view of, were changed"):  # torch counts for both
        rw.solve(rw.walk(graph, torch.ones(2), 0.1), torch.arange(3.0))


@pytest.mark.parametrize("directed", [False, True])
def test_weights_follow_the_edges_of_a_subgraph(directed: bool) -> None:
    graph = rw.Graph(rw.grid_graph((4, 5)).edges, 20, directed)
    weight = torch.rand(graph.num_edges, dtype=torch.float64, requires_grad=True)
    nodes = torch.randperm(20, generator=torch.Generator().manual_seed(1))[:12]
    part, places = graph.subgraph(nodes)
    assert part.directed is directed
    matrix = rw.to_torch_sparse(graph, weight.detach()).to_dense()
    assert torch.equal(rw.to_torch_sparse(part, weight.detach()[places]).to_dense(), matrix[nodes][:, nodes])
    rw.walk(part, weight[places]).rate.sum().backward()
    assert weight.grad is not None
    assert (weight.grad > 0).nonzero().squeeze(1).tolist() == places.tolist()
    rw.solve(rw.walk(part, weight[places], 0.1), torch.ones(12, dtype=torch.float64))


def test_a_subgraph_may_be_all_nothing_or_a_graph_of_a_batch() -> None:
    grid = rw.grid_graph((3, 3))
    whole, places = grid.subgraph(torch.arange(9))
    assert torch.equal(whole.edges, grid.edges)
    assert torch.equal(places, torch.arange(12))
    assert repr(grid.subgraph(torch.arange(0))[0]) == "Graph(num_nodes=0, num_edges=0)"
    part, places = rw.Graph.batch([grid, grid]).subgraph(torch.arange(9, 18))
    assert torch.equal(part.edges, grid.edges)
    assert torch.equal(places, torch.arange(12, 24))


def test_nodes_of_a_subgraph_are_named_once() -> None:
    with pytest.raises(ValueError, match=r"each node once; got node 3 twice\. `nodes\.unique\(\)` does so"):
        rw.grid_graph((3, 3)).subgraph(torch.tensor([1, 3, 2, 3]))
    with pytest.raises(ValueError, match=r"`nodes` must be .* Of a mask these are"):
        rw.grid_graph((3, 3)).subgraph(torch.ones(9, dtype=torch.bool))


def test_edges_of_an_array_are_copied() -> None:
    edges = np.array([[0, 1], [1, 2]])
    graph = rw.Graph(edges, 3)
    edges[1, 1] = 0
    assert graph.edges.tolist() == [[0, 1], [1, 2]]


def test_a_network_in_place_of_a_graph_is_told_from_it() -> None:
    with pytest.raises(ValueError, match=r"got networkx\.classes\.graph\.Graph\. `from_networkx` makes one of it"):
        rw.walk(nx.path_graph(3), torch.ones(2))  # type: ignore[arg-type]
