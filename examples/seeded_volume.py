"""Segment a noisy volume from a few seeds, and show the middle slice.

Two touching balls of equal brightness in noise: what separates them is only where their seeds are, and how far the walk
has to go. Run: python examples/seeded_volume.py --out results/volume
"""

import argparse
from pathlib import Path

import matplotlib as mpl
import numpy as np

import graphrw as rw

mpl.use("Agg")
from matplotlib import pyplot as plt

SIZE, RADIUS, CENTRES = 32, 8, np.array([[16, 16, 8], [16, 16, 23]])


def balls(radius: int) -> np.ndarray:
    """(32, 32, 32): 1 and 2 in the two balls of this radius, 0 around them."""
    position = np.stack(np.meshgrid(*[np.arange(SIZE)] * 3, indexing="ij"), axis=-1)
    inside = [np.linalg.norm(position - centre, axis=-1) <= radius for centre in CENTRES]
    return np.select(inside, [1, 2], 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("results/volume"))
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)

    truth = balls(RADIUS)
    volume = (truth > 0) + np.random.default_rng(0).normal(0, 0.2, truth.shape)
    seeds = balls(2)  # 0: to be labelled
    seeds[[0, -1]] = 3  # outside: the first and the last slice

    with rw.record_solves() as reports:
        probability = rw.random_walker(volume, seeds, beta=130, return_full_prob=True)
    labels = probability.argmax(0) + 1
    right = np.mean(labels == np.where(truth == 0, 3, truth))
    report = reports[0]
    print(f"{volume.size} voxels, {right:.1%} labelled rightly")
    print(f"{report.solver}: {report.seconds + report.factor_seconds:.2f} s, residual {report.relative_residual:.0e}")

    figure, axes = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
    pictures = {"slice of the volume": volume, "labels": labels, "probability of ball 1": probability[0]}
    for axis, (title, picture) in zip(axes, pictures.items(), strict=True):
        axis.imshow(picture[SIZE // 2], cmap="cividis", interpolation="nearest")
        axis.set_title(title)
        axis.set_axis_off()
    figure.savefig(out / "volume.png", dpi=120)
    print(f"picture: {out / 'volume.png'}")


if __name__ == "__main__":
    main()
