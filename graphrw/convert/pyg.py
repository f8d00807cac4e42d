"""From and to PyG's `Data` and `Batch`."""

from itertools import pairwise

import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from graphrw.convert.edge_index import as_tensor, to_edge_index
from graphrw.convert.fold import Source, check_weight, fold
from graphrw.core.graph import Graph

_DEFAULT = "edge_weight"


def from_pyg(data: Data, weight: str | None = _DEFAULT, directed: bool = False) -> tuple[Graph, Tensor]:
    """The graph and weights of a PyG `Data`; a `Batch` keeps its graphs apart, as `Graph.batch` does.

    Both directions of an undirected edge fold into one as in `from_edge_index`.

    Args:
        data: homogeneous, with ``edge_index`` (2, M). The number of nodes is what ``data.num_nodes`` says, with PyG's
            own warning where PyG has to guess.
        weight: name of the attribute that holds the weights, (M,) or (M, 1), such as ``"edge_attr"``. The default
            ``"edge_weight"`` may be absent, which means ones; a name that you give may not. None: ones.
        directed: keep each direction as an edge of its own.

    Returns:
        The `Graph` and its weights (E,), differentiable with respect to the attribute. Edges are ordered as they are
        first listed, those of a batch graph by graph.

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
    if data.edge_index is None:
        raise ValueError(
            f"`data` has no `edge_index`; got {data}. For `adj_t` use `from_torch_sparse(data.adj_t.t())`."
        )
    index, value = as_tensor(data.edge_index), _attribute(data, weight)
    graph, edge_weight = fold(index, value, data.num_nodes, directed=directed, source=_source(weight))
    return _split(graph, edge_weight, data.ptr) if isinstance(data, Batch) else (graph, edge_weight)


def to_pyg(graph: Graph, weight: Tensor) -> Data:
    """A PyG `Data` with ``edge_index``, ``edge_weight`` and ``num_nodes``; of a batch of graphs, a PyG `Batch`.

    Args:
        graph: N nodes, E edges; each undirected edge is listed in both directions.
        weight: (E,) float32 or float64; the result is differentiable with respect to it.

    Raises:
        ValueError: when `weight` does not fit `graph`.

    >>> to_pyg(Graph(torch.tensor([[0], [1]]), num_nodes=3), torch.tensor([2.0]))
    Data(edge_index=[2, 2], edge_weight=[2], num_nodes=3)
    """
    check_weight(graph, weight)
    if not graph.parts:
        return _data(graph, weight)
    weights = weight.split_with_sizes([part.num_edges for part in graph.parts])
    batch: Data = Batch.from_data_list([_data(*pair) for pair in zip(graph.parts, weights, strict=True)])
    return batch


def _data(graph: Graph, weight: Tensor) -> Data:
    edge_index, edge_weight = to_edge_index(graph, weight)
    return Data(edge_index=edge_index, edge_weight=edge_weight, num_nodes=graph.num_nodes)


def _source(weight: str | None) -> Source:
    value = f"data.{weight}" if weight else "None"
    return Source(
        entries="`data.edge_index`",
        values=f"`{value}`",
        drop_loops=f"`torch_geometric.transforms.RemoveSelfLoops({weight!r})(data)`",
        symmetrise=f"`torch_geometric.utils.to_undirected(data.edge_index, {value}, reduce='mean')`",
    )


def _attribute(data: Data, name: str | None) -> Tensor | None:
    value: Tensor | None = data[name] if name is not None and name in data else None
    if value is None and name not in (None, _DEFAULT):
        raise ValueError(f"`data` has no attribute `{name}` to take weights from; it has {data.keys()}.")
    return value.squeeze(1) if isinstance(value, Tensor) and value.ndim == 2 and value.shape[1] == 1 else value


def _split(graph: Graph, weight: Tensor, bounds: Tensor) -> tuple[Graph, Tensor]:
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
        raise ValueError(f"`data.edge_index` joins nodes {tail} and {head} of two different graphs of the batch.")
    order = owner[0].argsort(stable=True)
    counts = owner[0].bincount(minlength=len(bounds) - 1).tolist()
    blocks = zip(graph.edges[:, order].split_with_sizes(counts, dim=1), pairwise(bounds.tolist()), strict=True)
    parts = [Graph(edges - start, stop - start, graph.directed) for edges, (start, stop) in blocks]
    return Graph.batch(parts), weight[order]
