"""Draw what a segmenter learns from the walk's labels beside seeds alone and dense labels: docs/pictures/rawks.svg.

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
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from experiments.shared.charts import BAND, OTHER, OURS, PEER, WIDTH, chart, figures

P, GUESSED = "P, abstaining on 0%", "P with guesses of Q, joint"
SETS = {  # results: what the page calls it, and the labels that the last Q learned from
    "rawks_medscribble_1": ("MedScribble,\nperson 1", P),
    "rawks_camvid": ("CamVid", P),
    "rawks_grabcut_human": ("GrabCut, people", P),
    "rawks_medscribble_0": ("MedScribble,\nperson 0", P),
    "rawks_guesses_horses": ("Horses, walks that\nend in guesses", GUESSED),
    "rawks_medscribble_2": ("MedScribble,\nperson 2", P),
    "rawks_horses": ("Horses", P),
    "rawks_grabcut_robot": ("GrabCut, robot", P),
}
SEEDS_ALONE, LABELS = "Q, sparse", "labels that the last Q learns from"
METHODS: dict[str, tuple[str, dict[str, Any]]] = {  # what they are called in the results
    LABELS: (LABELS, {"color": "black", "marker": "D", "markerfacecolor": "white"}),
    "Q, joint": ("Q, joint", {"color": OURS, "marker": "o", "markerfacecolor": "white"}),
    "Q, then_q": ("Q, then Q", {"color": OURS, "marker": "o"}),
    "Q, segment": ("Q, labels of rw.segment", {"color": PEER, "marker": "s"}),
    "Q, dense": ("Q, dense labels", {"color": OTHER, "marker": "^"}),
}


def scores(results: str, method: str) -> NDArray[np.float64]:
    """(seeds,) mean IoU in per cent."""
    rows = [row for row in figures(results) if row["method"] == method]
    return np.array([row["mean IoU"] for row in sorted(rows, key=lambda row: row["model"])])


def panel(axis: Axes, split: str) -> None:
    for place, (results, (_, labels)) in enumerate(SETS.items()):
        there = f"{results}_{split}"
        alone = scores(there, SEEDS_ALONE)
        if place % 2:
            axis.axhspan(place - 0.5, place + 0.5, color=BAND, zorder=0)
        for number, (method, (_, look)) in enumerate(METHODS.items()):
            if method == LABELS and split == "val":
                continue
            found = scores(there, labels if method == LABELS else method)
            if not len(found):
                continue  # walks that end in guesses stand beside no other labels
            more, height = found - alone, place + 0.17 * (number - 2)
            axis.plot([0, more.mean()], [height] * 2, color=look["color"], linewidth=0.8)
            axis.plot([more.min(), more.max()], [height] * 2, color=look["color"], linewidth=3, alpha=0.4)
            axis.plot(more.mean(), height, markersize=6, **look)
    axis.axvline(0, color="#404040", linewidth=0.8, zorder=1)
    axis.grid(axis="x")
    axis.tick_params(left=False)
    axis.set(xlabel="points of mean IoU more than from seeds alone", ylim=(len(SETS) - 0.5, -0.5))


def draw() -> Figure:
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 6.0), sharex=True, sharey=True, layout="constrained")
    for axis, split, title in zip(axes, ("train", "val"), ("Training images", "Other images (val)"), strict=True):
        panel(axis, split)
        axis.set_title(title)
    axes[0].set_yticks(range(len(SETS)), [name for name, _ in SETS.values()])
    keys = [Line2D([], [], linestyle="", markersize=6, label=label, **look) for label, look in METHODS.values()]
    figure.legend(handles=keys, loc="outside lower center", ncols=3)
    return figure


if __name__ == "__main__":
    chart(draw, "rawks", __doc__)
