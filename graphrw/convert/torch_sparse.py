"""From and to torch's sparse tensors, and torch_sparse's `SparseTensor` where that package is installed."""

import sys
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Literal, TypeGuard, overload

import torch
from torch import Tensor

from graphrw.convert.edge_index import to_edge_index
from graphrw.convert.fold import Folded, Source, fold
from graphrw.core.errors import MissingDependencyError
from graphrw.core.graph import Graph
from graphrw.core.opaque import opaque

if TYPE_CHECKING:
    from torch_sparse import SparseTensor

_SOURCE = Source(
    entries="`tensor`",
    values="`tensor`",
    drop_loops="torch_geometric.utils' `remove_self_loops(*to_edge_index(tensor))`, then `from_edge_index`",
    symmetrise="torch_geometric.utils' `to_undirected(*to_edge_index(tensor), reduce='mean')`, then `from_edge_index`",
)


@overload
def from_torch_sparse(
    tensor: "Tensor | SparseTensor", directed: bool = False, *, self_loops: Literal[False] = False
) -> tuple[Graph, Tensor]: ...


@overload
def from_torch_sparse(
    tensor: "Tensor | SparseTensor", directed: bool = False, *, self_loops: Literal[True]
) -> tuple[Graph, Tensor, Tensor]: ...


@opaque
def from_torch_sparse(
    tensor: "Tensor | SparseTensor", directed: bool = False, *, self_loops: bool = False
) -> tuple[Graph, Tensor] | tuple[Graph, Tensor, Tensor]:
    """The graph and weights of a sparse tensor, where entry (i, j) is the weight of i → j.

    PyG's ``adj_t`` is the transpose: pass ``adj_t.t()``. Duplicate entries are summed. Entries that are stored as 0 are
    edges of weight 0. Without `directed` the tensor must be symmetric, to the same tolerance as in `from_edge_index`;
    each pair of entries is one edge and each of the two receives half of the gradient.

    Args:
        tensor: (N, N), a COO, CSR or CSC tensor of torch or a ``torch_sparse.SparseTensor`` (without values: ones);
            whole numbers and booleans become torch's default dtype.
        directed: take each entry as an edge of its own.
        self_loops: return the diagonal, too. A `Graph` has none: it is an error otherwise.

    Returns:
        The `Graph`, its edges in the order in which `tensor` stores them, and their weights (E,), differentiable with
        respect to the values: once for torch's own tensors, whose gradients torch cannot differentiate again (asking
        for it raises a `NotImplementedError`), any number of times for a `SparseTensor`. With `self_loops` also the
        diagonal (N,), as `step`, `resolvent` and `pagerank` take it.

    Raises:
        ValueError: for another shape, layout or type, a diagonal without `self_loops`, negative or non-finite entries,
            or an unsymmetric tensor without ``directed=True``.

    >>> from_torch_sparse(torch.tensor([[0.0, 2.0], [2.0, 0.0]]).to_sparse())
    (Graph(num_nodes=2, num_edges=1), tensor([2.]))
    """
    folded = folded_tensor(tensor, _SOURCE, directed=directed, loops=self_loops)
    return folded.triple if self_loops else folded.pair


def folded_tensor(tensor: "Tensor | SparseTensor", source: Source, *, directed: bool, loops: bool) -> Folded:
    """What `from_torch_sparse` makes of a `tensor` that `source` names."""
    index, value, num_nodes = square_entries(tensor, source.entries)
    return fold(index, value, num_nodes, directed=directed, source=source, loops=loops)


def is_sparse(value: object) -> bool:
    """Whether `value` is one of torch's sparse tensors, in whatever layout, or a ``torch_sparse.SparseTensor``."""
    return _is_of_the_package(value) or (isinstance(value, Tensor) and value.layout != torch.strided)


def square_entries(tensor: "Tensor | SparseTensor", name: str) -> tuple[Tensor, Tensor | None, int]:
    """Indices (2, M), values (M,) and N of an (N, N) matrix that errors call `name`."""
    index, value, size = entries(tensor, name)
    if len(size) != 2 or size[0] != size[1]:
        raise ValueError(f"{name} must be square, one row and column per node; got shape {size}.")
    return index, value, size[0]


@opaque
def to_torch_sparse(graph: Graph, weight: Tensor, *, self_loops: Tensor | None = None) -> Tensor:
    """The weight matrix W with W_ij = w_ij (and W_ji = w_ij in an undirected graph) as a coalesced COO tensor.

    Args:
        graph: N nodes, E edges.
        weight: (E,) float32 or float64; W keeps its dtype and is differentiable with respect to it, once, as in
            `from_torch_sparse`. Weights of 0 stay stored.
        self_loops: (N,) of the same type: the diagonal of W. None: zeros.

    Returns:
        (N, N). For PyG's ``adj_t`` take ``.t()`` of it.

    Raises:
        ValueError: when `weight` or `self_loops` does not fit `graph`.

    >>> to_torch_sparse(Graph(torch.tensor([[0], [1]]), num_nodes=2), torch.tensor([2.0])).to_dense()
    tensor([[0., 2.],
            [2., 0.]])
    """
    index, value = to_edge_index(graph, weight, self_loops=self_loops)
    size = (graph.num_nodes, graph.num_nodes)
    return _once_differentiable(torch.sparse_coo_tensor(index, value, size, check_invariants=False).coalesce())


@opaque
def to_sparse_tensor(graph: Graph, weight: Tensor, *, self_loops: Tensor | None = None) -> "SparseTensor":
    """The same matrix as `to_torch_sparse` gives, as a ``torch_sparse.SparseTensor``.

    Raises:
        ValueError: when `weight` or `self_loops` does not fit `graph`.
        MissingDependencyError: without the package torch-sparse.
    """
    index, value = to_edge_index(graph, weight, self_loops=self_loops)
    kind = _torch_sparse().SparseTensor
    return kind(row=index[0], col=index[1], value=value, sparse_sizes=(graph.num_nodes, graph.num_nodes))


def entries(tensor: "Tensor | SparseTensor", name: str) -> tuple[Tensor, Tensor | None, tuple[int, ...]]:
    """Indices (2, M), values (M,) and the size."""
    if _is_of_the_package(tensor):
        row, col, value = tensor.coo()
        return torch.stack([row, col]), value, tuple(tensor.sparse_sizes())
    layout = tensor.layout if isinstance(tensor, Tensor) else None
    if layout == torch.sparse_coo:
        tensor = tensor.coalesce()
        return tensor.indices(), _once_differentiable(tensor.values()), tuple(tensor.shape)
    if layout == torch.sparse_csr and tensor.ndim == 2:
        index = torch.stack([_expand(tensor.crow_indices()), tensor.col_indices().long()])
        return index, _once_differentiable(tensor.values()), tuple(tensor.shape)
    if layout == torch.sparse_csc and tensor.ndim == 2:
        index = torch.stack([tensor.row_indices().long(), _expand(tensor.ccol_indices())])
        return index, _once_differentiable(tensor.values()), tuple(tensor.shape)
    found = type(tensor).__name__ if layout is None else f"{tensor.ndim}-dimensional {layout}"
    raise ValueError(
        f"{name} must be a COO, CSR or CSC matrix of torch or a `torch_sparse.SparseTensor`; got {found}. "
        "A dense matrix converts with `.to_sparse()`."
    )


def _torch_sparse() -> ModuleType:
    """The optional package, loaded."""
    try:
        import torch_sparse  # noqa: PLC0415 (it loads compiled code)
    except (ImportError, OSError) as error:  # OSError: compiled for another torch
        raise MissingDependencyError(
            "`to_sparse_tensor` needs the package torch-sparse, which is not installed (or does not load). Install it "
            "with `pip install --no-build-isolation torch-sparse` (it compiles), or use `to_torch_sparse`."
        ) from error
    module: ModuleType = torch_sparse
    return module


def _is_of_the_package(value: object) -> "TypeGuard[SparseTensor]":
    """Whether `value` is a ``torch_sparse.SparseTensor``: none can be before its user has loaded the package."""
    package = sys.modules.get("torch_sparse")
    return package is not None and isinstance(value, package.SparseTensor)


def _once_differentiable(tensor: Tensor) -> Tensor:
    """`tensor`, whose gradient torch's sparse tensors would turn into a constant: second derivatives would lack it."""
    if tensor.requires_grad:
        register: Callable[[Callable[[Tensor | None], None]], object] = tensor.register_hook
        register(_refuse_second_derivative)
    return tensor


def _refuse_second_derivative(gradient: Tensor | None) -> None:
    if gradient is not None and gradient.requires_grad:
        raise NotImplementedError(
            "torch's sparse tensors have no second derivative, and `create_graph=True` asks for one. Use "
            "`from_edge_index` and `to_edge_index`, which have."
        )


def _expand(starts: Tensor) -> Tensor:
    """The row of each entry from where the rows start."""
    return torch.repeat_interleave(starts.diff())
