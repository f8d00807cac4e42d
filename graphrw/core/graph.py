"""The structure that a walk moves on."""

from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import torch
from torch import Tensor

from graphrw.core.arrays import as_tensor, require_values
from graphrw.core.opaque import opaque
from graphrw.core.plans import Plans
from graphrw.core.transforms import lasting, plainly, version_of
from graphrw.core.whole import check_flag, check_whole

T = TypeVar("T")
MOST_KEYED = 3_037_000_499  # nodes of which each pair has a key of its own in int64: N² < 2⁶³


@dataclass(frozen=True, eq=False)
class Graph:
    """Nodes and edges, without weights: what stays the same while weights are learned.

    An undirected edge is listed once, in either direction. In a directed graph the walker moves along
    ``edges[0] → edges[1]``. Isolated nodes are legal; self loops and repeated edges are not (a self loop changes no
    hitting probability, and what depends on it takes its weight as `self_loops`; parallel edges are one edge with the
    sum of their weights).

    What solvers prepare from the structure alone (orderings, symbolic factors) is kept with the graph and serves every
    weight and every set of seeds.

    ``torch.save`` writes a graph, and ``torch.load`` reads it, with its usual ``weights_only=True``, in a process that
    has named ``rw.Graph`` before.

    Args:
        edges: (2, E) int64, of torch or NumPy, node indices in [0, num_nodes).
        num_nodes: N, a whole number from 0.
        directed: whether an edge can be walked one way only.

    Raises:
        ValueError: for a wrong shape or type, nodes out of range, self loops, or an edge listed twice.

    >>> path = Graph(torch.tensor([[0, 1], [1, 2]]), num_nodes=3)
    >>> path
    Graph(num_nodes=3, num_edges=2)
    >>> Graph.batch([path, path])
    Graph(num_nodes=6, num_edges=4, num_graphs=2)
    """

    edges: Tensor
    num_nodes: int
    directed: bool = False
    parts: tuple["Graph", ...] = field(default=(), init=False, repr=False)
    _plans: Plans = field(init=False, repr=False)

    @opaque
    def __post_init__(self) -> None:
        edges = as_tensor("edges", self.edges, "(2, E) int64")
        num_nodes = check_whole("num_nodes", self.num_nodes, 0)
        _check_edges(edges, num_nodes)
        _check_unique(edges, num_nodes, check_flag("directed", self.directed))
        # Changes of a tensor are seen by its version, those of an array by nothing.
        object.__setattr__(self, "edges", lasting(edges) if isinstance(self.edges, Tensor) else edges.clone())
        object.__setattr__(self, "_plans", Plans(version_of(self.edges)))
        object.__setattr__(self, "num_nodes", num_nodes)

    @property
    def num_edges(self) -> int:
        """E; an undirected edge counts once."""
        return self.edges.shape[1]

    @property
    def num_graphs(self) -> int:
        """How many graphs this one is the disjoint union of."""
        return len(self.parts) or 1

    @property
    def device(self) -> torch.device:
        return self.edges.device

    @opaque
    def to(self, device: torch.device | str | int) -> "Graph":
        """The same graph with its edges on `device`; plans are made anew there.

        Raises:
            ValueError: for what torch does not know as a device.
        """
        edges = self.edges.to(_checked_device(device))
        if edges is self.edges:
            return self
        moved = unchecked(edges, self.num_nodes, self.directed)
        if self.has_plan("grid"):  # which is of no device
            moved.cached("grid", lambda: self.cached("grid", lambda: None))
        moves: dict[int, Graph] = {id(part): part.to(device) for part in self.parts}
        object.__setattr__(moved, "parts", tuple(moves[id(part)] for part in self.parts))
        return moved

    @opaque
    def subgraph(self, nodes: Tensor) -> tuple["Graph", Tensor]:
        """The graph of some nodes, numbered in the order in which they are given, and the edges between them.

        Args:
            nodes: (M,) int64 in [0, N), of torch or NumPy, none of them twice.

        Returns:
            The graph, with M nodes, of a batch, too, in one piece; and the places of its edges among those of this one,
            (F,) int64, ascending: its weights are ``weight[places]``.

        Raises:
            ValueError: for nodes out of range, of a wrong type, or given twice.

        >>> square = Graph(torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]]), num_nodes=4)
        >>> square.subgraph(torch.tensor([2, 1, 0]))
        (Graph(num_nodes=3, num_edges=2), tensor([0, 1]))
        """
        nodes = as_tensor("nodes", nodes, "(M,) int64")
        check_nodes(self, nodes)
        own = torch.arange(len(nodes), device=self.device)
        place = torch.full((self.num_nodes,), -1, device=self.device).index_put_((nodes,), own)
        if bool((place[nodes] != own).any()):
            node = int(nodes[place[nodes] != own][0])
            raise ValueError(f"`nodes` must name each node once; got node {node} twice. `nodes.unique()` does so.")
        ends = place[self.edges]
        places = (ends >= 0).all(0).nonzero().squeeze(1)
        return unchecked(ends[:, places], len(nodes), self.directed), places

    @staticmethod
    @opaque
    def batch(graphs: Iterable["Graph"]) -> "Graph":
        """The disjoint union of `graphs`: nodes and edges in their order, the second graph's nodes after the first's.

        Raises:
            ValueError: for no graph at all, or when directed and undirected graphs or devices are mixed.
        """
        parts = tuple(graphs) if isinstance(graphs, Iterable) else (graphs,)
        if not parts or isinstance(graphs, Graph):
            got = "a single one, which needs no batch" if parts else "none"
            raise ValueError(f"`graphs` of `Graph.batch` must be at least one `Graph`, in a list; got {got}.")
        for part in parts:
            check_graph(part, "graphs")
        if len({part.directed for part in parts}) > 1:
            raise ValueError("`Graph.batch` got directed and undirected graphs; a batch must be all one or the other.")
        if len({part.device for part in parts}) > 1:
            devices = sorted({str(part.device) for part in parts})
            raise ValueError(f"`Graph.batch` got graphs on {', '.join(devices)}; move them to one device first.")
        offsets = _offsets([part.num_nodes for part in parts])
        edges = torch.cat([part.edges + offset for part, offset in zip(parts, offsets, strict=False)], dim=1)
        union = unchecked(edges, offsets[-1], parts[0].directed)
        object.__setattr__(union, "parts", parts)
        return union

    def cached(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` returns, made once for this graph and this key; for what depends on the structure alone."""
        return self._plans.get(key, make, version_of(self.edges))

    def has_plan(self, key: Hashable) -> bool:
        """Whether `cached` has it already."""
        return key in self._plans

    @property
    def nbytes(self) -> int:
        """About how many bytes its edges take, and what solvers have prepared for it."""
        return self.edges.numel() * self.edges.element_size() + self._plans.nbytes

    def __repr__(self) -> str:
        extras = ", directed=True" if self.directed else ""
        if self.parts:
            extras += f", num_graphs={self.num_graphs}"
        return f"Graph(num_nodes={self.num_nodes}, num_edges={self.num_edges}{extras})"


torch.serialization.add_safe_globals([Graph, Plans])


def part_named(graph: Graph, index: int, *, edge: bool = False) -> str:
    """For errors: in which graph of a batch this node, or edge, is; nothing for a single graph.

    >>> part_named(Graph.batch([Graph(torch.tensor([[0], [1]]), 2)] * 3), 4)
    ', in graph 2 of the batch'
    """
    if not graph.parts:
        return ""
    ends = _offsets([part.num_edges if edge else part.num_nodes for part in graph.parts])
    return f", in graph {bisect_right(ends, index) - 1} of the batch"


def _offsets(sizes: Sequence[int]) -> list[int]:
    offsets = [0]
    for size in sizes:
        offsets.append(offsets[-1] + size)
    return offsets


def unchecked(edges: Tensor, num_nodes: int, directed: bool = False) -> Graph:
    """A graph whose edges are right by construction; only for code of this library that can say so."""
    graph = object.__new__(Graph)
    edges = lasting(edges)
    state = {"edges": edges, "num_nodes": num_nodes, "directed": directed, "parts": ()}
    graph.__dict__.update(state, _plans=Plans(version_of(edges)))
    return graph


def check_graph(graph: object, name: str = "graph") -> None:
    """Raise `ValueError` unless `graph` is a `Graph`; `name` is what errors call it."""
    if not isinstance(graph, Graph):
        kind = type(graph)
        told = f"{kind.__module__}.{kind.__name__}" if kind.__name__ == "Graph" else kind.__name__
        cure = " `from_networkx` makes one of it." if kind.__module__.startswith("networkx.") else ""
        raise ValueError(f"`{name}` must be a `Graph`; got {told}.{cure}")


def check_nodes(graph: Graph, nodes: Tensor, name: str = "nodes") -> None:
    """Raise `ValueError` unless `nodes` (M,) int64 are nodes of `graph`; `name` is what errors call them."""
    if nodes.dtype != torch.int64 or nodes.ndim != 1:
        cure = " Of a mask these are `mask.nonzero().squeeze(1)`." if nodes.dtype == torch.bool else ""
        raise ValueError(f"`{name}` must be (M,) int64; got {tuple(nodes.shape)} {nodes.dtype}.{cure}")
    if nodes.numel():
        low, high = (int(bound) for bound in plainly(torch.aminmax, nodes))
        if low < 0 or high >= graph.num_nodes:
            wrong = low if low < 0 else high
            raise ValueError(f"`{name}` names node {wrong}, but nodes run from 0 to {graph.num_nodes - 1}.")


def _checked_device(device: torch.device | str | int) -> torch.device:
    try:
        return torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"`device` must be a device of torch, such as 'cpu' or 'cuda:0'; got {device!r}.") from error


def _check_edges(edges: Tensor, num_nodes: int) -> None:
    if edges.dtype != torch.int64:
        raise ValueError(f"`edges` must be an int64 tensor of shape (2, E); got {edges.dtype}.")
    if edges.ndim != 2 or edges.shape[0] != 2:
        raise ValueError(f"`edges` must have shape (2, E); got {tuple(edges.shape)}.")
    require_values("edges", edges)
    if edges.shape[1] == 0:
        return
    low, high = (int(bound) for bound in torch.aminmax(edges))
    if low < 0 or high >= num_nodes:
        node = low if low < 0 else high
        raise ValueError(f"`edges` names node {node}, but nodes run from 0 to {num_nodes - 1} (num_nodes={num_nodes}).")


def _check_unique(edges: Tensor, num_nodes: int, directed: bool) -> None:
    names = None
    if num_nodes > MOST_KEYED:  # few of so many nodes have an edge
        names, edges = edges.unique(return_inverse=True)
        num_nodes = len(names)
    tail, head = edges
    loops = tail == head
    if bool(loops.any()):
        node = int(tail[loops][0] if names is None else names[tail[loops][0]])
        raise ValueError(
            f"`edges` holds {int(loops.sum())} self loops (first: node {node}). They change no hitting probability: "
            "for these remove them. They do change `step`, `resolvent`, `pagerank` and `nn.Propagation`, which take "
            "their weights, (N,), as `self_loops`."
        )
    first, last = (tail, head) if directed else (torch.minimum(tail, head), torch.maximum(tail, head))
    keys = (first * num_nodes + last).sort().values
    repeated = keys[1:] == keys[:-1]
    if bool(repeated.any()):
        pair = divmod(int(keys[1:][repeated][0]), num_nodes)
        one, other = pair if names is None else names[list(pair)].tolist()
        cure = "sum their weights" if directed else "list an undirected edge once, or use `from_edge_index`"
        raise ValueError(
            f"`edges` lists {int(repeated.sum())} edges more than once (first: {one} and {other}); {cure}."
        )
