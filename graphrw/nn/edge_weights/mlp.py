"""Edge weights from the features of nodes, of edges, or of both."""

from torch import Tensor, nn

from graphrw.build.affinity import FLOOR
from graphrw.core.graph import Graph
from graphrw.nn.edge_weights.head import PairHead
from graphrw.nn.edge_weights.pairs import checked_features, pairs_of


class EdgeWeightsMLP(nn.Module):
    """Edge weights from the features of the two ends of an edge, and from attributes that the edge itself has.

        w_ij = ε + (1 − ε) exp(−4 softplus(z)),   z = MLP(|x_i − x_j|, x_i + x_j, x_i ⊙ x_j, a_ij)

    One hidden layer with ReLU. Positive and symmetric by construction; before training all weights are about 1/2 (for
    features of about unit size), so that training starts near a plain walk, whose answers depend on no common factor.
    The floor keeps every node within a walker's reach: an exponential alone underflows to 0, which cuts the graph.

    Args:
        in_channels: C of the node features, or 0 to use none.
        num_attributes: A of the edge attributes, or 0 to use none.
        hidden: width of the hidden layer.
        floor: ε in (0, 1), the smallest weight.

    Raises:
        ValueError: for values outside these ranges, or if both numbers of channels are 0.

    ``module(x, graph, edge_attr=None)``: x (N, C) floats (None if C is 0), edge_attr (E, A) floats (exactly if A > 0)
    and a `Graph` → (E,); with PyG's edge_index (2, M) and edge_attr (M, A) → (M,), equal for the two directions of an
    edge: attributes that differ between them count with their mean. If A is 1, edge_attr may also be PyG's edge_weight
    (M,), or (E,): an attribute like any other. Float32 or 64 also under autocast.

    >>> import torch
    >>> path = Graph(torch.tensor([[0, 1], [1, 2]]), num_nodes=3)
    >>> EdgeWeightsMLP(num_attributes=1)(None, path, edge_attr=torch.ones(2, 1)).shape
    torch.Size([2])
    """

    def __init__(
        self, in_channels: int = 0, num_attributes: int = 0, *, hidden: int = 32, floor: float = FLOOR
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.num_attributes = num_attributes
        self.head = PairHead(in_channels, num_attributes, hidden, floor)

    def reset_parameters(self) -> None:
        """A new draw of what the module starts with."""
        self.head.reset_parameters()

    def forward(self, x: Tensor | None, graph: Graph | Tensor, edge_attr: Tensor | None = None) -> Tensor:
        """The weight of each edge; see the class."""
        if (x is None) == bool(self.in_channels):  # torch 2.7 does not compile `> 0` here
            raise ValueError(f"`x` must be {_wanted('N', self.in_channels)}; got {_shape(x)}.")
        if (edge_attr is None) == bool(self.num_attributes):
            raise ValueError(f"`edge_attr` must be {_wanted('E', self.num_attributes)}; got {_shape(edge_attr)}.")
        x = None if x is None else checked_features(x, self.in_channels)
        pairs = pairs_of(graph, None if x is None else len(x))
        ends = None if x is None else (x[pairs.ends[0]], x[pairs.ends[1]])
        attributes = None if edge_attr is None else pairs.values(edge_attr, self.num_attributes)
        return pairs.spread(self.head(ends, attributes))


def _wanted(rows: str, channels: int) -> str:
    return f"({rows}, {channels}) floats" if channels else "None, as this module was made without such channels"


def _shape(values: object) -> str:
    return f"a tensor {tuple(values.shape)}" if isinstance(values, Tensor) else f"{type(values).__name__}"
