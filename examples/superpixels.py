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
CLICKS = {  # row, column
    "astronaut": [
        (50, 190),
        (140, 200),
        (240, 160),
        (230, 220),
        (330, 110),
        (330, 300),
        (400, 160),
        (430, 350),
        (379, 464),
    ],
    "shuttle": [(40, 410), (130, 390), (130, 440), (215, 415), (255, 415)],
    "flag": [(40, 20), (100, 40), (150, 45), (230, 15), (300, 15)],
    "background": [(20, 150), (110, 110), (60, 340), (200, 340), (40, 490), (200, 490), (320, 490)],
}


def place(shape: tuple[int, ...]) -> np.ndarray:
    """0 where a pixel is to be labelled, else the label of the click, a disc of radius 4."""
    row, column = np.indices(shape)
    seeds = np.zeros(shape, dtype=np.int64)
    for label, places in enumerate(CLICKS.values(), start=1):
        for y, x in places:
            seeds[(row - y) ** 2 + (column - x) ** 2 <= 16] = label
    return seeds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("results/superpixels"))
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)

    image = data.astronaut()
    lab = color.rgb2lab(image)
    clicks = place(image.shape[:2])

    start = time.perf_counter()
    segments = torch.from_numpy(segmentation.slic(image, n_segments=1000, compactness=10, start_label=0))
    slic_seconds = time.perf_counter() - start
    start = time.perf_counter()
    graph, border = rw.superpixel_graph(segments)
    regions = rw.region_features(torch.from_numpy(lab).movedim(-1, 0), segments)
    weight = border * rw.gaussian_affinity(graph, regions.mean, BETA) + 1e-6
    row, column = clicks.nonzero()
    seeds = torch.full((graph.num_nodes,), -1)
    seeds[segments[row, column]] = torch.from_numpy(clicks[row, column] - 1)  # regions that a click touches
    probability = rw.hitting_probabilities(rw.walk(graph, weight), seeds)
    labels = rw.project_regions(probability.argmax(1), segments).numpy()
    seconds = time.perf_counter() - start

    start = time.perf_counter()
    on_pixels = rw.random_walker(lab, clicks, beta=200, channel_axis=-1) - 1
    pixel_seconds = time.perf_counter() - start
    print(f"{graph.num_nodes} regions in place of {clicks.size} pixels, {graph.num_edges} edges between them")
    print(f"superpixels {slic_seconds:.2f} s, then graph, walk and projection {seconds:.3f} s")
    print(f"walk on all pixels {pixel_seconds:.2f} s; the same label on {np.mean(labels == on_pixels):.1%} of pixels")

    figure, axes = plt.subplots(1, 3, figsize=(12, 4.35), layout="constrained")
    colours = plt.get_cmap("tab10").colors
    axes[0].imshow(segmentation.mark_boundaries(image, segments.numpy(), color=(1, 1, 1)))
    for colour, (name, places) in zip(colours, CLICKS.items(), strict=False):
        axes[0].scatter(*np.transpose(places)[::-1], color=colour, edgecolor="white", label=name)
    axes[0].legend(loc="lower left", fontsize=8)
    for axis, found in zip(axes[1:], (labels, on_pixels), strict=True):
        axis.imshow(color.label2rgb(found, image, colors=colours, alpha=0.45, bg_label=-1))
    titles = (f"clicks, and {graph.num_nodes} regions", "walk on regions", f"walk on {clicks.size} pixels")
    for axis, title in zip(axes, titles, strict=True):
        axis.set_title(title)
        axis.set_axis_off()
    figure.savefig(out / "superpixels.png", dpi=110, bbox_inches="tight")
    print(f"picture: {out / 'superpixels.png'}")


if __name__ == "__main__":
    main()
