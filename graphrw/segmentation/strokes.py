"""What of a segmentation depends on the strokes: the probabilities of labels in each region."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from graphrw.core.progress import silent
from graphrw.core.reach import stranded
from graphrw.core.walk import Walk, walk
from graphrw.functional import hitting_probabilities
from graphrw.functional.seeds import one_hot
from graphrw.segmentation.absorption import absorption_rates
from graphrw.segmentation.image_regions import ImageRegions
from graphrw.segmentation.stroke_pixels import StrokePixels
from graphrw.solvers import Auto, Solver

ROUNDS = 2  # of sharpening
STEEP = 0.1  # ε: the step of probability over an edge from which it is thinned out


def region_probabilities(
    regions: ImageRegions,
    strokes: StrokePixels,
    *,
    colour_model: bool,
    solver: Solver,
    progress: Callable[[str], None] = silent,
) -> Tensor:
    """(R, L) float64: where walkers from each region end, in strokes or absorbed on the way; 0 where they cannot end.

    Regions with strokes are seeds, of the label that has most pixels in them; `absorption_rates` says what absorbs.
    Then the walk is sharpened: edges where probabilities change by more than ε count less,

        w'_ij = w_ij ε / √(ε² + t_ij²),   t_ij = ½ Σ_l |z_il − z_jl|,

    twice, on the way to the least Σ w_ij ε √(ε² + t_ij²): labels come to change along few, weak borders, and
    not by degrees.

    Args:
        regions: R of them.
        strokes: L labels on the image.
        colour_model: whether colours absorb.
        solver: how to solve.
        progress: told when what absorbs is known, and the walk comes.
    """
    num_labels = len(strokes.ids)
    region = regions.segments[strokes.where].long()
    votes = (region * num_labels + strokes.number).bincount(minlength=len(regions.mean) * num_labels)
    most, winner = votes.reshape(-1, num_labels).max(1)
    held = torch.where(most > 0, winner, -1)
    if bool((held >= 0).all()):  # nothing is left to label
        return one_hot(held, num_labels, regions.weight)
    rates = absorption_rates(regions, strokes, held, colour_model=colour_model and num_labels > 1)
    progress("walking over the regions")
    # A walker whom nothing awaits is killed, so that its probabilities are 0.
    lost = stranded(Walk(regions.graph, regions.weight, rates.sum(1)), (held >= 0) | (rates.sum(1) > 0)).double()
    solve = partial(
        hitting_probabilities,
        seeds=held,
        num_labels=num_labels,
        absorption=rates,
        solver=on_regions(solver),
    )
    z = solve(walk(regions.graph, regions.weight, lost))
    for _ in range(ROUNDS):
        z = solve(walk(regions.graph, _sharper(regions, z), lost), start=z)
    return z


def on_regions(solver: Solver) -> Solver:
    """`solver`; of `Auto` no factor, since each would serve for one solve, and absorption keeps iterations few."""
    return replace(solver, max_bytes=0.0) if isinstance(solver, Auto) else solver


def _sharper(regions: ImageRegions, z: Tensor) -> Tensor:
    tail, head = regions.graph.edges
    change = (z[tail] - z[head]).abs().sum(1) / 2
    return regions.weight * STEEP / (STEEP**2 + change.square()).sqrt()
