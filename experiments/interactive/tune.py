"""The constants of `segment`, chosen on the training images of GrabCut's set alone, both kinds of strokes together.

From round numbers, each constant in turn moves to the next smaller or larger number of its row while the mean error
falls, until a round changes nothing: a search without chance, over few numbers, since 20 images tell no more apart.
How much of what it gains is luck, leaving one image out tells: for each image, of all settings tried the one is taken
that is best on the 19 others, and its error on this one counts.

`experiments/README.md` says how to run this and which data it needs.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # so that the file runs by its path

from dataclasses import dataclass
from importlib import import_module
from time import process_time

import numpy as np
import torch
from numpy.typing import NDArray

from experiments.data.strokes import OBJECT, SETS, Case
from experiments.shared.command import Command, option, parsed
from graphrw.segmentation.labelling import Labeller, Options, labeller
from graphrw.solvers import Auto

STEPS = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)  # in each decade
START = {  # the module of each constant and its name, and where the search begins; those of the image come first
    "image_regions.COLOUR_EDGE": 0.1,
    "image_regions.ACROSS": 10.0,
    "compactness": 10.0,
    "colour_model.WIDTH": 10.0,
    "absorption.RATE": 0.01,
    "absorption.COLOUR": 1.0,
    "absorption.COLOUR_PATH": 1.0,
    "strokes.STEEP": 0.1,
}
OF_IMAGE = 3
OPTIONS = Options(
    channel_axis=-1,
    spacing=None,
    superpixels=True,
    n_segments=None,
    compactness=10.0,
    beta=1.0,
    convert2lab=None,
    colour_model=True,
    band=4,
)
Setting = tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Config(Command):
    out: Path | None = option(None, "a JSON file for the errors of every setting")


class Search:
    """The error of every image, (images, kinds of strokes), for every setting that was asked about."""

    def __init__(self, kinds: list[list[Case]]) -> None:
        self._kinds = kinds
        self._images: tuple[Setting, list[Labeller]] = ((), [])
        self.found: dict[Setting, NDArray[np.float64]] = {}

    def __call__(self, setting: Setting) -> float:
        if setting not in self.found:
            began = process_time()
            for name, value in zip(START, setting, strict=True):
                module, _, constant = name.partition(".")
                if constant:  # `compactness` is an option
                    setattr(import_module(f"graphrw.segmentation.regions.{module}"), constant, value)
            if setting[:OF_IMAGE] != self._images[0]:
                self._images = setting[:OF_IMAGE], [prepared(case, setting[2]) for case in self._kinds[0]]
            errors = [[error(*pair) for pair in zip(self._images[1], kind, strict=True)] for kind in self._kinds]
            self.found[setting] = np.array(errors).T
            mean = self.found[setting].mean(0)
            print(*setting, f": {mean.mean():.3f} {mean.round(2)} ({process_time() - began:.1f} s)", flush=True)
        return float(self.found[setting].mean())

    def left_out(self) -> float:
        """The mean error where every image is left out of the choice of the setting that labels it."""
        errors = np.array(list(self.found.values())).mean(2)  # (settings, images)
        others = errors.sum(1, keepdims=True) - errors
        return float(np.take_along_axis(errors, others.argmin(0)[None], 0).mean())


def prepared(case: Case, compactness: float) -> Labeller:
    inside = torch.ones(case.truth.shape, dtype=torch.bool)
    options = Options(**{**vars(OPTIONS), "compactness": compactness})
    return labeller(options.read(torch.from_numpy(case.image), inside), inside, options, Auto(rtol=1e-6))


def error(label: Labeller, case: Case) -> float:
    found = label(torch.from_numpy(case.strokes)).labels.numpy() == OBJECT
    return 100 * float((found != case.truth)[case.known].mean())


def next_to(value: float) -> list[float]:
    """The numbers before and after `value` in the row 1, 1.5, 2, 3, 5, 7, 10, 15 …"""
    row = [float(f"{step}e{decade}") for decade in range(-5, 5) for step in STEPS]
    place = int(np.abs(np.log(np.array(row) / value)).argmin())
    return [row[place - 2], row[place + 2]]


def descend(search: Search, setting: Setting) -> Setting:
    before: Setting = ()
    while setting != before:
        before = setting
        for place in range(len(setting)):
            tried = [(*setting[:place], value, *setting[place + 1 :]) for value in next_to(setting[place])]
            setting = min([setting, *tried], key=search)
    return setting


def main() -> None:
    config = parsed(Config, __doc__)
    search = Search([list(SETS["grabcut"][0](config.data, "train", kind)) for kind in ("robot", "human")])
    best = descend(search, tuple(START.values()))
    print(f"{search(best):.2f} %; each image left out: {search.left_out():.2f} %, of {len(search.found)} settings")
    for place, name in enumerate(START):
        tried = [(*best[:place], value, *best[place + 1 :]) for value in next_to(best[place])]
        print(f"{name} = {best[place]}: {', '.join(f'{search(each):.2f} % at {each[place]}' for each in tried)}")
    if config.out is not None:
        config.out.write_text(json.dumps([{"setting": s, "errors": e.tolist()} for s, e in search.found.items()]))


if __name__ == "__main__":
    main()
