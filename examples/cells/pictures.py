"""The two pictures of the demo."""

from pathlib import Path
from textwrap import wrap

import matplotlib

matplotlib.use("Agg")

import numpy as np
import torch
from matplotlib import pyplot
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from methods import Method
from numpy.typing import NDArray
from skimage.segmentation import find_boundaries
from tissue import Tissue

import graphrw as rw

# Okabe & Ito's colours, which all eyes can tell apart, and four more.
OKABE_ITO = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7")
COLOURS = np.array([to_rgb(colour) for colour in (*OKABE_ITO, "#7B2CBF", "#7F5539", "#B5E48C", "#FFC8DD")])
PANEL = 2.3  # inches


def draw_tissues(
    path: Path, examples: list[Tissue], methods: dict[str, Method], scores: dict[str, NDArray[np.float64]]
) -> None:
    """A row for each example: the image and its seeds, and the labels by each method with the true membranes."""
    figure, rows = pyplot.subplots(
        len(examples), 1 + len(methods), figsize=(PANEL * (1 + len(methods)), (PANEL + 0.25) * len(examples) + 0.5)
    )
    for number, (axes, picture) in enumerate(zip(rows, examples, strict=True)):
        axes[0].imshow(_with_seeds(picture.image, picture.seeds))
        for panel, (name, method) in zip(axes[1:], methods.items(), strict=True):
            membrane = find_boundaries(picture.truth, mode="inner")[..., None]
            panel.imshow(np.where(membrane, 0, _coloured(method(picture), picture.image)))
            panel.set_xlabel(f"mean IoU {scores[name][number]:.2f}")
    for panel, title in zip(rows[0], ("image and seeds", *methods), strict=True):
        panel.set_title("\n".join(wrap(title, 18)), fontsize=10)
    _save(figure, path)


def draw_photograph(
    path: Path, image: NDArray[np.uint8], seeds: NDArray[np.int64], probability: NDArray[np.float64]
) -> None:
    """Seeds, labels and uncertainty of one image; the first label is the background, its seeds are white."""
    figure, axes = pyplot.subplots(1, 3, figsize=(14, 4))
    labels = probability.argmax(0)
    axes[0].imshow(np.where(seeds[..., None] == 1, 1, _with_seeds(image, seeds - 1)))
    axes[1].imshow(np.where(labels[..., None] > 0, _coloured(labels, image), _grey(image)))
    axes[2].imshow(rw.entropy(torch.from_numpy(probability), dim=0).numpy(), cmap="magma")
    for panel, title in zip(axes, ("image and seeds", "labels", "uncertainty (entropy)"), strict=True):
        panel.set_title(title, fontsize=10)
    _save(figure, path)


def _with_seeds(image: NDArray[np.generic], seeds: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.where(seeds[..., None] >= 0, COLOURS[seeds % len(COLOURS)], _grey(image))


def _coloured(labels: NDArray[np.int64], image: NDArray[np.generic]) -> NDArray[np.float64]:
    return 0.6 * COLOURS[labels % len(COLOURS)] + 0.4 * _grey(image)


def _grey(image: NDArray[np.generic]) -> NDArray[np.float64]:
    low, high = np.percentile(image, [1, 99])
    return np.repeat(((image - low) / (high - low)).clip(0, 1)[..., None], 3, axis=2)


def _save(figure: Figure, path: Path) -> None:
    for axes in figure.axes:
        axes.set(xticks=[], yticks=[])
    figure.tight_layout()
    figure.savefig(path, dpi=80)
    pyplot.close(figure)
