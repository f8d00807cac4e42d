"""Which stages of the pretrained network, how wide their densities, and what edges see: chosen on training photographs.

Strokes that a robot makes against one method speak against that method. So that they speak against none of those that
are compared, the robot of `robot.py` plays against the watershed, and after 3, 6 and 10 of its clicks each candidate
answers to the same strokes, with features in full strength. The score is the mean intersection over union in per cent.

`experiments/README.md` says how to run this and which data it needs.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # so that the file runs by its path

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from experiments.data.strokes import OBJECT, SETS, Case
from experiments.interactive.clicks import watershed
from experiments.interactive.modelled import session_by
from experiments.interactive.pretrained import pretrained_features
from experiments.interactive.robot import Mask, known_pixels, overlap, play
from experiments.shared.command import Evaluation, option, parsed
from experiments.shared.results import paired_interval, table, write
from graphrw.segmentation.learning.edge_terms import edge_terms, region_features
from graphrw.segmentation.learning.learn import EDGE, FIXED, FULL, LearnedModel
from graphrw.segmentation.regions.image_regions import ImageRegions

AFTER = (3, 6, 10)  # clicks
SIGMA = 1.5  # of the watershed, as in `clicks.py`
ACROSS = 4.0  # pixels from a border, on both sides, where its features are compared: the finest stride


@dataclass(frozen=True)
class Candidate:
    """What regions are compared by."""

    stages: tuple[int, ...] = (4, 8, 16, 32)
    width: float = 0.1
    coefficients: tuple[float, ...] = FULL
    along_borders: bool = False  # whether edges have the features on both sides of a border, or the means of regions


def edges_at(strength: float) -> tuple[float, ...]:
    """`FULL`, with so much of the features in the weights of edges."""
    return (*FULL[: EDGE - 1], strength, *FULL[EDGE:])


CANDIDATES = {  # the first is what the others are compared with
    "strides 2 to 16, width 0.2": Candidate((2, 4, 8, 16), 0.2),
    "strides 4 to 32, width 0.2": Candidate(width=0.2),
    "strides 4 to 32, width 0.1": Candidate(),
    "strides 2 to 16, width 0.1": Candidate((2, 4, 8, 16)),
    "strides 8 and 16, width 0.1": Candidate((8, 16)),
    "strides 16 and 32, width 0.1": Candidate((16, 32)),
    "along borders": Candidate(along_borders=True),
    "along borders, 3 times": Candidate(along_borders=True, coefficients=edges_at(0.3)),
    "along borders, 10 times": Candidate(along_borders=True, coefficients=edges_at(1.0)),
    "no features": Candidate(coefficients=FIXED),
}


@dataclass(frozen=True, kw_only=True)
class Config(Evaluation):
    sets: tuple[str, ...] = option(("grabcut", "weizmann_horses"), "some", of=SETS)
    images: int = option(20, "of each set, at most")
    candidates: tuple[str, ...] = option(tuple(CANDIDATES), "some, the first to compare with", of=CANDIDATES)


def strokes_against_watershed(case: Case) -> list[tuple[int, Mask]]:
    """What the robot has clicked, label and pixels."""
    tool, made = watershed(case, SIGMA), []

    def click(label: int, where: Mask) -> Mask:
        made.append((label, where))
        return tool(label, where)

    play(click, case)
    return made


def model_by(candidate: Candidate, case: Case, regions: ImageRegions) -> LearnedModel:
    pixels = pretrained_features(case.image, candidate.stages)
    features = region_features(regions, pixels)
    edges = edge_terms(regions, features)
    if candidate.along_borders:
        along = features_along_borders(regions, pixels, otherwise=edges[:, EDGE - 1])
        edges = torch.cat([edges[:, : EDGE - 1], along[:, None]], dim=1)
    return LearnedModel(edges, features, candidate.coefficients, candidate.width)


def features_along_borders(regions: ImageRegions, features: Tensor, *, otherwise: Tensor) -> Tensor:
    """(E,): |F − F'|² over its mean, the mean over the pixels of a border, of features (C, h, w) on its two sides;
    what `otherwise` (E,) has where regions do not touch."""
    count, (height, width) = len(regions.mean), regions.segments.shape
    keys, apart = [], []
    for axis, step in enumerate(((1, 0), (0, 1))):
        first, second = (regions.segments.long().narrow(axis, begin, (height, width)[axis] - 1) for begin in (0, 1))
        across = ((first != second) & (first >= 0) & (second >= 0)).nonzero()
        a, b = first[*across.T], second[*across.T]
        keys.append(torch.minimum(a, b) * count + torch.maximum(a, b))
        reach = torch.tensor(step) * ACROSS
        here, there = (_at(features, across + shift, (height, width)) for shift in (-reach, reach + torch.tensor(step)))
        apart.append((here - there).square().sum(0).double())
    tail, head = regions.graph.edges
    edge = torch.minimum(tail, head) * count + torch.maximum(tail, head)
    pairs, place = torch.cat(keys).unique(return_inverse=True)
    mean = torch.zeros(len(pairs), dtype=torch.float64).index_add(0, place, torch.cat(apart)) / place.bincount()
    found = torch.searchsorted(pairs, edge).clamp(max=len(pairs) - 1)
    return torch.where(pairs[found] == edge, mean[found] / mean.mean(), otherwise)


def _at(features: Tensor, places: Tensor, shape: tuple[int, int]) -> Tensor:
    """(C, P): `features` (C, h, w), stretched over an image of this shape, at its `places` (P, 2)."""
    scaled = (places.float() + 0.5) / torch.tensor(shape) * 2 - 1  # −1 and 1 are the outer rims
    grid = scaled.flip(1)[None, None]  # columns come first
    return grid_sample(features[None], grid, padding_mode="border", align_corners=False)[0, :, 0]


def score(case: Case, strokes: list[tuple[int, Mask]], candidate: Candidate) -> float:
    """The mean over some numbers of strokes."""
    session, found = session_by(case, partial(model_by, candidate, case)), []
    for number, stroke in enumerate(strokes, 1):
        session.paint(*stroke)
        if number in AFTER:
            found.append(overlap(session.labels == OBJECT, case.truth, known_pixels(case)))
    return float(np.mean(found or [overlap(session.labels == OBJECT, case.truth, known_pixels(case))]))


def main(arguments: list[str] | None = None) -> None:
    config = parsed(Config, __doc__, arguments)
    lines = []
    for name in config.sets:
        reader, kinds = SETS[name]
        scores: dict[str, list[float]] = {candidate: [] for candidate in config.candidates}
        for case in list(reader(config.data, config.split, kinds[0]))[: config.images]:
            strokes = strokes_against_watershed(case)
            for candidate in config.candidates:
                scores[candidate].append(score(case, strokes, CANDIDATES[candidate]))
        first = next(iter(scores.values()))
        for candidate, found in scores.items():
            low, high = paired_interval(found, first)
            more = f"{np.mean(found) - np.mean(first):.1f} ({low:.1f} … {high:.1f})"
            lines.append(
                {"set": f"{name} ({len(found)})", "features": candidate, "IoU": float(np.mean(found)), "more": more}
            )
    print(table(lines, digits=1))
    write(config.out, config, lines)


if __name__ == "__main__":
    main()
