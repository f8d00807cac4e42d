"""How many clicks an object takes: `segment`, learned weights, random walkers, watershed and GrabCut, one robot user.

The robot clicks in the middle of the object, then, up to 20 times in all, in the middle of the largest region that is
wrong (Xu et al., Deep interactive object selection, CVPR 2016). A click is a disc of radius 5, of those pixels that
have the label in truth. Counted are the clicks until the intersection over union reaches 85 and 90 %; what is never
reached counts as 20. The options of the peers are chosen with `--tune` on GrabCut's training photographs.

`experiments/README.md` says how to run this and which data it needs.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # so that the file runs by its path

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import graphrw as rw
from experiments.data.strokes import BACKGROUND, OBJECT, SETS, Case
from experiments.interactive.methods import BETAS, channel_axis, cv2, grabcut, watershed_on_gradient
from experiments.interactive.pretrained import pretrained_features
from experiments.interactive.robot import GOALS, MOST, Game, Mask, Tool, play
from experiments.shared.command import Evaluation, option, parsed
from experiments.shared.results import paired_interval, read, table, write
from graphrw.models.pretrained import EfficientNet

CLICKED = ("grabcut", "berkeley", "coco_mval")


def in_session(session: rw.Session) -> Tool:
    """Strokes that are added to a session."""

    def click(label: int, where: Mask) -> Mask:
        session.paint(label, where)
        return session.labels == OBJECT

    return click


def again(method: Callable[[Case, Any], Mask], case: Case, choice: object) -> Tool:
    """All strokes anew at each click; with strokes of one label alone, all pixels have it."""
    strokes = np.zeros_like(case.strokes)

    def click(label: int, where: Mask) -> Mask:
        strokes[where] = label
        if not (strokes == OBJECT).any() or not (strokes == BACKGROUND).any():
            return np.full(strokes.shape, label == OBJECT)
        return method(replace(case, strokes=strokes), choice)

    return click


def segment(case: Case, choice: None) -> Tool:
    return in_session(rw.Session(case.image, channel_axis(case)))


def learning(case: Case, every: int) -> Tool:
    """A session that learns as soon as both labels have strokes, and again after so many clicks, and so on."""
    session = rw.Session(case.image, channel_axis(case))
    features, labels, since = pretrained_features(case.image).numpy(), set(), None

    def click(label: int, where: Mask) -> Mask:
        nonlocal since
        session.paint(label, where)
        labels.add(label)
        since = None if since is None else since + 1
        if len(labels) > 1 and since in (None, every):
            session.learn(features if since is None else None)
            since = 0
        return session.labels == OBJECT

    return click


def random_walker(case: Case, beta: float) -> Tool:
    return in_session(rw.Session(case.image, channel_axis(case), superpixels=False, beta=beta))


def watershed(case: Case, sigma: float) -> Tool:
    return again(watershed_on_gradient, case, sigma)


def grabcut_of_opencv(case: Case, choice: tuple[str, int]) -> Tool:
    return again(grabcut, case, choice)


@dataclass(frozen=True)
class Method:
    start: Callable[[Case, Any], Tool]
    choice: Any = None
    choices: tuple[Any, ...] = ()  # among which `--tune` chooses


METHODS = {
    "segment": Method(segment),
    "learned once": Method(learning, MOST),
    "learned": Method(learning, 1),
    "learned every third click": Method(learning, 3),
    "random_walker": Method(random_walker, 1000, BETAS),
    "watershed": Method(watershed, 1.5, (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0)),
    "GrabCut of OpenCV": Method(
        grabcut_of_opencv, ("nearest stroke", 5), (("background", 5), ("nearest stroke", 1), ("nearest stroke", 5))
    ),
}


@dataclass(frozen=True, kw_only=True)
class Config(Evaluation):
    sets: tuple[str, ...] = option(CLICKED, "some", of=CLICKED)
    methods: tuple[str, ...] = option((), "some; all if none is named", of=METHODS)
    images: int = option(1000, "of each set, at most")
    tune: bool = option(False, "choose the options of the peers on the training images of GrabCut's set, and end")


def cases(config: Config, name: str, split: str) -> list[Case]:
    reader, kinds = SETS[name]
    return list(reader(config.data, split, kinds[0]))[: config.images]


def games(config: Config, names: list[str]) -> Iterator[dict[str, Any]]:
    """A row for each method and image; those that an earlier run has kept, of whatever methods, are not made again."""
    done = {_key(row): row for row in read(config.out, _kept_as(config))}
    for set_name in config.sets:
        for case in cases(config, set_name, config.split):
            for name in names:
                key = {"set": set_name, "method": name, "image": case.name}
                row = done.get(tuple(key.values()))
                yield row or {**key, **play(METHODS[name].start(case, METHODS[name].choice), case).figures()}


def summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A line for each set and method; with the clicks that the first method saves, and 95 % of their mean."""
    lines = []
    for set_name in dict.fromkeys(row["set"] for row in rows):
        of_set = [row for row in rows if row["set"] == set_name]
        for name in dict.fromkeys(row["method"] for row in of_set):
            mine = [row for row in of_set if row["method"] == name]
            line = {"set": f"{set_name} ({len(mine)})", "method": name}
            for goal in GOALS:
                counts = [row[f"clicks to {goal} %"] for row in mine]
                line[f"clicks to {goal} %"] = f"{np.mean(counts):.2f}"
                first = [row[f"clicks to {goal} %"] for row in of_set if row["method"] == of_set[0]["method"]]
                low, high = paired_interval(first, counts) if len(first) == len(counts) else (0, 0)
                line[f"fewer to {goal} %"] = f"{np.mean(first) - np.mean(counts):.2f} ({low:.2f} … {high:.2f})"
            line["never 90 %"] = sum(row["IoU"] < max(GOALS) for row in mine)
            line["s a click"] = f"{np.mean([row['seconds'] for row in mine]):.2f}"
            lines.append(line)
    return lines


def _key(row: dict[str, Any]) -> tuple[str, ...]:
    return row["set"], row["method"], row["image"]


def _kept_as(config: Config) -> Config:
    """What a file of results is known by: methods can be added to it."""
    return replace(config, methods=())


def tune(config: Config, names: list[str]) -> None:
    """The mean clicks of every option on the training images of GrabCut's set."""
    training = cases(config, "grabcut", "train")
    for name in names:
        for choice in METHODS[name].choices:
            played: list[Game] = [play(METHODS[name].start(case, choice), case) for case in training]
            means = [np.mean([game.clicks(goal) for game in played]) for goal in GOALS]
            print(f"{name}, {choice}: {means[0]:.2f} to {GOALS[0]} %, {means[1]:.2f} to {GOALS[1]} %", flush=True)


def main(arguments: list[str] | None = None) -> None:
    config = parsed(Config, __doc__, arguments)
    names = list(config.methods or METHODS)
    if cv2 is None:
        print("GrabCut is left out: `pip install opencv-python-headless`.")
        names = [name for name in names if "OpenCV" not in name]
    else:
        cv2.setNumThreads(1)
    if EfficientNet is None:
        print("Learning is left out: `pip install graphrw[pretrained]`.")
        names = [name for name in names if "learned" not in name]
    if config.tune:
        return tune(config, names)
    rows: list[dict[str, Any]] = []
    kept = read(config.out, _kept_as(config))
    for row in games(config, names):
        rows.append(row)
        if row["method"] == names[-1]:
            there = {_key(each) for each in rows}
            found = rows + [each for each in kept if _key(each) not in there]
            write(config.out, _kept_as(config), found, summary=summary(found))
    print(f"split {config.split}\n\n{table(summary(rows))}")
    return None


if __name__ == "__main__":
    main()
