"""One network, learning from clicks in two ways: through the walk, and edge by edge from what a walk has guessed.

Both see the same pictures and the same clicks; no membrane is drawn for either. A third way needs every membrane drawn.
"""

import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from tissue import Tissue
from torch import Tensor

import graphrw as rw

Model = rw.models.LearnedRandomWalker
Loss = Callable[[Model, Tensor, Tensor], Tensor]  # image (B, 1, H, W); what is known of it, (B, …, H, W)
Example = tuple[NDArray[np.float32], NDArray[np.int64]]  # image (H, W); what is known of it, (…, H, W)
Lesson = tuple[Sequence[Example], Loss]

WIDTH = 12  # channels of the network
RATE = 3e-3  # the learning rate to begin with; it falls to 0
BATCH = 2
LARGEST_GRADIENT = 1.0  # norm; a leak that opens or closes makes a spike


def through_the_walk(model: Model, image: Tensor, clicks: Tensor) -> Tensor:
    """One click in each cell is its seed; walkers that start at the others are to end at the seed of their own cell.

    Which one is the seed is drawn anew each time. `clicks` (B, K, H, W).
    """
    seeds, target = zip(*(_split(layers) for layers in clicks), strict=True)
    return model.loss(image, torch.stack(seeds), torch.stack(target), side=0)


def edge_by_edge(model: Model, image: Tensor, truth: Tensor) -> Tensor:
    """Each edge is to be open within a cell and closed between two: no walk. `truth` (B, H, W)."""
    every = model.stride
    return rw.losses.weight_side_loss(model.edge_weights(image), truth[..., ::every, ::every])


def clicked(pictures: Sequence[Tissue], clicks: int) -> list[Example]:
    """What a person gives to learn from: so many clicks in each cell."""
    return [(picture.image, picture.clicks[:clicks]) for picture in pictures]


def drawn(pictures: Sequence[Tissue]) -> list[Example]:
    """Every membrane."""
    return [(picture.image, picture.truth) for picture in pictures]


def trained(examples: Sequence[Example], loss: Loss, steps: int, seed: int) -> Model:
    """A new network after so many steps, each on `BATCH` of the examples, flipped by chance."""
    torch.manual_seed(seed)
    chance = np.random.default_rng(seed)
    model, began = Model(in_channels=1, width=WIDTH), time.process_time()
    optimiser = torch.optim.Adam(model.parameters(), RATE, weight_decay=1e-5)
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1, 0, total_iters=steps)
    for step in range(1, steps + 1):
        value = loss(model, *_batch(examples, chance))
        optimiser.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), LARGEST_GRADIENT)
        optimiser.step()
        schedule.step()
        if step % 50 == 0 or step == steps:
            spent = time.process_time() - began
            print(f"    step {step:3} of {steps}: loss {value.item():.3f}, {spent:.0f} s", flush=True)
    return model.eval()


def _batch(examples: Sequence[Example], chance: np.random.Generator) -> tuple[Tensor, Tensor]:
    flip = [axis for axis in (-2, -1) if chance.random() < 0.5]
    chosen = [examples[number] for number in chance.integers(len(examples), size=BATCH)]
    image, known = (torch.from_numpy(np.stack(part)).flip(flip) for part in zip(*chosen, strict=True))
    return image[:, None], known


def _split(clicks: Tensor) -> tuple[Tensor, Tensor]:
    """Clicks (K, H, W) → seeds, from one layer for each cell, and targets (H, W), from the others; −1 elsewhere."""
    layer = torch.randint(len(clicks), (int(clicks.max()) + 1,))
    own = layer[clicks] == torch.arange(len(clicks))[:, None, None]  # −1 is told apart below
    seeds = torch.where(own, clicks, -1).amax(0)
    target = torch.where(own, -1, clicks).amax(0)
    return seeds, torch.where(seeds >= 0, -1, target)
