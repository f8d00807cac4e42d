"""What of a segmentation depends on the strokes: the probabilities of labels in each region."""

from dataclasses import replace

import torch
from torch import Tensor

from graphrw.core.reach import stranded
from graphrw.core.walk import Walk, walk
from graphrw.functional import hitting_probabilities
from graphrw.functional.seeds import one_hot
from graphrw.segmentation.regions.absorption import absorption_rates
from graphrw.segmentation.regions.image_regions import ImageRegions
from graphrw.segmentation.regions.stroke_pixels import StrokePixels
from graphrw.segmentation.seeded_walk import SeededWalk
from graphrw.solvers import Auto, Solver

ROUNDS = 2  # of sharpening
STEEP = 0.1  # ε: the step of probability over an edge from which it is thinned out
DRAFT = 1e-3  # relative residual of probabilities that weights are sharpened by: a hundredth of ε is enough


def seeded_regions(regions: ImageRegions, strokes: StrokePixels, *, colour_model: bool) -> SeededWalk:
    """The walk over the regions with what the strokes say.

    Regions with strokes are seeds, of the label that has most pixels in them; `absorption_rates` says what absorbs.

    Args:
        regions: R of them.
        strokes: L labels on the image.
        colour_model: whether colours absorb.
    """
    num_labels = len(strokes.ids)
    region = regions.segments[strokes.where].long()
    votes = (region * num_labels + strokes.number).bincount(minlength=len(regions.mean) * num_labels)
    most, winner = votes.reshape(-1, num_labels).max(1)
    held = torch.where(most > 0, winner, -1)
    if bool((held >= 0).all()):  # nothing is left to label
        rates = regions.weight.new_zeros(len(held), num_labels)
    else:
        rates = absorption_rates(regions, strokes, held, colour_model=colour_model and num_labels > 1)
    # A walker whom nothing awaits is killed, so that its probabilities are 0.
    lost = stranded(Walk(regions.graph, regions.weight, rates.sum(1)), (held >= 0) | (rates.sum(1) > 0)).double()
    return SeededWalk(walk(regions.graph, regions.weight, lost), held, rates, regions.segments, strokes.ids)


def region_probabilities(seeded: SeededWalk, solver: Solver) -> Tensor:
    """(R, L) float64: where walkers from each region end, in strokes or absorbed on the way; 0 where they cannot end.

    The walk is sharpened: edges where probabilities change by more than ε count less,

        w'_ij = w_ij ε / √(ε² + t_ij²),   t_ij = ½ Σ_l |z_il − z_jl|,

    twice, on the way to the least Σ w_ij ε √(ε² + t_ij²): labels come to change along few, weak borders, and
    not by degrees. What weights are sharpened by is known to three digits, the answer to those that `solver` asks for.
    """
    held, weight = seeded.seeds, seeded.walk.weight
    if bool((held >= 0).all()):
        return one_hot(held, len(seeded.ids), weight)
    z = None
    for _ in range(ROUNDS):
        z = region_step(seeded, z, solver=on_regions(solver, DRAFT))
    return region_step(seeded, z, solver=on_regions(solver))


def on_regions(solver: Solver, at_least: float = 0.0) -> Solver:
    """`solver`; of `Auto` no factor, since each would serve for one solve, and absorption keeps iterations few.

    Args:
        solver: how to solve.
        at_least: relative residual of `Auto`; other solvers are taken as they are.
    """
    if not isinstance(solver, Auto):
        return solver
    return replace(solver, max_bytes=0.0, rtol=max(solver.rtol, at_least))


def region_step(seeded: SeededWalk, before: Tensor | None, *, solver: Solver) -> Tensor:
    """(R, L): hitting probabilities, of the walk sharpened by those `before`; differentiable."""
    moves = seeded.walk
    if before is not None:
        moves = walk(moves.graph, _sharper(moves, before), moves.killing)
    return hitting_probabilities(
        moves, seeded.seeds, len(seeded.ids), absorption=seeded.absorption, solver=solver, start=before
    )


def _sharper(moves: Walk, z: Tensor) -> Tensor:
    tail, head = moves.graph.edges
    change = (z[tail] - z[head]).abs().sum(1) / 2
    return moves.weight * STEEP / (STEEP**2 + change.square()).sqrt()
