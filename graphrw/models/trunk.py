"""The convolutional network that all models share: an image in, features for each pixel out."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn.functional import interpolate, pad

GROUPS = 8  # of GroupNorm, which unlike BatchNorm does not mind a batch of one image


class Trunk(nn.Module):
    """Features of each pixel from its wider and wider surroundings: a small U-Net (Ronneberger, Fischer & Brox 2015).

    Each level halves the resolution and doubles the channels; on the way back, features of both levels are added.
    Sums in place of concatenations, and GroupNorm, depart from the original.

    Args:
        in_channels: C of the image.
        width: channels of the features, a multiple of 8.
        levels: how often the resolution is halved, at least `log2(stride)`.
        stride: 1, 2, 4, …: the features have one pixel for so many of the image, along each axis.
        axes: 2 for images, 3 for volumes.

    Raises:
        ValueError: for values outside these ranges.

    >>> import torch
    >>> Trunk(3, stride=2)(torch.zeros(1, 3, 20, 31)).shape
    torch.Size([1, 32, 10, 16])
    """

    def __init__(self, in_channels: int, width: int = 32, *, levels: int = 3, stride: int = 1, axes: int = 2) -> None:
        super().__init__()
        _check(width, levels, stride, axes)
        convolution: type[nn.Conv2d] | type[nn.Conv3d] = nn.Conv2d if axes == 2 else nn.Conv3d
        widths = [width * 2**level for level in range(levels + 1)]
        inputs = [in_channels, *widths[:-1]]
        last = stride.bit_length() - 1
        self.pool = nn.MaxPool2d(2) if axes == 2 else nn.MaxPool3d(2)
        self.down = nn.ModuleList(_block(convolution, *pair) for pair in zip(inputs, widths, strict=True))
        self.shrink = nn.ModuleList(convolution(widths[level + 1], widths[level], 1) for level in range(last, levels))
        self.up = nn.ModuleList(_block(convolution, widths[level], widths[level]) for level in range(last, levels))
        self.out = convolution(widths[last], width, 1)
        self.stride = stride
        self.levels = levels

    def forward(self, image: Tensor) -> Tensor:
        """(B, C, H, W) → (B, width, ⌈H / stride⌉, ⌈W / stride⌉); (B, C, D, H, W) likewise."""
        wanted = [-(-size // self.stride) for size in image.shape[2:]]
        x = _padded(image, 2**self.levels)
        skips = []
        for level, block in enumerate(self.down):
            x = block(x if level == 0 else self.pool(x))
            skips.append(x)
        for shrink, up, skip in zip(reversed(self.shrink), reversed(self.up), skips[-2::-1], strict=False):
            x = up(skip + interpolate(shrink(x), size=skip.shape[2:], mode="nearest"))
        features: Tensor = self.out(x)
        for axis, size in enumerate(wanted, start=2):
            features = features.narrow(axis, 0, size)
        return features


def _block(convolution: type[nn.Conv2d] | type[nn.Conv3d], inputs: int, outputs: int) -> nn.Sequential:
    """Two convolutions of width 3, each with GroupNorm and ReLU."""
    layers: list[nn.Module] = []
    for channels in (inputs, outputs):
        layers += [
            convolution(channels, outputs, 3, padding=1, bias=False),
            nn.GroupNorm(GROUPS, outputs),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)


def _padded(image: Tensor, multiple: int) -> Tensor:
    """The image with its last row and column repeated until every size is a multiple."""
    missing = [-size % multiple for size in image.shape[2:]]
    return pad(image, _backwards(missing), mode="replicate")


def _backwards(missing: Sequence[int]) -> list[int]:
    """`torch.nn.functional.pad` counts axes from the last, with two numbers each."""
    return [amount for size in reversed(missing) for amount in (0, size)]


def _check(width: int, levels: int, stride: int, axes: int) -> None:
    if width < GROUPS or width % GROUPS:
        raise ValueError(f"`width` must be a multiple of {GROUPS}; got {width}.")
    if stride < 1 or stride & (stride - 1):
        raise ValueError(f"`stride` must be a power of two; got {stride}.")
    if 2**levels < stride:
        raise ValueError(f"`levels` must be at least log2(stride) = {stride.bit_length() - 1}; got {levels}.")
    if axes not in (2, 3):
        raise ValueError(f"`axes` must be 2 (images) or 3 (volumes); got {axes}.")
