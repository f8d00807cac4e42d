"""PyG's `Data` and `Batch`."""

import numpy as np
import pytest
import torch
from torch_geometric.data import Batch, Data, HeteroData
from torch_geometric.transforms import ToSparseTensor

from graphrw.convert import from_pyg, to_pyg, to_scipy
from graphrw.core.graph import Graph


def graph_of(directed):
    """Six nodes, the last isolated; one edge runs downwards."""
    return Graph(torch.tensor([[0, 3, 1, 1, 4], [1, 1, 2, 4, 0]]), num_nodes=6, directed=directed)


def pyg_pair(**attributes):
    return Data(edge_index=torch.tensor([[0, 1], [1, 0]]), num_nodes=3, **attributes)


def test_pyg_data_without_weights_have_ones():
    assert from_pyg(pyg_pair(edge_attr=torch.tensor([2.0, 2.0])))[1].tolist() == [1.0]


@pytest.mark.parametrize("shape", [(2,), (2, 1)])
def test_pyg_edge_attributes_are_weights_only_when_named(shape):
    data = pyg_pair(edge_attr=torch.full(shape, 2.0), edge_weight=torch.tensor([5.0, 5.0]))
    assert from_pyg(data)[1].tolist() == [5.0]
    assert from_pyg(data, "edge_attr")[1].tolist() == [2.0]
    assert from_pyg(data, None)[1].tolist() == [1.0]


def test_pyg_says_itself_when_it_guesses_the_number_of_nodes():
    with pytest.warns(UserWarning, match="num_nodes"):
        graph, _ = from_pyg(Data(edge_index=torch.tensor([[0, 1], [1, 0]])))
    assert graph.num_nodes == 2


@pytest.mark.parametrize(
    ("data", "weight", "message"),
    [
        (HeteroData(), None, r"`data` must be a `torch_geometric\.data\.Data`; got HeteroData\."),
        (Data(x=torch.ones(3, 1)), None, r"`data` has neither `edge_index` nor `adj_t`; got Data\(x=\[3, 1\]\)\."),
        (pyg_pair(), "edge_attr", r"`data` has no attribute `edge_attr` to take weights from; it has \["),
        (pyg_pair(edge_attr=torch.ones(2, 3)), "edge_attr", r"`data\.edge_attr` must have shape \(2,\).*got \(2, 3\)"),
        (pyg_pair(edge_attr=torch.tensor([1.0, -1.0])), "edge_attr", r"`data\.edge_attr` must be finite .* -1\.0 for"),
        (
            pyg_pair(a=torch.tensor([1.0, 2.0])),
            "a",
            r"`data\.edge_index` gives 0 → 1 the weight 1\.0 but 1 → 0 the wei",
        ),
    ],
)
def test_pyg_data_that_are_no_weighted_graph_are_refused(data, weight, message):
    with pytest.raises(ValueError, match=message):
        from_pyg(data, weight)


@pytest.mark.filterwarnings("ignore:Sparse (CSR tensor support|invariant checks):UserWarning")  # of torch, inside PyG
@pytest.mark.parametrize("layout", [torch.sparse_csr, torch.sparse_coo])
def test_pyg_data_with_adj_t_are_those_with_edge_index(layout):
    """`adj_t` is transposed: on a directed graph its row i holds what leads to i."""
    edge_index, edge_weight = torch.tensor([[0, 1, 2, 1], [1, 2, 0, 1]]), torch.tensor([2.0, 3.0, 4.0, 9.0])
    data = Data(edge_index=edge_index, edge_weight=edge_weight, num_nodes=4)
    graph, weight, loops = from_pyg(data, directed=True, self_loops=True)
    sparse = ToSparseTensor("edge_weight", layout=layout)(data.clone())
    assert sparse.edge_index is None
    other, other_weight, other_loops = from_pyg(sparse, directed=True, self_loops=True)
    assert other.num_nodes == 4
    assert np.array_equal(to_scipy(other, other_weight).toarray(), to_scipy(graph, weight).toarray())
    assert torch.equal(other_loops, loops)
    assert loops.tolist() == [0.0, 9.0, 0.0, 0.0]
    assert from_pyg(sparse, None, directed=True, self_loops=True)[1].tolist() == [1.0, 1.0, 1.0]
    with pytest.raises(ValueError, match=r"`adj_t` holds its weights itself; leave out `weight`, 'edge_attr'"):
        from_pyg(sparse, "edge_attr")
    with pytest.raises(ValueError, match=r"`data\.adj_t` holds 1 self loops \(first: node 1\)"):
        from_pyg(sparse, directed=True)


def batch_of(directed):
    first = graph_of(directed)
    lonely = Graph(torch.empty(2, 0, dtype=torch.int64), 2, directed)
    last = Graph(torch.tensor([[2, 0], [1, 1]]), 3, directed)
    return Graph.batch([first, lonely, last])


def graph_of_each_node(batch):
    return torch.repeat_interleave(torch.tensor([part.num_nodes for part in batch.parts]))


@pytest.mark.parametrize("directed", [False, True])
def test_a_batch_survives_the_way_to_pyg_and_back_with_its_graphs(directed):
    batch = batch_of(directed)
    weight = torch.rand(batch.num_edges, dtype=torch.float64, requires_grad=True)
    data = to_pyg(batch, weight)
    assert isinstance(data, Batch)
    assert torch.equal(data.batch, graph_of_each_node(batch))
    back, back_weight = from_pyg(data, directed=directed)
    assert torch.equal(back.edges, batch.edges)
    assert torch.equal(back_weight, weight)
    for part, original in zip(back.parts, batch.parts, strict=True):
        assert torch.equal(part.edges, original.edges)
        assert part.num_nodes == original.num_nodes
    factor = torch.arange(batch.num_edges, dtype=torch.float64)
    assert torch.equal(torch.autograd.grad(back_weight @ factor, weight)[0], factor)


def test_a_pyg_batch_whose_edges_were_shuffled_is_sorted_by_graph_again():
    batch = batch_of(directed=False)
    weight = torch.rand(batch.num_edges, dtype=torch.float64)
    data = to_pyg(batch, weight)
    order = torch.randperm(data.edge_index.shape[1], generator=torch.Generator().manual_seed(0))
    data.edge_index, data.edge_weight = data.edge_index[:, order], data.edge_weight[order]
    back, back_weight = from_pyg(data)
    assert back.num_graphs == 3
    owner = graph_of_each_node(back)[back.edges[0]]
    assert torch.equal(owner, owner.sort().values)
    assert np.array_equal(to_scipy(back, back_weight).toarray(), to_scipy(batch, weight).toarray())


def test_a_pyg_batch_with_an_edge_between_two_graphs_is_refused():
    data = to_pyg(batch_of(directed=True), torch.ones(7))
    data.edge_index[1, 0] = 9
    with pytest.raises(ValueError, match=r"joins nodes 0 and 9 of two different graphs of the batch\."):
        from_pyg(data, directed=True)


def test_a_pyg_batch_that_counts_other_nodes_is_refused():
    data = to_pyg(batch_of(directed=True), torch.ones(7))
    data.num_nodes = 20
    with pytest.raises(ValueError, match=r"`data\.ptr` counts 11 nodes, but `data` has 20\. Change the graphs before"):
        from_pyg(data, directed=True)


def test_weights_by_networkx_name_are_not_dropped_without_a_word():
    data = pyg_pair(weight=torch.tensor([2.0, 2.0]))
    with pytest.warns(UserWarning, match="It has a `weight`: say `weight='weight'`"):
        assert from_pyg(data)[1].tolist() == [1.0]
    assert from_pyg(data, "weight")[1].tolist() == [2.0]
    assert from_pyg(data, None)[1].tolist() == [1.0]
