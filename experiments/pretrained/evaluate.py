"""Score the weights that come with graphrw, beside other ways from the same seeds to labels.

Tissue: one seed in each segment; variation of information (bits) and Rand errors, without pixels within two of a
boundary. Nuclei: one seed in each and as many on the ground; mean overlap, and average precision at an overlap of 0.5.
The watershed and two random walkers see the boundary map of the same network, one of them its maxima along each edge,
one its differences, as Grady's; a third walker sees the image alone.

`experiments/README.md` says how to run this and which data it needs.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # so that the file runs by its path

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import avg_pool2d, avg_pool3d

from experiments.data.folders import if_there
from experiments.data.tissue import SETS, Section
from experiments.lrw import evaluate as tissue
from experiments.lrw.methods import (
    Learned,
    by_differences,
    by_maxima,
    by_walk,
    by_watershed,
    grid_weights,
    learned,
    of_walk,
)
from experiments.lrw.sections import read
from experiments.pretrained import nuclei
from experiments.pretrained.recipes import RECIPES
from experiments.shared.command import Evaluation, option, parsed
from experiments.shared.results import table, told, write
from graphrw.models import LearnedRandomWalker, pretrained_names

MAP_BETAS = (3.0, 10.0, 30.0, 100.0)
DIFFERENCE_BETAS = (3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
IMAGE_BETAS = (3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0)
CHOSEN = {  # about what was best on training sets
    "random walker, same map": 10.0,
    "random walker, same map, differences": 100.0,
    "random walker, image": 100.0,
}


@dataclass(frozen=True, eq=False)
class Seen:
    """What a method may look at."""

    learned: Learned
    grey: Tensor  # (*cells): the image as the network reads it, averaged over its cells


def by_image(seen: Seen, seeds: NDArray[np.int64], beta: float) -> NDArray[np.int64]:
    """The random walker that knows the image alone: w = exp(−β (g_i − g_j)²)."""
    return of_walk(grid_weights(seen.grey, beta, differences=True), seeds, seen.learned.stride)


Method = Callable[[Seen, NDArray[np.int64], float], NDArray[np.int64]]
METHODS: dict[str, tuple[Method, tuple[float, ...]]] = {
    "learned walk": (lambda seen, seeds, power: by_walk(seen.learned, seeds, power), (1.0,)),
    "watershed, same map": (lambda seen, seeds, _: by_watershed(seen.learned, seeds, 0.0), (0.0,)),
    "random walker, same map": (lambda seen, seeds, beta: by_maxima(seen.learned, seeds, beta), MAP_BETAS),
    "random walker, same map, differences": (
        lambda seen, seeds, beta: by_differences(seen.learned, seeds, beta),
        DIFFERENCE_BETAS,
    ),
    "random walker, image": (by_image, IMAGE_BETAS),
}


@dataclass(frozen=True, kw_only=True)
class Config(Evaluation):
    models: tuple[str, ...] = option(("em_membranes_2d",), "names of weights that come with graphrw, or files")
    set: str = option("", "which; none: what the first model was trained on", of=SETS)
    side: int = option(0, "take the middle of each image, at most so many pixels along each axis; 0: all of it")
    tune_side: int = option(0, "the same, where free numbers are chosen; 0: as `side`")
    methods: tuple[str, ...] = option((), "some; none: all", of=METHODS)
    draws: int = option(3, "of seeds for each section")
    tune_on: str = option("train", "the split on which free numbers are chosen")
    tune_sections: int = option(3, "how many sections of it")


def seen_by(model: LearnedRandomWalker, section: Section) -> Seen:
    image = model.as_input(section.image)
    pool = avg_pool2d if image.ndim == 4 else avg_pool3d
    return Seen(learned(model, model, image), pool(image, model.stride, ceil_mode=True)[0, 0])


def scores(section: Section, seen: Seen, method: str, number: float, draw: int) -> dict[str, Any]:
    """How well one method does on one section."""
    kind: Any = nuclei if section.has_ground else tissue
    began = time.process_time()
    answer = torch.from_numpy(METHODS[method][0](seen, kind.seeds_of(section, draw), number).astype(np.int64))
    seconds = time.process_time() - began
    return {"section": section.name, "draw": draw, **kind.measures(answer, section), "seconds": seconds}


def cost(row: dict[str, Any]) -> float:
    """What is smallest where a method is best."""
    return row["VOI"] if "VOI" in row else -row["mean IoU"]


def tuned(pairs: list[tuple[Section, Seen]], method: str) -> float:
    """The number that is best on average; without anything to try it on the usual one."""
    numbers = METHODS[method][1]
    if not pairs:
        return CHOSEN.get(method, numbers[0])
    if len(numbers) == 1:
        return numbers[0]
    return min(numbers, key=lambda number: sum(cost(scores(*pair, method, number, 0)) for pair in pairs))


def middle(section: Section, side: int) -> Section:
    """The middle of a section, at most `side` pixels along each axis."""
    starts = [max(0, size - side) // 2 for size in section.segments.shape]
    box = tuple(slice(start, start + side) for start in starts)
    return replace(section, image=section.image[box], segments=section.segments[box])


def taken(config: Config, split: str, side: int) -> list[Section]:
    sections = read(config.data, config.set, split, grey=True)
    return [middle(section, side) for section in sections] if side else sections


def tuning(config: Config) -> list[Section]:
    """Sections on which numbers are chosen; none, and it says so, where the set has no such split."""
    found = if_there(
        lambda: taken(config, config.tune_on, config.tune_side or config.side), "So free numbers are the usual ones."
    )
    return found[:: max(1, len(found) // config.tune_sections)][: config.tune_sections]


def set_of(name: str) -> str:
    """What it was trained on."""
    recipe = RECIPES.get(Path(name).stem)
    if recipe is None:
        raise SystemExit(f"What was `{name}` trained on? Give --set: {', '.join(SETS)}.")
    return str(recipe["set"])


def loaded(name: str) -> LearnedRandomWalker:
    if name in pretrained_names():
        return LearnedRandomWalker.from_pretrained(name)
    if not Path(name).is_file():
        raise SystemExit(f"There are no weights `{name}`: give a file, or one of {', '.join(pretrained_names())}.")
    return LearnedRandomWalker.load(name)


def figures(config: Config, sections: list[Section], known: list[Section]) -> Iterator[dict[str, Any]]:
    """One row for each network, method, section and draw."""
    for name in config.models:
        model = loaded(name)
        pairs = [(section, seen_by(model, section)) for section in known]
        numbers = {method: tuned(pairs, method) for method in config.methods or METHODS}
        for section in sections:
            seen = seen_by(model, section)
            for method, number in numbers.items():
                for draw in range(config.draws):
                    row = scores(section, seen, method, number, draw)
                    yield {"network": Path(name).stem, "method": method, "number": number, **row}


def summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A line for each network and method: means over sections and draws."""
    keys = [key for key, value in rows[0].items() if isinstance(value, float) and key != "number"]
    lines = []
    for network, method in dict.fromkeys((row["network"], row["method"]) for row in rows):
        mine = [row for row in rows if (row["network"], row["method"]) == (network, method)]
        means = {key: statistics.mean(row[key] for row in mine) for key in keys}
        lines.append({"network": network, "method": method, "number": f"{mine[0]['number']:g}", **means})
    return lines


def main(arguments: list[str] | None = None) -> None:
    config = parsed(Config, __doc__, arguments)
    config = replace(config, set=config.set or set_of(config.models[0]))
    sections = taken(config, config.split, config.side)
    rows = told(figures(config, sections, tuning(config)))
    print(f"{config.set} {config.split}: {len(sections)} sections, {config.draws} draws\n\n{table(summary(rows))}")
    named = replace(config, models=tuple(Path(name).stem for name in config.models))
    write(config.out, named, rows, summary=summary(rows))


if __name__ == "__main__":
    main()
