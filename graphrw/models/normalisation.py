"""Normalisation of the features of each pixel by themselves."""

import torch
from torch import Tensor, nn

# Of the mean square. Not just against division by 0: with 1e-6, a dark flat patch and a bright one look the same after
# the first layer, and noise as large as any edge. Trunks on EM sections learned through the walk far more slowly so.
EPSILON = 0.1


class PixelNorm(nn.Module):
    """y_c = x_c / √(mean over the channels of x² + ε) + β_c, at each pixel for itself.

    The pixel norm of Karras et al. (Progressive growing of GANs, ICLR 2018), with a larger ε and with β to learn; a
    factor would do nothing that the next convolution cannot, behind a ReLU. In contrast to GroupNorm, whose statistics
    are those of the whole input, and to BatchNorm in training, a pixel's answer depends on no other pixel: neither on
    the size of the image nor on what else is in it, and a batch of one image is as good as any.

    Args:
        channels: C.

    >>> PixelNorm(2)(torch.tensor([[[[1.0]], [[3.0]]]])).flatten()
    tensor([0.4428, 1.3284], grad_fn=<ViewBackward0>)
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) or (B, C, D, H, W), of the same shape."""
        scale = torch.rsqrt(x.square().mean(1, keepdim=True) + EPSILON)
        shape = (-1, *[1] * (x.ndim - 2))
        return torch.addcmul(self.shift.reshape(shape), x, scale)

    def extra_repr(self) -> str:
        return f"{len(self.shift)}"
