"""What every module takes, a `Graph` with weights or PyG's edge_index and edge_weight, and what it says of itself."""

from dataclasses import replace
from typing import TypeGuard

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from graphrw.convert.edge_index import SOURCE, checked_edge_index, plain
from graphrw.convert.fold import Folded, Source, fold
from graphrw.convert.torch_sparse import is_sparse, square_entries
from graphrw.core.arrays import as_floats, as_tensor
from graphrw.core.graph import Graph
from graphrw.core.precision import widened
from graphrw.core.whole import check_whole
from graphrw.functional.seeds import check_distribution

Given = Graph | Tensor
"""A `Graph`; PyG's edge_index (2, M), of torch or NumPy; or its adj_t, a sparse matrix of torch or torch_sparse."""

ONE_WAY = "make the layer with `directed=True`, as for attention weights and for edges dropped in one direction alone"
LAYER = replace(SOURCE, one_way=ONE_WAY, count="features, or seeds, for {} nodes")
ADJ_T = replace(LAYER, entries="`adj_t`", values="`adj_t`", symmetrise="`(adj_t + adj_t.t()) / 2`")


def as_graph(
    graph: Given,
    weight: Tensor | None,
    num_nodes: int,
    *,
    directed: bool = False,
    mask: Tensor | None = None,
    one_way: str = ONE_WAY,
) -> tuple[Graph, Tensor, Tensor | None]:
    """The graph, its weights (E,) and those of its self loops (N,), in whichever of the ways they were given.

    Args:
        graph: a `Graph`; PyG's (2, M) edge_index, in which an undirected edge stands once in each direction; or PyG's
            adj_t (N, N), which holds its weights itself.
        weight: (E,) or (M,), or one column of them; half-precision weights are widened; None: ones.
        num_nodes: N, for all but a `Graph`.
        directed: keep each direction of an edge_index as an edge of its own, turned round: a walker moves against it,
            so that labels and features run from source to target, as PyG's messages do. An adj_t is turned already.
        mask: (M,) factors of the weights of an edge_index, as PyG's explainers learn them. Those of the two directions
            of an undirected edge count with their mean.
        one_way: what to do where the two directions of an edge are not alike, for the error.

    Raises:
        ValueError: as `from_edge_index`, for an edge_index; a `Graph` is taken as it is, and has no self loops: None.
    """
    weight = None if weight is None else widened(as_tensor("weight", weight, "floats"))
    if isinstance(graph, Graph):
        if mask is not None:
            raise ValueError("PyG's explainers mask the edges of an edge_index; got a `Graph`.")
        return graph, _of_graph(graph, weight), None
    if is_sparse(graph):
        if weight is not None:
            raise ValueError("`adj_t` holds its weights itself; leave out `weight`.")
        return _of_adj_t(graph, num_nodes, directed, replace(ADJ_T, one_way=one_way)).triple
    if not isinstance(graph, Tensor | np.ndarray):
        raise ValueError(
            f"`graph` must be a `Graph`, or PyG's edge_index (2, M) or adj_t (N, N); got {type(graph).__name__}."
        )
    if mask is not None:
        weight = mask if weight is None else column(weight) * mask
    index = plain(as_tensor("edge_index", graph, "(2, M)"))
    index = index.flip(0) if directed and index.ndim == 2 else index
    source, average = replace(LAYER, one_way=one_way), mask is not None and not directed
    return fold(index, weight, num_nodes, directed=directed, source=source, loops=True, average=average).triple


def _of_graph(graph: Graph, weight: Tensor | None) -> Tensor:
    """(E,)."""
    if weight is None:
        return torch.ones(graph.num_edges, device=graph.device)
    weight = column(weight)
    if weight.shape != (graph.num_edges,):
        raise ValueError(f"`weight` must have shape (E,) = ({graph.num_edges},); got {tuple(weight.shape)}.")
    return weight


def _of_adj_t(adj_t: Tensor, num_nodes: int, directed: bool, source: Source) -> Folded:
    index, value, size = square_entries(adj_t, "`adj_t`")
    if size != num_nodes:
        raise ValueError(f"`adj_t` must be (N, N) with N = {num_nodes}; got ({size}, {size}).")
    value = None if value is None else widened(value)
    return fold(index, value, size, directed=directed, source=source, loops=True)


def is_graph(value: object) -> bool:
    """Whether `value` is a graph in one of the ways that `as_graph` takes, rather than an image."""
    return isinstance(value, Graph) or is_sparse(value) or (is_integral(value) and value.ndim == 2)


def is_integral(value: object) -> TypeGuard[Tensor | NDArray[np.integer]]:
    """Whether `value` holds whole numbers, as an edge_index and seeds do and weights do not."""
    if isinstance(value, np.ndarray):
        return np.issubdtype(value.dtype, np.integer)
    return isinstance(value, Tensor) and not (value.is_floating_point() or value.is_complex())


def checked_seeds(layer: nn.Module, seeds: object) -> Tensor:
    """The seeds that `layer` was called with, as a tensor."""
    if seeds is None:
        name = type(layer).__name__
        raise ValueError(f"`{name}` needs `seeds`, int64 labels and −1 where there is none; got none.")
    seeds = as_tensor("seeds", seeds, "int64 labels, −1 where there is none")
    if seeds.ndim == 0:
        raise ValueError("`seeds` must be int64 labels of nodes or images, −1 where there is none; got a single one.")
    return seeds


def checked_features(x: object, wanted: str) -> Tensor:
    """The features of nodes that a layer was called with, at least in float32."""
    x = as_floats("x", x, wanted)
    if x.ndim == 0:
        raise ValueError(f"`x` must be {wanted}; got (), a single number.")
    return widened(x)


def edge_ends(graph: Graph | Tensor, num_nodes: int | None) -> Tensor:
    """The two ends (2, E) or (2, M) of each edge as it is listed, for modules that make weights.

    Args:
        graph: a `Graph`, or PyG's edge_index; int32 is widened, one direction of an edge alone is taken too, and so are
            self loops.
        num_nodes: N, as the caller's node features have it; None: there are none to check.

    Raises:
        ValueError: if the features do not fit the graph; and as `from_edge_index`.
    """
    if isinstance(graph, np.ndarray) or (isinstance(graph, Tensor) and not is_sparse(graph)):
        return checked_edge_index(as_tensor("edge_index", graph, "(2, M)"), num_nodes)
    if not isinstance(graph, Graph):
        got = type(graph).__name__
        raise ValueError(f"`graph` must be a `Graph`, or PyG's edge_index (2, M); got {got}.")
    if num_nodes not in (None, graph.num_nodes):
        raise ValueError(f"`x` has {num_nodes} rows, but `graph` has {graph.num_nodes} nodes: one each.")
    return graph.edges


def times(predicted: Tensor, weight: Tensor | None) -> Tensor:
    """`predicted` weights (E,) or (M,), times those that the caller gave for the same edges, if any."""
    if weight is None:
        return predicted
    weight = column(as_tensor("weight", weight, "floats"))
    if weight.shape != predicted.shape or weight.is_complex():
        wanted, got = tuple(predicted.shape), f"{tuple(weight.shape)} {weight.dtype}"
        raise ValueError(f"`weight` must be {wanted}, one per edge of `graph`; got {got}.")
    return predicted * widened(weight)


def checked_labels(num_labels: int | None, unreachable: Tensor | None) -> tuple[int | None, Tensor | None]:
    """L, if `num_labels` or `unreachable` fixes it; and `unreachable` as a tensor."""
    if num_labels is not None:
        num_labels = check_whole("num_labels", num_labels, 1)
    if unreachable is None:
        return num_labels, None
    unreachable = as_floats("unreachable", unreachable, "(L,) floats, a share for each label")
    if unreachable.ndim != 1 or num_labels not in (None, len(unreachable)):
        wanted = "L" if num_labels is None else num_labels
        raise ValueError(f"`unreachable` must be ({wanted},), a share for each label; got {tuple(unreachable.shape)}.")
    return len(unreachable), check_distribution("unreachable", unreachable, unreachable[None])


def widened_shares(unreachable: Tensor | None) -> Tensor | None:
    """`unreachable` with sum 1 also after a module was cast to half precision, which rounds it."""
    return None if unreachable is None else widened(unreachable) / widened(unreachable).sum()


def column(weight: Tensor) -> Tensor:
    """(M,) for (M, 1), as PyG's layers take edge attributes."""
    return weight.squeeze(1) if weight.ndim == 2 and weight.shape[1] == 1 else weight


def options(layer: nn.Module, *names: str) -> str:
    """The options of a layer as its `repr` shows them: ``name=value, …``."""
    return ", ".join(f"{name}={getattr(layer, name)}" for name in names)
