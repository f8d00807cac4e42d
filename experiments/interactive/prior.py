"""Where `Session.learn` begins, chosen on GrabCut's training photographs: pretrained features, coefficients by hand.

The robot of `robot.py` plays with each of the candidates as they are, and clicks are counted. With `--fit` it plays
with fixed weights instead; after 3, 5, 8 and 12 clicks its strokes are kept, and Adam raises the overlap
Σ z t / Σ (z + t − z t), z the probability of the object after sharpening and t the truth, over all coefficients.

`experiments/README.md` says how to run this and which data it needs.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # so that the file runs by its path

from dataclasses import dataclass
from time import process_time

import numpy as np
import torch
from torch import Tensor

import graphrw as rw
from experiments.data.strokes import BACKGROUND, OBJECT, SETS, Case
from experiments.interactive.clicks import channel_axis, in_session
from experiments.interactive.pretrained import pretrained_features
from experiments.interactive.robot import GOALS, Tool, disc, known_pixels, play, worst_place
from experiments.shared.command import Command, option, parsed
from graphrw.segmentation.labelling import region_labeller
from graphrw.segmentation.learning import learn as learning
from graphrw.segmentation.learning.edge_terms import region_features
from graphrw.segmentation.learning.label_terms import label_terms
from graphrw.segmentation.regions.image_regions import ImageRegions
from graphrw.segmentation.regions.stroke_pixels import stroke_pixels
from graphrw.segmentation.regions.strokes import ROUNDS, region_step, seeded_regions
from graphrw.segmentation.seeded_walk import SeededWalk
from graphrw.solvers import Auto

CANDIDATES = {
    "fixed weights": learning.FIXED,
    "features": (1.0, 0.0, 0.0, 1.0, 0.2, 10.0, 0.2, 3.0, 0.05),
    "features, edges": (1.0, 0.1, 0.1, 1.0, 0.2, 10.0, 0.2, 3.0, 0.05),
    "more features": (1.0, 0.0, 0.0, 1.0, 0.2, 10.0, 0.5, 8.0, 0.05),
    "more features, edges": (1.0, 0.1, 0.1, 1.0, 0.2, 10.0, 0.5, 8.0, 0.05),
    "more features, fewer colours": (1.0, 0.1, 0.1, 1.0, 0.2, 5.0, 0.5, 5.0, 0.05),
    "harder edges": (2.0, 0.3, 0.3, 1.0, 0.2, 10.0, 0.3, 5.0, 0.1),
    "fitted through the walk": (40.0, 3.0, 8.0, 0.6, 2.0, 19.0, 0.35, 11.0, 3.0),
}
AFTER = (3, 5, 8, 12)  # clicks
BATCH = 5


@dataclass(frozen=True, kw_only=True)
class Config(Command):
    steps: int = option(60, "of Adam")
    images: int = option(1000, "at most")
    features: bool = option(True, "with pretrained features")
    fit: bool = option(False, "fit coefficients through the walk, and show them")


@dataclass(frozen=True)
class State:
    """A photograph with strokes on it."""

    model: learning.LearnedModel
    regions: ImageRegions
    seeded: SeededWalk
    terms: Tensor
    truth: Tensor  # (R, 2): pixels of object and background in each region

    def loss(self, coefficients: Tensor) -> Tensor:
        moves = self.model.at(coefficients).walk(self.regions, self.seeded, self.terms)
        z = region_step(moves, None, solver=Auto(rtol=1e-6))
        for _ in range(ROUNDS):
            z = region_step(moves, z, solver=Auto(rtol=1e-6))
        both = (z[:, 0] * self.truth[:, 0]).sum()
        return 1 - both / (self.truth[:, 0].sum() + (z[:, 0] * self.truth[:, 1]).sum())


def states(case: Case, *, with_features: bool) -> list[State]:
    session, known = rw.Session(case.image, channel_axis(case), band=0), known_pixels(case)
    regions = session._regions
    features = region_features(regions, pretrained_features(case.image)) if with_features else None
    model, found = learning.start_model(regions, features), np.zeros_like(case.truth)
    node, kept = regions.segments[torch.from_numpy(known)].long(), []
    inside = torch.from_numpy(case.truth[known])
    truth = torch.stack([node[side].bincount(minlength=len(regions.mean)) for side in (inside, ~inside)], 1).double()
    for click in range(1, max(AFTER) + 1):
        place = worst_place(found, case.truth, known)
        if place is None:
            break
        alike = case.truth == case.truth[place]
        session.paint(OBJECT if case.truth[place] else BACKGROUND, disc(place, alike.shape) & alike & known)
        found = session.labels == OBJECT
        if click in AFTER:
            strokes = stroke_pixels(torch.from_numpy(session.strokes), regions.inside)
            seeded = seeded_regions(regions, strokes, colour_model=False)
            kept.append(State(model, regions, seeded, label_terms(regions, strokes, seeded.seeds, features), truth))
    return kept


def with_coefficients(case: Case, coefficients: tuple[float, ...]) -> Tool:
    session = rw.Session(case.image, channel_axis(case))
    features = region_features(session._regions, pretrained_features(case.image))
    model = learning.start_model(session._regions, features).at(torch.tensor(coefficients, dtype=torch.float64))
    session._label = region_labeller(session._regions, session._options, session._solver, model)
    return in_session(session)


def compare(cases: list[Case]) -> None:
    """The mean clicks of every candidate."""
    for name, coefficients in CANDIDATES.items():
        games = [play(with_coefficients(case, coefficients), case) for case in cases]
        means = [np.mean([game.clicks(goal) for game in games]) for goal in GOALS]
        print(f"{name}: {means[0]:.2f} to {GOALS[0]} %, {means[1]:.2f} to {GOALS[1]} %", flush=True)


def main() -> None:
    config = parsed(Config, __doc__)
    cases = list(SETS["grabcut"][0](config.data, "train", "robot"))[: config.images]
    if not config.fit:
        return compare(cases)
    played = [state for case in cases for state in states(case, with_features=config.features)]
    print(f"{len(played)} states, {process_time():.0f} s of the processor", flush=True)
    start = played[0].model.coefficients
    there, chance, losses = start > 0, torch.Generator().manual_seed(0), []
    logarithm = start[there].log().requires_grad_()
    adam = torch.optim.Adam([logarithm], lr=0.1, betas=(0.9, 0.95))
    for step in range(config.steps):
        adam.zero_grad()
        coefficients = torch.zeros_like(start).masked_scatter(there, logarithm.exp())
        batch = [played[place] for place in torch.randint(len(played), (BATCH,), generator=chance).tolist()]
        loss = torch.stack([state.loss(coefficients) for state in batch]).mean()
        loss.backward()
        adam.step()
        losses.append(float(loss.detach()))
        if step % 10 == 9:
            shown = ", ".join(f"{value:.3g}" for value in coefficients.tolist())
            print(f"{step + 1}: {np.mean(losses[-10:]):.4f} at {shown}; {process_time():.0f} s", flush=True)
    return None


if __name__ == "__main__":
    main()
