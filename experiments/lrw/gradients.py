"""What the walk tells the network: gradients that are exact, or not, and labels of all pixels, or of some."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from graphrw.models.examples import Piece
from graphrw.nn import HarmonicLabels

BLOCK = 16  # pixels along each axis, which are labelled together or not at all


class WithoutSeedEdges(nn.Module):
    """`HarmonicLabels`, but edges that touch a seed get no gradient, as in the authors' code."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.exact = HarmonicLabels(**options)

    def forward(self, weight: Tensor, seeds: Tensor) -> Tensor:
        answer: Tensor = self.exact(torch.where(touching(seeds), weight.detach(), weight), seeds)
        return answer


def touching(seeds: Tensor) -> Tensor:
    """Whether an end of each edge is a seed: (B, *cells) → (B, axes, *cells), as weights are laid out.

    >>> touching(torch.tensor([[[-1, 3, -1]]]))[0, 1]
    tensor([[ True,  True, False]])
    """
    seed = seeds >= 0
    images = []
    for axis in range(1, seeds.ndim):
        following = torch.zeros_like(seed)
        following.narrow(axis, 0, seed.shape[axis] - 1).copy_(seed.narrow(axis, 1, seed.shape[axis] - 1))
        images.append(seed | following)
    return torch.stack(images, 1)


def partly_labelled(part: Piece, share: float, step: int, seed: int) -> Piece:
    """A piece of which only some blocks are labelled, one at least, by a chance from `step` and `seed`."""
    chance = np.random.default_rng([seed, step, 2])
    order = chance.random([-(-size // BLOCK) for size in part.target.shape[1:]])
    blocks = order <= np.sort(order, axis=None)[math.ceil(share * order.size) - 1]
    for axis in range(blocks.ndim):
        blocks = blocks.repeat(BLOCK, axis)
    known = torch.from_numpy(blocks[tuple(slice(size) for size in part.target.shape[1:])])
    return replace(part, target=torch.where(known, part.target, -1))
