"""Draw the accuracy and speed of walks over regions, beside a walk over pixels: docs/pictures/superpixels.svg.

It reads results that are kept, and no set. `experiments/README.md` says how to run this.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # so that the file runs by its path

from collections.abc import Sequence
from statistics import mean
from typing import Any

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from experiments.shared.charts import BAND, OTHER, OURS, PEER, WIDTH, chart, figures
from experiments.shared.results import paired_interval

SETS = {  # results and set: what the page calls it
    ("superpixels_val", "bsds500"): "BSDS500",
    ("superpixels_bsds500_test_dev", "bsds500"): "BSDS500, test_dev",
    ("superpixels_val", "grabcut, robot"): "GrabCut, robot",
    ("superpixels_val", "grabcut, human"): "GrabCut, people",
    ("superpixels_val", "medscribble, 0"): "MedScribble",
    ("superpixels_val", "berkeley, clicks"): "Berkeley",
    ("superpixels_val", "coco_mval, clicks"): "COCO",
}
PIXELS = "pixels"
METHODS: dict[str, dict[str, Any]] = {
    "superpixels": {"color": PEER, "marker": "s"},
    "superpixels, half resolution": {"color": OTHER, "marker": "^"},
    "squares": {"color": OURS, "marker": "o"},
}


def by_image(results: str, name: str, method: str, what: str) -> list[float]:
    rows = [row for row in figures(results) if (row["set"], row["method"]) == (name, method)]
    return [row[what] for row in sorted(rows, key=lambda row: row["image"])]


def lane(axes: Sequence[Axes], height: float, of: tuple[str, str], method: str) -> None:
    """One method on one set: points with 95 % of the bootstrap over images, and speed."""
    right, base = (by_image(*of, each, "accuracy") for each in (method, PIXELS))
    slow, fast = (mean(by_image(*of, each, "seconds")) for each in (PIXELS, method))
    lines = (paired_interval(right, base), (0, slow / fast))
    for axis, ends, value in zip(axes, lines, (mean(right) - mean(base), slow / fast), strict=True):
        axis.plot(ends, [height] * 2, color=METHODS[method]["color"], linewidth=1.3)
        axis.plot(value, height, markersize=6.5, linestyle="", **METHODS[method])


def draw() -> Figure:
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 4.4), sharey=True, layout="constrained")
    for place, of in enumerate(SETS):
        for axis in axes[: 2 * (place % 2)]:
            axis.axhspan(place - 0.5, place + 0.5, color=BAND, zorder=0)
        for number, method in enumerate(METHODS):
            lane(axes, place + 0.25 * (number - 1), of, method)
    axes[0].axvline(0, color="#404040", linewidth=0.8, zorder=1)
    axes[0].set_yticks(range(len(SETS)), list(SETS.values()))
    axes[0].set_xticks(range(-10, 6, 5))
    axes[0].set(title="Accuracy", xlabel="points more than the walk over pixels", ylim=(len(SETS) - 0.5, -0.5))
    axes[1].set(title="Speed", xlabel="times as fast as the walk over pixels", xlim=(0, 40))
    for axis in axes:
        axis.tick_params(left=False)
        axis.grid(axis="x")
    keys = [Line2D([], [], linestyle="", markersize=6.5, label=method, **look) for method, look in METHODS.items()]
    figure.legend(handles=keys, loc="outside lower center", ncols=len(keys))
    return figure


if __name__ == "__main__":
    chart(draw, "superpixels", __doc__)
