"""A picture of scribbles, walls, what the walk makes of them, and what Q has learned.

Photographs of the sets are not free to be published: it is for whoever has them.

`experiments/README.md` says how to run this and which data it needs.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # so that the file runs by its path

from dataclasses import dataclass

import torch
from matplotlib import pyplot as plt
from numpy.typing import NDArray
from torch import Tensor

from experiments.rawks.evaluate import model_of
from experiments.rawks.methods import spread
from experiments.rawks.scenes import SHARE, SIMULATED, STRIDE, Scene, read
from experiments.shared.command import Command, option, parsed
from graphrw.models import RAWKS

COLOURS = torch.tensor(plt.get_cmap("tab20").colors)[[*range(0, 20, 2), 1]]  # of up to 11 classes
TITLES = ("photograph, scribbles", "truth", "walls B", "P: the walk", "Q of P", "Q of scribbles alone")


@dataclass(frozen=True, kw_only=True)
class Config(Command):
    set: str = option("camvid_subset", "as in training")
    strokes: str = option(SIMULATED, "as in training")
    share: float = option(SHARE, "how long simulated strokes are, of the longest path in the skeleton of a region")
    stride: int = option(STRIDE, "pixels of the reduced photographs for each cell")
    split: str = option("val", "a split of the set")
    model: Path = option(Path("run"), "a folder that `train.py` has left")
    scenes: tuple[int, ...] = option((0, 4), "which of the split, from 0")
    out: Path = option(Path("results/rawks.png"), "the picture")


def columns(scene: Scene, models: dict[str, RAWKS]) -> list[NDArray]:
    """What the titles say, as images."""
    thick = torch.nn.functional.max_pool2d(scene.scribbles[None].float(), 3, 1, 1)[0].long()
    seen = torch.where(thick[0, ..., None] < 0, 0.5 + scene.image[0].movedim(0, -1) / 2, COLOURS[thick[0]])
    answers = [scene.at_pixels(models[row](scene.features)).argmax(1) for row in ("then_q", "sparse")]
    walls = scene.at_pixels(models["joint"].boundary(scene.features))[0, 0]
    walk = scene.at_pixels(spread(models["joint"], scene)).argmax(1)
    return [seen.numpy(), painted(scene.classes), walls.numpy(), painted(walk), *map(painted, answers)]


def painted(classes: Tensor) -> NDArray:
    """(H, W, 3) of classes (1, H, W); white where not known."""
    return torch.where(classes[0, ..., None] < 0, 1.0, COLOURS[classes[0]]).numpy()


@torch.no_grad()
def main(arguments: list[str] | None = None) -> None:
    config = parsed(Config, __doc__, arguments)
    scenes = read(config.data, config.set, config.split, config.strokes, share=config.share, stride=config.stride)
    chosen = [scenes[index] for index in config.scenes if index < len(scenes)]
    rows = ("joint", "then_q", "sparse")
    models = {row: model_of(config.model, row, chosen[0].features.shape[1]) for row in rows}
    missing = [row for row, model in models.items() if model is None]
    if missing:
        raise SystemExit(f"`--model` holds no {', '.join(missing)}: train these rows first.")
    figure, axes = plt.subplots(len(chosen), len(TITLES), figsize=(15, 2.2 * len(chosen)), squeeze=False)
    for line, scene in zip(axes, chosen, strict=True):
        for place, picture in zip(line, columns(scene, models), strict=True):
            place.imshow(picture, cmap="magma" if picture.ndim == 2 else None, interpolation="nearest")
            place.set_axis_off()
    for place, title in zip(axes[0], TITLES, strict=True):
        place.set_title(title, fontsize=11)
    figure.tight_layout(pad=0.4)
    config.out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(config.out, dpi=90)


if __name__ == "__main__":
    main()
