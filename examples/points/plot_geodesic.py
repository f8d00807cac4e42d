"""
Distances along a surface, found by heat
========================================

How far is it from one place of a surface to another, for somebody who stays on it? Let a source be warm for a moment.
Heat that has just left it falls along the shortest ways: −∇u over its length is the direction away from the source,
and the distance is the function with this gradient [1]_. That is two linear systems with the operator of a random
walk, one of a walk that is killed soon, one of a walk that ends at the source.

.. [1] K. Crane, C. Weischedel, M. Wardetzky, *Geodesics in heat*, ACM Transactions on Graphics 32, 2013.
"""

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.colors import LightSource
from mpl_toolkits.mplot3d.art3d import Poly3DCollection
from skimage.measure import marching_cubes

import graphrw as rw

# %%
# The surface is a knot: a tube around the curve of a trefoil. Two strands pass close to each other, which are far apart
# for somebody who follows the tube.

angle = np.linspace(0, 2 * np.pi, 400, endpoint=False)
curve = np.stack(
    [np.sin(angle) + 2 * np.sin(2 * angle), np.cos(angle) - 2 * np.cos(2 * angle), -1.1 * np.sin(3 * angle)], 1
)
grain = 0.14
axes = [np.arange(low - 0.8, high + 0.8, grain) for low, high in zip(curve.min(0), curve.max(0))]
position = torch.from_numpy(np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3))
from_curve = torch.cdist(position, torch.from_numpy(curve)).amin(1).reshape([len(axis) for axis in axes])
vertices, faces, _, _ = marching_cubes(from_curve.numpy(), 0.5, spacing=(grain,) * 3)
vertices, faces = (
    torch.from_numpy(vertices.astype(np.float64) + [axis[0] for axis in axes]),
    torch.from_numpy(faces.copy()),
)

# %%
# Triangles of marching cubes are bad: some cotangent weights are negative, which no walk can have. The library flips
# their edges on the surface. Here are the distances from one vertex, along the tube and straight through the air.

source = torch.tensor([0])
distance = rw.geodesic_distance(vertices, faces, source)
straight = (vertices - vertices[source]).norm(dim=1)
farthest = distance.argmax()
print(f"{len(vertices)} vertices; the farthest is {distance[farthest]:.1f} away, {straight[farthest]:.1f} straight")

# %%
# Nobody can be nearer along the surface than through the air; and the distance changes by one per unit of length.

graph, length = rw.mesh_graph(vertices, faces)
slope = (distance[graph.edges[0]] - distance[graph.edges[1]]).abs() / length
farther = (distance >= 0.95 * straight).double().mean()
print(f"{farther:.1%} are at least as far, within 5 %; 99 % of slopes are below {slope.quantile(0.99):.2f}")

# %%
# Bands of equal distance, as if one had cut the knot at every unit of length; and beside it the same for straight
# lines, whose bands jump from strand to strand.

figure, panels = plt.subplots(1, 2, figsize=(10, 4.6), subplot_kw={"projection": "3d"}, layout="constrained")
triangles, cmap = vertices[faces].numpy(), plt.get_cmap("plasma")
low, high = triangles.min((0, 1)), triangles.max((0, 1))
for panel, title, values in zip(panels, ("along the surface", "through the air"), (distance, straight)):
    at_faces = values[faces].mean(1).numpy()
    colours = cmap(at_faces / at_faces.max())[:, :3] * np.where(np.floor(2 * at_faces) % 2 == 0, 1.0, 0.72)[:, None]
    surface = Poly3DCollection(
        triangles, facecolors=colours, edgecolors=colours, linewidths=0.3, shade=True, lightsource=LightSource(60, 50)
    )
    panel.add_collection3d(surface)
    panel.scatter(*vertices[source[0]].tolist(), color="white", edgecolors="black", s=50, zorder=10)
    panel.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), zlim=(low[2], high[2]), title=title)
    panel.set_box_aspect(high - low, zoom=1.1)
    panel.view_init(elev=62, azim=-70)
    panel.set_axis_off()
plt.show()
