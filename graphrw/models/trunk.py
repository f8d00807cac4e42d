"""The convolutional network that all models share: an image in, features for each pixel out."""

from typing import Any

from torch import Tensor, nn
from torch.nn.functional import interpolate

from graphrw.core.whole import check_whole
from graphrw.models.cells import cell_shape, cropped, padded
from graphrw.models.features import check_image
from graphrw.models.filters import StandardisedConvolution
from graphrw.models.normalisation import PixelNorm
from graphrw.nn.grids import check_axes

WIDEST = 8  # times the width: deeper levels get no more channels, or their weights would be most of the model
OLD = (
    "These weights are those of a trunk with GroupNorm, as graphrw had it at first. Its answers depended on what else "
    "was in the picture, and they cannot be carried over: train the model again, or use them with the version of "
    "graphrw that made them."
)


class Trunk(nn.Module):
    """Features of each pixel from its wider and wider surroundings: a small U-Net (Ronneberger, Fischer & Brox 2015).

    Each level halves the resolution and doubles the channels, up to eight times the width; on the way back, features of
    both levels are added. Sums in place of concatenations, standardised filters, normalisation over the channels of
    each pixel alone, shortcuts, and levels below that of the features also at large strides, depart from the original.

    Features at a pixel depend on the image within `halo` pixels of its block alone, not on what else is in the picture:
    an image may be cut into tiles (`apply_in_tiles`).

    Args:
        in_channels: C of the image.
        width: channels of the features, from 1.
        levels: how often the resolution is halved, at least `log2(stride)`; None: two more, and at least 3, so that
            there is a way up; in volumes one more, and at least 2, as a wide rim around each tile costs far more there.
        stride: 1, 2, 4, …: the features have one pixel for so many of the image, along each axis.
        axes: 2 for images, 3 for volumes.

    Raises:
        ValueError: for values outside these ranges.

    >>> import torch
    >>> trunk = Trunk(3, stride=2)
    >>> trunk(torch.zeros(1, 3, 20, 31)).shape, trunk.halo, trunk.alignment
    (torch.Size([1, 32, 10, 16]), 48, 8)
    """

    def __init__(
        self, in_channels: int, width: int = 32, *, levels: int | None = None, stride: int = 1, axes: int = 2
    ) -> None:
        super().__init__()
        levels = _checked_levels(width, levels, stride, axes)
        convolution: type[nn.Conv2d] | type[nn.Conv3d] = nn.Conv2d if axes == 2 else nn.Conv3d
        widths = [width * min(2**level, WIDEST) for level in range(levels + 1)]
        self.in_channels = check_whole("in_channels", in_channels, 1)
        inputs = [in_channels, *widths[:-1]]
        last = stride.bit_length() - 1
        self.pool = nn.MaxPool2d(2) if axes == 2 else nn.MaxPool3d(2)
        self.down = nn.ModuleList(
            _Block(*pair, axes, levels=level == 0) for level, pair in enumerate(zip(inputs, widths, strict=True))
        )
        self.shrink = nn.ModuleList(convolution(widths[level + 1], widths[level], 1) for level in range(last, levels))
        self.up = nn.ModuleList(_Block(widths[level], widths[level], axes) for level in range(last, levels))
        self.out = convolution(widths[last], width, 1)
        self.stride, self.levels, self.axes, self.out_channels = stride, levels, axes, width

    @property
    def alignment(self) -> int:
        """By how many pixels an image may be shifted so that its features only shift: pooling groups so many."""
        return int(2**self.levels)

    @property
    def halo(self) -> int:
        """How many pixels beyond its own block a feature depends on.

        Two convolutions on each level reach 2 · 2^l pixels, on the way down from level 0 to L and on the way up from
        level L − 1 to that of the features, where each step up may also begin in the middle of a block of 2 · 2^l.
        """
        return 2 * (2 * self.alignment - 1) + 3 * (self.alignment - self.stride)

    def forward(self, image: Tensor) -> Tensor:
        """(B, C, H, W) → (B, width, ⌈H / stride⌉, ⌈W / stride⌉); (B, C, D, H, W) likewise."""
        check_image(image, self.in_channels, self.axes, self.out.weight.dtype)
        x = padded(image, self.alignment)
        skips = []
        for level, block in enumerate(self.down):
            x = block(x if level == 0 else self.pool(x))
            skips.append(x)
        for shrink, up, skip in zip(reversed(self.shrink), reversed(self.up), skips[-2::-1], strict=False):
            x = up(skip + interpolate(shrink(x), size=skip.shape[2:], mode="nearest"))
        return cropped(self.out(x), cell_shape(image.shape[2:], self.stride))

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        if any(isinstance(part, nn.GroupNorm) for part in self.modules()):
            raise ValueError(OLD)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        if f"{prefix}down.0.1.weight" in state_dict:
            raise ValueError(OLD)
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def extra_repr(self) -> str:
        return f"stride={self.stride}, levels={self.levels}, axes={self.axes}, out_channels={self.out_channels}"


class _Block(nn.Module):
    """Two convolutions of width 3, each with normalisation and ReLU, and a shortcut over the second.

    The shortcut keeps what the second normalisation would lose, how strong a feature is compared with other pixels'.
    """

    def __init__(self, inputs: int, outputs: int, axes: int, *, levels: bool = False) -> None:
        super().__init__()
        self.first = _layer(inputs, outputs, axes, levels=levels)
        self.second = _layer(outputs, outputs, axes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        deeper: Tensor = self.second(x)
        return x + deeper


def _layer(inputs: int, outputs: int, axes: int, *, levels: bool = False) -> nn.Sequential:
    filters = StandardisedConvolution(inputs, outputs, axes, levels=levels)
    return nn.Sequential(filters, PixelNorm(outputs), nn.ReLU(inplace=True))


def _checked_levels(width: int, levels: int | None, stride: int, axes: int) -> int:
    check_whole("width", width, 1)
    check_axes(axes)
    if check_whole("stride", stride, 1) & (stride - 1):
        raise ValueError(f"`stride` must be a power of two; got {stride}.")
    least = stride.bit_length() - 1
    usual = max(3, least + 2) if axes == 2 else max(2, least + 1)
    levels = usual if levels is None else check_whole("levels", levels, 0)
    if levels < least:
        raise ValueError(f"`levels` must be at least log2(stride) = {least}; got {levels}.")
    return levels
