"""Draw how many errors near boundaries walks and a dense CRF spare a coarse network: docs/pictures/rwn.svg.

It reads results that are kept, and no set. `experiments/README.md` says how to run this.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # so that the file runs by its path

from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from experiments.rwn.evaluate import WIDTHS
from experiments.shared.charts import OTHER, OURS, PEER, WIDTH, chart, figures

SETS = {"rwn_horses_val": "Horses, 30 scenes", "rwn_camvid_val": "CamVid, 8 scenes"}
ALONE = "network alone"
LINES: dict[str, tuple[str, dict[str, Any]]] = {  # what they are called in the results
    "learned walk": ("learned walk", {"color": OURS, "marker": "o", "linewidth": 2.2}),
    "unlearned: Gaussian of colours, trained through it": (
        "unlearned walk,\nnetwork trained through it",
        {"color": PEER, "marker": "s"},
    ),
    "unlearned: Gaussian of colours": ("unlearned walk", {"color": PEER, "marker": "D", "linestyle": "--"}),
    "dense CRF": ("dense CRF", {"color": OTHER, "marker": "^"}),
}


def errors(rows: list[dict[str, Any]], method: str) -> NDArray[np.float64]:
    """(seeds, widths) in per cent of the pixels of each band."""
    mine = sorted((row for row in rows if row["method"] == method), key=lambda row: row["model"])
    return np.array([[row[f"trimap {width}"] for width in WIDTHS] for row in mine])


def panel(axis: Axes, results: str) -> None:
    rows = figures(results)
    alone = errors(rows, ALONE)
    for place, (method, (label, look)) in enumerate(LINES.items()):
        spared = 100 * (1 - errors(rows, method) / alone)
        middle = spared.mean(0)
        across = np.array(WIDTHS) * 2 ** (0.12 * (place - 1.5))  # side by side, so that none hides another
        axis.plot(across, middle, label=label, markersize=5.5, markeredgecolor="white", markeredgewidth=0.6, **look)
        axis.vlines(across, spared.min(0), spared.max(0), color=look["color"], linewidth=1)
    axis.set(xscale="log", ylim=(-2, 42), xlabel="within so many pixels of a boundary", title=SETS[results])
    axis.set_xticks(WIDTHS, [str(width) for width in WIDTHS])
    axis.minorticks_off()
    axis.grid(axis="y")
    axis.axhline(0, color="#404040", linewidth=0.8)


def draw() -> Figure:
    figure, axes = plt.subplots(1, len(SETS), figsize=(WIDTH, 3.6), sharey=True, layout="constrained")
    for axis, results in zip(axes, SETS, strict=True):
        panel(axis, results)
    axes[0].set_ylabel("fewer errors than the network alone, %")
    axes[1].legend(loc="upper right")
    return figure


if __name__ == "__main__":
    chart(draw, "rwn", __doc__)
