"""From and to PyG's `Data` and `Batch`."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Literal, overload

import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from graphrw.convert.edge_index import plain, to_edge_index
from graphrw.convert.fold import Folded, Source, check_attribute, checked_loops, checked_weight, fold
from graphrw.convert.torch_sparse import square_entries
from graphrw.core.graph import Graph
from graphrw.core.opaque import opaque
from graphrw.core.warn import warn

_DEFAULT = "edge_weight"


@overload
def from_pyg(
    data: Data, weight: str | None = _DEFAULT, directed: bool = False, *, self_loops: Literal[False] = False
) -> tuple[Graph, Tensor]: ...


@overload
def from_pyg(
    data: Data, weight: str | None = _DEFAULT, directed: bool = False, *, self_loops: Literal[True]
) -> tuple[Graph, Tensor, Tensor]: ...


@opaque
def from_pyg(
    data: Data, weight: str | None = _DEFAULT, directed: bool = False, *, self_loops: bool = False
) -> tuple[Graph, Tensor] | tuple[Graph, Tensor, Tensor]:
    """The graph and weights of a PyG `Data`; a `Batch` keeps its graphs apart, as `Graph.batch` does.

    Both directions of an undirected edge fold into one as in `from_edge_index`.

    Args:
        data: homogeneous, with ``edge_index`` (2, M), or with ``adj_t``, as `ToSparseTensor` makes it. The number of
            nodes is what ``data.num_nodes`` says, with PyG's own warning where PyG has to guess.
        weight: name of the attribute that holds the weights, (M,) or (M, 1), such as ``"edge_attr"``. The default
            ``"edge_weight"`` may be absent, which means ones; a name that you give may not. None: ones. An ``adj_t``
            holds its weights itself.
        directed: keep each direction as an edge of its own.
        self_loops: return the self loops, too. A `Graph` has none: they are an error otherwise.

    Returns:
        The `Graph` and its weights (E,), differentiable with respect to the attribute. Edges are ordered as they are
        first listed, those of a batch graph by graph. With `self_loops` also their weights (N,), as `step`, `resolvent`
        and `pagerank` take them.

    Raises:
        ValueError: for what `from_edge_index` refuses, for `data` without ``edge_index`` or the attribute named, and
            for a batch with an edge between two of its graphs.

    >>> data = Data(edge_index=torch.tensor([[0, 1], [1, 0]]), edge_weight=torch.tensor([2.0, 2.0]), num_nodes=3)
    >>> from_pyg(data)
    (Graph(num_nodes=3, num_edges=1), tensor([2.]))
    """
    if not isinstance(data, Data):
        raise ValueError(
            f"`data` must be a `torch_geometric.data.Data`; got {type(data).__name__}. Heterogeneous data convert with "
            "`.to_homogeneous()`."
        )
    check_attribute(weight)
    triple = triple_of(data, source_of(weight), weight, directed=directed, loops=self_loops)
    return triple if self_loops else triple[:2]


def triple_of(
    data: Data, source: Source, weight: str | None, *, directed: bool = False, loops: bool = False
) -> tuple[Graph, Tensor, Tensor]:
    """What `from_pyg` gives with `self_loops`, which are an error unless `loops`, in the words of `source`."""
    folded = _folded(data, source, weight, directed=directed, loops=loops)
    graph, edge_weight = split(*folded.pair, data.ptr) if isinstance(data, Batch) else folded.pair
    return graph, edge_weight, folded.triple[2]


@opaque
def to_pyg(graph: Graph, weight: Tensor, *, self_loops: Tensor | None = None) -> Data:
    """A PyG `Data` with ``edge_index``, ``edge_weight`` and ``num_nodes``; of a batch of graphs, a PyG `Batch`.

    Args:
        graph: N nodes, E edges; each undirected edge is listed in both directions.
        weight: (E,) float32 or float64; the result is differentiable with respect to it.
        self_loops: (N,) of the same type: weights of self loops; where they are 0 there is none. None: nowhere.

    Raises:
        ValueError: when `weight` or `self_loops` does not fit `graph`.

    >>> to_pyg(Graph(torch.tensor([[0], [1]]), num_nodes=3), torch.tensor([2.0]))
    Data(edge_index=[2, 2], edge_weight=[2], num_nodes=3)
    """
    weight = checked_weight(graph, weight)
    if not graph.parts:
        return _data(graph, weight, self_loops)
    weights = weight.split_with_sizes([part.num_edges for part in graph.parts])
    loops: Sequence[Tensor | None] = [None] * len(graph.parts)
    if self_loops is not None:
        loops = checked_loops(graph, weight, self_loops).split_with_sizes([part.num_nodes for part in graph.parts])
    batch: Data = Batch.from_data_list([_data(*part) for part in zip(graph.parts, weights, loops, strict=True)])
    return batch


def _data(graph: Graph, weight: Tensor, self_loops: Tensor | None) -> Data:
    edge_index, edge_weight = to_edge_index(graph, weight, self_loops=self_loops)
    return Data(edge_index=edge_index, edge_weight=edge_weight, num_nodes=graph.num_nodes)


def _folded(data: Data, source: Source, weight: str | None, *, directed: bool, loops: bool) -> Folded:
    if data.edge_index is not None:
        index, value = plain(data.edge_index), _attribute(data, weight)
        return fold(index, value, data.num_nodes, directed=directed, source=source, loops=loops)
    if "adj_t" not in data:
        raise ValueError(f"`data` has neither `edge_index` nor `adj_t`; got {data}.")
    if weight not in (None, _DEFAULT):
        raise ValueError(f"`adj_t` holds its weights itself; leave out `weight`, {weight!r}.")
    index, value, num_nodes = square_entries(data.adj_t.t(), "`data.adj_t`")
    source = replace(source, entries="`data.adj_t`", values="`data.adj_t`")
    return fold(index, None if weight is None else value, num_nodes, directed=directed, source=source, loops=loops)


def source_of(weight: str | None) -> Source:
    """What errors say of a `Data` whose weights are the attribute of this name."""
    value = f"data.{weight}" if weight else "None"
    return Source(
        entries="`data.edge_index`",
        values=f"`{value}`",
        drop_loops=f"`torch_geometric.transforms.RemoveSelfLoops({weight!r})(data)`",
        symmetrise=f"`torch_geometric.utils.to_undirected(data.edge_index, {value}, reduce='mean')`",
    )


def _attribute(data: Data, name: str | None) -> Tensor | None:
    value: Tensor | None = data[name] if name is not None and name in data else None
    if name == _DEFAULT and value is None and "weight" in data:  # as `torch_geometric.utils.from_networkx` calls them
        warn(
            "`data` has no `edge_weight`, so that all weights are 1. It has a `weight`: say `weight='weight'`, or None."
        )
    if value is None and name not in (None, _DEFAULT):
        raise ValueError(f"`data` has no attribute `{name}` to take weights from; it has {data.keys()}.")
    return value.squeeze(1) if isinstance(value, Tensor) and value.ndim == 2 and value.shape[1] == 1 else value


def split(graph: Graph, weight: Tensor, bounds: Tensor, entries: str = "`data.edge_index`") -> tuple[Graph, Tensor]:
    """`graph` as the batch whose graphs own the nodes from one bound to the next."""
    if int(bounds[-1]) != graph.num_nodes:
        raise ValueError(
            f"`data.ptr` counts {int(bounds[-1])} nodes, but `data` has {graph.num_nodes}. Change the graphs before "
            "they are batched."
        )
    owner = torch.searchsorted(bounds, graph.edges, right=True) - 1
    crossing = owner[0] != owner[1]
    if bool(crossing.any()):
        tail, head = graph.edges[:, crossing][:, 0].tolist()
        raise ValueError(f"{entries} joins nodes {tail} and {head} of two different graphs of the batch.")
    order = owner[0].argsort(stable=True)
    counts = owner[0].bincount(minlength=len(bounds) - 1).tolist()
    blocks = zip(graph.edges[:, order].split_with_sizes(counts, dim=1), pairwise(bounds.tolist()), strict=True)
    parts = [Graph(edges - start, stop - start, graph.directed) for edges, (start, stop) in blocks]
    return Graph.batch(parts), weight[order]
