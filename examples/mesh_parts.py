"""Cut a mesh into its parts from one click on each.

A walk on the faces of a surface that hardly crosses concave edges, the creases where a leg or a neck leaves the body.
The creature is the level set of a smooth function. Run: python examples/mesh_parts.py --out results/mesh
"""

import argparse
from pathlib import Path

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.colors import LightSource
from mpl_toolkits.mplot3d.art3d import Poly3DCollection
from skimage.measure import marching_cubes

import graphrw as rw

mpl.use("Agg")
from matplotlib import pyplot as plt

BLEND, STEP = 0.05, 0.032  # the width in which parts flow into one another; of the grid. The creature is 2.5 long
VIEW = -50  # degrees: from where we click and look
CONCAVE, CONVEX = 40.0, 1.0  # what a radian of either costs; a finer mesh has smaller angles, and needs more
PARTS = {  # the two ends of each part's axis, and its radius
    "body": ((-0.60, 0.00, 0.00), (0.40, 0.00, 0.05), 0.33),
    "neck": ((0.55, 0.00, 0.15), (0.85, 0.00, 0.75), 0.14),
    "right foreleg": ((0.38, -0.22, -0.10), (0.42, -0.26, -0.80), 0.11),
    "left foreleg": ((0.38, 0.22, -0.10), (0.42, 0.26, -0.80), 0.11),
    "right hind leg": ((-0.56, -0.22, -0.10), (-0.60, -0.26, -0.80), 0.11),
    "left hind leg": ((-0.56, 0.22, -0.10), (-0.60, 0.26, -0.80), 0.11),
    "right ear": ((0.90, -0.14, 1.12), (0.84, -0.26, 1.40), 0.07),
    "left ear": ((0.90, 0.14, 1.12), (0.84, 0.26, 1.40), 0.07),
    "head": ((0.92, 0.00, 0.98), (1.14, 0.00, 0.90), 0.23),
    "tail": ((-0.85, 0.00, 0.12), (-1.30, 0.00, 0.55), 0.08),
}
PALETTE = np.array(plt.get_cmap("Paired").colors)
TITLES = ("clicks, and concave edges", "parts", "parts, from the other side")


def creature() -> tuple[torch.Tensor, torch.Tensor]:
    """Vertices (V, 3) and faces (F, 3) of the surface −w log Σ exp(−d/w) = 0, d the distance from each part."""
    low, high = np.array([-1.6, -0.6, -1.1]), np.array([1.6, 0.6, 1.7])
    position = np.stack(np.meshgrid(*map(np.arange, low, high, [STEP] * 3), indexing="ij"), axis=-1)
    total = 0.0
    for start, end, radius in PARTS.values():
        axis = np.subtract(end, start)
        along = np.clip((position - start) @ axis / (axis @ axis), 0, 1)
        distance = np.linalg.norm(position - start - along[..., None] * axis, axis=-1) - radius
        total = total + np.exp(-distance / BLEND)
    vertices, faces, _, _ = marching_cubes(-BLEND * np.log(total), 0.0, spacing=(STEP,) * 3)
    return torch.from_numpy(vertices.astype(np.float64) + low), torch.from_numpy(faces.copy())


def draw(axis: plt.Axes, triangles: np.ndarray, colours: np.ndarray, azimuth: float) -> None:
    """Triangles (F, 3, 3) in colours (F, 3), lit from above and from where we look."""
    style = {"linewidths": 0.3, "shade": True, "lightsource": LightSource(azdeg=65 - azimuth, altdeg=45)}
    axis.add_collection3d(Poly3DCollection(triangles, facecolors=colours, edgecolors=colours, **style))
    low, high = triangles.min((0, 1)), triangles.max((0, 1))
    axis.set(**{f"{name}lim": ends for name, *ends in zip("xyz", low, high, strict=True)})
    axis.set_box_aspect(high - low, zoom=1.25)
    axis.view_init(elev=18, azim=azimuth)
    axis.set_axis_off()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("results/mesh"))
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)

    vertices, faces = creature()
    triangles = vertices[faces]
    graph, angle = rw.mesh_dual_graph(vertices, faces)  # one node per face; angle < 0 on concave edges
    cost = torch.where(angle < 0, CONCAVE, CONVEX) * angle.abs()
    weight = rw.build.shared_edge_length(vertices, faces) * torch.exp(-cost)
    towards = np.array([np.cos(np.radians(VIEW)), np.sin(np.radians(VIEW)), 0.3])
    places = np.array([np.add(*ends) / 2 + radius * towards for *ends, radius in PARTS.values()])
    distance = torch.cdist(torch.from_numpy(places), triangles.mean(1))
    seeds = torch.full((len(faces),), -1).index_copy(0, distance.argmin(1), torch.arange(len(PARTS)))  # a face each
    labels = rw.hitting_probabilities(rw.walk(graph, weight), seeds).argmax(1).numpy()
    print(f"{len(faces)} faces, {len(PARTS)} clicks; faces in each part: {np.bincount(labels).tolist()}")

    crease = np.zeros(len(faces))
    np.maximum.at(crease, graph.edges.flatten().numpy(), (-angle).repeat(2).numpy())  # the most concave edge of a face
    clicks = np.repeat(0.9 - 0.7 * np.clip(crease[:, None] / 0.35, 0, 1), 3, axis=1)
    near, part = (distance - distance.amin(1, keepdim=True)).min(0)
    clicks[(near < 0.05).numpy()] = PALETTE[part[near < 0.05].numpy()]
    figure, axes = plt.subplots(1, 3, figsize=(13, 4.8), subplot_kw={"projection": "3d"}, layout="constrained")
    pictures = ((clicks, VIEW), (PALETTE[labels], VIEW), (PALETTE[labels], VIEW + 170))
    for axis, title, (colours, view) in zip(axes, TITLES, pictures, strict=True):
        draw(axis, triangles.numpy(), colours, view)
        axis.set_title(title)
    figure.savefig(out / "mesh.png", dpi=110)
    print(f"picture: {out / 'mesh.png'}")


if __name__ == "__main__":
    main()
