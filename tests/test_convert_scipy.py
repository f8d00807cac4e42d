"""SciPy's sparse arrays of every format and type."""

import re

import numpy as np
import pytest
import torch
from scipy import sparse

from graphrw.convert import from_scipy, to_scipy
from graphrw.core.graph import Graph


@pytest.mark.parametrize("layout", ["coo", "csr", "csc", "lil", "dok", "bsr", "dia"])
@pytest.mark.parametrize("kind", [sparse.csr_array, sparse.csr_matrix])
def test_every_sparse_format_of_scipy_is_read(layout, kind):
    matrix = kind(np.array([[0.0, 2.0, 0.0], [2.0, 0.0, 3.0], [0.0, 3.0, 0.0]])).asformat(layout)
    graph, weight = from_scipy(matrix)
    edges = map(sorted, graph.edges.T.tolist())
    assert sorted(zip(edges, weight.tolist(), strict=True)) == [([0, 1], 2.0), ([1, 2], 3.0)]


@pytest.mark.parametrize("dtype", ["i4", "u2", "?", "f8", "f4", "i8"])
def test_scipy_numbers_of_every_real_kind_are_read(dtype):
    _, weight = from_scipy(sparse.coo_array(np.array([[0, 1], [1, 0]], dtype=dtype)))
    assert (weight.tolist(), weight.dtype) == ([1.0], torch.float64 if dtype == "f8" else torch.float32)


def test_scipy_matrices_that_cannot_be_written_to_are_read_and_not_shared():
    matrix = sparse.coo_array(np.array([[0.0, 2.0], [0.0, 0.0]]))
    matrix.data.flags.writeable = False
    _, weight = from_scipy(matrix, directed=True)
    weight.zero_()
    assert matrix.toarray().tolist() == [[0.0, 2.0], [0.0, 0.0]]


def test_scipy_duplicates_are_summed():
    matrix = sparse.coo_array((np.array([1.0, 2.0, 3.0]), (np.array([0, 0, 1]), np.array([1, 1, 0]))), shape=(2, 2))
    assert from_scipy(matrix)[1].tolist() == [3.0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_scipy_gets_the_symmetric_matrix_with_zero_weights_stored(dtype):
    weight = torch.tensor([0.1, 0.0], dtype=dtype, requires_grad=True)
    matrix = to_scipy(Graph(torch.tensor([[1, 2], [0, 1]]), 3), weight)
    assert isinstance(matrix, sparse.csr_array)
    assert matrix.nnz == 4
    first = weight[0].item()
    assert matrix.toarray().tolist() == [[0.0, first, 0.0], [first, 0.0, 0.0], [0.0, 0.0, 0.0]]


def test_row_i_column_j_of_a_scipy_array_is_the_weight_from_i_to_j():
    graph, weight = from_scipy(sparse.csr_array([[0.0, 2.0], [0.0, 0.0]]), directed=True)
    assert graph.edges.tolist() == [[0], [1]]
    assert to_scipy(graph, weight).toarray().tolist() == [[0.0, 2.0], [0.0, 0.0]]


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (np.eye(2), "`matrix` must be a SciPy sparse array; got ndarray. Convert it with `scipy.sparse.csr_array("),
        (sparse.coo_array((2, 3)), "`matrix` must be square, one row and column per node; got shape (2, 3)."),
        (sparse.coo_array(np.ones(3)), "`matrix` must be square, one row and column per node; got shape (3,)."),
        (sparse.coo_array(np.eye(2) * 1j), "`matrix` must hold float32 or float64 numbers; got complex128."),
        (sparse.coo_array(np.eye(2)), "`matrix` holds 2 self loops (first: node 0)."),
        (sparse.coo_array([[0.0, -2.0], [1.0, 0.0]]), "`matrix` must be finite and not negative; got -2.0 for 0 → 1"),
        (sparse.coo_array([[0.0, 1.0], [np.inf, 0.0]]), "`matrix` must be finite and not negative; got inf for 1 → 0"),
        (sparse.coo_array([[0.0, 1.0], [2.0, 0.0]]), "`matrix` gives 0 → 1 the weight 1.0 but 1 → 0 the weight 2.0;"),
        (sparse.coo_array([[0.0, 1.0], [0.0, 0.0]]), "gives 0 → 1 the weight 1.0 but 1 → 0 no entry (weight 0);"),
    ],
)
def test_scipy_matrices_that_no_walk_can_use_are_refused(matrix, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        from_scipy(matrix)
