"""A walk between two kinds of nodes, as PyG's layers take it: sources, targets, and edges from one to the other."""

import torch
from torch import Tensor

from graphrw.convert.edge_index import plain
from graphrw.convert.fold import checked_index, fold
from graphrw.convert.torch_sparse import entries, is_sparse
from graphrw.core.arrays import as_tensor
from graphrw.core.finite import DIVERGED, check_finite
from graphrw.core.graph import Graph
from graphrw.core.precision import widened
from graphrw.nn.inputs import ADJ_T, LAYER, Given, column


def between(
    x: tuple[Tensor, Tensor], graph: Given, weight: Tensor | None, mask: Tensor | None
) -> tuple[Tensor, Graph, Tensor]:
    """One directed graph of both kinds of nodes, on which walkers go from targets to sources.

    Args:
        x: (S, K) features of the sources, and (T, K) of the targets.
        graph: PyG's edge_index (2, M), from sources to targets, or its adj_t (T, S), which holds its weights itself.
        weight: (M,) or (M, 1); None: ones.
        mask: (M,) factors of the weights.

    Returns:
        Features (S + T, K), the graph and its weights (E,).

    Raises:
        ValueError: for shapes that do not fit, nodes out of range, or a `Graph`, which has nodes of one kind.
    """
    if len(x) != 2:
        raise ValueError(f"`x` must hold features of sources (S, K) and of targets (T, K); got {len(x)} things.")
    features = _both(*x)
    index, value = _entries(x, graph, weight)
    if mask is not None:
        value = mask if value is None else value * mask
    steps = torch.stack([index[1] + len(x[0]), index[0]])
    folded = fold(steps, value, len(features), directed=True, source=LAYER)
    return features, *folded.pair


def _both(sources: Tensor, targets: Tensor | None) -> Tensor:
    if not isinstance(sources, Tensor) or not isinstance(targets, Tensor):
        got = f"{type(sources).__name__} and {type(targets).__name__}"
        raise ValueError(f"`x` must hold features of sources (S, K) and of targets (T, K); got {got}.")
    if sources.ndim != 2 or targets.ndim != 2 or sources.shape[1] != targets.shape[1]:
        got = f"{tuple(sources.shape)} and {tuple(targets.shape)}"
        raise ValueError(f"`x` must be (S, K) and (T, K), of as many channels; got {got}.")
    check_finite("x[0]", sources, DIVERGED)
    check_finite("x[1]", targets, DIVERGED)
    return torch.cat([widened(sources), widened(targets)])


def _entries(x: tuple[Tensor, Tensor], graph: Given, weight: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Sources and targets (2, M) and weights (M,) of the edges as they are listed."""
    sizes = len(x[0]), len(x[1])
    if isinstance(graph, Graph):
        raise ValueError("`graph` must be an edge_index from sources to targets where `x` holds both; got a `Graph`.")
    if is_sparse(graph):
        if weight is not None:
            raise ValueError("`adj_t` holds its weights itself; leave out `weight`.")
        index, value, size = entries(graph, ADJ_T.entries)
        if size != sizes[::-1]:
            raise ValueError(f"`adj_t` must be (T, S) = {sizes[::-1]} as `x` asks; got {size}.")
        return index.flip(0), value if value is None else widened(value)
    index = checked_index(plain(graph), LAYER)
    for kind, nodes, count in zip(("source", "target"), index, sizes, strict=True):
        outside = nodes[(nodes < 0) | (nodes >= count)]
        if len(outside):
            raise ValueError(f"`edge_index` names {kind} {int(outside[0])}, but `x` has {count} of them.")
    return index, weight if weight is None else column(widened(as_tensor("weight", weight, "(M,) floats")))
