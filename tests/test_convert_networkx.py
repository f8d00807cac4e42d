"""networkx graphs with nodes and weights of any kind."""

import re
from fractions import Fraction

import networkx as nx
import numpy as np
import pytest
import torch

from graphrw.convert import from_networkx, node_dict, node_seeds, node_values, to_networkx
from graphrw.core.graph import Graph
from graphrw.core.walk import walk
from graphrw.functional import hitting_probabilities, pagerank

PATH = Graph(torch.tensor([[0], [1]]), 2)


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
    for dtype in (torch.float16, torch.int64, int):
        with pytest.raises(ValueError, match=r"`dtype` must be torch\.float32 or torch\.float64; got "):
            from_networkx(nx.Graph([(0, 1, {"weight": 0.7})]), dtype=dtype)


@pytest.mark.parametrize("value", [1e-50, 1e300, 10**400, Fraction(1, 10**60)])
def test_networkx_weights_that_their_dtype_does_not_hold_are_refused(value):
    network = nx.Graph([("a", "b", {"weight": value})])
    with pytest.raises(ValueError, match=r"of 'a' → 'b' is .* in torch\.float32: pass `dtype=torch\.float64`"):
        from_networkx(network)
    if 1e-300 < value < 1e301:
        assert from_networkx(network, dtype=torch.float64)[1].tolist() == [float(value)]
    else:
        with pytest.raises(ValueError, match=r"is inf in torch\.float64: divide all weights by a common factor"):
            from_networkx(network, dtype=torch.float64)


def test_networkx_weights_of_zero_and_small_ones_stay_what_they_are():
    network = nx.Graph([(0, 1, {"weight": 0}), (1, 2, {"weight": 1e-40})])
    assert from_networkx(network)[1].tolist() == [0.0, pytest.approx(1e-40, rel=1e-4)]


def test_networkx_gets_nodes_in_order_and_weights_as_python_numbers():
    edges, weight = torch.tensor([[2, 0], [1, 2]]), torch.tensor([0.1, 0.0], dtype=torch.float64)
    network = to_networkx(Graph(edges, 4, directed=True), weight)
    assert isinstance(network, nx.DiGraph)
    assert list(network) == [0, 1, 2, 3]
    assert sorted(network.edges(data="weight")) == [(0, 2, 0.0), (2, 1, 0.1)]
    assert type(network[2][1]["weight"]) is float
    assert to_networkx(Graph(edges, 4), weight)[1][2]["weight"] == 0.1


# --- nodes by name --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [nx.Graph, nx.DiGraph])
def test_node_names_survive_the_way_there_and_back(kind):
    network = kind([("z", (1, 2), {"weight": 2.0}), ((1, 2), "a", {"weight": 3.0}), ("a", "a", {"weight": 5.0})])
    graph, weight, loops = from_networkx(network, self_loops=True)
    back = to_networkx(graph, weight, nodes=network, self_loops=loops)
    assert type(back) is kind
    assert list(back) == list(network)
    assert nx.utils.graphs_equal(back, network)


def test_seeds_and_answers_are_dicts_of_names():
    """The harmonic function on a path is linear."""
    network = nx.path_graph(["left", "b", "c", "right"])
    seeds, classes = node_seeds(network, {"right": "red", "left": "blue"})
    graph, weight = from_networkx(network)
    answer = node_dict(network, hitting_probabilities(walk(graph, weight), seeds), classes)
    assert list(answer) == ["left", "b", "c", "right"]
    assert answer["b"] == {"blue": pytest.approx(2 / 3), "red": pytest.approx(1 / 3)}
    assert answer["right"] == {"blue": 0.0, "red": 1.0}


def test_seeds_of_names_number_labels_in_their_order_or_as_they_come():
    network = nx.path_graph(3)
    seeds, classes = node_seeds(network, {2: 10, 0: 9})
    assert (seeds.tolist(), classes) == ([0, -1, 1], [9, 10])
    seeds, classes = node_seeds(network, {2: "a", 0: 1, 1: "a"})
    assert (seeds.tolist(), classes) == ([1, 0, 0], ["a", 1])
    assert node_seeds(network, {})[0].tolist() == [-1, -1, -1]


def test_pagerank_of_named_nodes_is_networkxs():
    network = nx.karate_club_graph()
    names = nx.relabel_nodes(network, {i: f"member {i}" for i in network})
    graph, weight = from_networkx(names, dtype=torch.float64)
    start = node_values(names, {"member 3": 2.0, "member 20": 1.0}, dtype=torch.float64)
    ours = node_dict(names, pagerank(walk(graph, weight), start=start))
    theirs = nx.pagerank(names, personalization={"member 3": 2.0, "member 20": 1.0}, tol=1e-14, max_iter=1000)
    assert ours == pytest.approx(theirs, rel=1e-9)


NAMED = nx.path_graph(["a", "b"])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: node_seeds(NAMED, {"c": 0}), "`labels` holds 'c', which is no node of `network` (1 such keys)."),
        (lambda: node_values(NAMED, {"a": 1.0, 0: 2.0}), "`values` holds 0, which is no node of `network`"),
        (lambda: node_seeds(NAMED, [0, 1]), "`labels` must be a dict with nodes of `network` as its keys; got list."),
        (lambda: node_seeds(None, {}), "`network` must be a networkx graph; got NoneType."),
        (lambda: node_dict(NAMED, torch.ones(3)), "`values` must be (2,) or (2, L); got (3,)."),
        (lambda: node_dict(NAMED, torch.ones(2, 2), ["x"]), "`classes` are 1, but `values` are (2, 2): a column for"),
        (lambda: node_dict(NAMED, None), "`values` must be (2,) or (2, L), of torch or NumPy; got NoneType."),
        (
            lambda: to_networkx(PATH, torch.ones(1), nodes=["a"]),
            "`nodes` must be 2 different names, one per node; got 1",
        ),
        (lambda: to_networkx(PATH, torch.ones(1), nodes="aa"), "2 different names, one per node; got 2, 1 of them"),
        (lambda: to_networkx(None, torch.ones(1)), "`graph` must be a `Graph`; got NoneType."),
    ],
)
def test_names_that_do_not_fit_are_refused(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()
