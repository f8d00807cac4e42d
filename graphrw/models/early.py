"""What is fine in an image, for affinities: two convolutions."""

import torch
from torch import Tensor, nn

# Neighbours differ by a few hundredths of the range of an image. Without this factor all weights start near 1, and θ
# would have to grow a hundredfold before the walk respects an edge, which at usual learning rates takes thousands of
# steps.
HUNDREDTHS = 100.0


class EarlyFeatures(nn.Module):
    """The outputs of two convolutions, one on the other, as Bertasius et al. (CVPR 2017) take the first two of a CNN.

    A `FeatureTrunk` of stride 1 with 2 · `width` channels.
    """

    stride = 1

    def __init__(self, in_channels: int, width: int, axes: int) -> None:
        super().__init__()
        convolution: type[nn.Conv2d] | type[nn.Conv3d] = nn.Conv2d if axes == 2 else nn.Conv3d
        self.axes, self.out_channels = axes, 2 * width
        self.first = convolution(in_channels, width, 3, padding=1)
        self.second = convolution(width, width, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        first = torch.relu(self.first(image))
        return HUNDREDTHS * torch.cat([first, torch.relu(self.second(first))], 1)
