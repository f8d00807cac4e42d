"""Draw nested segments of a photograph that nothing was trained on, by three kinds of weights.

The photograph comes with scikit-image. `experiments/README.md` says how to run this.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # so that the file runs by its path

from dataclasses import dataclass

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from numpy.typing import NDArray
from skimage import data
from skimage.segmentation import mark_boundaries
from skimage.transform import resize

from experiments.ndd.evaluate import CHOSEN, LEARNED, load
from experiments.ndd.methods import Setting, hierarchy
from experiments.ndd.network import Segmenter
from experiments.ndd.scenes import Scene, pixels
from experiments.shared.command import Script, option, parsed

PICTURE = Path(__file__).parents[2] / "docs" / "pictures" / "ndd.png"
SIDE = 320  # pixels of the shorter side, about as in training
COUNTS = (3, 6, 12, 24)
ROWS = {
    "colours,\nnormalised cuts": CHOSEN["colours, normalised cuts"],
    "pretrained features,\nnormalised cuts": CHOSEN["pretrained features, normalised cuts"],
    "learned features,\ndiffusion distance": LEARNED["learned features, diffusion distance"],
}


@dataclass(frozen=True, kw_only=True)
class Config(Script):
    model: Path | None = option(None, "weights that `train.py` has left")
    k: int = option(50, "eigenpairs, as in training")
    photograph: str = option("coffee", "a photograph of `skimage.data`, by name")
    out: Path = option(PICTURE, "the picture")


def photograph(name: str) -> NDArray[np.uint8]:
    """(H, W, 3), of the size that the network knows."""
    image = getattr(data, name)()
    scale = SIDE / min(image.shape[:2])
    shape = [round(scale * side) for side in image.shape[:2]]
    return (255 * resize(image, shape, anti_aliasing=True)).round().astype(np.uint8)


def draw(image: NDArray[np.uint8], model: Segmenter, rows: dict[str, Setting]) -> Figure:
    """A row for each kind of weights, a column for each number of segments."""
    figure, axes = plt.subplots(
        len(rows), len(COUNTS), figsize=(11, 2.1 * len(rows)), layout="constrained", squeeze=False
    )
    scene = Scene("", pixels(image), torch.zeros(1, *image.shape[:2], dtype=torch.int64))
    for line, (name, setting) in zip(axes, rows.items(), strict=True):
        made = hierarchy(scene, model, setting, COUNTS)
        for axis, level, count in zip(line, made.levels, COUNTS, strict=True):
            labels = level[made.finest].numpy()
            axis.imshow(mark_boundaries(image, labels, color=(1, 1, 0), mode="thick"))
            axis.set(xticks=[], yticks=[])
            if setting is next(iter(rows.values())):
                axis.set_title(f"{count} segments", fontsize=11)
        line[0].set_ylabel(name, fontsize=10)
    return figure


def main(arguments: list[str] | None = None) -> None:
    config = parsed(Config, __doc__, arguments)
    if config.model is None:
        raise SystemExit("Which weights? Give --model, as `experiments/ndd/train.py` has left them.")
    plt.switch_backend("agg")
    figure = draw(photograph(config.photograph), load(config.model, config.k), ROWS)
    figure.savefig(config.out, dpi=80, pil_kwargs={"optimize": True})


if __name__ == "__main__":
    main()
