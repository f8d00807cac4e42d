"""The two ends of each edge, in whichever of the two ways a graph is given."""

from dataclasses import dataclass

import torch
from torch import Tensor

from graphrw.core.arrays import as_floats
from graphrw.core.finite import DIVERGED, check_finite
from graphrw.core.graph import Graph, unchecked
from graphrw.core.opaque import opaque
from graphrw.nn.inputs import edge_ends


@dataclass(frozen=True)
class Pairs:
    """Pairs of nodes to find weights for, each once, and which of them each entry of the answer is.

    Both directions of an edge of PyG's edge_index are one pair: they get one weight, to the bit, in any precision.
    """

    graph: Graph  # whose P edges are the pairs
    place: Tensor | None  # (M,): the pair of each entry of an edge_index; None: the caller's `Graph` itself

    @property
    def ends(self) -> Tensor:
        """(2, P): the two nodes of each pair."""
        return self.graph.edges

    def values(self, edge_attr: Tensor, num_attributes: int) -> Tensor:
        """(P, A): the attributes of each pair; where an edge_index lists it several times, their mean."""
        count = self.graph.num_edges if self.place is None else len(self.place)
        edge_attr = as_floats("edge_attr", edge_attr, f"({count}, {num_attributes}) floats, a row per edge")
        if num_attributes == 1 and edge_attr.ndim == 1:
            edge_attr = edge_attr[:, None]
        if edge_attr.shape != (count, num_attributes):
            got = f"{tuple(edge_attr.shape)} {edge_attr.dtype}"
            raise ValueError(f"`edge_attr` must be ({count}, {num_attributes}) floats, a row per edge; got {got}.")
        check_finite("edge_attr", edge_attr, DIVERGED)
        if self.place is None:
            return edge_attr
        total = edge_attr.new_zeros(self.graph.num_edges, num_attributes).index_add(0, self.place, edge_attr)
        return total / self.place.bincount(minlength=self.graph.num_edges)[:, None]

    def spread(self, weight: Tensor) -> Tensor:
        """The weights of the pairs (P,) in the order of the caller's edges."""
        return weight if self.place is None else weight[self.place]


@opaque
def pairs_of(graph: Graph | Tensor, num_nodes: int | None) -> Pairs:
    """The pairs of nodes that `graph` joins.

    Args:
        graph: a `Graph`, or PyG's (2, M) edge_index.
        num_nodes: N, as the caller's node features have it; None: there are none to check.

    Raises:
        ValueError: as `edge_ends`.
    """
    ends = edge_ends(graph, num_nodes)
    if isinstance(graph, Graph):
        return Pairs(graph, None)
    size = int(ends.max()) + 1 if ends.numel() else 1
    low, high = torch.aminmax(ends, dim=0)  # both directions of an edge are one pair
    key, place = torch.unique(low * size + high, return_inverse=True)
    count = size if num_nodes is None else num_nodes
    return Pairs(unchecked(torch.stack([key // size, key % size]), count), place)


def checked_features(x: object, in_channels: int) -> Tensor:
    """`x` as a tensor of (N, in_channels) floats, all finite."""
    features = as_floats("x", x, f"(N, {in_channels}) floats")
    if features.ndim != 2 or features.shape[1] != in_channels:
        raise ValueError(f"`x` must be (N, {in_channels}) floats; got {tuple(features.shape)} {features.dtype}.")
    check_finite("x", features, DIVERGED)
    return features
