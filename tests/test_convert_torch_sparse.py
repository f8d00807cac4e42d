"""torch's sparse tensors, and torch_sparse's where that package is installed."""

import re
import sys

import pytest
import torch
from fake_torch_sparse import FakeSparseTensor, load_fake

from graphrw.convert import from_torch_sparse, to_sparse_tensor, to_torch_sparse
from graphrw.core.errors import MissingDependencyError
from graphrw.core.graph import Graph

pytestmark = pytest.mark.filterwarnings("ignore:Sparse (CSR|CSC) tensor support is in beta state:UserWarning")

WEIGHTS = torch.tensor([0.1, 0.0, 2.5, 1.0, 3.7], dtype=torch.float64)  # an edge of weight 0 is an edge all the same
MATRIX = torch.zeros(6, 6, dtype=torch.float64)
MATRIX[[0, 3, 1, 1, 4], [1, 1, 2, 4, 0]] = WEIGHTS


def coo(rows, dtype=torch.float64):
    return torch.tensor(rows, dtype=dtype).to_sparse()


def graph_of(directed):
    """Six nodes, the last isolated; one edge runs downwards."""
    return Graph(torch.tensor([[0, 3, 1, 1, 4], [1, 1, 2, 4, 0]]), num_nodes=6, directed=directed)


def test_uncoalesced_tensors_are_summed_and_half_of_the_gradient_goes_to_each_direction():
    value = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    index = torch.tensor([[0, 0, 1], [1, 1, 0]])
    _, weight = from_torch_sparse(torch.sparse_coo_tensor(index, value, (2, 2), check_invariants=True))
    assert weight.tolist() == [3.0]
    assert torch.autograd.grad(weight.sum(), value)[0].tolist() == [0.5, 0.5, 0.5]


def test_torch_gets_a_coalesced_symmetric_tensor():
    matrix = to_torch_sparse(graph_of(directed=False), WEIGHTS)
    assert matrix.is_coalesced()
    assert matrix.values().shape == (10,)
    assert torch.equal(matrix.to_dense(), MATRIX + MATRIX.T)


@pytest.mark.parametrize("layout", [torch.sparse_coo, torch.sparse_csr, torch.sparse_csc])
def test_row_i_column_j_of_a_torch_tensor_is_the_weight_from_i_to_j(layout):
    matrix = torch.tensor([[0.0, 2.0], [0.0, 0.0]])
    graph, weight = from_torch_sparse(matrix.to_sparse(layout=layout), directed=True)
    assert graph.edges.tolist() == [[0], [1]]
    assert torch.equal(to_torch_sparse(graph, weight).to_dense(), matrix)


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (
            torch.eye(2),
            "or a `torch_sparse.SparseTensor`; got 2-dimensional torch.strided. A dense matrix converts with",
        ),
        ([[1.0]], "`tensor` must be a COO, CSR or CSC matrix of torch or a `torch_sparse.SparseTensor`; got list."),
        (torch.zeros(2, 3).to_sparse(), "`tensor` must be square, one row and column per node; got shape (2, 3)."),
        (torch.zeros(2, 2, 2).to_sparse(), "must be square, one row and column per node; got shape (2, 2, 2)."),
        (coo([[1.0, 0.0], [0.0, 0.0]]), "`tensor` holds 1 self loops (first: node 0)."),
        (coo([[0.0, 1.0], [-1.0, 0.0]]), "`tensor` must be finite and not negative; got -1.0 for 1 → 0"),
        (coo([[0.0, 1.0], [2.0, 0.0]]), "`tensor` gives 0 → 1 the weight 1.0 but 1 → 0 the weight 2.0;"),
        (coo([[0, 1], [1, 0]], torch.complex64), "`tensor` must be a float32 or float64 tensor; got torch.complex64."),
    ],
)
def test_torch_tensors_that_no_walk_can_use_are_refused(tensor, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        from_torch_sparse(tensor)


@pytest.mark.parametrize("layout", [torch.sparse_coo, torch.sparse_csr, torch.sparse_csc])
def test_second_derivatives_through_torch_tensors_are_refused_in_either_direction(layout):
    leaf = torch.tensor([[0.0, 2.0], [2.0, 0.0]]).to_sparse(layout=layout).requires_grad_()
    _, weight = from_torch_sparse(leaf)
    with pytest.raises(NotImplementedError, match=r"Use `from_edge_index` and `to_edge_index`, which have\."):
        torch.autograd.grad((weight**2).sum(), leaf, create_graph=True)
    weight = torch.ones(1, requires_grad=True)
    loss = (to_torch_sparse(Graph(torch.tensor([[0], [1]]), 2), weight).to_dense() ** 2).sum()
    with pytest.raises(NotImplementedError, match=r"Use `from_edge_index` and `to_edge_index`, which have\."):
        torch.autograd.grad(loss, weight, create_graph=True)


def test_create_graph_is_no_offence_where_the_second_derivative_is_zero():
    weight = torch.ones(1, requires_grad=True)
    loss = to_torch_sparse(Graph(torch.tensor([[0], [1]]), 2), weight).to_dense().sum()
    assert torch.autograd.grad(loss, weight, create_graph=True)[0].tolist() == [2.0]


def test_batches_of_matrices_are_refused():
    with pytest.raises(ValueError, match=r"got 3-dimensional torch\.sparse_csr\."):
        from_torch_sparse(torch.zeros(2, 2, 2).to_sparse_csr())


def test_a_sparse_tensor_is_read_through_its_coordinates(monkeypatch):
    load_fake(monkeypatch)
    row, col, value = torch.tensor([0, 1]), torch.tensor([1, 0]), torch.tensor([2.0, 2.0], requires_grad=True)
    graph, weight = from_torch_sparse(FakeSparseTensor(row, col, value, (3, 3)))
    assert (graph.num_nodes, graph.edges.tolist(), weight.tolist()) == (3, [[0], [1]], [2.0])
    assert torch.autograd.grad(weight.sum(), value)[0].tolist() == [0.5, 0.5]
    assert from_torch_sparse(FakeSparseTensor(row, col, None, (2, 2)))[1].tolist() == [1.0]
    with pytest.raises(ValueError, match=re.escape("must be square, one row and column per node; got shape (2, 3).")):
        from_torch_sparse(FakeSparseTensor(row, col, None, (2, 3)))


@pytest.mark.parametrize("directed", [False, True])
def test_a_sparse_tensor_is_written_by_its_coordinates(monkeypatch, directed):
    load_fake(monkeypatch)
    tensor = to_sparse_tensor(graph_of(directed), WEIGHTS)
    graph, weight = from_torch_sparse(tensor, directed)
    assert tensor.sparse_sizes() == (6, 6)
    assert torch.equal(graph.edges, graph_of(directed).edges)
    assert torch.equal(weight, WEIGHTS)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("directed", [False, True])
def test_a_real_sparse_tensor_survives_the_way_there_and_back(directed, dtype):
    torch_sparse = pytest.importorskip("torch_sparse")
    weight = WEIGHTS.to(dtype).requires_grad_()
    matrix = (MATRIX if directed else MATRIX + MATRIX.T).to(dtype)
    tensor = to_sparse_tensor(graph_of(directed), weight)
    assert isinstance(tensor, torch_sparse.SparseTensor)
    assert torch.equal(tensor.to_dense(), matrix)
    graph, back = from_torch_sparse(tensor, directed)
    assert torch.equal(to_torch_sparse(graph, back).to_dense(), matrix)
    (gradient,) = torch.autograd.grad(back.sum(), weight)
    assert torch.equal(gradient, torch.ones_like(weight))


def test_pyg_adjacency_is_the_transpose_of_a_real_sparse_tensor():
    torch_sparse = pytest.importorskip("torch_sparse")
    adj_t = torch_sparse.SparseTensor(row=torch.tensor([1]), col=torch.tensor([0]), sparse_sizes=(2, 2))  # 0 → 1
    graph, weight = from_torch_sparse(adj_t.t(), directed=True)
    assert (graph.edges.tolist(), weight.tolist()) == ([[0], [1]], [1.0])


def test_without_torch_sparse_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch_sparse", None)
    with pytest.raises(MissingDependencyError, match=r"needs the package torch-sparse.*pip install.*`to_torch_sparse`"):
        to_sparse_tensor(graph_of(directed=False), torch.ones(5))
