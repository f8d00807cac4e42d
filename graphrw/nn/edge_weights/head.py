"""The head that all learned edge weights share: from what is at the two ends of an edge to its weight."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from graphrw.core.finite import check_spread
from graphrw.core.precision import widened
from graphrw.core.whole import check_whole, is_number
from graphrw.nn.edge_weights.start import WEIGHT

SHARPNESS = 4.0  # how many e-folds a weight loses for each unit of a large score
SPREAD = (
    0.1  # of the scores before training, in units of what a linear layer of torch starts with: all edges about alike
)


class PairHead(nn.Module):
    """w = ε + (1 − ε) exp(−s · softplus(z)), with a score z from symmetric features of the two ends of an edge.

    z is an MLP with one hidden layer on |a − b|, a + b, a ⊙ b and, where there are any, further attributes: exchanging
    the ends a and b changes no bit of it. exp(−softplus(z)) is the sigmoid of −z; its power s = 4 reaches a contrast of
    1e4 at z = 2.2 already, for which the sigmoid itself needs z = 9.2.

    Args:
        in_channels: C of each end, or 0.
        num_attributes: A, or 0.
        hidden: width of the hidden layer.
        floor: ε in (0, 1).
    """

    def __init__(self, in_channels: int, num_attributes: int, hidden: int, floor: float) -> None:
        super().__init__()
        in_channels = check_whole("in_channels", in_channels, 0)
        num_attributes, hidden = check_whole("num_attributes", num_attributes, 0), check_whole("hidden", hidden, 1)
        if in_channels + num_attributes == 0:
            raise ValueError("Edge weights need channels of nodes or of edges, or both; got 0 and 0.")
        self.floor = checked_floor(floor)
        self.inner = nn.Linear(3 * in_channels + num_attributes, hidden)
        self.outer = nn.Linear(hidden, 1)
        self._start()

    def reset_parameters(self) -> None:
        """A new draw of what the head starts with."""
        self.inner.reset_parameters()
        self.outer.reset_parameters()
        self._start()

    def _start(self) -> None:
        """All weights near `WEIGHT`."""
        with torch.no_grad():
            self.outer.weight *= SPREAD
            # The score at which exp(−s · softplus) is the weight to start from.
            self.outer.bias.fill_(math.log(math.expm1(-math.log(WEIGHT) / SHARPNESS)))

    def forward(self, ends: tuple[Tensor, Tensor] | None, attributes: Tensor | None) -> Tensor:
        """Ends (…, C) each, attributes (…, A) → (…,) weights in [ε, 1]."""
        features = [] if ends is None else _symmetric(*ends)
        features += [] if attributes is None else [attributes]
        score = self.outer(torch.relu(self.inner(torch.cat(features, dim=-1)))).squeeze(-1)
        check_spread(score, "Scores of edges, from products of features of this size,")
        share = torch.exp(-SHARPNESS * softplus(widened(score)))
        return self.floor + (1 - self.floor) * share  # as `above`, which a compiler must not enter


def checked_floor(floor: float) -> float:
    if not (is_number(floor) and 0 < floor < 1):
        raise ValueError(f"`floor` must lie in (0, 1); got {floor!r}. At 0 a weight may underflow and cut the graph.")
    return floor


def _symmetric(a: Tensor, b: Tensor) -> list[Tensor]:
    return [(a - b).abs(), a + b, a * b]
