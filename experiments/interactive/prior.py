"""How much of what features say, chosen on training photographs by the clicks of the robot: `FULL` of `learn.py`.

The robot of `robot.py` plays with each of the candidates as they are, in full strength from the first click, and clicks
are counted.

`experiments/README.md` says how to run this and which data it needs.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # so that the file runs by its path

from dataclasses import dataclass

import numpy as np

from experiments.data.strokes import SETS, Case
from experiments.interactive.clicks import in_session
from experiments.interactive.modelled import session_by
from experiments.interactive.pretrained import pretrained_features
from experiments.interactive.robot import GOALS, play
from experiments.shared.command import Command, option, parsed
from graphrw.segmentation.learning import learn as learning
from graphrw.segmentation.learning.edge_terms import edge_terms, region_features
from graphrw.segmentation.regions.image_regions import ImageRegions

CANDIDATES = {
    "fixed weights": learning.FIXED,
    "features": (1.0, 0.0, 0.0, 1.0, 1.5, 5.0, 0.5, 8.0),
    "more features": (1.0, 0.0, 0.0, 1.0, 1.5, 5.0, 1.0, 8.0),
    "features, edges": learning.FULL,
    "edges alone": (1.0, 0.1, 0.1, 1.0, 1.5, 5.0, 0.0, 0.0),
    "features, harder edges": (1.0, 0.3, 0.3, 1.0, 1.5, 5.0, 0.5, 8.0),
}


@dataclass(frozen=True, kw_only=True)
class Config(Command):
    sets: tuple[str, ...] = option(("grabcut", "weizmann_horses"), "some", of=SETS)
    images: int = option(20, "of each set, at most")


def clicks(case: Case, coefficients: tuple[float, ...]) -> list[int]:
    """How many to each goal."""

    def model_of(regions: ImageRegions) -> learning.LearnedModel:
        features = region_features(regions, pretrained_features(case.image))
        return learning.LearnedModel(edge_terms(regions, features), features, coefficients)

    game = play(in_session(session_by(case, model_of)), case)
    return [game.clicks(goal) for goal in GOALS]


def main(arguments: list[str] | None = None) -> None:
    config = parsed(Config, __doc__, arguments)
    for name in config.sets:
        reader, kinds = SETS[name]
        cases = list(reader(config.data, "train", kinds[0]))[: config.images]
        for what, coefficients in CANDIDATES.items():
            means = np.mean([clicks(case, coefficients) for case in cases], axis=0)
            print(f"{name}, {what}: {means[0]:.2f} to {GOALS[0]} %, {means[1]:.2f} to {GOALS[1]} %", flush=True)


if __name__ == "__main__":
    main()
