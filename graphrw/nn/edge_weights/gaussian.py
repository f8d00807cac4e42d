"""Gaussian edge weights with a learned scale."""

import math

import torch
from torch import Tensor, nn

from graphrw.build.affinity import FLOOR, above, gaussian_affinity
from graphrw.core.graph import Graph
from graphrw.core.precision import widened
from graphrw.core.whole import check_flag, check_positive, check_whole
from graphrw.nn.edge_weights.head import checked_floor
from graphrw.nn.edge_weights.pairs import checked_features, pairs_of
from graphrw.nn.edge_weights.start import EXPONENT
from graphrw.nn.inputs import times


class EdgeWeightsGaussian(nn.Module):
    """w_ij = ε + (1 − ε) exp(−Σ_c β_c (f_ic − f_jc)²) with learned β > 0: Grady's weights, one β per channel.

    log β is what is learned, so that β stays positive. At first β_c = 0.1 / C: where each channel differs by about 1,
    all weights are near 0.9, those of a plain walk. Scale features that are much larger, or give `beta`.

    Args:
        in_channels: C.
        per_channel: learn a β for each channel; False: one for all, as in `gaussian_affinity`.
        beta: > 0, where β starts, in inverse squared units of the features; None: 0.1 / C.
        floor: ε in (0, 1), the smallest weight.

    Raises:
        ValueError: for values outside these ranges.

    ``module(x, graph, weight=None)``: features x (N, C) and a `Graph` → (E,), or PyG's edge_index (2, M) → (M,), equal
    for the two directions of an edge. In [ε, 1]; `weight`, (E,) or (M,), multiplies them, each direction by its own.
    Half precision is widened.

    >>> pair = Graph(torch.tensor([[0], [1]]), num_nodes=2)
    >>> EdgeWeightsGaussian(1, beta=4.0)(torch.tensor([[0.0], [0.5]]), pair)
    tensor([0.3679], grad_fn=<AddBackward0>)
    """

    def __init__(
        self, in_channels: int, *, per_channel: bool = True, beta: float | None = None, floor: float = FLOOR
    ) -> None:
        super().__init__()
        self.in_channels = check_whole("in_channels", in_channels, 1)
        self.floor = checked_floor(floor)
        self._start = EXPONENT / self.in_channels if beta is None else check_positive("beta", beta)
        self.log_beta = nn.Parameter(torch.empty(self.in_channels if check_flag("per_channel", per_channel) else 1))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """β as the module was made with."""
        nn.init.constant_(self.log_beta, math.log(self._start))

    @property
    def beta(self) -> Tensor:
        """(C,), or (1,) if all channels share one."""
        return self.log_beta.exp()

    def forward(self, x: Tensor, graph: Graph | Tensor, weight: Tensor | None = None) -> Tensor:
        """The weight of each edge; see the class."""
        x = checked_features(x, self.in_channels)
        pairs = pairs_of(graph, len(x))
        beta = self.beta if len(self.log_beta) == self.in_channels else self.beta.squeeze()
        affinity = gaussian_affinity(pairs.graph, widened(x), beta)
        return times(pairs.spread(above(affinity, self.floor)), weight)

    def extra_repr(self) -> str:
        return f"{self.in_channels}, per_channel={len(self.log_beta) == self.in_channels}, floor={self.floor}"
