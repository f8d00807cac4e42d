"""Charts of results that are kept: what they read, how all of them look, and the command that draws one."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

ROOT = Path(__file__).parents[2]
WIDTH = 8.0  # inches; a page shows a chart as wide as it is, so that its letters have the size given here

# One colour for each role, the same in all charts; they differ for the colour-blind and, with their markers, in grey.
OURS, PEER, OTHER = "#0072B2", "#D98300", "#707070"
BAND = "#F3F3F3"  # behind every second row

STYLE = {
    "font.family": "DejaVu Sans",  # comes with matplotlib
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.labelsize": 9,
    "axes.edgecolor": "#404040",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#E4E4E4",
    "legend.framealpha": 1.0,
    "legend.edgecolor": "white",
    "legend.fontsize": 9,
    "figure.facecolor": "white",  # also on dark pages
    "savefig.dpi": 192,
    "svg.hashsalt": "graphrw",  # the same results make the same file
}


def figures(name: str) -> list[dict[str, Any]]:
    """The rows of `experiments/results/NAME.json`."""
    path = ROOT / "experiments" / "results" / f"{name}.json"
    return list(json.loads(path.read_text(encoding="utf-8"))["figures"])


def chart(draw: Callable[[], Figure], name: str, about: str | None, arguments: list[str] | None = None) -> None:
    """Draw into `--out`, by default the picture NAME of the pages.

    Args:
        draw: makes the figure; it is called in the style of all charts.
        name: of the picture in `docs/pictures`, without its ending.
        about: what `--help` says.
        arguments: of the command line; None: those of the process.
    """
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    page = ROOT / "docs" / "pictures" / f"{name}.svg"
    parser.add_argument("--out", type=Path, default=page, help="the picture, .svg, .png or .pdf (that of the page)")
    out = parser.parse_args(arguments).out
    plt.switch_backend("agg")
    with plt.rc_context(STYLE):
        figure = draw()
        figure.savefig(out, metadata={"Date": None} if out.suffix == ".svg" else None)
        plt.close(figure)
