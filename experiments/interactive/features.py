"""Which stages of the pretrained network, and how wide their densities: chosen on training photographs.

Strokes that a robot makes against one method speak against that method. So that they speak against none of those that
are compared, the robot of `robot.py` plays against the watershed, and after 3, 6 and 10 of its clicks each candidate
answers to the same strokes, with features in full strength. The score is the mean intersection over union in per cent.

`experiments/README.md` says how to run this and which data it needs.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # so that the file runs by its path

from dataclasses import dataclass

import numpy as np

import graphrw as rw
from experiments.data.strokes import OBJECT, SETS, Case
from experiments.interactive.clicks import channel_axis, watershed
from experiments.interactive.pretrained import pretrained_features
from experiments.interactive.robot import Mask, known_pixels, overlap, play
from experiments.shared.command import Evaluation, option, parsed
from experiments.shared.results import paired_interval, table, write
from graphrw.segmentation.labelling import region_labeller
from graphrw.segmentation.learning import label_terms
from graphrw.segmentation.learning.edge_terms import edge_terms, region_features
from graphrw.segmentation.learning.learn import LearnedModel

AFTER = (3, 6, 10)  # clicks
SIGMA = 1.5  # of the watershed, as in `clicks.py`
CANDIDATES = {  # stages of the network, and `label_terms.WIDTH`; the first is what the others are compared with
    "strides 2 to 16, width 0.2": ((2, 4, 8, 16), 0.2),
    "strides 4 to 32, width 0.2": ((4, 8, 16, 32), 0.2),
    "strides 4 to 32, width 0.1": ((4, 8, 16, 32), 0.1),
    "strides 2 to 16, width 0.1": ((2, 4, 8, 16), 0.1),
    "strides 8 and 16, width 0.1": ((8, 16), 0.1),
    "strides 16 and 32, width 0.1": ((16, 32), 0.1),
    "no features": None,
}


@dataclass(frozen=True, kw_only=True)
class Config(Evaluation):
    sets: tuple[str, ...] = option(("grabcut", "weizmann_horses"), "some")
    images: int = option(20, "of each set, at most")


def strokes_against_watershed(case: Case) -> list[tuple[int, Mask]]:
    """What the robot has clicked, label and pixels."""
    tool, made = watershed(case, SIGMA), []

    def click(label: int, where: Mask) -> Mask:
        made.append((label, where))
        return tool(label, where)

    play(click, case)
    return made


def score(case: Case, strokes: list[tuple[int, Mask]], candidate: tuple[tuple[int, ...], float] | None) -> float:
    """The mean over some numbers of strokes."""
    session, found = rw.Session(case.image, channel_axis(case)), []
    if candidate is not None:
        stages, label_terms.WIDTH = candidate
        features = region_features(session._regions, pretrained_features(case.image, stages))
        model = LearnedModel(edge_terms(session._regions, features), features)
        session._label = region_labeller(session._regions, session._options, session._solver, model)
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
        scores: dict[str, list[float]] = {candidate: [] for candidate in CANDIDATES}
        for case in list(reader(config.data, config.split, kinds[0]))[: config.images]:
            strokes = strokes_against_watershed(case)
            for candidate, choice in CANDIDATES.items():
                scores[candidate].append(score(case, strokes, choice))
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
