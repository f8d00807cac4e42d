"""Weights of edges and of absorption that fit the strokes on one image, learned through the walk."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from graphrw.core.walk import Walk, walk
from graphrw.functional.seed_network import SeededAnswer
from graphrw.segmentation.learning.edge_terms import edge_terms
from graphrw.segmentation.learning.label_terms import label_terms
from graphrw.segmentation.learning.stroke_influence import stroke_groups
from graphrw.segmentation.regions.absorption import COLOUR, COLOUR_PATH, RATE, extent
from graphrw.segmentation.regions.image_regions import FLOOR, ImageRegions
from graphrw.segmentation.regions.stroke_pixels import StrokePixels, stroke_pixels
from graphrw.segmentation.regions.strokes import seeded_regions
from graphrw.segmentation.seeded_walk import SeededWalk, for_many_columns

EDGE = 3  # coefficients of edges: of colours, of the contrast along borders, of features
# Coefficients: those of edges; of ways, colours, ways over colours, features, ways over features; the rate.
FIXED = (1.0, 0.0, 0.0, 1.0, COLOUR, COLOUR_PATH, 0.0, 0.0, RATE)
# What learning begins with, and is drawn to: fixed weights, and a little of each other term.
PRIOR = (1.0, 0.1, 0.1, 1.0, COLOUR, COLOUR_PATH, 0.5, 8.0, RATE)
WITHOUT_FEATURES = (1.0, 0.1, 0.0, 1.0, COLOUR, COLOUR_PATH, 0.0, 0.0, RATE)
STEPS, RATE_OF_STEPS = 4, 0.25  # of Adam, on the logarithms of coefficients
DRAWN = 0.05  # how much a squared logarithm away from the prior costs, beside the mean log-likelihood of strokes
HELD_OUT = 10  # strokes, at most, the last ones
MARGIN = 0.1  # nats a stroke: by so much fixed weights must be better to be kept
STRENGTHS = (1.0, 0.5)
RTOL = 1e-6


@dataclass(frozen=True, eq=False)
class LearnedModel:
    """A walk over regions with weights w = ℓ exp(−Σ_k c_k x_k), whose absorption has learned shares and rate."""

    coefficients: Tensor  # (9,) ≥ 0, as in `FIXED`
    edges: Tensor  # (E, 3): x, of the image alone
    features: Tensor | None  # (R, C) of regions

    def __call__(self, regions: ImageRegions, strokes: StrokePixels) -> SeededWalk:
        """The walk with what the strokes say."""
        seeded = seeded_regions(regions, strokes, colour_model=False)
        if len(strokes.ids) < 2 or bool((seeded.seeds >= 0).all()):
            return seeded
        terms = label_terms(regions, strokes, seeded.seeds, self.features)
        return self.walk(regions, seeded, terms)

    def walk(self, regions: ImageRegions, seeded: SeededWalk, terms: Tensor) -> SeededWalk:
        """That of `seeded`, with weights from edges and rates from `terms` (5, R, L)."""
        c = self.coefficients
        weight = regions.length * torch.exp(-(self.edges @ c[:EDGE])) + FLOOR * regions.length.mean()
        rates = torch.tensordot(c[EDGE:-1], terms, 1).softmax(1) * (c[-1] * extent(regions))[:, None]
        return replace(seeded, walk=walk(regions.graph, weight, seeded.walk.killing), absorption=rates)

    def at(self, coefficients: Tensor) -> "LearnedModel":
        """The same with other coefficients."""
        return replace(self, coefficients=coefficients)


@dataclass(frozen=True)
class Learned:
    """What `Session.learn` has found."""

    strength: float  # 0: fixed weights are better; ½: halfway to what was learned; 1
    before: float | None  # the mean log-probability of strokes held out, with fixed weights; None: too few
    after: float | None  # … with what is used now
    coefficients: tuple[float, ...]

    def __bool__(self) -> bool:
        return self.strength > 0


def start_model(regions: ImageRegions, features: Tensor | None) -> LearnedModel:
    """The model that learning begins with."""
    prior = torch.tensor(WITHOUT_FEATURES if features is None else PRIOR, dtype=torch.float64)
    return LearnedModel(prior, edge_terms(regions, features), features)


def learn(
    model: LearnedModel, regions: ImageRegions, labels: Tensor, owner: Tensor
) -> tuple[LearnedModel | None, Learned]:
    """The coefficients under which each stroke is most probable, told by all others; None if fixed ones are better.

    Args:
        model: to begin with.
        regions: of the image.
        labels: (\\*spatial) int64: what is painted.
        owner: (\\*spatial) int64: the number of the stroke on each pixel.

    Raises:
        ValueError: if nothing is painted.
    """
    problem = _held_out(model, regions, labels, owner)
    prior, fixed = model.coefficients, torch.tensor(FIXED, dtype=torch.float64)
    if problem is None:
        return model, Learned(1.0, None, None, tuple(prior.tolist()))
    fitted = _fitted(problem, prior)
    with torch.no_grad():
        before = float(problem(fixed))
        scores = {strength: float(problem(fixed + strength * (fitted - fixed))) for strength in STRENGTHS}
    strength = max(scores, key=lambda each: scores[each])
    if before > scores[strength] + MARGIN:
        return None, Learned(0.0, before, before, FIXED)
    used = fixed + strength * (fitted - fixed)
    return model.at(used), Learned(strength, before, scores[strength], tuple(used.tolist()))


def _fitted(problem: Callable[[Tensor], Tensor], prior: Tensor) -> Tensor:
    """The best coefficients that a few steps of Adam come by."""
    there = prior > 0
    start = prior[there].log()
    logarithm = start.clone().requires_grad_()
    adam = torch.optim.Adam([logarithm], lr=RATE_OF_STEPS)
    best, found = -float("inf"), prior
    for _ in range(STEPS):
        adam.zero_grad()
        coefficients = torch.zeros_like(prior).masked_scatter(there, logarithm.exp())
        score = problem(coefficients) - DRAWN * (logarithm - start).square().sum()
        if float(score.detach()) > best:
            best, found = float(score.detach()), coefficients.detach()
        (-score).backward()
        adam.step()
    return found


def _held_out(
    model: LearnedModel, regions: ImageRegions, labels: Tensor, owner: Tensor
) -> Callable[[Tensor], Tensor] | None:
    """The mean log-probability of strokes, each told by the others, by coefficients; None where nothing tells any."""
    painted = stroke_pixels(labels, regions.inside)
    seeded = seeded_regions(regions, painted, colour_model=False)
    groups = stroke_groups(seeded, owner.reshape(-1), labels.reshape(-1))
    terms = label_terms(regions, painted, seeded.seeds, model.features)
    held = []
    for group in range(max(0, len(groups.strokes) - HELD_OUT), len(groups.strokes)):
        nodes = (groups.groups == group).nonzero().squeeze(1)
        others = torch.where(owner == groups.strokes[group], 0, labels)
        strokes = stroke_pixels(others, regions.inside) if bool((others > 0).any()) else None
        if strokes is None or len(strokes.ids) < len(seeded.ids):
            continue  # nothing would tell its label
        free = seeded.seeds.index_fill(0, nodes, -1)
        terms[:, nodes] = label_terms(regions, strokes, free, model.features)[:, nodes]
        held.append(nodes)
    if not held:
        return None

    solver = for_many_columns(len(seeded.seeds), RTOL)

    def problem(coefficients: Tensor) -> Tensor:
        moves = model.at(coefficients).walk(regions, seeded, terms)
        killed = Walk(moves.walk.graph, moves.walk.weight, moves.walk.killing + moves.absorption.sum(1))
        answer = SeededAnswer.of(killed, moves.seeds, moves.absorption, solver)
        return answer.network(held).likelihood().mean()

    return problem
