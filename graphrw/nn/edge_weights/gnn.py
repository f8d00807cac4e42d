"""Edge weights from a graph neural network."""

import numpy as np
import torch
from torch import Tensor, nn

from graphrw.build.affinity import FLOOR
from graphrw.convert import to_edge_index
from graphrw.core.arrays import as_tensor
from graphrw.core.finite import DIVERGED, check_finite
from graphrw.core.graph import Graph
from graphrw.core.opaque import opaque
from graphrw.core.whole import check_whole
from graphrw.nn.edge_weights.mlp import EdgeWeightsMLP
from graphrw.nn.edge_weights.start import reset
from graphrw.nn.inputs import edge_ends


class EdgeWeightsGNN(nn.Module):
    """A graph network reads the neighbourhood of each node, a symmetric head the two ends of each edge.

        h = encoder(x, edge_index),   w_ij as in `EdgeWeightsMLP` of h

    so that weights are positive, symmetric, and about 1/2 before training (for h of about unit size).

    Args:
        encoder: any module called as ``encoder(x, edge_index)`` → (N, H): PyG's convolutions (`GCNConv`), models
            (`torch_geometric.nn.GCN`) and `Sequential`.
        in_channels: H, what the encoder gives and the head takes; None: what the encoder's `out_channels` says.
        num_attributes: A of the edge attributes that the head sees as well, or 0.
        hidden: width of the head's hidden layer.
        floor: ε in (0, 1), the smallest weight.

    Raises:
        ValueError: for values outside these ranges, or if the encoder does not say how many channels it has.

    ``module(x, graph, edge_attr=None)``: x, whatever the encoder takes, of N rows; a `Graph` → (E,), or PyG's
    edge_index (2, M), both directions of an edge listed → (M,). The encoder sees each undirected edge of a `Graph` in
    both directions. If A is 1, edge_attr may also be PyG's edge_weight (M,), which the head alone sees.

    >>> from torch_geometric.nn import GCNConv
    >>> path = Graph(torch.tensor([[0, 1], [1, 2]]), num_nodes=3)
    >>> EdgeWeightsGNN(GCNConv(4, 8))(torch.ones(3, 4), path).shape
    torch.Size([2])
    """

    def __init__(
        self,
        encoder: nn.Module,
        in_channels: int | None = None,
        num_attributes: int = 0,
        *,
        hidden: int = 32,
        floor: float = FLOOR,
    ) -> None:
        super().__init__()
        if not callable(encoder) or isinstance(encoder, type):
            raise ValueError(f"`encoder` must be a module, called with x and edge_index; got {encoder!r}.")
        in_channels = getattr(encoder, "out_channels", None) if in_channels is None else in_channels
        if in_channels is None:
            raise ValueError(
                f"`encoder` ({type(encoder).__name__}) has no `out_channels`: give `in_channels`, the length of its "
                "output for a node."
            )
        check_whole("in_channels", in_channels, 1)
        self.encoder = encoder
        self.head = EdgeWeightsMLP(in_channels, num_attributes, hidden=hidden, floor=floor)

    def reset_parameters(self) -> None:
        """A new draw of what encoder and head start with."""
        reset(self.encoder)
        self.head.reset_parameters()

    def forward(self, x: Tensor, graph: Graph | Tensor, edge_attr: Tensor | None = None) -> Tensor:
        """The weight of each edge; see the class."""
        x = as_tensor("x", x, "a row for each node") if isinstance(x, np.ndarray) else x
        if not len(getattr(x, "shape", ())):
            raise ValueError(f"`x` must be what the encoder takes, with a row for each node; got {type(x).__name__}.")
        features: Tensor = self.encoder(x, _edge_index(graph, len(x)))
        check_finite("encoder(x, edge_index)", features, DIVERGED)
        weight: Tensor = self.head(features, graph, edge_attr)
        return weight


@opaque
def _edge_index(graph: Graph | Tensor, num_nodes: int) -> Tensor:
    """What an encoder reads: both directions of each undirected edge of a `Graph`; an edge_index as it is, in int64."""
    ends = edge_ends(graph, num_nodes)
    if isinstance(graph, Graph):
        return to_edge_index(graph, torch.ones(graph.num_edges, device=graph.device))[0]
    return graph if graph.dtype == torch.int64 else ends  # an `EdgeIndex` may know how it is sorted
