"""Photographs that several people segmented, as the network sees them: at pixels, and at cells."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from experiments.data.photographs import bsds500
from experiments.ndd.network import Early, Network


@dataclass(eq=False)
class Scene:
    """One photograph, with the segments of each of A people."""

    name: str
    image: Tensor  # (1, 3, H, W) in [0, 1]
    segments: Tensor  # (A, H, W) int64
    _early: dict[bool, Early] = field(default_factory=dict)

    def early(self, network: Network, mirrored: bool = False) -> Early:
        """What the layers that stay as they are say of it; computed once, and kept on the CPU, which holds all."""
        device = next(network.parameters()).device
        if mirrored not in self._early:
            image = self.image.flip(3) if mirrored else self.image
            self._early[mirrored] = network.early(image.to(device)).to(self.image.device)
        return self._early[mirrored].to(device)

    def forget(self) -> None:
        """Give back the memory of `early`."""
        self._early.clear()

    def truth(self, stride: int, mirrored: bool = False) -> Tensor:
        """(A, ⌈H / stride⌉, ⌈W / stride⌉): the segments in the middles of cells."""
        segments = self.segments.flip(2) if mirrored else self.segments
        rows, columns = (middles(side, stride) for side in segments.shape[1:])
        return segments[:, rows][:, :, columns]


def middles(side: int, stride: int) -> Tensor:
    """The middle pixel of each cell along an axis; of the last, perhaps, the last pixel."""
    return (torch.arange(0, side, stride) + stride // 2).clamp(max=side - 1)


def read(data: Path, split: str, count: int | None = None) -> list[Scene]:
    """The photographs of a split, or some of them, spread evenly over it."""
    return [Scene(one.name, pixels(one.image), torch.from_numpy(one.segments)) for one in bsds500(data, split, count)]


def pixels(image: NDArray[np.uint8]) -> Tensor:
    """(H, W, 3) bytes as (1, 3, H, W) in [0, 1]."""
    return torch.from_numpy(image.copy()).movedim(-1, 0)[None] / 255
