"""A small network that reads the edge weights of a walk off a picture."""

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, pad

WINDOW = 61  # pixels: somewhat more than a coin
FLOOR = 1e-6  # no edge is quite closed, so that every pixel is within a walker's reach


class LearnedAffinity(nn.Module):
    """w_ij = exp(−|f_i − f_j|²): Gaussian weights of features f that a small U-shaped CNN computes.

    With f = √β · grey these are the weights of the plain random walker. Here f may learn to be flat on a coin, whatever
    its relief, and to jump at its rim.

    Args:
        width: channels at full resolution; twice as many at a half and a quarter of it.
        features: the length of f.

    Called with images (B, 1, H, W) it gives weights (B, 2, H, W) in (0, 1]: to the pixel below, to that on the right.
    """

    def __init__(self, width: int = 6, features: int = 4) -> None:
        super().__init__()
        wide = 2 * width
        self.fine = nn.Sequential(_convolution(1, width), nn.ReLU(), _convolution(width, width), nn.ReLU())
        self.middle = nn.Sequential(_convolution(width, wide), nn.ReLU(), _convolution(wide, wide), nn.ReLU())
        self.coarse = nn.Sequential(_convolution(wide, wide), nn.ReLU(), _convolution(wide, wide), nn.ReLU())
        self.head = nn.Sequential(_convolution(width + wide, width), nn.ReLU(), _convolution(width, features))

    def forward(self, image: Tensor) -> Tensor:
        feature = self.features(image)
        down = feature.diff(dim=2).square().sum(1)
        right = feature.diff(dim=3).square().sum(1)
        distance = torch.stack([pad(down, (0, 0, 0, 1)), pad(right, (0, 1))], dim=1)
        return FLOOR + (1 - FLOOR) * torch.exp(-distance)

    def features(self, image: Tensor) -> Tensor:
        """f, (B, features, H, W)."""
        fine = self.fine(locally_normalised(image))
        middle = self.middle(avg_pool2d(fine, 2, ceil_mode=True))
        coarse = self.coarse(avg_pool2d(middle, 2, ceil_mode=True))
        context = _enlarged(middle + _enlarged(coarse, middle), fine)
        return torch.as_tensor(self.head(torch.cat([fine, context], dim=1)))


def locally_normalised(image: Tensor) -> Tensor:
    """(g − mean) / (standard deviation + 0.05) over a window around each pixel: brightness and contrast drop out."""
    centred = image - _box_mean(image)
    return centred / (_box_mean(centred.square()).sqrt() + 0.05)


def _box_mean(image: Tensor) -> Tensor:
    margin = WINDOW // 2
    padded = pad(image, (margin, margin, margin, margin), mode="reflect")
    return avg_pool2d(avg_pool2d(padded, (WINDOW, 1), 1), (1, WINDOW), 1)


def _convolution(channels: int, out: int) -> nn.Conv2d:
    return nn.Conv2d(channels, out, 3, padding=1, padding_mode="replicate")


def _enlarged(image: Tensor, model: Tensor) -> Tensor:
    return interpolate(image, model.shape[2:], mode="bilinear", align_corners=False)
