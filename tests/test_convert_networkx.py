"""networkx graphs with nodes and weights of any kind."""

import re

import networkx as nx
import numpy as np
import pytest
import torch

from graphrw.convert import from_networkx, to_networkx
from graphrw.core.graph import Graph


def test_networkx_nodes_are_numbered_in_their_order_whatever_they_are():
    network = nx.Graph()
    network.add_nodes_from(["z", (1, 2), None.__class__])
    network.add_edge(None.__class__, "z", weight=2)
    graph, weight = from_networkx(network)
    assert list(network).index("z") == 0
    assert (graph.edges.tolist(), weight.tolist()) == ([[0], [2]], [2.0])


@pytest.mark.parametrize("kind", [nx.MultiGraph, nx.MultiDiGraph])
def test_parallel_edges_of_networkx_are_summed(kind):
    network = kind()
    network.add_weighted_edges_from([(0, 1, 1.0), (0, 1, 2.5), (1, 0, 4.0)])
    graph, weight = from_networkx(network)
    assert graph.directed is network.is_directed()
    assert weight.tolist() == ([3.5, 4.0] if graph.directed else [7.5])


def test_networkx_weights_of_any_real_kind_in_the_dtype_asked_for():
    network = nx.Graph([(0, 1, {"weight": np.float32(0.5)}), (1, 2, {"weight": True}), (2, 3, {"weight": 0.1})])
    _, weight = from_networkx(network, dtype=torch.float64)
    assert (weight.tolist(), weight.dtype) == ([0.5, 1.0, 0.1], torch.float64)


def test_networkx_edges_without_any_weight_have_ones():
    network = nx.path_graph(3)
    assert from_networkx(network)[1].tolist() == [1.0, 1.0]
    nx.set_edge_attributes(network, 5.0, "weight")
    assert from_networkx(network)[1].tolist() == [5.0, 5.0]
    assert from_networkx(network, None)[1].tolist() == [1.0, 1.0]
    nx.set_edge_attributes(network, 7.0, "length")
    assert from_networkx(network, "length")[1].tolist() == [7.0, 7.0]


@pytest.mark.parametrize(
    ("edges", "weight", "message"),
    [
        ([("a", "b", {"weight": 1.0}), ("b", "c", {})], "weight", "as its \"weight\"; 'b' → 'c' has none."),
        ([("a", "b", {"weight": "2"})], "weight", "as its \"weight\"; 'a' → 'b' has '2'."),
        ([("a", "b", {"weight": 1.0})], "length", "as its \"length\"; 'a' → 'b' has none."),
        (
            [("a", "b", {"weight": -1.5})],
            "weight",
            "\"weight\" must be finite and not negative; got -1.5 for 'a' → 'b'",
        ),
        ([("a", "b", {"weight": np.nan})], "weight", "got nan for 'a' → 'b'"),
        ([("a", "b"), ("c", "c")], "weight", "`network` holds 1 self loops (first: node 'c')."),
    ],
)
def test_networkx_graphs_that_no_walk_can_use_are_refused(edges, weight, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        from_networkx(nx.DiGraph(edges), weight)


def test_something_else_than_a_networkx_graph_is_refused():
    with pytest.raises(ValueError, match=r"`network` must be a networkx graph; got dict\."):
        from_networkx({})


def test_networkx_weights_in_another_dtype_are_refused():
    with pytest.raises(ValueError, match=r"must be a float32 or float64 tensor; got torch\.float16\."):
        from_networkx(nx.path_graph(2), dtype=torch.float16)


def test_networkx_gets_nodes_in_order_and_weights_as_python_numbers():
    edges, weight = torch.tensor([[2, 0], [1, 2]]), torch.tensor([0.1, 0.0], dtype=torch.float64)
    network = to_networkx(Graph(edges, 4, directed=True), weight)
    assert isinstance(network, nx.DiGraph)
    assert list(network) == [0, 1, 2, 3]
    assert sorted(network.edges(data="weight")) == [(0, 2, 0.0), (2, 1, 0.1)]
    assert type(network[2][1]["weight"]) is float
    assert to_networkx(Graph(edges, 4), weight)[1][2]["weight"] == 0.1
