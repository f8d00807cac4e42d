"""The network of the experiment: a pretrained one whose early layers stay as they are, and what is learned on top."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

from graphrw.models import NDD, EfficientNetLite0
from graphrw.models.cells import cell_shape, cropped, padded
from graphrw.nn import AttentionalInterpolation

STRIDE, COARSEST = 8, 32
CHANNELS = {2: 16, 4: 24, 8: 40, 16: 112, 32: 320}  # of EfficientNet-Lite0's stages
LAST = {2: 0, 4: 2, 8: 4, 16: 10, 32: 15}  # block of each
SIZE = {2: 6.0, 4: 8.0, 8: 7.5, 16: 6.0, 32: 2.5}  # about the standard deviation of their features
EARLY, LATE = (2, 4, 8), (16, 32)


@dataclass(frozen=True, eq=False)
class Early:
    """What the layers that are never learned say of an image: features at strides 2, 4 and 8, and how large it is."""

    shape: tuple[int, int]  # (H, W) of the image
    stages: tuple[Tensor, Tensor, Tensor]  # (1, C, ·, ·), of the image padded to whole cells of the coarsest stride
    colours: Tensor  # (1, 3, ·, ·) in [0, 1], at stride 2

    @property
    def cells(self) -> tuple[int, ...]:
        """(h, w), at stride 8."""
        return cell_shape(self.shape, STRIDE)

    def to(self, device: torch.device) -> "Early":
        """The same there."""
        fine, middle, coarse = (stage.to(device) for stage in self.stages)
        return Early(self.shape, (fine, middle, coarse), self.colours.to(device))


@dataclass(frozen=True)
class Window:
    """A rectangle of cells."""

    row: int
    column: int
    height: int
    width: int

    def cut(self, values: Tensor, finer: int = 1) -> Tensor:
        """The part of (…, h, w) inside, where each cell has `finer` entries along each axis."""
        rows = slice(finer * self.row, finer * (self.row + self.height))
        return values[..., rows, finer * self.column : finer * (self.column + self.width)]


class Network(nn.Module):
    """A `FeatureTrunk`: a head on all stages of EfficientNet-Lite0, of which the late ones may be learned too.

    Stages 2 and 4 go through two convolutions of stride 4 and 8, so that boundaries within a cell are seen; the others
    are brought to stride 8 and mixed.
    """

    stride, axes = STRIDE, 2

    def __init__(self, width: int = 64, hidden: int = 96) -> None:
        super().__init__()
        self.out_channels = width
        self.pretrained = EfficientNetLite0(STRIDE, stages=(*EARLY, *LATE))
        self.fine = nn.Sequential(
            nn.Conv2d(CHANNELS[2] + CHANNELS[4], 48, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(48, 64, 3, stride=2, padding=1),
            nn.ReLU(),
        )
        self.coarse = nn.Sequential(nn.Conv2d(CHANNELS[8] + CHANNELS[16] + CHANNELS[32], hidden, 1), nn.ReLU())
        self.mix = nn.Sequential(nn.Conv2d(hidden + 64, hidden, 3, padding=1), nn.ReLU())
        self.wide = nn.Sequential(nn.Conv2d(hidden, hidden, 3, padding=2, dilation=2), nn.ReLU())
        self.out = nn.Conv2d(hidden, width, 1)

    def forward(self, image: Tensor) -> Tensor:
        return self.late(self.early(image))

    @torch.no_grad()
    def early(self, image: Tensor) -> Early:
        """Of one image (1, 3, H, W) in [0, 1]."""
        x = padded(image, COARSEST)
        colours, x, stages = avg_pool2d(x, 2), self.pretrained.stem((255 * x - 127) / 128), []
        for stage in EARLY:
            x = self._through(x, stage)
            stages.append(x / SIZE[stage])
        return Early((image.shape[2], image.shape[3]), tuple(stages), colours)

    def late(self, early: Early) -> Tensor:
        """(1, width, h, w)"""
        fine = self.fine(torch.cat([avg_pool2d(early.stages[0], 2), early.stages[1]], 1))
        mixed = self.mix(torch.cat([fine, self.coarse(self.hypercolumn(early, (8, *LATE)))], 1))
        return cropped(self.out(mixed + self.wide(mixed)), early.cells)

    def hypercolumn(self, early: Early, stages: tuple[int, ...]) -> Tensor:
        """Some of the pretrained stages, at stride 8, padding included."""
        x, size = early.stages[2] * SIZE[8], early.stages[2].shape[2:]
        columns = {2: avg_pool2d(early.stages[0], 4), 4: avg_pool2d(early.stages[1], 2), 8: early.stages[2]}
        for stage in LATE:
            if any(wanted >= stage for wanted in stages):
                x = self._through(x, stage)
                columns[stage] = interpolate(x / SIZE[stage], size=size, mode="bilinear")
        return torch.cat([columns[stage] for stage in stages], 1)

    def tune(self, late: bool) -> None:
        """Learn the pretrained late stages as well, or leave them as they are."""
        for block in self.pretrained.blocks[LAST[8] + 1 :]:
            block.requires_grad_(late)

    def _through(self, x: Tensor, stage: int) -> Tensor:
        before = [LAST[other] for other in LAST if other < stage]
        for block in self.pretrained.blocks[max(before, default=-1) + 1 : LAST[stage] + 1]:
            x = block(x)
        return x


class Segmenter(nn.Module):
    """Neural Diffusion Distance on the network's cells, and what brings values of cells to pixels, at stride 2."""

    def __init__(self, k: int, *, channels: int = 12) -> None:
        super().__init__()
        self.ndd = NDD(3, k=k, trunk=Network())
        self.detail = nn.Conv2d(3 + CHANNELS[2], channels, 1)
        self.interpolation = AttentionalInterpolation(scale=8.0)

    @property
    def network(self) -> Network:
        """The trunk."""
        network: Network = self.ndd.trunk
        return network

    def raised(self, values: Tensor, early: Early, window: Window | None = None) -> Tensor:
        """Values of cells at stride 2: (1, R, h, w) → (1, R, ⌈H / 2⌉, ⌈W / 2⌉), or those of a window of cells."""
        fine = torch.cat([4 * early.colours, early.stages[0]], 1)
        if window is not None:
            values = window.cut(values)
            return self._attended(values, window.cut(fine, STRIDE // 2))
        found = self._attended(values, cropped(fine, [STRIDE // 2 * side for side in early.cells]))
        return cropped(found, cell_shape(early.shape, 2))

    def _attended(self, values: Tensor, fine: Tensor) -> Tensor:
        high = self.detail(fine)
        raised: Tensor = self.interpolation(values, high, avg_pool2d(high, STRIDE // 2))
        return raised
