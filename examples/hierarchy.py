"""Segment an image without any seed, into nested segments, by diffusion distance.

Two pixels are near when walkers that start from them are spread alike after some time. Clusters of pixels in this sense
are segments; they merge two at a time, near and small ones first.
Run: python examples/hierarchy.py --out results/hierarchy
"""

import argparse
import time
from pathlib import Path

import matplotlib as mpl
import numpy as np
import torch
from skimage import color, data, segmentation, transform
from torch import Tensor

import graphrw as rw

mpl.use("Agg")
from matplotlib import pyplot as plt

SIZE, RADIUS = 48, 5.0  # pixels; walkers step to all pixels within the radius
BETA = 0.006  # per squared unit of CIELAB
TIME, K = 50.0, 30  # steps, and eigenpairs
LEVELS = (12, 8, 6)
PIXEL = (32, 6)  # row and column of the pixel whose distances are drawn


def draw(image: np.ndarray, distance: np.ndarray, levels: Tensor, path: Path) -> None:
    figure, axes = plt.subplots(1, 5, figsize=(15, 3.4), layout="constrained")
    axes[0].imshow(image)
    axes[1].imshow(distance, cmap="cividis", vmax=np.quantile(distance, 0.95))
    axes[1].scatter(*PIXEL[::-1], marker="+", s=120, color="red")
    for axis, level in zip(axes[2:], levels, strict=True):
        segments = level.reshape(SIZE, SIZE).numpy()
        axis.imshow(segmentation.mark_boundaries(image, segments, color=(1, 1, 0), mode="subpixel").clip(0, 1))
    titles = ("image", "distance from the cross", *(f"{count} segments" for count in LEVELS))
    for axis, title in zip(axes, titles, strict=True):
        axis.set_title(title)
        axis.set_axis_off()
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("results/hierarchy"))
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)

    photo = data.coffee()[:, 100:500]
    image = transform.resize(photo, (SIZE, SIZE), anti_aliasing=True).clip(0, 1)
    lab = torch.from_numpy(color.rgb2lab(image)).reshape(-1, 3)
    start = time.perf_counter()
    graph = rw.grid_graph((SIZE, SIZE), radius=RADIUS)
    walk = rw.walk(graph, rw.gaussian_affinity(graph, lab, BETA) + 1e-6)
    coordinates = rw.diffusion_map(walk, TIME, K)
    seconds = time.perf_counter() - start
    touching = rw.grid_graph((SIZE, SIZE)).edges
    levels = rw.partition.map_hierarchy(coordinates, LEVELS, edges=touching)
    chosen = torch.tensor([PIXEL[0] * SIZE + PIXEL[1]])
    distance = torch.cdist(coordinates[chosen], coordinates).reshape(SIZE, SIZE).numpy()
    print(f"{graph}: {K} eigenpairs in {seconds:.2f} s")
    for count, level in zip(LEVELS, levels, strict=True):
        print(f"{count} segments of {sorted(torch.bincount(level).tolist(), reverse=True)} pixels")
    draw(image, distance, levels, out / "hierarchy.png")
    print(f"picture: {out / 'hierarchy.png'}")


if __name__ == "__main__":
    main()
