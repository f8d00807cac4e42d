"""What every module takes, a `Graph` with weights or PyG's edge_index and edge_weight, and what it says of itself."""

import torch
from torch import Tensor, nn

from graphrw.convert import from_edge_index
from graphrw.convert.edge_index import checked_edge_index
from graphrw.core.graph import Graph
from graphrw.core.precision import widened
from graphrw.core.whole import check_whole
from graphrw.functional.seeds import check_distribution


def as_graph(
    graph: Graph | Tensor, weight: Tensor | None, num_nodes: int, *, directed: bool = False
) -> tuple[Graph, Tensor]:
    """The graph and its weights (E,), in whichever of the two ways they were given.

    Args:
        graph: a `Graph`, or PyG's (2, M) edge_index, in which an undirected edge stands once in each direction.
        weight: (E,) or (M,); half-precision weights are widened; None: ones.
        num_nodes: N, for an edge_index.
        directed: keep each direction of an edge_index as an edge of its own, turned round: a walker moves against it,
            so that labels and features run from source to target, as PyG's messages do.

    Raises:
        ValueError: as `from_edge_index`, for an edge_index; a `Graph` is taken as it is.
    """
    weight = None if weight is None else widened(weight)
    if isinstance(graph, Tensor):
        return from_edge_index(graph.flip(0) if directed else graph, weight, num_nodes=num_nodes, directed=directed)
    return graph, torch.ones(graph.num_edges, device=graph.device) if weight is None else weight


def edge_ends(graph: Graph | Tensor, num_nodes: int | None) -> Tensor:
    """The two ends (2, E) or (2, M) of each edge as it is listed, for modules that make weights.

    Args:
        graph: a `Graph`, or PyG's edge_index; int32 is widened, one direction of an edge alone is taken too.
        num_nodes: N, as the caller's node features have it; None: there are none to check.

    Raises:
        ValueError: if the features do not fit the graph; and as `from_edge_index`, self loops included.
    """
    if isinstance(graph, Tensor):
        return checked_edge_index(graph, num_nodes)
    if num_nodes not in (None, graph.num_nodes):
        raise ValueError(f"The features have {num_nodes} rows, but the graph has {graph.num_nodes} nodes: one each.")
    return graph.edges


def times(predicted: Tensor, weight: Tensor | None) -> Tensor:
    """`predicted` weights (E,) or (M,), times those that the caller gave for the same edges, if any."""
    if weight is None:
        return predicted
    if weight.shape != predicted.shape:
        wanted = tuple(predicted.shape)
        raise ValueError(f"`weight` must be {wanted}, one per edge of `graph`; got {tuple(weight.shape)}.")
    return predicted * widened(weight)


def checked_labels(num_labels: int | None, unreachable: Tensor | None) -> int | None:
    """L, if `num_labels` or `unreachable` fixes it."""
    if num_labels is not None:
        num_labels = check_whole("num_labels", num_labels, 1)
    if unreachable is None:
        return num_labels
    if unreachable.ndim != 1 or num_labels not in (None, len(unreachable)):
        wanted = "L" if num_labels is None else num_labels
        raise ValueError(f"`unreachable` must be ({wanted},), a share for each label; got {tuple(unreachable.shape)}.")
    check_distribution("unreachable", unreachable, unreachable[None])
    return len(unreachable)


def widened_shares(unreachable: Tensor | None) -> Tensor | None:
    """`unreachable` with sum 1 also after a module was cast to half precision, which rounds it."""
    return None if unreachable is None else widened(unreachable) / widened(unreachable).sum()


def options(layer: nn.Module, *names: str) -> str:
    """The options of a layer as its `repr` shows them: ``name=value, …``."""
    return ", ".join(f"{name}={getattr(layer, name)}" for name in names)
