"""Draw how well tissue is segmented from one seed in each segment, on three sets: docs/pictures/lrw.svg.

It reads results that are kept, and no set. `experiments/README.md` says how to run this.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # so that the file runs by its path

from statistics import mean

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullLocator

from experiments.shared.charts import OTHER, OURS, PEER, WIDTH, chart, figures

SETS = {  # results, one file for each training seed: title, and the lower end of the axis
    "lrw_isbi2012_val_soft": ("ISBI 2012, sections", 0.03),
    "lrw_vnc_sstem_val_soft": ("VNC, larger sections", 0.0125),
    "lrw_fib25_val_soft": ("FIB-25, a volume", 0.25),
}
SPAN = 18.0  # from the lower to the upper end of every axis, so that ratios look alike
TICKS = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2)
SEEDS = {0: "o", 1: "s", 2: "^"}
ROWS = {  # what they are called in the results
    "learned\nrandom walker": (("LRW", "learned walk"), OURS),
    "watershed on\nits borders": (("seeded watershed", "watershed, same map"), PEER),
    "random walker on\nits borders": (("random walker, maxima", "random walker, same map"), OTHER),
    "random walker,\ndifferences": (("random walker, differences", "random walker, same map, differences"), OTHER),
}


def errors(results: str, names: tuple[str, ...]) -> dict[int, float]:
    """The variation of information of each training, the mean over sections and draws."""
    rows = {seed: [row for row in figures(f"{results}{seed}") if row["method"] in names] for seed in SEEDS}
    return {seed: mean(row["VOI"] for row in found) for seed, found in rows.items()}


def line(axis: Axes, place: int, found: dict[int, float], colour: str) -> None:
    """A marker for each seed, and their mean."""
    middle, white = mean(found.values()), {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
    above = {"ha": "center", "va": "bottom", "weight": "bold", "color": colour, "bbox": white}
    axis.annotate(f"{middle:.3f}", (middle, place - 0.3), **above)
    axis.plot([middle] * 2, [place - 0.28, place + 0.3], color=colour, linewidth=1.2)
    for seed, value in found.items():
        mark = {"marker": SEEDS[seed], "markersize": 6.5, "markeredgecolor": "white", "markeredgewidth": 0.6}
        axis.plot(value, place + 0.18 * (seed - 1), color=colour, **mark)


def panel(axis: Axes, results: str) -> None:
    for place, (names, colour) in enumerate(ROWS.values()):
        line(axis, place, errors(results, names), colour)
    title, low = SETS[results]
    axis.set(xscale="log", xlim=(low, SPAN * low), ylim=(len(ROWS) - 0.55, -0.7), title=title)
    axis.set_xticks([tick for tick in TICKS if low < tick < SPAN * low])
    axis.xaxis.set(minor_locator=NullLocator(), major_formatter=FuncFormatter(lambda tick, _: f"{tick:g}"))
    axis.grid(axis="x")
    axis.tick_params(left=False)
    axis.spines["left"].set_visible(False)


def draw() -> Figure:
    figure, axes = plt.subplots(1, len(SETS), figsize=(WIDTH, 3.7), sharey=True, layout="constrained")
    for axis, results in zip(axes, SETS, strict=True):
        panel(axis, results)
    axes[0].set_yticks(range(len(ROWS)), list(ROWS))
    axes[1].set_xlabel("variation of information in bits, less is better (logarithmic)")
    seeds = [
        Line2D([], [], color=OTHER, marker=mark, linestyle="", label=f"training seed {each}")
        for each, mark in SEEDS.items()
    ]
    figure.legend(handles=[*seeds, Line2D([], [], color=OTHER, label="mean")], loc="outside lower center", ncols=4)
    return figure


if __name__ == "__main__":
    chart(draw, "lrw", __doc__)
