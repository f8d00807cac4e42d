"""Convolutions whose filters see differences, and levels only as far as they learn to."""

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv3d

WIDTH = 3  # pixels along each axis
# A ReLU leaves 1 / 1.7139 of the standard deviation of normal noise: with this factor it stays the same from layer to
# layer (Brock, De & Smith, Characterizing signal propagation, ICLR 2021).
GAIN = (2 / (1 - 1 / torch.pi)) ** 0.5
EPSILON = 1e-4  # of the variance of a filter's weights, times their number


class StandardisedConvolution(nn.Module):
    """A convolution of width 3 with filters ŵ = g γ (w − mean) / √(n · variance + ε), of n weights w each.

    Each filter sums to 0 and has a fixed length, but for its learned g: it answers to differences, and stays well
    conditioned without any statistics of the image (Qiao et al., Micro-batch training with batch-channel normalization
    and weight standardization, 2019; γ as Brock, De & Smith have it, ICLR 2021).

    Args:
        inputs: channels of the image.
        outputs: number of filters.
        axes: 2 for images, 3 for volumes.
        levels: learn a weight of each channel's own value too, from 0 on: how bright a pixel is, and not only how much
            brighter than its neighbours.

    >>> filters = StandardisedConvolution(2, 3, 2)
    >>> filters(torch.ones(1, 2, 5, 5))[0, :, 2, 2].abs().max() < 1e-5
    tensor(True)
    """

    def __init__(self, inputs: int, outputs: int, axes: int, *, levels: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, *[WIDTH] * axes) / (inputs * WIDTH**axes) ** 0.5)
        self.gain = nn.Parameter(torch.ones(outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.level = nn.Parameter(torch.zeros(outputs, inputs)) if levels else None

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) → (B, K, H, W); (B, C, D, H, W) likewise."""
        convolve = conv2d if x.ndim == 4 else conv3d
        answer: Tensor = convolve(x, self.filters(), self.bias, padding=WIDTH // 2)
        return answer

    def filters(self) -> Tensor:
        """(K, C, 3, 3) or (K, C, 3, 3, 3): the filters as they are used."""
        rows = self.weight.flatten(1)
        variance, mean = torch.var_mean(rows, 1, keepdim=True, correction=0)
        scale = GAIN * self.gain[:, None] * torch.rsqrt(variance * rows.shape[1] + EPSILON)
        filters = ((rows - mean) * scale).unflatten(1, (self.weight.shape[1], -1))
        if self.level is not None:
            middle = torch.arange(filters.shape[2], device=filters.device) == filters.shape[2] // 2
            filters = filters + self.level[..., None] * middle
        used: Tensor = filters.reshape(self.weight.shape)
        return used

    def extra_repr(self) -> str:
        outputs, inputs = self.weight.shape[:2]
        return f"{inputs}, {outputs}, axes={self.weight.ndim - 2}, levels={self.level is not None}"
