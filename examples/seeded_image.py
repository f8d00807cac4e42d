"""Segment a photograph from a few clicks, and ask the walk where the next click would help most.

The walk's own uncertainty, the entropy of its label probabilities, is largest where labels meet without an edge in the
image: there the next seed goes. Run: python examples/seeded_image.py --out results/image
"""

import argparse
from pathlib import Path

import matplotlib as mpl
import numpy as np
import torch
from skimage import data, segmentation

import graphrw as rw

mpl.use("Agg")
from matplotlib import pyplot as plt

BETA = 2000
CLICKS = {  # row, column
    1: [(60, 60), (30, 420), (210, 400)],
    2: [(150, 205), (260, 80), (480, 40), (260, 200)],
    3: [(380, 190), (330, 420), (350, 270)],
}
NAMES = {1: "sky and city", 2: "man", 3: "grass"}


def place(clicks: dict[int, list[tuple[int, int]]], shape: tuple[int, ...]) -> np.ndarray:
    """0 where a pixel is to be labelled, else the label of the click, a disc of radius 4."""
    row, column = np.indices(shape)
    seeds = np.zeros(shape, dtype=np.int64)
    for label, places in clicks.items():
        for y, x in places:
            seeds[(row - y) ** 2 + (column - x) ** 2 <= 16] = label
    return seeds


def draw(image: np.ndarray, probability: np.ndarray, entropy: np.ndarray, path: Path) -> None:
    """The labels, the probability of the man, and the entropy with its largest value marked."""
    figure, axes = plt.subplots(1, 3, figsize=(12, 4.6), layout="constrained")
    axes[0].imshow(segmentation.mark_boundaries(image, probability.argmax(0) + 1, color=(1, 0.8, 0), mode="thick"))
    for label, places in CLICKS.items():
        axes[0].scatter(*np.transpose(places)[::-1], color=f"C{label - 1}", edgecolor="white", label=NAMES[label])
    axes[0].legend(loc="lower right", fontsize=8)
    axes[1].imshow(probability[1], cmap="cividis", vmin=0, vmax=1)
    axes[2].imshow(entropy, cmap="magma")
    row, column = np.unravel_index(entropy.argmax(), entropy.shape)
    axes[2].scatter(column, row, marker="+", s=120, color="cyan")
    titles = ("clicks and labels", "probability of the man", "entropy, and where to click")
    for axis, title in zip(axes, titles, strict=True):
        axis.set_title(title)
        axis.set_axis_off()
    figure.savefig(path, dpi=110, bbox_inches="tight")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("results/image"))
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)

    image = data.camera()
    seeds = place(CLICKS, image.shape)
    with rw.record_solves() as reports:
        probability = rw.random_walker(image, seeds, beta=BETA, return_full_prob=True)
    labels = probability.argmax(0) + 1
    entropy = rw.entropy(torch.from_numpy(probability), dim=0).numpy()
    worst = np.unravel_index(entropy.argmax(), entropy.shape)
    shares = ", ".join(f"{name} {np.mean(labels == label):.1%}" for label, name in NAMES.items())
    print(f"{image.size} pixels from {sum(map(len, CLICKS.values()))} clicks: {shares}")
    print(f"{reports[0].solver}, true relative residual {reports[0].relative_residual:.0e}")
    print(f"least certain: row {worst[0]}, column {worst[1]}, {entropy.max():.2f} nats; click there next")
    draw(image, probability, entropy, out / "image.png")
    print(f"picture: {out / 'image.png'}")


if __name__ == "__main__":
    main()
