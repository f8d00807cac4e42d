"""Draw what the weights that come with graphrw make of an image each: NAME.png in --out.

`experiments/README.md` says how to run this and which data it needs.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # so that the file runs by its path

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray
from skimage.segmentation import find_boundaries

from experiments.data.tissue import Section
from experiments.lrw import evaluate as tissue
from experiments.lrw.sections import read, truth
from experiments.pretrained import nuclei
from experiments.pretrained.evaluate import METHODS, middle, seen_by
from experiments.pretrained.recipes import RECIPES
from experiments.shared.command import Evaluation, option, parsed
from graphrw.models import LearnedRandomWalker, pretrained_names

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
BETA = 10.0  # of the random walker on the image
PLACES = {"em_membranes_2d": 3, "em_membranes_3d": 0, "nuclei_2d": 5}  # which image of the split
COLOURS = ListedColormap(plt.get_cmap("tab20").colors)


@dataclass(frozen=True, kw_only=True)
class Config(Evaluation):
    side: int = option(160, "pixels along each axis")
    names: tuple[str, ...] = option(pretrained_names(), "which networks", of=pretrained_names())
    out: Path | None = option(PICTURES, "the folder of the pictures")


def flat(values: NDArray) -> NDArray:
    """An image, or the middle section of a volume."""
    return values if values.ndim == 2 else values[len(values) // 2]


def draw_labels(axis: Any, section: Section, labels: NDArray) -> None:
    """Labels over the image, with the true borders in black; the ground stays as it is."""
    shown = np.ma.masked_where(flat(labels) == 1, flat(labels) % 20) if section.has_ground else flat(labels) % 20
    axis.imshow(flat(section.image), cmap="gray")
    axis.imshow(shown, cmap=COLOURS, vmin=0, vmax=19, alpha=0.55, interpolation="nearest")
    border = find_boundaries(flat(truth(section).numpy()), mode="inner")
    axis.imshow(np.ma.masked_where(~border, border), cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")


def draw(name: str, section: Section) -> Figure:
    """The image, borders as the network sees them, the learned walk, and the walk that knows the image alone."""
    kind: Any = nuclei if section.has_ground else tissue
    model, seeds = LearnedRandomWalker.from_pretrained(name), kind.seeds_of(section, 0)
    seen = seen_by(model, section)
    figure, axes = plt.subplots(1, 4, figsize=(12, 3.3), layout="constrained")
    axes[0].imshow(flat(section.image), cmap="gray")
    row, column = np.nonzero(flat(seeds))
    axes[0].scatter(column, row, s=9, c="tab:red")
    axes[1].imshow(flat(seen.learned.boundary.numpy()), cmap="magma")
    draw_labels(axes[2], section, model.predict(section.image, seeds))
    draw_labels(axes[3], section, METHODS["random walker, image"][0](seen, seeds, BETA))
    seeds_shown = "seeds" if section.segments.ndim == 2 else "seeds of this section"
    titles = (f"image, {seeds_shown}", "borders by the network", "learned walk", "random walker, image")
    for axis, title in zip(axes, titles, strict=True):
        axis.set_title(title, fontsize=11)
        axis.axis("off")
    return figure


def main(arguments: list[str] | None = None) -> None:
    config = parsed(Config, __doc__, arguments)
    plt.switch_backend("agg")
    config.out.mkdir(parents=True, exist_ok=True)
    for name in config.names:
        sections = read(config.data, RECIPES[name]["set"], config.split, grey=True)
        figure = draw(name, middle(sections[PLACES[name]], config.side))
        figure.savefig(config.out / f"{name}.png", dpi=80, pil_kwargs={"optimize": True})
        plt.close(figure)


if __name__ == "__main__":
    main()
