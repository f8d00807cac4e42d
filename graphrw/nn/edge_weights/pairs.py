"""The two ends of each edge, in whichever of the two ways a graph is given."""

from dataclasses import dataclass

import torch
from torch import Tensor

from graphrw.convert.edge_index import as_tensor
from graphrw.graph import Graph


@dataclass(frozen=True)
class Pairs:
    """Pairs of nodes to find weights for, each once, and which of them each entry of the answer is.

    Both directions of an edge of PyG's edge_index are one pair: they get one weight, to the bit, in any precision.
    """

    ends: Tensor  # (2, P)
    place: Tensor | None  # (M,): the pair of each entry of an edge_index; None: a `Graph`, whose edges are the pairs

    def values(self, edge_attr: Tensor, num_channels: int) -> Tensor:
        """(P, A): the attributes of each pair; where an edge_index lists it several times, their mean."""
        count = self.ends.shape[1] if self.place is None else len(self.place)
        if edge_attr.shape != (count, num_channels) or not edge_attr.is_floating_point():
            got = f"{tuple(edge_attr.shape)} {edge_attr.dtype}"
            raise ValueError(f"`edge_attr` must be ({count}, {num_channels}) floats, a row per edge; got {got}.")
        if self.place is None:
            return edge_attr
        total = edge_attr.new_zeros(self.ends.shape[1], num_channels).index_add(0, self.place, edge_attr)
        return total / self.place.bincount(minlength=self.ends.shape[1])[:, None]

    def spread(self, weight: Tensor) -> Tensor:
        """The weights of the pairs (P,) in the order of the caller's edges."""
        return weight if self.place is None else weight[self.place]


def pairs_of(graph: Graph | Tensor, num_nodes: int | None) -> Pairs:
    """The pairs of nodes that `graph` joins.

    Args:
        graph: a `Graph`, or PyG's (2, M) edge_index.
        num_nodes: N, as the caller's node features have it; None: there are none to check.

    Raises:
        ValueError: for an edge_index of a wrong shape or type, or node features that do not fit the graph.
    """
    if isinstance(graph, Graph):
        if num_nodes not in (None, graph.num_nodes):
            raise ValueError(f"`x` must have a row for each of {graph.num_nodes} nodes; got {num_nodes} rows.")
        return Pairs(graph.edges, None)
    index = as_tensor(graph)
    if index.ndim != 2 or index.shape[0] != 2 or index.dtype != torch.int64:
        raise ValueError(f"`edge_index` must be (2, M) int64; got {tuple(index.shape)} {index.dtype}.")
    size = int(index.max()) + 1 if index.numel() else 1
    if num_nodes is not None and (size > num_nodes or int(index.min() if index.numel() else 0) < 0):
        node = size - 1 if size > num_nodes else int(index.min())
        raise ValueError(f"`edge_index` names node {node}, but `x` has {num_nodes} rows, counted from 0.")
    low, high = torch.aminmax(index, dim=0)
    key, place = torch.unique(low * size + high, return_inverse=True)
    return Pairs(torch.stack([key // size, key % size]), place)


def check_features(x: Tensor, num_channels: int) -> None:
    """Raise `ValueError` unless `x` holds (N, num_channels) floats."""
    if x.ndim != 2 or x.shape[1] != num_channels or not x.is_floating_point():
        raise ValueError(f"`x` must be (N, {num_channels}) floats; got {tuple(x.shape)} {x.dtype}.")
