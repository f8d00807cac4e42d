"""Masks of objects that nobody marked: normalised cuts of pretrained features, beside those of colours.

A photograph is cut into a few segments (Shi & Malik 2000). Of the segments that touch the border of the image less than
others do, all are the object, or one of them. Features, colours, the number of segments and the rule have parameters;
each method has the best of its own on the training photographs of the set (`--tune --split train`), and is evaluated
with these on others.

The score is intersection over union with the horse, in `weizmann_horses`. In `bsds500` nobody marked objects, but
several people drew segments: there it is that with the segment of a person that has most of it, as a mean over people.
A rectangle in the middle, of half the height and width, tells what is to be had for nothing.

`experiments/README.md` says how to run this and which data it needs.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # so that the file runs by its path

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from experiments.cuts.cutting import COLOUR, COUNTS, RULES, STAGES, TIMES_COLOUR, Setting, Trunks, Walks, all_trunks
from experiments.data.photographs import bsds500, weizmann_horses
from experiments.shared.command import Evaluation, option, parsed
from experiments.shared.results import paired_interval, table, write

SHARES = (0.3, 0.5, 0.8)


@dataclass(frozen=True, eq=False)
class Photograph:
    """What is cut, and what people say is in it."""

    image: NDArray[np.uint8]  # (H, W, 3)
    people: NDArray[np.int64]  # (A, H, W): what each person marked, from 0; −1: nothing


def horses(data: Path, split: str, count: int) -> list[Photograph]:
    """One mask each."""
    found = weizmann_horses(data, split)[:count]
    return [Photograph(each.image, np.where(each.classes > 0, 0, -1)[None]) for each in found]


def scenes(data: Path, split: str, count: int) -> list[Photograph]:
    """Several people's segments each."""
    return [Photograph(each.image, each.segments) for each in bsds500(data, split, count)]


SETS: dict[str, Callable[[Path, str, int], list[Photograph]]] = {"weizmann_horses": horses, "bsds500": scenes}


@dataclass(frozen=True, kw_only=True)
class Options(Evaluation):
    """Which photographs, and whether to choose parameters on them."""

    set: str = option("weizmann_horses", "which", of=SETS)
    tune: bool = option(False, "try all parameters, and show the best of each method")
    images: int = option(1000, "at most so many photographs")


FIRST, WIDE, DEEP = STAGES
CHOSEN = {  # by `--tune --split train` on each set
    "weizmann_horses": (  # before there were soft weights, cells of 8 pixels, and rules that take one segment
        Setting(COLOUR, beta=0.001, segments=8, share=0.5),
        Setting(FIRST, weight="cos > v", value=0.3, segments=6, share=0.3),
        Setting(WIDE, weight="cos > v", value=0.2, segments=6, share=0.3),
    ),
    "bsds500": (
        Setting(COLOUR, stride=8, radius=6, beta=0.005, segments=4, share=0.8),
        Setting(FIRST, weight="cos > v", value=0.3, segments=3, share=0.8, rule="largest"),
        Setting(WIDE, weight="cos > v", value=0.3, segments=3, share=0.8, rule="largest"),
        Setting(FIRST + TIMES_COLOUR, beta=0.0005, weight="exp((cos - 1) / v)", value=0.3, segments=4, share=0.8),
    ),
}
MIDDLE = Setting("a rectangle in the middle")


def walks() -> Iterator[Setting]:
    """All walks that are tried."""
    for radius, beta in itertools.product((6, None), (0.0005, 0.001, 0.002, 0.005)):
        yield Setting(COLOUR, 16, radius, beta)
    yield from (Setting(COLOUR, 8, 6, beta) for beta in (0.0005, 0.001, 0.002, 0.005))
    hard, soft = [("cos > v", 0.2), ("cos > v", 0.3)], [("exp((cos - 1) / v)", 0.1), ("exp((cos - 1) / v)", 0.3)]
    for method, weight in itertools.product(STAGES, [*hard, ("cos ** v", 10.0), *soft]):
        yield Setting(method, 16, None, 0.0, *weight)
    for method, weight in itertools.product((FIRST, WIDE), soft):
        yield Setting(method, 8, 6, 0.0, *weight)
        yield Setting(method + TIMES_COLOUR, 16, None, 0.0005, *weight)


def settings() -> Iterator[Setting]:
    for walk in walks():
        for rest in itertools.product(COUNTS, SHARES, ("all", *RULES)):
            yield replace(walk, **dict(zip(("segments", "share", "rule"), rest, strict=True)))


def middle(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """A rectangle of half the height and width."""
    found = np.zeros(shape, dtype=bool)
    found[tuple(slice(side // 4, side - side // 4) for side in shape)] = True
    return found


class Overlap:
    """How well sets of cells cover what people marked.

    Args:
        node: (H, W), the number of the cell that each pixel lies in.
        people: (A, H, W), what each person marked, from 0; −1: nothing.
    """

    def __init__(self, node: NDArray[np.int64], people: NDArray[np.int64]) -> None:
        self._shared = []  # of each person (cells, labels), in pixels, label 0 for what is not marked
        for marked in people:
            columns = int(marked.max()) + 2
            pairs = np.bincount((node * columns + marked + 1).ravel(), minlength=columns * (int(node.max()) + 1))
            self._shared.append(pairs.reshape(-1, columns))

    def __call__(self, cells: NDArray[np.bool_]) -> float:
        """Intersection over union of `cells` with the label of a person that has most of it, as a mean over people."""
        scores = []
        for shared in self._shared:
            both = shared[cells.ravel()].sum(0)
            union = shared.sum(0) + both.sum() - both
            scores.append((both / np.maximum(1, union))[1:].max(initial=0.0))
        return float(np.mean(scores))


def best(found: dict[Setting, list[float]]) -> list[Setting]:
    """Of each method the setting of largest mean."""
    methods = dict.fromkeys(setting.method for setting in found)
    return [max((each for each in found if each.method == m), key=lambda each: np.mean(found[each])) for m in methods]


def scores(photograph: Photograph, tried: list[Setting], trunks: Trunks) -> list[float]:
    """One for each setting."""
    shape = photograph.image.shape[:2]
    walks, overlaps, found = Walks(photograph.image, trunks), {}, []
    for setting in tried:
        if setting == MIDDLE:
            inner = middle(shape)
            found.append(Overlap(inner.astype(np.int64), photograph.people)(np.array([False, True])))
            continue
        cells = walks.cells(setting)
        if setting.stride not in overlaps:
            node = np.arange(cells.size).reshape(cells.shape)[tuple(np.indices(shape) // setting.stride)]
            overlaps[setting.stride] = Overlap(node, photograph.people)
        found.append(overlaps[setting.stride](cells))
    return found


def main(arguments: list[str] | None = None) -> None:
    options = parsed(Options, __doc__, arguments)
    trunks = all_trunks()
    tried = list(settings()) if options.tune else [*CHOSEN[options.set], MIDDLE]
    found: dict[Setting, list[float]] = {setting: [] for setting in tried}
    for photograph in SETS[options.set](options.data, options.split, options.images):
        for setting, score in zip(tried, scores(photograph, tried, trunks), strict=True):
            found[setting].append(score)
    shown = best(found)
    colour = found[shown[0]]
    rows = []
    for setting in shown:
        low, high = (100 * end for end in paired_interval(found[setting], colour))
        rows.append(
            {"method": setting.method, "IoU": 100 * float(np.mean(found[setting])), "more": f"{low:.1f} … {high:.1f}"}
        )
        print(setting)
    print(table(rows, digits=1))
    write(options.out, options, rows, settings=[str(setting) for setting in shown], photographs=len(colour))


if __name__ == "__main__":
    main()
