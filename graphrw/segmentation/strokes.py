"""What of a segmentation depends on the strokes: the probabilities of labels in each region."""

from functools import partial

import torch
from torch import Tensor

from graphrw.build.votes import region_votes
from graphrw.core.reach import stranded
from graphrw.core.walk import Walk, walk
from graphrw.functional import hitting_probabilities
from graphrw.segmentation.colour_model import absorption, colour_likelihoods
from graphrw.segmentation.image_regions import ImageRegions
from graphrw.solvers import Solver

RATE = 0.003  # of absorption, for each unit of a region's extent: colours decide where no border does
STEPS = 3  # of sharpening
STEEP = 0.05  # the step of probability over an edge from which it is thinned out


def region_probabilities(
    regions: ImageRegions, seeds: Tensor, num_labels: int, *, colour_model: bool, solver: Solver
) -> Tensor:
    """(R, L) float64: where walkers from each region end, in strokes or, by their colour, on the way.

    Regions with strokes are seeds, of the label that has most pixels in them. A walker is absorbed at region i into
    label l with the rate a_il = ρ V_i^((d−1)/d) p(l | colour of i), V the volume in d dimensions. Then the walk is
    sharpened: edges where probabilities change by more than ε count less,

        w'_ij = w_ij ε / √(ε² + t_ij²),   t_ij = ½ Σ_l |z_il − z_jl|,

    three times, towards the least Σ w_ij ε² √(1 + t_ij² / ε²): labels come to change along few, weak borders, and not
    by degrees, which from short strokes would end too near to them.

    Args:
        regions: R of them.
        seeds: (\\*spatial) int64, the labels from 0 of pixels with strokes, −1 elsewhere.
        num_labels: L, each with a stroke.
        colour_model: whether colours absorb.
        solver: how to solve.
    """
    votes = region_votes(seeds, regions.segments, num_labels, ignore_index=-1)
    held = torch.where(votes.sum(1) > 0, votes.argmax(1), -1)
    if num_labels == 1:  # nothing to model, and nothing to compare
        colour_model = False
    rates = _rates(regions, seeds, num_labels) if colour_model else None
    # A walker whom neither a stroke nor a colour awaits is killed, so that its probabilities are 0.
    lost = (
        torch.zeros_like(held, dtype=torch.bool)
        if colour_model
        else stranded(Walk(regions.graph, regions.weight, torch.zeros_like(regions.volume)), held >= 0)
    )
    killing, weight = lost.double(), regions.weight
    solve = partial(hitting_probabilities, seeds=held, num_labels=num_labels, absorption=rates, solver=solver)
    for _ in range(STEPS):
        z = solve(walk(regions.graph, weight, killing))
        weight = regions.weight * _sharper(z, regions)
    return solve(walk(regions.graph, weight, killing))


def _rates(regions: ImageRegions, seeds: Tensor, num_labels: int) -> Tensor:
    seeded = seeds >= 0
    likelihoods = colour_likelihoods(regions.mean, regions.features[seeded], seeds[seeded], num_labels)
    axes = len(regions.spacing)
    return absorption(likelihoods, RATE * regions.volume ** ((axes - 1) / axes))


def _sharper(z: Tensor, regions: ImageRegions) -> Tensor:
    tail, head = regions.graph.edges
    step = (z[tail] - z[head]).abs().sum(1) / 2
    return STEEP / (STEEP**2 + step.square()).sqrt()
