"""Training in the two stages of the Learned Random Walker (Cerrone, Zeilmann & Hamprecht, CVPR 2019)."""

from collections.abc import Callable, Sequence

import torch
from ground_truth import Half
from methods import as_tensors
from torch import Tensor, nn
from torch.nn.functional import interpolate

import graphrw as rw

Example = tuple[Tensor, Tensor, Tensor]  # image, truth, seeds
Loss = Callable[[Tensor, Tensor, Tensor], Tensor]

RATE = 1e-2  # the largest learning rate
SIDE = 0.1  # the share of the side loss in stage 2


def side_loss(weight: Tensor, truth: Tensor, seeds: Tensor) -> Tensor:
    """Stage 1, no walk yet: each edge is to be open between pixels of one label, closed between two."""
    return rw.losses.weight_side_loss(weight, truth)


class WalkLoss(nn.Module):
    """Stage 2: the cross entropy of the labels at which walkers arrive, plus a little of the side loss."""

    def __init__(self) -> None:
        super().__init__()
        self.walk = rw.nn.HarmonicLabels()

    def forward(self, weight: Tensor, truth: Tensor, seeds: Tensor) -> Tensor:
        return rw.losses.cross_entropy(self.walk(weight, seeds), truth) + SIDE * side_loss(weight, truth, seeds)


def fit(network: nn.Module, placements: Sequence[Half], loss: Loss, steps: int) -> None:
    """Adam on one picture per step: one of the placements of the seeds, flipped and lit anew."""
    chance = torch.Generator().manual_seed(0)
    examples = [as_tensors(part) for part in placements]
    optimizer = torch.optim.Adam(network.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=max(steps, 10), pct_start=0.2)
    for step in range(steps):
        image, truth, seeds = _varied(examples[step % len(examples)], chance)
        optimizer.zero_grad()
        value = loss(network(image), truth, seeds)
        value.backward()
        optimizer.step()
        schedule.step()
        if step % 20 == 0 or step == steps - 1:
            print(f"    step {step + 1:3} of {steps}: loss {value.item():.4f}", flush=True)


def _varied(example: Example, chance: torch.Generator) -> Example:
    """Each axis flipped half of the time; another contrast, uneven light and some noise each time."""
    image, truth, seeds = example
    contrast = 0.7 + 0.6 * torch.rand((), generator=chance)
    light = interpolate(torch.randn(1, 1, 3, 5, generator=chance), image.shape[2:], mode="bicubic")
    image = contrast * image + 0.1 * light + 0.01 * torch.randn(image.shape, generator=chance)
    axes = [axis for axis in (-2, -1) if torch.rand((), generator=chance) < 0.5]
    return image.flip(axes), truth.flip(axes), seeds.flip(axes)
