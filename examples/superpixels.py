"""Segment a photograph from a few clicks on superpixels, and compare with the same clicks on all pixels.

SLIC joins the pixels of a photograph to hundreds of regions of even colour; the walk then moves on regions in place of
pixels, across long common borders rather than short ones, and between regions of one colour rather than of two. What it
finds goes back to the pixels. Run: python examples/superpixels.py --out results/superpixels
"""

import argparse
import time
from pathlib import Path

import matplotlib as mpl
import numpy as np
import torch
from skimage import color, data, segmentation

import graphrw as rw

mpl.use("Agg")
from matplotlib import pyplot as plt

BETA = 0.005  # per squared unit of CIELAB, in which a difference of 2 is just visible
CLICKS = {  # rows and columns
    "astronaut": ((50, 140, 240, 230, 330, 330, 400, 430, 379), (190, 200, 160, 220, 110, 300, 160, 350, 464)),
    "shuttle": ((40, 130, 130, 215, 255), (410, 390, 440, 415, 415)),
    "flag": ((40, 100, 150, 230, 300), (20, 40, 45, 15, 15)),
    "background": ((20, 110, 60, 200, 40, 200, 320), (150, 110, 340, 340, 490, 490, 490)),
}


def place(shape: tuple[int, ...]) -> np.ndarray:
    """0 where a pixel is to be labelled, else the label of the click, a disc of radius 4."""
    row, column = np.indices(shape)
    seeds = np.zeros(shape, dtype=np.int64)
    for label, places in enumerate(CLICKS.values(), start=1):
        for y, x in zip(*places, strict=True):
            seeds[(row - y) ** 2 + (column - x) ** 2 <= 16] = label
    return seeds


def on_regions(lab: np.ndarray, segments: torch.Tensor, clicks: np.ndarray) -> tuple[rw.Graph, np.ndarray]:
    """The graph of the regions, and the label of each pixel by a walk on it."""
    graph, border = rw.superpixel_graph(segments)
    regions = rw.build.region_features(torch.from_numpy(lab).movedim(-1, 0), segments)
    weight = border * rw.gaussian_affinity(graph, regions.mean, BETA) + 1e-6
    row, column = clicks.nonzero()
    seeds = torch.full((graph.num_nodes,), -1)
    seeds[segments[row, column]] = torch.from_numpy(clicks[row, column] - 1)  # regions that a click touches
    probability = rw.hitting_probabilities(rw.walk(graph, weight), seeds)
    return graph, rw.build.project_regions(probability.argmax(1), segments).numpy()


def draw(image: np.ndarray, segments: torch.Tensor, found: dict[str, np.ndarray], path: Path) -> None:
    colours = plt.get_cmap("tab10").colors
    marked = segmentation.mark_boundaries(image, segments.numpy(), color=(1, 1, 1))
    pictures = {f"clicks, and {len(segments.unique())} regions": marked}
    for title, labels in found.items():
        pictures[title] = color.label2rgb(labels, image, colors=colours, alpha=0.45, bg_label=-1)
    figure, axes = plt.subplots(1, 3, figsize=(12, 4.35), layout="constrained")
    for axis, (title, picture) in zip(axes, pictures.items(), strict=True):
        axis.imshow(picture)
        axis.set_title(title)
        axis.set_axis_off()
    for colour, (name, places) in zip(colours, CLICKS.items(), strict=False):
        axes[0].scatter(*places[::-1], color=colour, edgecolor="white", label=name)
    axes[0].legend(loc="lower left", fontsize=8)
    figure.savefig(path, dpi=110, bbox_inches="tight")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("results/superpixels"))
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    image = data.astronaut()
    lab, clicks = color.rgb2lab(image), place(image.shape[:2])
    start = time.perf_counter()
    segments = torch.from_numpy(segmentation.slic(image, n_segments=1000, compactness=10, start_label=0))
    joined = time.perf_counter()
    graph, labels = on_regions(lab, segments, clicks)
    walked = time.perf_counter()
    on_pixels = rw.random_walker(lab, clicks, beta=200, channel_axis=-1) - 1
    pixel_seconds = time.perf_counter() - walked
    print(f"{graph.num_nodes} regions in place of {clicks.size} pixels, {graph.num_edges} edges between them")
    print(f"superpixels {joined - start:.2f} s, then graph, walk and projection {walked - joined:.3f} s")
    print(f"walk on all pixels {pixel_seconds:.2f} s; the same label on {np.mean(labels == on_pixels):.1%} of pixels")
    found = {"walk on regions": labels, f"walk on {clicks.size} pixels": on_pixels}
    draw(image, segments, found, out / "superpixels.png")
    print(f"picture: {out / 'superpixels.png'}")


if __name__ == "__main__":
    main()
