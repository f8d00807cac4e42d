"""Feature-attentional interpolation as a layer: coarse maps brought to full resolution, with a learned scale."""

import math

import torch
from torch import Tensor, nn

from graphrw.core.whole import check_flag
from graphrw.functional.interpolation import attentional_interpolation, check_scale


class AttentionalInterpolation(nn.Module):
    """`attentional_interpolation` with a learned scale, which stays positive.

    Call it as ``layer(values, high)`` or ``layer(values, high, low)``: values (B, R, h, w), features (B, C, H, W) and
    (B, C, h, w) → (B, R, H, W). Through a pyramid of features the values climb level by level, with one layer each.

    Source: J. Sun, Z. Xu, Neural diffusion distance for image segmentation, NeurIPS 2019; departures as said in
    `attentional_interpolation`. The authors' code makes its layer anew at each use, so that its scales stay as they are
    and only the features learn; here the optimiser has both.

    Args:
        scale: to start from, > 0.
        window, align_corners: as in `attentional_interpolation`.

    Raises:
        ValueError: for a scale that is not positive, or an empty window; and as `attentional_interpolation`.

    >>> layer = AttentionalInterpolation(scale=4.0)
    >>> layer(torch.rand(2, 20, 5, 6), torch.rand(2, 16, 33, 41)).shape
    torch.Size([2, 20, 33, 41])
    """

    def __init__(self, scale: float = 8.0, window: int = 5, align_corners: bool = False) -> None:
        super().__init__()
        self._start = float(check_scale(scale, window))
        self.log_scale = nn.Parameter(torch.empty(()))
        self.window = window
        self.align_corners = check_flag("align_corners", align_corners)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """The scale as the layer was made with."""
        nn.init.constant_(self.log_scale, math.log(self._start))

    @property
    def scale(self) -> Tensor:
        """The learned scale, ()."""
        return self.log_scale.exp()

    def forward(self, values: Tensor, high: Tensor, low: Tensor | None = None) -> Tensor:
        """(B, R, h, w) → (B, R, H, W); see the class."""
        return attentional_interpolation(
            values, high, low, scale=self.scale, window=self.window, align_corners=self.align_corners
        )

    def extra_repr(self) -> str:
        return f"scale={float(self.scale.detach()):.4g}, window={self.window}, align_corners={self.align_corners}"
