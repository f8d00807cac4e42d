"""Images with their true segments, and what is cut from them to learn from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from graphrw.losses import cross_entropy
from graphrw.models.learned_random_walker import Fit, LearnedRandomWalker
from graphrw.models.seeds import block_maximum, lost_labels
from graphrw.partition import connected_segments, oracle_seeds

TRIES = 50  # to find a part of an image with two segments
CLOSED = -2  # the label of what lies between segments, such as membrane
SMALLEST = 16  # pixels of a segment that the edge of a piece has cut off, to count
VALIDATION = 2**31  # numbers of steps that training does not come to


@dataclass(frozen=True, eq=False)
class Example:
    """An image and its segments."""

    name: str  # for messages
    image: Tensor  # (C, *spatial)
    segments: Tensor  # (*spatial) int64; −1: not known, `CLOSED`: between segments


@dataclass(frozen=True, eq=False)
class Piece:
    """Part of an example, with one seed in each segment: what `LearnedRandomWalker.loss` takes."""

    image: Tensor  # (1, C, *spatial)
    seeds: Tensor  # (1, *spatial) int64, −1 where there is none
    target: Tensor  # (1, *spatial) int64; −1: does not count, `CLOSED`: where no walk shall go


def piece(examples: Sequence[Example], step: int, *, crop: int, stride: int, seed: int = 0) -> Piece:
    """A part of an example, mirrored and turned, by a chance that hangs on `seed` and `step` alone.

    Seeds are those of `oracle_seeds`, at random places. What the edge of the piece cuts off from a segment is a segment
    of its own, if it is not too small. Segments that have no cell for themselves at the `stride` do not count.

    Args:
        examples: from which one is drawn.
        step: which piece.
        crop: pixels along each axis, or all that there are.
        stride: of the model.
        seed: of all chance.

    Raises:
        ValueError: if no part with two segments is found.

    >>> example = Example("stripes", torch.zeros(1, 8, 8), torch.arange(8).expand(8, 8) // 4)
    >>> piece([example], 0, crop=8, stride=2).seeds.unique().tolist()
    [-1, 0, 1]
    """
    chance = np.random.default_rng([seed, step])
    for _ in range(TRIES):
        example = examples[int(chance.integers(len(examples)))]
        image, segments = _turned(*_cut(example, crop, chance), chance)
        closed = segments == CLOSED
        segments = connected_segments(segments.clamp(min=-1), min_size=SMALLEST)
        draw = torch.Generator().manual_seed(int(chance.integers(2**31)))
        seeds = oracle_seeds(segments, ignore_index=-1, generator=draw)
        lost = torch.tensor(lost_labels(seeds, block_maximum(seeds[None], stride)))
        seeds, target = (torch.where(torch.isin(part, lost), -1, part) for part in (seeds, segments))
        ids = seeds[seeds >= 0].unique()
        if len(ids) > 1:
            target = torch.where(closed, CLOSED, _numbered(target, ids))
            return Piece(image[None], _numbered(seeds, ids)[None], target[None])
    names = ", ".join(f"`{example.name}`" for example in examples[:3])
    if all(len(example.segments[example.segments >= 0].unique()) < 2 for example in examples):
        raise ValueError(f"There are no two segments in {names}, so that nothing can be learned: look at the labels.")
    raise ValueError(f"No part of {crop} pixels with two segments was found in {names}: make `crop` larger.")


def step_loss(
    model: LearnedRandomWalker,
    part: Piece,
    *,
    fit: Fit = cross_entropy,
    side: float = 1e-2,
    variation: float = 0.0,
) -> Tensor:
    """The loss of the model on one piece, brought to where it is."""
    device = next(model.parameters()).device
    given = (part.image.to(device), part.seeds.to(device), part.target.to(device))
    return model.loss(*given, fit=fit, side=side, variation=variation, closed_index=CLOSED)


def validation_pieces(examples: Sequence[Example], *, crop: int, stride: int, seed: int = 0) -> list[Piece]:
    """One piece of each example, the same in every run with this seed."""
    return [
        piece([example], VALIDATION + place, crop=crop, stride=stride, seed=seed)
        for place, example in enumerate(examples)
    ]


def _cut(example: Example, crop: int, chance: np.random.Generator) -> tuple[Tensor, Tensor]:
    image, segments = example.image, example.segments
    for axis, size in enumerate(segments.shape):
        start = int(chance.integers(max(1, size - crop + 1)))
        length = min(crop, size)
        image, segments = image.narrow(axis + 1, start, length), segments.narrow(axis, start, length)
    return image, segments


def _turned(image: Tensor, segments: Tensor, chance: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Axes mirrored, and the last two swapped, half of the time each."""
    axes = [axis for axis in range(-segments.ndim, 0) if chance.random() < 0.5]
    image, segments = image.flip(axes), segments.flip(axes)
    if chance.random() < 0.5:
        image, segments = image.transpose(-1, -2), segments.transpose(-1, -2)
    return image.contiguous(), segments.contiguous()


def _numbered(labels: Tensor, ids: Tensor) -> Tensor:
    """Places in `ids`, ascending, of those labels that are among them; −1 for others."""
    place = torch.searchsorted(ids, labels).clamp(max=len(ids) - 1)
    return torch.where(ids[place] == labels, place, -1)
