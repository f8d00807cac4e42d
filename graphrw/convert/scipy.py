"""From and to SciPy's sparse arrays."""

from typing import Any, Literal, overload

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from graphrw.convert.edge_index import to_edge_index
from graphrw.convert.fold import Folded, Source, fold
from graphrw.core.graph import Graph
from graphrw.core.opaque import opaque

_SOURCE = Source(
    entries="`matrix`",
    values="`matrix`",
    drop_loops="`scipy.sparse.tril(matrix, -1) + scipy.sparse.triu(matrix, 1)`",
    symmetrise="`(matrix + matrix.T) / 2`",
)


@overload
def from_scipy(
    matrix: "sparse.sparray[Any] | sparse.spmatrix[Any]", directed: bool = False, *, self_loops: Literal[False] = False
) -> tuple[Graph, Tensor]: ...


@overload
def from_scipy(
    matrix: "sparse.sparray[Any] | sparse.spmatrix[Any]", directed: bool = False, *, self_loops: Literal[True]
) -> tuple[Graph, Tensor, Tensor]: ...


@opaque
def from_scipy(
    matrix: "sparse.sparray[Any] | sparse.spmatrix[Any]", directed: bool = False, *, self_loops: bool = False
) -> tuple[Graph, Tensor] | tuple[Graph, Tensor, Tensor]:
    """The graph and weights of a sparse matrix, where ``matrix[i, j]`` is the weight of i → j.

    Duplicate entries are summed. Entries that are stored as 0 are edges of weight 0. Without `directed` the matrix must
    be symmetric, to the same tolerance as in `from_edge_index`, and each pair of entries is one edge.

    Args:
        matrix: (N, N), any of SciPy's sparse formats, real; whole numbers and booleans become torch's default dtype.
        directed: take each entry as an edge of its own.
        self_loops: return the diagonal, too. A `Graph` has none: it is an error otherwise.

    Returns:
        The `Graph`, its edges in the order in which `matrix` stores them, and their weights (E,). With `self_loops`
        also the diagonal (N,), as `step`, `resolvent` and `pagerank` take it.

    Raises:
        ValueError: for another shape or type, a diagonal without `self_loops`, negative or non-finite entries, or an
            unsymmetric matrix without ``directed=True``.

    >>> from_scipy(sparse.csr_array([[0.0, 2.0], [2.0, 0.0]]))
    (Graph(num_nodes=2, num_edges=1), tensor([2.], dtype=torch.float64))
    """
    if not sparse.issparse(matrix):
        raise ValueError(
            f"`matrix` must be a SciPy sparse array; got {type(matrix).__name__}. Convert it with "
            "`scipy.sparse.csr_array(matrix)`."
        )
    folded = folded_matrix(matrix, _SOURCE, directed=directed, loops=self_loops)
    return folded.triple if self_loops else folded.pair


def folded_matrix(matrix: Any, source: Source, *, directed: bool, loops: bool) -> Folded:
    """What `from_scipy` makes of a sparse `matrix` that `source` names."""
    entries = _coordinates(matrix, source.entries)
    index = torch.from_numpy(np.stack([entries.row, entries.col]).astype(np.int64))
    value = torch.from_numpy(np.array(entries.data))  # a copy: the matrix may be read-only
    return fold(index, value, entries.shape[0], directed=directed, source=source, loops=loops)


@opaque
def to_scipy(graph: Graph, weight: Tensor, *, self_loops: Tensor | None = None) -> "sparse.csr_array[Any]":
    """The weight matrix W with W_ij = w_ij (and W_ji = w_ij in an undirected graph) as a ``scipy.sparse.csr_array``.

    Args:
        graph: N nodes, E edges.
        weight: (E,) float32 or float64, which W keeps; weights of 0 stay stored. Gradients end here.
        self_loops: (N,) of the same type: the diagonal of W. None: zeros.

    Returns:
        (N, N), on the CPU.

    Raises:
        ValueError: when `weight` or `self_loops` does not fit `graph`.

    >>> to_scipy(Graph(torch.tensor([[0], [1]]), num_nodes=2), torch.tensor([2.0])).toarray()
    array([[0., 2.],
           [2., 0.]], dtype=float32)
    """
    index, value = to_edge_index(graph, weight, self_loops=self_loops)
    row, col = index.cpu().numpy()
    entries = sparse.coo_array((value.detach().cpu().numpy(), (row, col)), shape=(graph.num_nodes, graph.num_nodes))
    return entries.tocsr()


def _coordinates(matrix: Any, name: str) -> "sparse.coo_array[Any, tuple[int, int]]":
    entries = sparse.coo_array(matrix)
    if entries.ndim != 2 or entries.shape[0] != entries.shape[1]:
        raise ValueError(f"{name} must be square, one row and column per node; got shape {entries.shape}.")
    if not np.can_cast(entries.dtype, np.float64):
        raise ValueError(f"{name} must hold float32 or float64 numbers; got {entries.dtype}.")
    return entries
