"""One wrong stroke among right ones: is it found?

The right strokes are clicks that a computer makes: spread over object and background (five each, as the readers of
the sets make them), or those of the robot in `robot.py` (`--robot N`), which clicks where the answer is wrong, so that
right strokes are as surprising as the wrong one. A disc of the same size is then planted somewhere at random, at least
its radius away from where its label would be right. Strokes are ranked by `Session.suspects`, by how little the others
agree with them, by how much the answer changes without them, and by the entropy around them.

`experiments/README.md` says how to run this and which data it needs.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # so that the file runs by its path

from collections.abc import Iterator
from dataclasses import dataclass
from time import process_time
from typing import Any

import numpy as np
from scipy.ndimage import binary_dilation, distance_transform_edt, label

import graphrw as rw
from experiments.data.strokes import BACKGROUND, OBJECT, SETS, Case, clicks
from experiments.interactive.clicks import CLICKED, channel_axis
from experiments.interactive.robot import RADIUS, Mask, disc, known_pixels, worst_place
from experiments.shared.command import Evaluation, option, parsed
from experiments.shared.results import table, write

AROUND = 8  # pixels about a stroke, where its entropy is taken
Stroke = tuple[int, Mask]


@dataclass(frozen=True, kw_only=True)
class Config(Evaluation):
    set: str = option("berkeley", "which", of=CLICKED)
    images: int = option(50, "at most")
    robot: int = option(0, "so many clicks of the robot in the place of five a label")
    seed: int = option(0, "of where the wrong stroke lies")


def spread_clicks(case: Case) -> list[Stroke]:
    """Five discs in the object and five beside it, far from each other."""
    known, found = known_pixels(case), []
    for name, region in ((OBJECT, case.truth & known), (BACKGROUND, ~case.truth & known)):
        numbers, count = label(clicks(region))
        found += [(name, numbers == number) for number in range(1, count + 1)]
    return found


def robot_clicks(case: Case, count: int) -> list[Stroke]:
    session, known, found = rw.Session(case.image, channel_axis(case)), known_pixels(case), []
    answer = np.zeros_like(case.truth)
    while len(found) < count and (place := worst_place(answer, case.truth, known)) is not None:
        where = disc(place, case.truth.shape) & known & (case.truth == case.truth[place])
        found.append((OBJECT if case.truth[place] else BACKGROUND, where))
        session.paint(*found[-1])
        answer = session.labels == OBJECT
    return found


def wrong_stroke(case: Case, strokes: list[Stroke], chance: np.random.Generator) -> Stroke:
    """A disc of either label where the other would be right, off the strokes that are there."""
    name = int(chance.choice([OBJECT, BACKGROUND]))
    free = (case.truth == (name == BACKGROUND)) & known_pixels(case) & ~np.any([where for _, where in strokes], axis=0)
    away = distance_transform_edt(np.pad(free, 1))[1:-1, 1:-1]
    places = np.argwhere(away >= min(RADIUS + 1, away.max()))
    return name, disc(tuple(places[chance.integers(len(places))]), case.truth.shape) & free


def ranks(case: Case, strokes: list[Stroke]) -> dict[str, Any]:
    """The rank, from 1, of the last stroke by each measure."""
    session = rw.Session(case.image, channel_axis(case))
    for name, where in strokes:
        session.paint(name, where)
    entropy, painted = session.entropy, session.strokes > 0
    began = process_time()
    suspects = session.suspects(len(strokes))
    seconds = process_time() - began
    found = [session.influence(number) for number in range(len(strokes))]
    scores = {
        "agreement": [-one.agreement for one in found],
        "change": [float(one.change.sum()) for one in found],
        "entropy around": [
            float(entropy[binary_dilation(where, iterations=AROUND) & ~painted].mean()) for _, where in strokes
        ],
    }
    last = len(strokes) - 1
    place = np.flatnonzero(suspects == last)
    ranked = {name: 1 + sum(score >= scores[name][last] for score in scores[name][:last]) for name in scores}
    return {"suspects": int(place[0]) + 1 if len(place) else len(strokes), **ranked, "seconds": seconds}


def rows(config: Config) -> Iterator[dict[str, Any]]:
    reader, kinds = SETS[config.set]
    chance = np.random.default_rng(config.seed)
    for case in list(reader(config.data, config.split, kinds[0]))[: config.images]:
        strokes = robot_clicks(case, config.robot) if config.robot else spread_clicks(case)
        strokes.append(wrong_stroke(case, strokes, chance))
        yield {"image": case.name, "strokes": len(strokes), **ranks(case, strokes)}


def summary(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    names = [name for name in found[0] if name not in ("image", "strokes", "seconds")]
    return [
        {
            "ranked by": name,
            "first": f"{sum(row[name] == 1 for row in found)} of {len(found)}",
            "mean rank": float(np.mean([row[name] for row in found])),
        }
        for name in names
    ]


def main(arguments: list[str] | None = None) -> None:
    config = parsed(Config, __doc__, arguments)
    found = []
    for row in rows(config):
        found.append(row)
        print(*row.values(), flush=True)
    print(
        f"{config.set}, {np.mean([row['strokes'] for row in found]):.1f} strokes\n\n{table(summary(found), digits=2)}"
    )
    write(config.out, config, found, summary=summary(found))


if __name__ == "__main__":
    main()
