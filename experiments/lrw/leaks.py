"""Learning from the seeds from which a walk leaks most."""

from dataclasses import replace

import torch

from graphrw.models import LearnedRandomWalker
from graphrw.models.examples import CLOSED, Piece, step_loss
from graphrw.models.seeds import block_maximum, lost_labels
from graphrw.partition import oracle_seeds


def hardest(model: LearnedRandomWalker, part: Piece, draws: int, step: int, seed: int) -> Piece:
    """The same piece with the seeds, of so many draws, from which the walk is most wrong."""
    if draws == 1:
        return part
    generator = torch.Generator().manual_seed(1000003 * seed + step)
    parts = [part]
    for _ in range(draws - 1):
        segments = torch.where(part.target == CLOSED, -1, part.target)
        seeds = oracle_seeds(segments[0], ignore_index=-1, generator=generator)[None]
        if not lost_labels(seeds[0], block_maximum(seeds, model.stride)):  # else two of them share a node of the walk
            parts.append(replace(part, seeds=seeds))
    with torch.no_grad():
        return max(parts, key=lambda one: float(step_loss(model, one, side=0)))
