"""Features of an image, compared with the strokes on it as colours are, as far as the strokes bear them out."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from graphrw.core.walk import walk
from graphrw.functional.seed_network import LEAST
from graphrw.segmentation.learning.edge_terms import edge_terms
from graphrw.segmentation.learning.label_terms import label_terms
from graphrw.segmentation.regions.absorption import COLOUR, COLOUR_PATH, RATE, extent
from graphrw.segmentation.regions.image_regions import FLOOR, ImageRegions
from graphrw.segmentation.regions.stroke_pixels import StrokePixels, stroke_pixels
from graphrw.segmentation.regions.strokes import on_regions, region_step, seeded_regions
from graphrw.segmentation.seeded_walk import SeededWalk
from graphrw.solvers import Auto

EDGE = 3  # coefficients of edges: of colours, of the contrast along borders, of features
# Coefficients: those of edges; of ways, colours, ways over colours, features, ways over features.
FIXED = (1.0, 0.0, 0.0, 1.0, COLOUR, COLOUR_PATH, 0.0, 0.0)
# Chosen by `experiments/interactive/prior.py`. Steps of Adam from here, on the likelihood of strokes held out, were
# tried and took more clicks: a person clicks where the answer is wrong, so that strokes speak against any weights that
# they were made with.
FULL = (1.0, 0.1, 0.1, 1.0, COLOUR, COLOUR_PATH, 0.5, 8.0)
WIDTH = 0.1  # of the densities of features, in their root mean squares; by `experiments/interactive/features.py`
STRENGTHS = (1.0, 0.5, 0.0)
MARGIN = 0.1  # nats a stroke: by so much less must be better to be taken
HELD_OUT = 10  # strokes, at most, the last ones
SOLVER = on_regions(Auto(rtol=1e-3))


@dataclass(frozen=True, eq=False)
class LearnedModel:
    """A walk over regions with weights w = ℓ exp(−Σ_k c_k x_k), which is absorbed by features, too."""

    edges: Tensor  # (E, 3): x, of the image alone
    features: Tensor  # (R, C) of regions
    coefficients: tuple[float, ...] = FULL
    width: float = WIDTH

    def __call__(self, regions: ImageRegions, strokes: StrokePixels) -> SeededWalk:
        """The walk with what the strokes say."""
        seeded = seeded_regions(regions, strokes, colour_model=False)
        if len(strokes.ids) < 2 or bool((seeded.seeds >= 0).all()):
            return seeded
        terms = label_terms(regions, strokes, seeded.seeds, self.features, width=self.width)
        return self.walk(regions, seeded, terms)

    def walk(self, regions: ImageRegions, seeded: SeededWalk, terms: Tensor) -> SeededWalk:
        """That of `seeded`, with weights from edges and rates from `terms` (5, R, L)."""
        c = torch.tensor(self.coefficients, dtype=torch.float64)
        weight = regions.length * torch.exp(-(self.edges @ c[:EDGE])) + FLOOR * regions.length.mean()
        rates = torch.tensordot(c[EDGE:], terms, 1).softmax(1) * (RATE * extent(regions))[:, None]
        return replace(seeded, walk=walk(regions.graph, weight, seeded.walk.killing), absorption=rates)

    def at(self, strength: float) -> "LearnedModel":
        """With so much of what features say: from 0, fixed weights, to 1."""
        mixed = tuple(fixed + strength * (full - fixed) for fixed, full in zip(FIXED, FULL, strict=True))
        return replace(self, coefficients=mixed)


@dataclass(frozen=True)
class Learned:
    """What `Session.learn` has found."""

    strength: float  # 0: fixed weights are better; ½: halfway to all that features say; 1
    before: float | None  # the mean log-probability of strokes held out, with fixed weights; None: too few
    after: float | None  # … with what is used now

    def __bool__(self) -> bool:
        return self.strength > 0


def learn(
    regions: ImageRegions, features: Tensor, labels: Tensor, owner: Tensor
) -> tuple[LearnedModel | None, Learned]:
    """How strongly features shall count, so that each stroke is probable, told by all others; None: not at all.

    Args:
        regions: of the image.
        features: (R, C) of the regions.
        labels: (\\*spatial) int64: what is painted.
        owner: (\\*spatial) int64: the number of the stroke on each pixel.

    Raises:
        ValueError: if nothing is painted.
    """
    model = LearnedModel(edge_terms(regions, features), features)
    last = owner[owner >= 0].unique()[-HELD_OUT:] if len(stroke_pixels(labels, regions.inside).ids) > 1 else []
    told = [told_by_others(model, regions, labels, owner == stroke) for stroke in last]
    known = [each for each in told if each is not None]
    if not known:
        return model, Learned(1.0, None, None)
    scores = dict(zip(STRENGTHS, torch.stack(known).mean(0).tolist(), strict=True))
    strength = next(each for each in STRENGTHS if scores[each] >= max(scores.values()) - MARGIN)
    found = Learned(strength, scores[0.0], scores[strength])
    return (model.at(strength) if found else None), found


def told_by_others(model: LearnedModel, regions: ImageRegions, labels: Tensor, stroke: Tensor) -> Tensor | None:
    """(strengths,): the mean log-probability of a stroke's label in its regions, on a walk that does not know it.

    None where nothing tells: no other stroke has the label, or others hold all of the regions.
    """
    others = torch.where(stroke, 0, labels)
    label = labels[stroke][0]
    if not bool((others == label).any()):
        return None
    strokes = stroke_pixels(others, regions.inside)
    seeded = seeded_regions(regions, strokes, colour_model=False)
    nodes = regions.segments[stroke & regions.inside].long().unique()
    nodes = nodes[seeded.seeds[nodes] < 0]
    if len(nodes) == 0:
        return None
    terms = label_terms(regions, strokes, seeded.seeds, model.features, width=model.width)
    walks = [model.at(strength).walk(regions, seeded, terms) for strength in STRENGTHS]
    own = [region_step(each, None, solver=SOLVER)[nodes][:, strokes.ids == label] for each in walks]
    return torch.stack(own).clamp(min=LEAST).log().mean((1, 2))
