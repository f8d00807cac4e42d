"""Segmentation of tissue from one seed in each segment: the learned walk beside watershed and random walkers.

Table 1 of Cerrone, Zeilmann & Hamprecht (CVPR 2019). Seeds lie at random deep places; all methods see the same. What
has a free number gets it from a few training sections, or where there are none, from those of ISBI 2012. Variation of
information (bits) and Rand errors, without pixels within two of a boundary, over sections and draws.

`experiments/README.md` says how to run this and which data it needs.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # so that the file runs by its path

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from experiments.data.folders import if_there
from experiments.data.tissue import SETS, Section
from experiments.lrw.methods import METHODS, Learned, learned
from experiments.lrw.sections import read, truth
from experiments.shared.command import Evaluation, option, parsed
from experiments.shared.results import spread, table, told, write
from graphrw.metrics import adapted_rand_error, adjusted_rand_error, variation_of_information
from graphrw.models import LearnedRandomWalker
from graphrw.partition import oracle_seeds

TOLERANCE = 2  # pixels
CHOSEN = {  # on the training sections of ISBI 2012
    "LRW": 1.0,
    "LRW, power tuned": 1.0,
    "seeded watershed": 0.0,
    "random walker, differences": 300.0,
    "random walker, maxima": 10.0,
}


@dataclass(frozen=True, kw_only=True)
class Config(Evaluation):
    set: str = option("em_isbi2012", "which", of=SETS)
    models: tuple[Path, ...] = option((), "what `train.py` has left: walk.safetensors, one for each training seed")
    detectors: tuple[Path, ...] = option((), "whose boundary maps the baselines see, one for each model; none: its own")
    slices: int = option(1, "sections of a stack that the models see at once, as they were trained")
    draws: int = option(3, "of seeds for each section")
    tune_on: str = option("train", "the split on which free numbers are chosen")
    tune_sections: int = option(3, "how many sections of it")


def seeds_of(section: Section, draw: int) -> np.ndarray:
    """One in each segment, at a random deep place: 0 where there is none."""
    generator = torch.Generator().manual_seed(1000 * draw + 1)
    return (oracle_seeds(truth(section), ignore_index=-1, generator=generator) + 1).numpy()


def scores(section: Section, found: Learned, method: str, number: float, draw: int) -> dict[str, Any]:
    """How well one method does on one section."""
    began = time.process_time()
    answer = torch.from_numpy(METHODS[method][0](found, seeds_of(section, draw), number).astype(np.int64))
    seconds = time.process_time() - began
    return {"section": section.name, "draw": draw, **measures(answer, section), "seconds": seconds}


def measures(answer: torch.Tensor, section: Section) -> dict[str, float]:
    """By how much an answer differs from the truth, away from boundaries."""
    options = {"ignore_index": -1, "boundary_tolerance": TOLERANCE}
    right = truth(section)
    voi = variation_of_information(answer, right, **options)
    return {
        "VOI split": voi.split,
        "VOI merge": voi.merge,
        "VOI": voi.total,
        "ARAND": adjusted_rand_error(answer, right, **options),
        "adapted": adapted_rand_error(answer, right, **options),
    }


def tuned(pairs: list[tuple[Section, Learned]], method: str) -> float:
    """The number with the smallest mean VOI; without any sections the usual one."""
    numbers = METHODS[method][1] if pairs else (CHOSEN[method],)
    if len(numbers) == 1:
        return numbers[0]
    return min(numbers, key=lambda number: sum(scores(*pair, method, number, 0)["VOI"] for pair in pairs))


def tuning(config: Config) -> list[Section]:
    """Sections on which numbers are chosen; none, and it says so, where the set has no such split."""
    otherwise = "So free numbers are those that were best on em_isbi2012."
    return if_there(lambda: read(config.data, config.set, config.tune_on, slices=config.slices), otherwise)[
        : config.tune_sections
    ]


def figures(config: Config, sections: list[Section], known: list[Section]) -> Iterator[dict[str, Any]]:
    """One row for each model, method, section and draw."""
    if not config.models:
        raise SystemExit("Which models? Give --models, as `experiments/lrw/train.py` has left them.")
    for index, path in enumerate(config.models):
        model = LearnedRandomWalker.load(path)
        detector = LearnedRandomWalker.load(config.detectors[index]) if config.detectors else model

        def seen(section: Section, pair: tuple = (model, detector)) -> Learned:
            return learned(*pair, pair[0].as_input(section.image, section.channel_axis))

        pairs = [(section, seen(section)) for section in known]
        numbers = {method: tuned(pairs, method) for method in METHODS}
        for section in sections:
            found = seen(section)
            for method, number in numbers.items():
                for draw in range(config.draws):
                    yield {
                        "model": index,
                        "method": method,
                        "number": number,
                        **scores(section, found, method, number, draw),
                    }


def summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A line for each method: means over sections and draws, and their deviation over models."""
    lines = []
    for method in METHODS:
        mine = [row for row in rows if row["method"] == method]
        line: dict[str, Any] = {
            "method": method,
            "number": ", ".join(f"{n:g}" for n in sorted({r["number"] for r in mine})),
        }
        for key in ("VOI split", "VOI merge", "VOI", "ARAND", "adapted", "seconds"):
            models = sorted({row["model"] for row in mine})
            line[key] = spread([statistics.mean(r[key] for r in mine if r["model"] == model) for model in models])
        lines.append(line)
    return lines


def main(arguments: list[str] | None = None) -> None:
    config = parsed(Config, __doc__, arguments)
    sections = read(config.data, config.set, config.split, slices=config.slices)
    rows = told(figures(config, sections, tuning(config)))
    print(f"{config.set} {config.split}: {len(sections)} sections, {config.draws} draws, {len(config.models)} models\n")
    print(table(summary(rows)))
    write(config.out, config, rows, summary=summary(rows))


if __name__ == "__main__":
    main()
