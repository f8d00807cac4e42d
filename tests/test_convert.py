"""Graphs from and to other libraries: nothing is lost, nothing happens silently."""

import networkx as nx
import numpy as np
import pytest
import torch
import torch_geometric.utils as pyg_utils
from scipy import sparse
from torch_geometric.data import Data
from torch_geometric.transforms import RemoveSelfLoops

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
    to_sparse_tensor,
    to_torch_sparse,
)
from graphrw.core.graph import Graph

pytestmark = pytest.mark.filterwarnings("ignore:Sparse (CSR|CSC) tensor support is in beta state:UserWarning")


def graph_of(directed):
    """Six nodes, the last isolated; an edge that runs downwards, and (if directed) one with an unequal reverse."""
    edges = [[0, 3, 1, 1, 4], [1, 1, 2, 4, 0]]
    if directed:
        edges = [[*edges[0], 1], [*edges[1], 0]]
    return Graph(torch.tensor(edges), num_nodes=6, directed=directed)


def weights_of(graph, dtype):
    weight = torch.linspace(0.1, 3.7, graph.num_edges, dtype=dtype)
    weight[1] = 0.0  # an edge all the same
    return weight


def dense(graph, weight):
    matrix = torch.full((graph.num_nodes, graph.num_nodes), torch.nan, dtype=weight.dtype)  # nan: no edge
    matrix[graph.edges[0], graph.edges[1]] = weight
    if not graph.directed:
        matrix[graph.edges[1], graph.edges[0]] = weight
    return matrix


def same(first, second):
    return first.dtype == second.dtype and torch.equal(first.nan_to_num(-1.0), second.nan_to_num(-1.0))


def coo(rows, dtype=torch.float64):
    return torch.tensor(rows, dtype=dtype).to_sparse()


def through_csr(graph, weight):
    return from_torch_sparse(to_torch_sparse(graph, weight).to_sparse_csr(), graph.directed)


def through_csc(graph, weight):
    return from_torch_sparse(to_torch_sparse(graph, weight).to_sparse_csc(), graph.directed)


ROUND_TRIPS = {
    "edge_index": lambda g, w: from_edge_index(*to_edge_index(g, w), g.num_nodes, g.directed),
    "pyg": lambda g, w: from_pyg(to_pyg(g, w), directed=g.directed),
    "networkx": lambda g, w: from_networkx(to_networkx(g, w), dtype=w.dtype),
    "scipy": lambda g, w: from_scipy(to_scipy(g, w), g.directed),
    "torch_coo": lambda g, w: from_torch_sparse(to_torch_sparse(g, w), g.directed),
    "torch_csr": through_csr,
    "torch_csc": through_csc,
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("directed", [False, True])
@pytest.mark.parametrize("name", ROUND_TRIPS)
def test_a_graph_and_its_weights_survive_the_way_there_and_back(name, directed, dtype):
    graph = graph_of(directed)
    weight = weights_of(graph, dtype)
    back, back_weight = ROUND_TRIPS[name](graph, weight)
    assert back.directed is directed
    assert back.num_edges == graph.num_edges
    assert same(dense(back, back_weight), dense(graph, weight))


@pytest.mark.parametrize("directed", [False, True])
@pytest.mark.parametrize("name", ["edge_index", "pyg"])
def test_edge_lists_keep_the_order_and_direction_of_the_edges(name, directed):
    graph = graph_of(directed)
    back, _ = ROUND_TRIPS[name](graph, weights_of(graph, torch.float32))
    assert torch.equal(back.edges, graph.edges)


@pytest.mark.parametrize("directed", [False, True])
@pytest.mark.parametrize("name", ROUND_TRIPS)
@pytest.mark.parametrize("num_nodes", [0, 1, 3])
def test_a_graph_without_edges_survives_the_way_there_and_back(name, directed, num_nodes):
    graph = Graph(torch.empty(2, 0, dtype=torch.int64), num_nodes, directed)
    back, weight = ROUND_TRIPS[name](graph, torch.empty(0))
    assert (back.num_nodes, back.num_edges, back.directed) == (num_nodes, 0, directed)
    assert weight.shape == (0,)


@pytest.mark.parametrize("directed", [False, True])
@pytest.mark.parametrize("name", ["edge_index", "pyg", "torch_coo", "torch_csr", "torch_csc"])
def test_gradients_flow_through_the_way_there_and_back(name, directed):
    graph = graph_of(directed)
    weight = weights_of(graph, torch.float64) + 0.5
    factor = torch.rand(graph.num_edges, dtype=torch.float64)
    weight.requires_grad_()

    def loss(weight):
        back, back_weight = ROUND_TRIPS[name](graph, weight)
        return (dense(back, back_weight).nan_to_num() ** 3).sum() + (back_weight * factor).sum()

    assert torch.autograd.gradcheck(loss, weight)
    if name in ("edge_index", "pyg"):
        assert torch.autograd.gradgradcheck(loss, weight)
    else:  # torch would silently leave terms out
        with pytest.raises(NotImplementedError, match="torch's sparse tensors have no second derivative, and"):
            torch.autograd.grad(loss(weight), weight, create_graph=True)


@pytest.mark.parametrize("convert", [to_edge_index, to_pyg, to_networkx, to_scipy, to_torch_sparse, to_sparse_tensor])
@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([1.0] * 5, r"`weight` must be float32 or float64, of torch or NumPy; got list\. Make a tensor of it with"),
        (None, r"`weight` must be float32 or float64, of torch or NumPy; got NoneType\."),
        (torch.ones(5, dtype=torch.int64), r"`weight` must be float32 or float64; got torch\.int64\. Cast it"),
        (torch.ones(4), r"`weight` must have shape \(5,\), one per edge; got \(4,\)\."),
        (torch.ones(5, device="meta"), r"`weight` is on meta, but the graph is on cpu; use `graph\.to\(…\)`\."),
    ],
)
def test_weights_that_do_not_fit_the_graph_are_refused_on_the_way_out(convert, weight, message):
    with pytest.raises(ValueError, match=message):
        convert(graph_of(directed=False), weight)


def looped():
    """0 – 1 with weight 2 and a self loop at node 1."""
    return torch.tensor([[0, 1, 1], [1, 0, 1]]), torch.tensor([2.0, 2.0, 9.0])


def cure_networkx():
    network = nx.Graph([(0, 1, {"weight": 2.0}), (1, 1, {"weight": 9.0})])
    network.remove_edges_from(list(nx.selfloop_edges(network)))
    return from_networkx(network)


def cure_scipy():
    matrix = sparse.csr_array([[0.0, 2.0], [2.0, 9.0]], dtype=np.float32)
    return from_scipy(sparse.tril(matrix, -1) + sparse.triu(matrix, 1))


LOOP_CURES = {
    "edge_index": lambda: from_edge_index(*pyg_utils.remove_self_loops(*looped())),
    "pyg": lambda: from_pyg(
        RemoveSelfLoops("edge_weight")(Data(edge_index=looped()[0], edge_weight=looped()[1], num_nodes=2))
    ),
    "networkx": cure_networkx,
    "scipy": cure_scipy,
    "torch_sparse": lambda: from_edge_index(
        *pyg_utils.remove_self_loops(*pyg_utils.to_edge_index(coo([[0, 2], [2, 9]], torch.float32)))
    ),
}


@pytest.mark.parametrize("name", LOOP_CURES)
def test_the_cure_for_self_loops_that_the_error_names_works(name):
    graph, weight = LOOP_CURES[name]()
    assert (graph.num_nodes, graph.num_edges, weight.tolist()) == (2, 1, [2.0])


ONE_WAY = sparse.csr_array([[0.0, 1.0, 4.0], [3.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
SYMMETRIC_CURES = {
    "edge_index": lambda: from_edge_index(
        *pyg_utils.to_undirected(*pyg_utils.from_scipy_sparse_matrix(ONE_WAY), reduce="mean")
    ),
    "scipy": lambda: from_scipy((ONE_WAY + ONE_WAY.T) / 2),
    "torch_sparse": lambda: from_edge_index(
        *pyg_utils.to_undirected(*pyg_utils.to_edge_index(coo(ONE_WAY.toarray())), reduce="mean")
    ),
}


@pytest.mark.parametrize("name", SYMMETRIC_CURES)
def test_the_cure_for_unequal_pairs_that_the_error_names_works(name):
    graph, weight = SYMMETRIC_CURES[name]()
    assert graph.num_edges == 2
    # PyG's mean takes a missing entry as unknown, SciPy's half sum as 0.
    assert sorted(weight.tolist()) == [2.0, 2.0 if name == "scipy" else 4.0]
