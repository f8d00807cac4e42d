"""The pictures of the demo: one file for each panel, and one with all of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from ground_truth import SEED_RADIUS, Half
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Circle
from matplotlib.patheffects import withStroke
from methods import Method
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from scoring import coin_iou
from torch import Tensor

import graphrw as rw

# Okabe & Ito's colours, which all eyes can tell apart; seven, so that neighbours in rows of six differ.
COLOURS = np.array([to_rgb(c) for c in ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7")])
ROWS, COLUMNS = 150, 384  # what a panel shows
WIDTH, HEIGHT = 2 * COLUMNS, 2 * ROWS  # of a panel, in pixels, as all that follows
GAP, TITLE = 14, 40  # between panels, above each
SCALE = 0.2  # the length of a colour scale, in panels
MAX_ENTROPY = 1.0  # nats, where the colour scale of the entropy ends
LEVELS = 36  # of each colour


@dataclass(frozen=True)
class Panel:
    """One picture: `paint` draws it; `ends` says what the two ends of its colour scale mean, if it has one."""

    name: str
    title: str
    paint: Callable[[Axes], AxesImage]
    ends: tuple[str, str] | None = None


def draw(out: Path, lower: Half, upper: Half, methods: Sequence[tuple[str, Method]]) -> None:
    """Write all panels to demo.png in `out`, and each to a PNG of its own."""
    scene = "half of the picture, seeds and true outlines"
    halves = [
        Panel("lower_half", f"To learn from: lower {scene}", partial(_paint_seeds, lower)),
        Panel("upper_half", f"For the score: upper {scene}", partial(_paint_seeds, upper)),
    ]
    rows = [halves, *(list(row) for row in zip(*(_results(upper, *method) for method in methods), strict=True))]
    picture = _pixels(_figure(rows))
    _save(picture, out / "demo.png")
    for i, row in enumerate(rows):
        for j, panel in enumerate(row):
            top, left = i * (TITLE + HEIGHT), j * (WIDTH + GAP)
            _save(picture[top : top + TITLE + HEIGHT, left : left + WIDTH + 2 * GAP], out / f"{panel.name}.png")


def _results(part: Half, name: str, method: Method) -> list[Panel]:
    """Labels, entropy and weights of one method."""
    probability, weight = method.probability(part), method.weight(part).mean(0)
    labels = probability.argmax(0)
    iou = coin_iou(labels, torch.from_numpy(part.truth))
    entropy = partial(_paint_map, rw.entropy(probability, dim=0), "magma", MAX_ENTROPY)
    weights = partial(_paint_map, weight, "gray", 1.0)
    title, file = f"{name}: labels, mean IoU {float(iou.mean()):.3f}", name.partition(" ")[0].lower()
    return [
        Panel(f"labels_{file}", title, partial(_paint_labels, part, labels, iou)),
        Panel(f"entropy_{file}", f"{name}: entropy of the labels", entropy, ("0", f"{MAX_ENTROPY:g} nat")),
        Panel(f"weights_{file}", f"{name}, mean at each pixel", weights, ("0", "1")),
    ]


def _paint_seeds(part: Half, axes: Axes) -> AxesImage:
    """The picture, the outlines, the seeds of each coin in its colour, those of the background in white."""
    picture = axes.imshow(part.image, cmap="gray", vmin=0, vmax=255)
    _outline(part, axes)
    discs, count = ndimage.label(part.seeds >= 0)
    for row, column in ndimage.center_of_mass(discs > 0, discs, range(1, count + 1)):
        label = part.seeds[round(row), round(column)]
        colour = COLOURS[label % len(COLOURS)] if label > 0 else "white"
        axes.add_patch(Circle((column, row), SEED_RADIUS, facecolor=colour, edgecolor="black", linewidth=0.8))
    return picture


def _paint_labels(part: Half, labels: Tensor, iou: Tensor, axes: Axes) -> AxesImage:
    """Labels in colour over the picture, with the IoU of each coin below 0.9."""
    grey = np.repeat(part.image[..., None] / 255, 3, axis=2)
    coin = (labels > 0).numpy()[..., None]
    picture = axes.imshow(np.where(coin, 0.4 * grey + 0.6 * COLOURS[labels % len(COLOURS)], grey))
    _outline(part, axes)
    for index in (iou < 0.9).nonzero().flatten().tolist():
        row, column = ndimage.center_of_mass(part.truth == index + 1)
        text = axes.text(column, row, f"{float(iou[index]):.2f}", ha="center", va="center", color="white")
        text.set(fontsize=15, fontweight="bold", path_effects=[withStroke(linewidth=3, foreground="black")])
    return picture


def _paint_map(values: Tensor, colours: str, limit: float, axes: Axes) -> AxesImage:
    return axes.imshow(values.numpy(), cmap=colours, vmin=0, vmax=limit)


def _outline(part: Half, axes: Axes) -> None:
    smooth = ndimage.gaussian_filter((part.truth > 0).astype(float), 1.0)  # without the steps of the pixels
    axes.contour(smooth, [0.5], colors="white", linewidths=1.6)


def _figure(rows: Sequence[Sequence[Panel]]) -> Figure:
    width, height = len(rows[0]) * (WIDTH + GAP) + GAP, len(rows) * (HEIGHT + TITLE) + GAP
    figure = Figure(figsize=(width / 100, height / 100), dpi=100)
    for i, row in enumerate(rows):
        for j, panel in enumerate(row):
            left, bottom = GAP + j * (WIDTH + GAP), height - (i + 1) * (HEIGHT + TITLE)
            axes = figure.add_axes((left / width, bottom / height, WIDTH / width, HEIGHT / height))
            axes.set_axis_off()
            axes.set_title(panel.title, loc="left", fontsize=14, y=1.015)
            painted = panel.paint(axes)
            painted.set_interpolation("nearest")
            axes.set(xlim=(-0.5, COLUMNS - 0.5), ylim=(ROWS - 0.5, -0.5))  # the lower half has three rows more
            if panel.ends:
                _scale(figure, axes, painted, panel.ends)
    return figure


def _scale(figure: Figure, axes: Axes, painted: AxesImage, ends: tuple[str, str]) -> None:
    """A colour scale above the panel, on the right."""
    bar = axes.inset_axes((0.87 - SCALE, 1.035, SCALE, 0.05))
    figure.colorbar(painted, cax=bar, orientation="horizontal", ticks=[])
    for end, (place, side) in zip(ends, ((-0.05, "right"), (1.05, "left")), strict=True):
        bar.text(place, 0.4, end, transform=bar.transAxes, ha=side, va="center", fontsize=13)


def _pixels(figure: Figure) -> NDArray[np.uint8]:
    """(height, width, 3), with fewer levels of each colour: a third fewer bytes, and no difference to the eye."""
    file = BytesIO()
    figure.savefig(file, pil_kwargs={"compress_level": 1})
    colours = np.asarray(Image.open(file).convert("RGB")) / 255
    return np.rint(np.rint(colours * LEVELS) * (255 / LEVELS)).astype(np.uint8)


def _save(pixels: NDArray[np.uint8], path: Path) -> None:
    Image.fromarray(pixels).save(path, optimize=True)
