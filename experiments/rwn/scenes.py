"""Photographs as a segmenter sees them: features of a frozen network for all of an image, and pieces to learn from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from experiments.data.photographs import CAMVID_CLASSES, camvid, weizmann_horses
from graphrw.models import RWN, EfficientNetLite0
from graphrw.models.cells import upsampled
from graphrw.models.early import HUNDREDTHS

SETS = {"camvid_subset": (camvid, CAMVID_CLASSES), "weizmann_horses": (weizmann_horses, 2)}
STRIDE, STAGES = 8, (8, 16, 32)
FINE_STRIDE, FINE_STAGES = 2, (2, 4, 8)


class CoarseNetwork(nn.Module):
    """A fully convolutional network whose early layers are pretrained and frozen: the trunk of all methods."""

    stride, axes = STRIDE, 2

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.out_channels = width
        self.frozen = EfficientNetLite0(STRIDE, stages=STAGES)
        self.head = nn.Sequential(
            nn.Conv2d(self.frozen.out_channels, width, 1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
        )

    def forward(self, image: Tensor) -> Tensor:
        return self.head(self.frozen(image))


class FineNetwork(nn.Module):
    """Early layers of the same network, frozen, with a small head: what the learned affinities come from."""

    stride, axes = FINE_STRIDE, 2

    def __init__(self, width: int = 16, hidden: int = 48) -> None:
        super().__init__()
        self.out_channels = width
        self.frozen = EfficientNetLite0(FINE_STRIDE, stages=FINE_STAGES)
        self.head = nn.Sequential(
            nn.Conv2d(self.frozen.out_channels, hidden, 1), nn.ReLU(), nn.Conv2d(hidden, width, 3, padding=1)
        )

    def forward(self, image: Tensor) -> Tensor:
        return self.head(self.frozen(image))


@dataclass(frozen=True, eq=False)
class Scene:
    """One photograph, reduced, with what the frozen layers say of it."""

    name: str
    image: Tensor  # (1, 3, H, W) in [0, 1]
    classes: Tensor  # (1, H, W) int64; −1: not known
    features: Tensor  # (1, C, ⌈H / 8⌉, ⌈W / 8⌉)
    fine: Tensor  # (1, F, ⌈H / 2⌉, ⌈W / 2⌉)

    def to(self, device: torch.device) -> "Scene":
        """The same there."""
        parts = (self.image, self.classes, self.features, self.fine)
        return Scene(self.name, *(part.to(device) for part in parts))

    def scores(self, model: RWN) -> Tensor:
        """f, as `model.scores(image)`, but from the features."""
        cells = model.classes(model.trunk.head(self.features))
        return upsampled(cells, STRIDE, self.image.shape[2:])

    def early_features(self, model: RWN) -> Tensor:
        """As `model.early_features(image)`, but from the fine features."""
        cells = model.affinity_trunk.head(self.fine)
        return torch.cat([HUNDREDTHS * self.image, upsampled(cells, FINE_STRIDE, self.image.shape[2:])], 1)


def made(classes: int, **options: Any) -> RWN:
    """The model before training."""
    return RWN(3, classes, trunk=CoarseNetwork(), affinity_trunk=FineNetwork(), **options)


@torch.no_grad()
def read(data: Path, name: str, split: str, reduce: int, *, mirrored: bool = False) -> list[Scene]:
    """All scenes of a split.

    Args:
        data: the folder of all sets.
        name: of the set.
        split: its part.
        reduce: how many pixels along each axis become one.
        mirrored: whether each scene is there a second time, mirrored.
    """
    coarse, fine = EfficientNetLite0(STRIDE, stages=STAGES), EfficientNetLite0(FINE_STRIDE, stages=FINE_STAGES)
    scenes = []
    for each in SETS[name][0](data, split):
        image = avg_pool2d(torch.from_numpy(each.image.copy()).movedim(-1, 0)[None] / 255, reduce)
        height, width = image.shape[2:]
        classes = torch.from_numpy(each.classes)[None, ::reduce, ::reduce][:, :height, :width]
        for flips in ((), (-1,)) if mirrored else ((),):
            seen, truth = image.flip(flips).contiguous(), classes.flip(flips).contiguous()
            scenes.append(Scene(each.name, seen, truth, coarse(seen), fine(seen)))
    return scenes


@dataclass(frozen=True, eq=False)
class Piece:
    """What a step through a walk takes."""

    f: Tensor  # (1, L, H, W)
    image: Tensor  # (1, 3, H, W)
    features: Tensor  # (1, F, H, W): what the learned weights come from
    classes: Tensor  # (1, H, W)


def drawn(scenes: list[Scene], model: RWN, generator: torch.Generator) -> Scene:
    """One of the scenes, where the model is."""
    return scenes[int(torch.randint(len(scenes), (), generator=generator))].to(next(model.parameters()).device)


def piece(scenes: list[Scene], model: RWN, size: int, seed: int) -> Piece:
    """A square somewhere in a scene, where the model is; all of its chance is in `seed`."""
    generator = torch.Generator().manual_seed(seed)
    scene = drawn(scenes, model, generator)
    window: list[slice] = [slice(None)]
    for side in scene.classes.shape[1:]:
        start = int(torch.randint(max(1, side - size + 1), (), generator=generator))
        window.append(slice(start, start + size))
    inner = (slice(None), *window)
    features = scene.early_features(model)[inner]
    return Piece(scene.scores(model)[inner], scene.image[inner], features, scene.classes[tuple(window)])
