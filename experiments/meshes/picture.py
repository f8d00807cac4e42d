"""A picture of meshes as a person parted them, and as some methods do from one seed in each part.

No page shows it: the meshes may not be passed on.

`experiments/README.md` says how to run this and which data it needs.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # so that the file runs by its path

from dataclasses import dataclass

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import LightSource
from mpl_toolkits.mplot3d.art3d import Poly3DCollection
from torch import Tensor

from experiments.data.meshes import psb
from experiments.meshes.methods import METHODS
from experiments.meshes.surfaces import Surface
from experiments.shared.command import Evaluation, option, parsed

SHOWN = ("geodesic Voronoi, paths", "vertices, cotangent", "faces, crease_weight")
PICTURE = Path("results/meshes.png")


@dataclass(frozen=True, kw_only=True)
class Config(Evaluation):
    meshes: tuple[str, ...] = option(("fourleg_399", "hand_199"), "names of meshes of the split, a row for each")
    person: int = option(0, "whose parts")
    out: Path = option(PICTURE, "the picture")


def draw(axis: Axes, surface: Surface, labels: Tensor, title: str) -> None:
    """The surface from where it is widest: its principal axes lie along the picture."""
    middle = surface.vertices.numpy() - surface.vertices.numpy().mean(0)
    turned = middle @ np.linalg.svd(middle, full_matrices=False)[2].T
    turned = turned if np.linalg.det(np.linalg.svd(middle, full_matrices=False)[2]) > 0 else turned * [1, 1, -1]
    triangles = turned[surface.faces.numpy()][:, :, [0, 2, 1]] * [1, -1, 1]
    colours = np.array(plt.get_cmap("tab20").colors)[labels.numpy() % 20]
    light = LightSource(azdeg=-60, altdeg=40)
    axis.add_collection3d(
        Poly3DCollection(triangles, facecolors=colours, shade=True, lightsource=light, linewidths=0, rasterized=True)
    )
    low, high = triangles.min((0, 1)), triangles.max((0, 1))
    axis.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), zlim=(low[2], high[2]))
    axis.set_title(title, fontsize=9)
    axis.set_box_aspect(high - low, zoom=1.4)
    axis.view_init(elev=12, azim=-80)
    axis.set_axis_off()


def main(arguments: list[str] | None = None) -> None:
    config = parsed(Config, __doc__, arguments)
    found = {mesh.name: Surface(mesh) for mesh in psb(config.data, config.split)}
    missing = [name for name in config.meshes if name not in found]
    if missing:
        raise SystemExit(f"`{config.split}` has no meshes {missing}, only {list(found)}.")
    size = (11, 2.6 * len(config.meshes))
    figure, axes = plt.subplots(
        len(config.meshes), 1 + len(SHOWN), figsize=size, subplot_kw={"projection": "3d"}, squeeze=False
    )
    for name, row in zip(config.meshes, axes, strict=True):
        surface = found[name]
        parts = surface.parts(config.person)
        seeds = surface.seeds(parts, None)
        draw(row[0], surface, parts, f"a person: {int(parts.max()) + 1} parts")
        for axis, method in zip(row[1:], SHOWN, strict=True):
            labels = METHODS[method](surface, seeds)
            draw(axis, surface, labels, f"{method}: {100 * surface.accuracy(labels, parts):.0f} %")
    figure.subplots_adjust(left=0, right=1, bottom=0, top=0.95, wspace=0, hspace=0.1)
    config.out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(config.out, dpi=110)


if __name__ == "__main__":
    main()
