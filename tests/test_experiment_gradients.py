"""Gradients that are not exact, as the ablations of the Learned Random Walker take them."""

import torch

from experiments.lrw.gradients import WithoutSeedEdges, partly_labelled, touching
from graphrw.models.examples import Piece
from graphrw.nn import HarmonicLabels


def test_edges_at_seeds_get_no_gradient_and_others_theirs():
    chance = torch.Generator().manual_seed(0)
    seeds = torch.full((1, 6, 7), -1)
    seeds[0, 1, 1], seeds[0, 4, 5] = 0, 1
    gradients, answers = [], []
    for layer in (HarmonicLabels(), WithoutSeedEdges()):
        weight = torch.rand(1, 2, 6, 7, generator=chance.manual_seed(0), dtype=torch.float64).requires_grad_()
        answer = layer(weight, seeds)
        answer[0, 0].square().sum().backward()
        gradients.append(weight.grad)
        answers.append(answer.detach())
    assert torch.equal(*answers)
    at_seeds = touching(seeds)
    assert int(at_seeds.sum()) == 8
    assert bool((gradients[0][at_seeds] != 0).all())
    assert torch.equal(torch.where(at_seeds, 0.0, gradients[0]), gradients[1])


def test_blocks_are_labelled_or_not():
    target = torch.zeros(1, 40, 40, dtype=torch.int64)
    part = partly_labelled(Piece(torch.zeros(1, 1, 40, 40), target, target), 0.5, step=3, seed=0)
    known = part.target[0] == 0
    assert 0 < int(known.sum()) < 1600
    assert bool((known[:16, :16] == known[0, 0]).all())
    assert bool((known[32:, 16:32] == known[32, 16]).all())
