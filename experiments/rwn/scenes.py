"""Photographs as a segmenter sees them: features of a frozen network for all of an image, and pieces to learn from."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from experiments.data.photographs import CAMVID_CLASSES, camvid, weizmann_horses
from graphrw.models import RWN, EfficientNetLite0
from graphrw.models.cells import upsampled

SETS = {"camvid_subset": (camvid, CAMVID_CLASSES), "weizmann_horses": (weizmann_horses, 2)}
STRIDE, STAGES = 8, (8, 16, 32)


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


@dataclass(frozen=True, eq=False)
class Scene:
    """One photograph, reduced, with what the frozen layers say of it."""

    name: str
    image: Tensor  # (1, 3, H, W) in [0, 1]
    classes: Tensor  # (1, H, W) int64; −1: not known
    features: Tensor  # (1, C, ⌈H / 8⌉, ⌈W / 8⌉)

    def scores(self, model: RWN) -> Tensor:
        """f, as `model.scores(image)`, but from the features."""
        cells = model.classes(model.trunk.head(self.features))
        return upsampled(cells, STRIDE, self.image.shape[2:])


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
    if name not in SETS:
        raise SystemExit(f"There is no set `{name}`: {', '.join(SETS)}.")
    network, scenes = EfficientNetLite0(STRIDE, stages=STAGES), []
    for each in SETS[name][0](data, split):
        image = avg_pool2d(torch.from_numpy(each.image.copy()).movedim(-1, 0)[None] / 255, reduce)
        height, width = image.shape[2:]
        classes = torch.from_numpy(each.classes)[None, ::reduce, ::reduce][:, :height, :width]
        for flips in ((), (-1,)) if mirrored else ((),):
            seen, truth = image.flip(flips).contiguous(), classes.flip(flips).contiguous()
            scenes.append(Scene(each.name, seen, truth, network(seen)))
    return scenes


def piece(scenes: list[Scene], model: RWN, size: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """f, image and classes of a square somewhere in a scene; all of its chance is in `seed`."""
    generator = torch.Generator().manual_seed(seed)
    scene = scenes[int(torch.randint(len(scenes), (), generator=generator))]
    window: list[slice] = [slice(None)]
    for side in scene.classes.shape[1:]:
        start = int(torch.randint(max(1, side - size + 1), (), generator=generator))
        window.append(slice(start, start + size))
    inner = (slice(None), *window)
    return scene.scores(model)[inner], scene.image[inner], scene.classes[tuple(window)]
