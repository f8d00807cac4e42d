"""Photographs with scribbles, and what a frozen network says of them at a lower resolution."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import avg_pool2d, max_pool2d, pixel_unshuffle

from experiments.data.photographs import CAMVID_CLASSES, camvid, weizmann_horses
from experiments.data.strokes import OBJECT, grabcut, medscribble
from graphrw.models import EfficientNetLite0
from graphrw.models.cells import padded, upsampled
from graphrw.models.seeds import block_maximum
from graphrw.partition import simulated_scribbles

STRIDE = 4  # the paper's quarter of the resolution
STAGES = (2, 4, 8, 16)
SIMULATED, SHARE = "simulated", 0.8  # of the longest path in the skeleton of a region


@dataclass(frozen=True, eq=False)
class Scene:
    """One photograph, reduced, with its scribbles, and its features: what models are given in place of the image."""

    name: str
    image: Tensor  # (1, 3, H, W) in [0, 1]
    classes: Tensor  # (1, H, W) int64; −1: not known
    scribbles: Tensor  # (1, H, W) int64; −1: none
    features: Tensor  # (1, C, ⌈H / stride⌉, ⌈W / stride⌉)
    seeds: Tensor  # (1, ⌈H / stride⌉, ⌈W / stride⌉): the scribbles there
    stride: int
    target: Tensor | None = None  # (1, …): what Q is taught beside the seeds, if that does not learn

    def to(self, device: torch.device) -> "Scene":
        """The same there: all that a step takes; the image and the scribbles, which none does, stay where they are."""
        given = {"classes": self.classes, "features": self.features, "seeds": self.seeds}
        moved = {name: value.to(device) for name, value in given.items()}
        return replace(self, **moved, target=None if self.target is None else self.target.to(device))

    def at_pixels(self, cells: Tensor) -> Tensor:
        """(1, K, H, W) from values at the cells of the features."""
        return upsampled(cells, self.stride, self.classes.shape[1:])


Read = Iterator[tuple[str, NDArray, NDArray, NDArray | None]]  # name, image, classes, strokes where people drew some


@dataclass(frozen=True)
class Kind:
    """A set: its files, its classes, whose strokes there are, and how many pixels along each axis become one."""

    read: Callable[[Path, str, str], Read]
    classes: int
    strokes: tuple[str, ...]
    reduce: int = 1


def _horses(data: Path, split: str, strokes: str) -> Read:
    for each in weizmann_horses(data, split):
        yield each.name, each.image, each.classes, None


def _streets(data: Path, split: str, strokes: str) -> Read:
    for each in camvid(data, split):
        yield each.name, each.image, each.classes, None


def _grabcut(data: Path, split: str, strokes: str) -> Read:
    for case in grabcut(data, split, strokes):
        given = np.where(case.strokes == 0, -1, case.strokes == OBJECT).astype(np.int64)
        yield case.name, case.image, np.where(case.known | (given >= 0), case.truth, -1).astype(np.int64), given


def _medical(data: Path, split: str, strokes: str) -> Read:
    for case in medscribble(data, split, strokes):
        given = np.where(case.strokes == 0, -1, case.strokes == OBJECT).astype(np.int64)
        image = np.repeat(np.round(255 * case.image)[..., None], 3, 2).astype(np.uint8)
        yield case.name, image, case.truth.astype(np.int64), given


SETS = {
    "weizmann_horses": Kind(_horses, 2, (SIMULATED,)),
    "camvid_subset": Kind(_streets, CAMVID_CLASSES, (SIMULATED,), reduce=2),
    "interactive_grabcut": Kind(_grabcut, 2, ("robot", "human"), reduce=2),
    "interactive_medscribble": Kind(_medical, 2, ("0", "1", "2")),
}


def kind_of(name: str, strokes: str) -> Kind:
    """The set; ends with words if there is none, or none with such strokes."""
    if name not in SETS:
        raise SystemExit(f"There is no set `{name}`: {', '.join(SETS)}.")
    if strokes not in SETS[name].strokes:
        raise SystemExit(f"`{name}` has no strokes `{strokes}`: {', '.join(SETS[name].strokes)}.")
    return SETS[name]


@torch.no_grad()
def read(
    data: Path,
    name: str,
    split: str,
    strokes: str,
    *,
    share: float = SHARE,
    stride: int = STRIDE,
    mirrored: bool = False,
    scratch: bool = False,
    slope: bool = True,
) -> list[Scene]:
    """All scenes of a split.

    Args:
        data: the folder of all sets.
        name: of the set.
        split: its part.
        strokes: whose.
        share: of simulated ones, as `simulated_scribbles` has it.
        stride: pixels of the reduced photographs for each cell of the features.
        mirrored: whether each scene is there a second time, mirrored.
        scratch: whether features are but the colours of a cell's pixels, for networks that learn all that they know.
        slope: whether the slope of colours is among the features.
    """
    kind, scenes = kind_of(name, strokes), []
    features_of = partial(colours, stride=stride) if scratch else pretrained(stride, slope=slope)
    for index, (title, picture, truth, given) in enumerate(kind.read(data, split, strokes)):
        image = avg_pool2d(torch.from_numpy(picture.copy()).movedim(-1, 0)[None] / 255, kind.reduce)
        height, width = image.shape[2:]
        classes = torch.from_numpy(truth)[None, :: kind.reduce, :: kind.reduce][:, :height, :width]
        chance = torch.Generator().manual_seed(index)
        if given is None:
            scribbles = simulated_scribbles(classes[0], ignore_index=-1, share=share, generator=chance)[None]
        else:
            scribbles = block_maximum(torch.from_numpy(given)[None], kind.reduce)[:, :height, :width]
        for flips in ((), (-1,)) if mirrored else ((),):
            seen, drawn = image.flip(flips).contiguous(), scribbles.flip(flips).contiguous()
            features, seeds = features_of(seen), block_maximum(drawn, stride)
            scenes.append(Scene(title, seen, classes.flip(flips).contiguous(), drawn, features, seeds, stride))
    return scenes


def pretrained(stride: int, *, slope: bool = True) -> Callable[[Tensor], Tensor]:
    """What gives features of the frozen network, and the slope of colours."""
    network = EfficientNetLite0(stride, stages=STAGES)
    if not slope:
        return network
    return lambda image: torch.cat([network(image), contrast(image, stride)], 1)


def colours(image: Tensor, stride: int) -> Tensor:
    """(1, 3 stride², ⌈H / stride⌉, ⌈W / stride⌉): those of the pixels in each cell, from −1 to 1."""
    return pixel_unshuffle(2 * padded(image, stride) - 1, stride)


def contrast(image: Tensor, stride: int) -> Tensor:
    """(1, 1, ⌈H / stride⌉, ⌈W / stride⌉): the steepest slope of colours in each cell, of about unit size on an edge."""
    smooth = avg_pool2d(padded(image, stride), 3, 1, 1, count_include_pad=False)
    down, right = torch.gradient(smooth, dim=(2, 3))
    return 8 * max_pool2d((down.square() + right.square()).sum(1, keepdim=True).sqrt(), stride)
