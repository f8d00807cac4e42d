"""Matrix entries to weighted edges: the one place where two directions fold into one edge, with all checks."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from graphrw.core.arrays import as_tensor, whole_numbers
from graphrw.core.finite import check_spread
from graphrw.core.graph import MOST_KEYED, Graph, check_graph
from graphrw.core.whole import check_flag, check_whole

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
    one_way: str = "pass `directed=True` for a walk that may go one way only"
    loops: str = (
        "They change no hitting probability: for these remove them with {}. They do change `step`, `resolvent`, "
        "`pagerank` and `nn.Propagation`: get them apart, (N,), with `self_loops=True`, and pass them on there as "
        "`self_loops`"
    )
    node: Callable[[int], str] = str
    count: str = "num_nodes={}"  # where the number of nodes comes from


@dataclass(frozen=True)
class Folded:
    """What `fold` makes of a list of entries."""

    graph: Graph
    weight: Tensor  # (E,)
    entries: Tensor  # (2, M), whose self loops are no edges
    value: Tensor  # (M,)

    @property
    def pair(self) -> tuple[Graph, Tensor]:
        """What a converter returns."""
        return self.graph, self.weight

    @property
    def triple(self) -> tuple[Graph, Tensor, Tensor]:
        """What a converter returns that was asked for self loops: their weights (N,), 0 where there is none."""
        loop = self.entries[0] == self.entries[1]
        loops = self.value.new_zeros(self.graph.num_nodes)
        return self.graph, self.weight, loops.index_add(0, self.entries[0][loop], self.value[loop])


def fold(
    index: Tensor,
    value: Tensor | None,
    num_nodes: int | None,
    *,
    directed: bool,
    source: Source,
    loops: bool = False,
    average: bool = False,
) -> Folded:
    """The graph and the weights of the entries (i, j, v), with repeated entries summed into W_ij.

    Directed: w_ij = W_ij. Undirected: w_ij = ½ (W_ij + W_ji), where both must be listed and agree within `TOLERANCE`;
    each then gets half of the gradient. Edges keep the order and the direction in which they are first listed.

    Args:
        index: (2, M) integers, i and j of each entry.
        value: (M,) or (M, 1), float32 or float64; whole numbers and booleans become torch's default dtype; None: ones.
        num_nodes: N; None: the largest node + 1.
        directed: whether W_ij and W_ji are two edges.
        source: the caller's words.
        loops: whether there may be entries (i, i).
        average: take unequal W_ij and W_ji of an undirected graph for what they are on average.

    Returns:
        The graph and its weights (E,), differentiable with respect to `value`; and the self loops.

    Raises:
        ValueError: for what a walk cannot represent, naming the offending value.
    """
    check_flag("directed", directed)
    check_flag("self_loops", loops)
    index = checked_index(index, source)
    value = _checked_value(value, index, source)
    if num_nodes is None:
        num_nodes = int(index.max()) + 1 if index.numel() else 0
    check_nodes(index, num_nodes, source, loops=loops)
    apart = index[0] != index[1]
    graph, slot = _group(index[:, apart], num_nodes, directed)
    num_slots = graph.num_edges if directed else 2 * graph.num_edges
    weight = value.new_zeros(num_slots).index_add(0, slot, value[apart])
    check_spread(weight, f"Sums of the entries of {source.values} that are listed more than once")
    if directed:
        return Folded(graph, weight, index, value)
    listed = torch.zeros_like(weight, dtype=torch.bool).index_fill(0, slot, True)
    if not average:
        _check_pairs(graph, weight.detach().view(2, -1), listed.view(2, -1), source)
    return Folded(graph, (weight / 2).view(2, -1).sum(0), index, value)


def checked_weight(graph: Graph, weight: object) -> Tensor:
    """`weight` as a tensor; a `ValueError` unless it holds one float for each edge of `graph`, where the edges are."""
    check_graph(graph)
    weight = as_tensor("weight", weight, "float32 or float64")
    if weight.dtype not in TOLERANCE:
        raise ValueError(
            f"`weight` must be float32 or float64; got {weight.dtype}. Cast it: `.double()`, `.astype(float)`."
        )
    if weight.shape != (graph.num_edges,):
        raise ValueError(f"`weight` must have shape ({graph.num_edges},), one per edge; got {tuple(weight.shape)}.")
    if weight.device != graph.device:
        raise ValueError(f"`weight` is on {weight.device}, but the graph is on {graph.device}; use `graph.to(…)`.")
    return weight


def check_attribute(name: object) -> None:
    """Raise `ValueError` unless `name` is that of an attribute which holds weights, or None."""
    if not isinstance(name, str | None):
        raise ValueError(f"`weight` must be the name of an attribute, or None; got {type(name).__name__}.")


def checked_loops(graph: Graph, weight: Tensor, self_loops: object) -> Tensor:
    """`self_loops` as a tensor; a `ValueError` unless it holds one number for each node, like those of `weight`."""
    loops = as_tensor("self_loops", self_loops, f"({graph.num_nodes},) {weight.dtype}")
    if loops.shape != (graph.num_nodes,) or loops.dtype != weight.dtype or loops.device != weight.device:
        raise ValueError(
            f"`self_loops` must be ({graph.num_nodes},) {weight.dtype} on {weight.device}, as `weight` asks; got "
            f"{tuple(loops.shape)} {loops.dtype} on {loops.device}."
        )
    return loops


def checked_index(index: object, source: Source) -> Tensor:
    """`index` as int64, (2, M)."""
    name = source.entries.strip("`")
    whole = whole_numbers(name, index, "a tensor of whole numbers, (2, M)")
    if whole.ndim != 2 or whole.shape[0] != 2:
        raise ValueError(f"{source.entries} must have shape (2, M); got {tuple(whole.shape)}.")
    return whole


def _checked_value(value: object, index: Tensor, source: Source) -> Tensor:
    if value is None:
        return torch.ones(index.shape[1], device=index.device)
    value = as_tensor(source.values.strip("`"), value, "float32 or float64")
    if value.is_complex() or value.dtype in (torch.float16, torch.bfloat16):
        raise ValueError(f"{source.values} must be a float32 or float64 tensor; got {value.dtype}.")
    value = value.squeeze(1) if value.ndim == 2 and value.shape[1] == 1 else value
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


def check_nodes(index: Tensor, num_nodes: int, source: Source, *, loops: bool = False) -> None:
    """Raises a `ValueError` for nodes out of range and, unless `loops`, for self loops."""
    num_nodes = check_whole("num_nodes", num_nodes, 0)
    outside = (index < 0) | (index >= num_nodes)
    if bool(outside.any()):
        node = int(index[outside][0])
        raise ValueError(
            f"{source.entries} names node {node}, but nodes are numbered from 0 and there are {num_nodes} "
            f"({source.count.format(num_nodes)})."
        )
    if num_nodes > MOST_KEYED:
        raise ValueError(
            f"{source.entries} would have {num_nodes} nodes, more than {MOST_KEYED}. If few of these numbers occur, "
            "renumber them: `torch.unique(…, return_inverse=True)`."
        )
    loop = index[0] == index[1]
    if not loops and bool(loop.any()):
        node_name = source.node(int(index[0][loop][0]))
        raise ValueError(
            f"{source.entries} holds {int(loop.sum())} self loops (first: node {node_name}). "
            f"{source.loops.format(source.drop_loops)}."
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
        f"with {source.symmetrise}, or {source.one_way}."
    )
