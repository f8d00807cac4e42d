"""Matrix entries to weighted edges: the one place where two directions fold into one edge, with all checks."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from graphrw.core.graph import Graph

TOLERANCE = {torch.float32: 1e-4, torch.float64: 1e-12}
"""Relative difference up to which W_ij and W_ji are one weight: about a thousand roundings, so that weights pass which
a network computes once per direction (``exp`` alone magnifies the rounding of its argument a hundredfold and more)."""


@dataclass(frozen=True)
class Source:
    """What a library calls the things that `fold` checks, and its cures: errors speak the caller's language."""

    entries: str
    values: str
    drop_loops: str
    symmetrise: str = ""
    node: Callable[[int], str] = str


def fold(
    index: Tensor, value: Tensor | None, num_nodes: int | None, *, directed: bool, source: Source
) -> tuple[Graph, Tensor]:
    """The graph and the weights of the entries (i, j, v), with repeated entries summed into W_ij.

    Directed: w_ij = W_ij. Undirected: w_ij = ½ (W_ij + W_ji), where both must be listed and agree within `TOLERANCE`;
    each then gets half of the gradient. Edges keep the order and the direction in which they are first listed.

    Args:
        index: (2, M) integers, i and j of each entry.
        value: (M,) float32 or float64; whole numbers and booleans become torch's default dtype; None: ones.
        num_nodes: N; None: the largest node + 1.
        directed: whether W_ij and W_ji are two edges.
        source: the caller's words.

    Returns:
        The graph and its weights (E,), differentiable with respect to `value`.

    Raises:
        ValueError: for what a walk cannot represent, naming the offending value.
    """
    index = checked_index(index, source)
    value = _checked_value(value, index, source)
    if num_nodes is None:
        num_nodes = int(index.max()) + 1 if index.numel() else 0
    check_nodes(index, num_nodes, source)
    graph, slot = _group(index, num_nodes, directed)
    num_slots = graph.num_edges if directed else 2 * graph.num_edges
    weight = value.new_zeros(num_slots).index_add(0, slot, value)
    if directed:
        return graph, weight
    listed = torch.zeros_like(weight, dtype=torch.bool).index_fill(0, slot, True)
    _check_pairs(graph, weight.detach().view(2, -1), listed.view(2, -1), source)
    return graph, weight.view(2, -1).mean(0)


def check_weight(graph: Graph, weight: Tensor) -> None:
    """Raises a `ValueError` unless `weight` holds one float32 or float64 number for each edge, where the edges are."""
    kind = weight.dtype if isinstance(weight, Tensor) else type(weight).__name__
    if kind not in TOLERANCE:
        raise ValueError(f"`weight` must be a float32 or float64 tensor; got {kind}.")
    if weight.shape != (graph.num_edges,):
        raise ValueError(f"`weight` must have shape ({graph.num_edges},), one per edge; got {tuple(weight.shape)}.")
    if weight.device != graph.device:
        raise ValueError(f"`weight` is on {weight.device}, but the graph is on {graph.device}; use `graph.to(…)`.")


def checked_index(index: Tensor, source: Source) -> Tensor:
    """`index` as int64, (2, M)."""
    kind = index.dtype if isinstance(index, Tensor) else type(index).__name__
    if not isinstance(index, Tensor) or index.is_floating_point() or index.is_complex() or index.dtype == torch.bool:
        raise ValueError(f"{source.entries} must be a tensor of whole numbers, (2, M); got {kind}.")
    if index.ndim != 2 or index.shape[0] != 2:
        raise ValueError(f"{source.entries} must have shape (2, M); got {tuple(index.shape)}.")
    return index.long()


def _checked_value(value: Tensor | None, index: Tensor, source: Source) -> Tensor:
    if value is None:
        return torch.ones(index.shape[1], device=index.device)
    kind = value.dtype if isinstance(value, Tensor) else type(value).__name__
    if not isinstance(value, Tensor) or value.is_complex() or value.dtype in (torch.float16, torch.bfloat16):
        raise ValueError(f"{source.values} must be a float32 or float64 tensor; got {kind}.")
    if value.shape != index.shape[1:]:
        wanted = index.shape[1]
        raise ValueError(f"{source.values} must have shape ({wanted},), one per entry; got {tuple(value.shape)}.")
    if value.device != index.device:
        raise ValueError(f"{source.values} is on {value.device}, but {source.entries} is on {index.device}.")
    value = value if value.is_floating_point() else value.to(torch.get_default_dtype())
    bad = ~((value.detach() >= 0) & (value.detach() < torch.inf))
    if bool(bad.any()):
        entry = int(bad.nonzero()[0])
        edge = " → ".join(source.node(int(node)) for node in index[:, entry])
        raise ValueError(
            f"{source.values} must be finite and not negative; got {float(value[entry])} for {edge} "
            f"({int(bad.sum())} such entries)."
        )
    return value


def check_nodes(index: Tensor, num_nodes: int, source: Source) -> None:
    """Raises a `ValueError` for nodes out of range and for self loops."""
    outside = (index < 0) | (index >= num_nodes)
    if bool(outside.any()):
        node = int(index[outside][0])
        raise ValueError(
            f"{source.entries} names node {node}, but nodes are numbered from 0 and there are {num_nodes} "
            f"(num_nodes={num_nodes})."
        )
    loops = index[0] == index[1]
    if bool(loops.any()):
        node_name = source.node(int(index[0][loops][0]))
        raise ValueError(
            f"{source.entries} holds {int(loops.sum())} self loops (first: node {node_name}). They change no hitting "
            f"probability; remove them with {source.drop_loops}."
        )


def _group(index: Tensor, num_nodes: int, directed: bool) -> tuple[Graph, Tensor]:
    """The graph, and for each entry its place: edge e, or E + e when it walks the undirected edge e backwards."""
    row, col = index
    first, last = (row, col) if directed else (torch.minimum(row, col), torch.maximum(row, col))
    key, order = (first * num_nodes + last).sort(stable=True)
    opens = torch.ones_like(key, dtype=torch.bool)
    opens[1:] = key[1:] != key[:-1]
    leader = torch.zeros_like(opens)
    leader[order[opens]] = True  # the first listing of each edge gives it its place and direction
    rank = leader.cumsum(0) - 1
    edge = torch.empty_like(order)
    edge[order] = rank[order[opens]][opens.cumsum(0) - 1]
    graph = Graph(index[:, leader], num_nodes, directed)
    return graph, edge if directed else edge + graph.num_edges * (row != graph.edges[0][edge])


def _check_pairs(graph: Graph, weight: Tensor, listed: Tensor, source: Source) -> None:
    gap = (weight[0] - weight[1]).abs()
    limit = TOLERANCE[weight.dtype] * weight.amax(0) + torch.finfo(weight.dtype).tiny
    unequal = ~listed.all(0) | (gap > limit)
    if not bool(unequal.any()):
        return
    edge = int(unequal.nonzero()[0])
    tail, head = (source.node(int(node)) for node in graph.edges[:, edge])
    there, back = (float(way) for way in weight[:, edge])
    found = f"the weight {back}" if bool(listed[1, edge]) else "no entry (weight 0)"
    raise ValueError(
        f"{source.entries} gives {tail} → {head} the weight {there} but {head} → {tail} {found}; "
        f"{int(unequal.sum())} of {graph.num_edges} edges differ so. An undirected edge has one weight: symmetrise "
        f"with {source.symmetrise}, or pass `directed=True` for a walk that may go one way only."
    )
