"""Segmentation from strokes: `segment` beside random walkers, watershed and GrabCut, on sets with people's strokes.

The error is the share of the pixels off the strokes whose truth is known that get the wrong label, in per cent, and
time is that of the processor on one thread, without reading files. The one option of each peer is chosen with `--tune`
on the training images of GrabCut's set, both kinds of strokes together, and the choice stands in `CHOSEN`.

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

from experiments.data.strokes import SETS, Case
from experiments.interactive.methods import METHODS, cv2
from experiments.shared.command import Evaluation, option, parsed
from experiments.shared.results import table, write

CHOSEN: dict[str, object] = {
    "segment": None,
    "random_walker": 1000,
    "random_walker of scikit-image": 1000,
    "watershed": 2.0,
    "GrabCut of OpenCV": ("nearest stroke", 5),
}


@dataclass(frozen=True, kw_only=True)
class Config(Evaluation):
    sets: tuple[str, ...] = option(("grabcut", "medscribble", "berkeley", "coco_mval"), "some", of=SETS)
    methods: tuple[str, ...] = option(tuple(METHODS), "some", of=METHODS)
    tune: bool = option(False, "choose the options of the peers on the training images of GrabCut's set, and end")


def score(name: str, choice: object, case: Case) -> dict[str, float | str]:
    began = process_time()
    found = METHODS[name][0](case, choice)
    seconds = process_time() - began
    found, truth = found[case.known], case.truth[case.known]
    overlap = (found & truth).sum() / max(1, (found | truth).sum())
    return {
        "image": case.name,
        "error": 100 * float((found != truth).mean()),
        "iou": float(overlap),
        "seconds": seconds,
    }


def mean(scores: list[dict], key: str) -> float:
    return float(np.mean([each[key] for each in scores]))


def tune(folder: Path, names: list[str]) -> None:
    """The mean error of every option on the training images of GrabCut's set."""
    cases = [case for strokes in ("robot", "human") for case in SETS["grabcut"][0](folder, "train", strokes)]
    for name in names:
        for choice in METHODS[name][1]:
            print(f"{name}, {choice}: {mean([score(name, choice, case) for case in cases], 'error'):.2f} %", flush=True)


def compare(config: Config, names: list[str]) -> Iterator[dict[str, Any]]:
    """A row for each method, image and kind of strokes."""
    for set_name in config.sets:
        reader, kinds = SETS[set_name]
        for strokes in kinds:
            cases = list(reader(config.data, config.split, strokes))
            for case in cases[:1]:  # what is loaded, or planned, at the first call does not count
                [score(name, CHOSEN[name], case) for name in names]
            for name in names:
                for case in cases:
                    yield {"set": set_name, "strokes": strokes, "method": name, **score(name, CHOSEN[name], case)}


def summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A line for each set and kind of strokes: error in per cent, and seconds."""
    lines = []
    for set_name, strokes in dict.fromkeys((row["set"], row["strokes"]) for row in rows):
        line: dict[str, Any] = {"set": f"{set_name}, {strokes}"}
        mine = [row for row in rows if (row["set"], row["strokes"]) == (set_name, strokes)]
        for name in dict.fromkeys(row["method"] for row in mine):
            its = [row for row in mine if row["method"] == name]
            line["images"] = len(its)
            line[name] = f"{mean(its, 'error'):.2f} % ({mean(its, 'seconds'):.2f} s)"
        lines.append(line)
    return lines


def main(arguments: list[str] | None = None) -> None:
    config = parsed(Config, __doc__, arguments)
    names = [name for name in config.methods if cv2 is not None or "OpenCV" not in name]
    if len(names) < len(config.methods):
        print("GrabCut is left out: `pip install opencv-python-headless`.")
    if cv2 is not None:
        cv2.setNumThreads(1)
    if config.tune:
        return tune(config.data, names)
    rows = list(compare(config, names))
    print(f"split {config.split}\n\n{table(summary(rows))}")
    write(config.out, config, rows, summary=summary(rows))
    return None


if __name__ == "__main__":
    main()
