"""Masks of objects that nobody marked: normalised cuts of pretrained features, beside those of colours.

A photograph is cut into a few segments (Shi & Malik 2000). Segments that touch the border of the image less than others
do are the object. Features, colours, the number of segments and the rule have parameters; each method has the best of
its own on the training photographs (`--tune --split train`), and is evaluated with these on others.

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
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from skimage.color import rgb2lab
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

import graphrw as rw
from experiments.data.photographs import bsds500, weizmann_horses
from experiments.ndd.hierarchies import by_cuts
from experiments.shared.command import Evaluation, option, parsed
from experiments.shared.results import paired_interval, table, write
from graphrw.models import EfficientNetLite0

STRIDE = 16  # pixels for each cell along each axis
STAGES = {"features, stride 16": (16,), "features, strides 8 and 16": (8, 16)}
THRESHOLDS = (0.1, 0.2, 0.3)  # of cosines, as in TokenCut
BETAS = (0.001, 0.002, 0.005)  # of CIELAB colours
RADII = (6, None)  # in cells; None: all pairs
SEGMENTS, SHARES = (3, 4, 6, 8), (0.3, 0.5, 0.8)


@dataclass(frozen=True, kw_only=True)
class Options(Evaluation):
    """Which photographs, and whether to choose parameters on them."""

    set: str = option("weizmann_horses", "or bsds500")
    tune: bool = option(False, "try all parameters, and show the best of each method")
    images: int = option(1000, "at most so many photographs")


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


@dataclass(frozen=True)
class Setting:
    """A method with its parameters."""

    method: str
    radius: int | None
    value: float  # β, or the least cosine that counts as alike
    segments: int
    share: float  # of the border that a segment of the object touches, at most, relative to that of an even spread


CHOSEN = (  # on horses
    Setting("colour", None, 0.001, 8, 0.5),
    Setting("features, stride 16", None, 0.3, 6, 0.3),
    Setting("features, strides 8 and 16", None, 0.2, 6, 0.3),
)
MIDDLE = Setting("a rectangle in the middle", None, 0.0, 0, 0.0)


def settings() -> Iterator[Setting]:
    rest = tuple(itertools.product(SEGMENTS, SHARES))
    for radius, beta in itertools.product(RADII, BETAS):
        yield from (Setting("colour", radius, beta, *each) for each in rest)
    for method, threshold in itertools.product(STAGES, THRESHOLDS):
        yield from (Setting(method, None, threshold, *each) for each in rest)


class Walks:
    """The walks on one photograph, and their cuts, each made once."""

    def __init__(self, image: NDArray[np.uint8], trunks: dict[str, EfficientNetLite0]) -> None:
        self.image, self.trunks = image, trunks
        self._cuts: dict[tuple[str, int | None, float], dict[int, NDArray[np.int64]]] = {}

    def segments(self, setting: Setting) -> NDArray[np.int64]:
        """(h, w): the segments of the cells."""
        key = (setting.method, setting.radius, setting.value)
        if key not in self._cuts:
            self._cuts[key] = self._cut(setting)
        return self._cuts[key][setting.segments]

    def mask(self, setting: Setting) -> NDArray[np.bool_]:
        """(H, W): the object."""
        if setting == MIDDLE:
            return middle(self.image.shape[:2])
        cells = inside(self.segments(setting), setting.share)
        height, width = self.image.shape[:2]
        return np.kron(cells, np.ones((STRIDE, STRIDE), dtype=bool))[:height, :width]

    def _cut(self, setting: Setting) -> dict[int, NDArray[np.int64]]:
        """By the number of segments."""
        features = self._features(setting)
        rows, shape = features.flatten(1).T, tuple(features.shape[1:])
        if setting.radius is None:
            graph = rw.build.complete_graph(len(rows))
        else:
            graph = rw.grid_graph(shape, radius=setting.radius)
        if setting.method == "colour":
            weight = rw.gaussian_affinity(graph, rows, setting.value) + 1e-6
        else:
            weight = torch.where(rw.build.cosine_similarity(graph, rows) > setting.value, 1.0, 1e-5)
        levels = by_cuts(rw.walk(graph, weight), SEGMENTS)
        return {count: level.reshape(shape).numpy() for count, level in zip(SEGMENTS, levels, strict=True)}

    def _features(self, setting: Setting) -> Tensor:
        """(C, h, w)"""
        if setting.method == "colour":
            return cell_colours(self.image)
        pixels = torch.from_numpy(self.image).movedim(-1, 0)[None] / 255
        with torch.no_grad():
            features = self.trunks[setting.method](pixels)[0]
        return features - features.mean((1, 2), keepdim=True)


def cell_colours(image: NDArray[np.uint8]) -> Tensor:
    """(3, h, w): mean CIELAB colours of cells."""
    colours = torch.from_numpy(rgb2lab(image)).float().movedim(-1, 0)[None]
    height, width = colours.shape[2:]
    return avg_pool2d(pad(colours, (0, -width % STRIDE, 0, -height % STRIDE), mode="replicate"), STRIDE)[0]


def inside(segments: NDArray[np.int64], share: float) -> NDArray[np.bool_]:
    """Where segments touch the border less than `share` times as much as cells do that are spread evenly."""
    border = np.ones(segments.shape, dtype=bool)
    border[1:-1, 1:-1] = False
    touching = np.bincount(segments.ravel(), border.ravel()) / np.bincount(segments.ravel())
    return (touching < share * border.mean())[segments]


def middle(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """A rectangle of half the height and width."""
    found = np.zeros(shape, dtype=bool)
    found[tuple(slice(side // 4, side - side // 4) for side in shape)] = True
    return found


def overlap(mask: NDArray[np.bool_], people: NDArray[np.int64]) -> float:
    """Intersection over union with what a person marked, the best of each, as a mean over people."""
    scores = []
    for marked in people:
        area = np.bincount(marked[marked >= 0])
        both = np.bincount(marked[mask & (marked >= 0)], minlength=len(area))
        scores.append((both / np.maximum(1, area + mask.sum() - both)).max(initial=0.0))
    return float(np.mean(scores))


def best(found: dict[Setting, list[float]]) -> list[Setting]:
    """Of each method the setting of largest mean."""
    methods = dict.fromkeys(setting.method for setting in found)
    return [max((each for each in found if each.method == m), key=lambda each: np.mean(found[each])) for m in methods]


def main() -> None:
    options = parsed(Options, __doc__)
    trunks = {method: EfficientNetLite0(STRIDE, stages=stages) for method, stages in STAGES.items()}
    tried = list(settings()) if options.tune else [*CHOSEN, MIDDLE]
    found: dict[Setting, list[float]] = {setting: [] for setting in tried}
    for photograph in SETS[options.set](options.data, options.split, options.images):
        walks = Walks(photograph.image, trunks)
        for setting in tried:
            found[setting].append(overlap(walks.mask(setting), photograph.people))
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
