"""The two ways to segment that the demo compares: one walk, on two kinds of edge weights."""

from dataclasses import dataclass, field
from typing import Protocol

import torch
from ground_truth import Half
from network import LearnedAffinity
from torch import Tensor

import graphrw as rw


class Method(Protocol):
    """From a picture and seeds to the weights (2, H, W) of a walk, and its label probabilities (L, H, W)."""

    def weight(self, part: Half) -> Tensor: ...

    def probability(self, part: Half) -> Tensor: ...


@dataclass(frozen=True)
class Plain:
    """Gaussian weights of the grey values, scaled as in scikit-image."""

    beta: float

    def weight(self, part: Half) -> Tensor:
        grey = as_tensors(part)[0].reshape(-1, 1)
        scale = 10 * float(grey.std(correction=0))
        shape = part.image.shape
        return rw.build.weight_images(rw.gaussian_affinity(rw.grid_graph(shape), grey, self.beta / scale), shape)

    def probability(self, part: Half) -> Tensor:
        seeds = part.seeds + 1  # scikit-image's convention: 0 where there is none
        return torch.from_numpy(rw.random_walker(part.image, seeds, beta=self.beta, return_full_prob=True))


@dataclass(frozen=True)
class Learned:
    """The weights of a network."""

    network: LearnedAffinity
    walk: rw.nn.HarmonicLabels = field(default_factory=rw.nn.HarmonicLabels)

    def weight(self, part: Half) -> Tensor:
        with torch.no_grad():
            return torch.as_tensor(self.network(as_tensors(part)[0])[0])

    def probability(self, part: Half) -> Tensor:
        return torch.as_tensor(self.walk(self.weight(part)[None], as_tensors(part)[2])[0])


def as_tensors(part: Half) -> tuple[Tensor, Tensor, Tensor]:
    """Image (1, 1, H, W) in [0, 1], truth and seeds (1, H, W)."""
    image, truth, seeds = (torch.from_numpy(array)[None] for array in part)
    return image[None] / 255, truth, seeds
