"""Edge weights of images and volumes from the features of a convolutional network."""

import torch
from torch import Tensor, nn

from graphrw.build.affinity import FLOOR
from graphrw.core.arrays import as_floats
from graphrw.core.finite import DIVERGED, check_finite
from graphrw.core.whole import check_whole
from graphrw.nn.edge_weights.head import PairHead
from graphrw.nn.edge_weights.start import reset
from graphrw.nn.grids import check_axes


class EdgeWeightsCNN(nn.Module):
    """A head for grids: feature maps of any CNN in, weight images of the walk out.

        w_pq = ε + (1 − ε) exp(−4 softplus(z_a)),   z_a = MLP_a(|f_p − f_q|, f_p + f_q, f_p ⊙ f_q)

    for the pixel q behind p along axis a. Each axis has an MLP of its own (one hidden layer with ReLU), as the axes of
    a volume may differ in resolution. Symmetric in p and q; about 1/2 before training (for features of about unit
    size), and positive, as in `EdgeWeightsMLP`.

    Args:
        in_channels: C of the feature maps.
        axes: 2 for images, 3 for volumes.
        hidden: width of the hidden layers.
        floor: ε in (0, 1), the smallest weight.

    Raises:
        ValueError: for values outside these ranges; when called, for features of another shape, or NaN among them.

    Features (B, C, H, W) → (B, 2, H, W); (B, C, D, H, W) → (B, 3, D, H, W): as `grid_weight` and `HarmonicLabels` take
    them, ``weight[:, a]`` at a pixel being that of its edge to the next pixel along axis a. There is none behind the
    last pixel of an axis; what stands there belongs to no edge.

    >>> EdgeWeightsCNN(8)(torch.rand(1, 8, 5, 6)).shape
    torch.Size([1, 2, 5, 6])
    """

    def __init__(self, in_channels: int, *, axes: int = 2, hidden: int = 16, floor: float = FLOOR) -> None:
        super().__init__()
        check_axes(axes)
        self.in_channels = check_whole("in_channels", in_channels, 1)
        self.heads = nn.ModuleList(PairHead(in_channels, 0, hidden, floor) for _ in range(axes))

    def reset_parameters(self) -> None:
        """A new draw of what the module starts with."""
        reset(self.heads)

    def forward(self, features: Tensor) -> Tensor:
        """Weight images; see the class."""
        axes = len(self.heads)
        features = as_floats("features", features, f"(B, {self.in_channels}, …) floats")
        if features.ndim != axes + 2 or features.shape[1] != self.in_channels:
            sizes = "H, W" if axes == 2 else "D, H, W"
            raise ValueError(f"`features` must be (B, {self.in_channels}, {sizes}); got {tuple(features.shape)}.")
        check_finite("features", features, DIVERGED)
        here = features.movedim(1, -1)
        images = [head((here, _next(here, axis)), None) for axis, head in enumerate(self.heads, start=1)]
        return torch.stack(images, dim=1)


def _next(values: Tensor, axis: int) -> Tensor:
    """The values one step further along `axis`; those of the last pixel are its own."""
    size = values.shape[axis]
    return torch.cat([values.narrow(axis, 1, size - 1), values.narrow(axis, size - 1, 1)], dim=axis)
