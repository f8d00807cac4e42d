"""Gaussian edge weights with a learned scale."""

import math

import torch
from torch import Tensor, nn

from graphrw.graph import Graph
from graphrw.nn.edge_weights.head import FLOOR, above, checked_floor
from graphrw.nn.edge_weights.pairs import check_features, pairs_of
from graphrw.nn.inputs import times, widened

START = 0.1  # the exponent of an edge before training, where channels differ by 1


class EdgeWeightsGaussian(nn.Module):
    """w_ij = ε + (1 − ε) exp(−Σ_c μ_c (f_ic − f_jc)²) with learned μ > 0: Grady's weights, one β per channel.

    log μ is what is learned, so that μ stays positive. At first μ_c = 0.1 / C: where each channel differs by about 1,
    all weights are near 0.9, those of a plain walk. Scale features that are much larger, or give `mu`.

    Args:
        in_channels: C.
        per_channel: learn a μ for each channel; False: one for all, the β of `gaussian_affinity`.
        mu: > 0, where μ starts, in inverse squared units of the features; None: 0.1 / C.
        floor: ε in (0, 1), the smallest weight.

    Raises:
        ValueError: for values outside these ranges.

    ``module(x, graph, weight=None)``: features x (N, C) and a `Graph` → (E,), or PyG's edge_index (2, M) → (M,), equal
    for the two directions of an edge. In [ε, 1]; `weight`, (E,) or (M,), multiplies them, each direction by its own.
    Half precision is widened.

    >>> pair = Graph(torch.tensor([[0], [1]]), num_nodes=2)
    >>> EdgeWeightsGaussian(1, mu=4.0)(torch.tensor([[0.0], [0.5]]), pair)
    tensor([0.3679], grad_fn=<AddBackward0>)
    """

    def __init__(
        self, in_channels: int, *, per_channel: bool = True, mu: float | None = None, floor: float = FLOOR
    ) -> None:
        super().__init__()
        if in_channels < 1:
            raise ValueError(f"`in_channels` must be at least 1; got {in_channels}.")
        if mu is not None and not 0 < mu < math.inf:
            raise ValueError(f"`mu` must be positive and finite; got {mu}.")
        self.in_channels = in_channels
        self.floor = checked_floor(floor)
        start = START / in_channels if mu is None else mu
        self.log_mu = nn.Parameter(torch.full((in_channels if per_channel else 1,), math.log(start)))

    @property
    def mu(self) -> Tensor:
        """(C,), or (1,) if all channels share one."""
        return self.log_mu.exp()

    def forward(self, x: Tensor, graph: Graph | Tensor, weight: Tensor | None = None) -> Tensor:
        """The weight of each edge; see the class."""
        check_features(x, self.in_channels)
        pairs, x = pairs_of(graph, len(x)), widened(x)
        tail, head = pairs.ends
        exponent = (self.mu * (x[tail] - x[head]).square()).sum(1)
        return times(pairs.spread(above(self.floor, torch.exp(-exponent))), weight)

    def extra_repr(self) -> str:
        return f"{self.in_channels}, per_channel={len(self.log_mu) == self.in_channels}, floor={self.floor}"
