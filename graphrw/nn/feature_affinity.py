"""The affinity branch of Convolutional Random Walk Networks: edge weights from differences of feature maps."""

import math

import torch
from torch import Tensor, nn

from graphrw.build.affinity import l1_affinity
from graphrw.core.arrays import as_floats
from graphrw.core.finite import DIVERGED, check_finite
from graphrw.core.graph import Graph
from graphrw.core.precision import widened
from graphrw.core.whole import check_flag, check_whole
from graphrw.nn.edge_weights.pairs import pairs_of
from graphrw.nn.edge_weights.start import EXPONENT
from graphrw.nn.inputs import times


class FeatureAffinity(nn.Module):
    """Edge weights from feature differences: w_ij = exp(−b − Σ_c θ_c |f_ic − f_jc|), learned θ ≥ 0 and b ≥ 0.

    This is the affinity branch of Bertasius et al. (Convolutional Random Walk Networks, CVPR 2017): L1
    distances in each channel, a 1 × 1 × k convolution, an exponential; with RGB and two layers of 64 channels 131
    parameters, so without b. There nothing keeps the exponent from being positive; here θ = `root`² and b = `offset`²
    do, and W lies in [0, 1]. (From small θ a softplus learns far more slowly, and a ReLU loses channels for good.) b
    cancels in D⁻¹W, but a regression to the true affinity can use it.

    All weights are near 1 at first, a plain walk, if features differ by about 1. Scale them if not, or give the layer
    its own learning rate. See `build.l1_affinity`, also for how it saves memory.

    Args:
        in_channels: C ≥ 1.
        bias: whether to learn b; else it is 0.

    Raises:
        ValueError: if `in_channels` is no whole number from 1; when called, for shapes or types that do not fit.

    Call it as ``layer(x, graph, weight=None)`` with features x (N, C), or images (B, C, H, W) or (B, C, D, H, W), whose
    pixels are the nodes of ``Graph.batch([grid_graph((H, W), radius=R)] * B)``, and a `Graph` → (E,), or PyG's
    edge_index (2, M) → (M,), in the order of its edges. `weight`, (E,) or (M,), multiplies them. Half precision, as
    autocast makes it, is widened to float32.

    >>> from graphrw import grid_graph
    >>> weight = FeatureAffinity(3)(torch.rand(1, 3, 8, 8), grid_graph((8, 8), radius=5))
    >>> weight.shape, bool((weight > 0.9).all())
    (torch.Size([1336]), True)
    """

    def __init__(self, in_channels: int, bias: bool = False) -> None:
        super().__init__()
        in_channels = check_whole("in_channels", in_channels, 1)
        self.root = nn.Parameter(torch.empty(in_channels))
        self.offset = nn.Parameter(torch.empty(())) if check_flag("bias", bias) else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """θ, and b if there is one, as they were before training."""
        nn.init.constant_(self.root, math.sqrt(EXPONENT / len(self.root)))
        if self.offset is not None:
            nn.init.constant_(self.offset, math.sqrt(EXPONENT))

    @property
    def coefficients(self) -> Tensor:
        """θ ≥ 0, (C,)."""
        return widened(self.root).square()

    def forward(self, x: Tensor, graph: Graph | Tensor, weight: Tensor | None = None) -> Tensor:
        """Edge weights (E,); see the class."""
        nodes = self._nodes(x)
        pairs = pairs_of(graph, len(nodes))
        affinity = l1_affinity(pairs.graph, nodes, self.coefficients)
        affinity = affinity if self.offset is None else affinity * torch.exp(-widened(self.offset).square())
        return times(pairs.spread(affinity), weight)

    def extra_repr(self) -> str:
        return f"in_channels={len(self.root)}, bias={self.offset is not None}"

    def _nodes(self, x: Tensor) -> Tensor:
        """(N, C): one row for each node."""
        channels = len(self.root)
        wanted = f"(N, C), (B, C, H, W) or (B, C, D, H, W) floats with C = {channels}"
        x = as_floats("x", x, wanted)
        if x.ndim not in (2, 4, 5) or x.shape[1] != channels:
            raise ValueError(f"`x` must be {wanted}; got {tuple(x.shape)} {x.dtype}.")
        check_finite("x", x, DIVERGED)
        return widened(x).movedim(1, -1).reshape(-1, channels)
