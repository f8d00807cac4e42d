"""Where to ask next: how many answered suggestions an object takes.

The robot of `robot.py` clicks twice, in the middle of the object and of what is wrong then. Afterwards the session says
where, by one of several criteria, and the robot only tells the label there, with a disc of radius 5. Counted are the
clicks until the intersection over union reaches 85 and 90 %, at most 20. What has been played is kept in `--out`, and
not played again.

`experiments/README.md` says how to run this and which data it needs.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # so that the file runs by its path

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from time import process_time
from typing import Any

import numpy as np

import graphrw as rw
from experiments.data.strokes import BACKGROUND, OBJECT, SETS, Case
from experiments.interactive.clicks import channel_axis, summary
from experiments.interactive.robot import GOALS, MOST, Game, disc, known_pixels, overlap, worst_place
from experiments.shared.command import Evaluation, option, parsed
from experiments.shared.results import read, table, write
from graphrw.functional import next_seed
from graphrw.segmentation.learning.suggestions import suggested_places
from graphrw.segmentation.places import most_uncertain

Place = tuple[int, ...] | None


def by(criterion: next_seed.Criterion) -> Callable[[rw.Session], Place]:
    def ask(session: rw.Session) -> Place:
        return first(suggested_places(session._found.seeded, criterion, 1, 1.0).numpy())

    return ask


def pixel_entropy(session: rw.Session) -> Place:
    """The pixel whose label is least certain."""
    return first(most_uncertain(session._uncertainty(), 1, 1.0).numpy())


def first(places: np.ndarray) -> Place:
    return tuple(int(axis) for axis in places[0]) if len(places) else None


CRITERIA = {
    "entropy of pixels": pixel_entropy,
    "expected change": by(next_seed.expected_change),
    "expected error reduction": by(next_seed.expected_error_reduction),
}


@dataclass(frozen=True, kw_only=True)
class Config(Evaluation):
    sets: tuple[str, ...] = option(("grabcut", "weizmann_horses"), "some", of=SETS)
    criteria: tuple[str, ...] = option((), "some; all if none is named", of=CRITERIA)
    images: int = option(1000, "of each set, at most")


def play(ask: Callable[[rw.Session], Place], case: Case) -> Game:
    session, known = rw.Session(case.image, channel_axis(case)), known_pixels(case)
    found, overlaps, seconds = np.zeros_like(case.truth), [], [0.0]
    while len(overlaps) < MOST and (not overlaps or overlaps[-1] < max(GOALS)):
        began = process_time()
        place = ask(session) if len(overlaps) >= 2 else worst_place(found, case.truth, known)
        seconds += [process_time() - began] if len(overlaps) >= 2 else []
        if place is None:
            break
        alike = case.truth == case.truth[place]
        session.paint(OBJECT if case.truth[place] else BACKGROUND, disc(place, alike.shape) & alike)
        found = session.labels == OBJECT
        overlaps.append(overlap(found, case.truth, known))
    return Game(tuple(overlaps), float(np.mean(seconds[1:] or seconds)))


def rows(config: Config) -> Iterator[dict[str, Any]]:
    kept = {(row["set"], row["method"], row["image"]): row for row in read(config.out, kept_as(config))}
    for set_name in config.sets:
        reader, kinds = SETS[set_name]
        for case in list(reader(config.data, config.split, kinds[0]))[: config.images]:
            for name in config.criteria or CRITERIA:
                key = {"set": set_name, "method": name, "image": case.name}
                yield kept.get(tuple(key.values())) or {**key, **play(CRITERIA[name], case).figures()}


def kept_as(config: Config) -> Config:
    """What a file of results is known by: criteria and images can be added to it."""
    return replace(config, criteria=(), images=0)


def main(arguments: list[str] | None = None) -> None:
    config = parsed(Config, __doc__, arguments)
    kept, found = read(config.out, kept_as(config)), []
    for row in rows(config):
        found.append(row)
        others = [each for each in kept if each not in found]
        write(config.out, kept_as(config), found + others, summary=summary(found))
    print(f"split {config.split}\n\n{table(summary(found))}")


if __name__ == "__main__":
    main()
