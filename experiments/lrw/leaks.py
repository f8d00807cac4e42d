"""Leads against leaks: learning from what the variation of information counts, and from seeds that leak most."""

from dataclasses import replace

import torch
from torch import Tensor

from graphrw.losses import cross_entropy
from graphrw.models import LearnedRandomWalker
from graphrw.models.examples import CLOSED, Piece, step_loss
from graphrw.models.seeds import block_maximum, lost_labels
from graphrw.partition import oracle_seeds


def expected_variation(probability: Tensor, target: Tensor) -> Tensor:
    """H(L | S) + H(S | L) in bits, of a label L drawn at each pixel from what the walk says, and its true segment S.

    A leak is a pair (segment, label) that holds many pixels: the logarithm of its count makes it dear, where a mean
    over pixels does not tell it from as many mistakes here and there.

    Args:
        probability: (1, L, *shape), each pixel's distribution.
        target: int64 (1, *shape); pixels without a label are negative.

    >>> halves = torch.tensor([[[0, 0, 1, 1]]])
    >>> expected_variation(torch.nn.functional.one_hot(halves, 2).movedim(-1, 1).float(), halves)
    tensor(0.)
    >>> expected_variation(torch.full((1, 2, 1, 4), 0.5), halves)
    tensor(2.)
    """
    known = target[0] >= 0
    rows, right = probability[0].movedim(0, -1)[known], target[0][known]
    pairs = rows.new_zeros(int(right.max()) + 1, rows.shape[1]).index_add(0, right, rows) / len(right)
    return 2 * _bits(pairs) - _bits(pairs.sum(0)) - _bits(pairs.sum(1))


def _bits(share: Tensor) -> Tensor:
    return -(share * share.clamp(min=torch.finfo(share.dtype).tiny).log2()).sum()


def variation_loss(model: LearnedRandomWalker, part: Piece, *, weight: float, side: float) -> Tensor:
    """That of `step_loss`, and beside it the expected variation, times a weight."""
    device = next(model.parameters()).device
    image, target = part.image.to(device), part.target.to(device)
    labels = torch.where(target == CLOSED, -1, target)
    probability = model(image, part.seeds.to(device))
    fit = cross_entropy(probability, labels) + weight * expected_variation(probability, labels)
    return fit + side * model.edge_loss(image, target, closed_index=CLOSED) if side else fit


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
