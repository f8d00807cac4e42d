"""
A mesh, cut into its parts
==========================

Where a leg leaves a body, or a head a neck, there is a crease: the surface bends inwards. People see parts divided
there (the *minima rule* of Hoffman and Richards [1]_), and so does a walker from face to face that hardly crosses
edges that bend inwards. One click on each part, and the walk finds the rest of it.

.. [1] D. Hoffman, W. Richards, *Parts of recognition*, Cognition 18, 1984.
"""

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.colors import LightSource
from mpl_toolkits.mplot3d.art3d import Poly3DCollection
from skimage.measure import marching_cubes

import graphrw as rw

# %%
# The creature is a level set: −w log Σ exp(−d/w) = 0, with d the distances from ten limbs, each a line with a radius.
# They flow into one another within the width w.

limbs = {  # the two ends of each, and its radius
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
low, high, grain, blend = np.array([-1.6, -0.6, -1.1]), np.array([1.6, 0.6, 1.7]), 0.032, 0.05
position = np.stack(np.meshgrid(*map(np.arange, low, high, [grain] * 3), indexing="ij"), axis=-1)
total = 0.0
for start, end, radius in limbs.values():
    axis = np.subtract(end, start)
    along = np.clip((position - start) @ axis / (axis @ axis), 0, 1)
    distance = np.linalg.norm(position - start - along[..., None] * axis, axis=-1) - radius
    total = total + np.exp(-distance / blend)
vertices, faces, _, _ = marching_cubes(-blend * np.log(total), 0.0, spacing=(grain,) * 3)
vertices, faces = torch.from_numpy(vertices.astype(np.float64) + low), torch.from_numpy(faces.copy())

# %%
# The dual graph of the mesh has a node for each face. Its edges know the angle at which two faces meet: negative
# where the surface bends inwards. A tenth of a radian costs a walker a factor e there: a number that
# was chosen on meshes that people had parted.

graph, angle = rw.mesh_dual_graph(vertices, faces)
weight = rw.build.crease_weight(vertices, faces, concave=10.0)

# %%
# A click is the face that is nearest to a place on each limb, on our side.

view = -50  # degrees
towards = np.array([np.cos(np.radians(view)), np.sin(np.radians(view)), 0.3])
places = np.array([np.add(*ends) / 2 + radius * towards for *ends, radius in limbs.values()])
triangles = vertices[faces]
away = torch.cdist(torch.from_numpy(places), triangles.mean(1))
seeds = torch.full((len(faces),), -1).index_copy(0, away.argmin(1), torch.arange(len(limbs)))

labels = rw.hitting_probabilities(rw.walk(graph, weight), seeds).argmax(1).numpy()
print(f"{len(faces)} faces, {len(limbs)} clicks; faces in each part: {np.bincount(labels).tolist()}")

# %%
# Left: the clicks, and how far each face's edges bend inwards. Then the parts, from both sides.

palette = np.array(plt.get_cmap("Paired").colors)
crease = np.zeros(len(faces))
np.maximum.at(crease, graph.edges.flatten().numpy(), (-angle).repeat(2).numpy())
clicks = np.repeat(0.9 - 0.7 * np.clip(crease[:, None] / 0.35, 0, 1), 3, axis=1)
near, limb = (away - away.amin(1, keepdim=True)).min(0)
clicks[(near < 0.05).numpy()] = palette[limb[near < 0.05].numpy()]

figure, axes = plt.subplots(1, 3, figsize=(13, 4.6), subplot_kw={"projection": "3d"}, layout="constrained")
low, high = triangles.numpy().min((0, 1)), triangles.numpy().max((0, 1))
pictures = (
    ("clicks and creases", clicks, view),
    ("parts", palette[labels], view),
    ("parts, from the other side", palette[labels], view + 170),
)
for axis, (title, colours, azimuth) in zip(axes, pictures):
    light = LightSource(azdeg=65 - azimuth, altdeg=45)
    surface = Poly3DCollection(
        triangles.numpy(), facecolors=colours, edgecolors=colours, linewidths=0.3, shade=True, lightsource=light
    )
    axis.add_collection3d(surface)
    axis.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), zlim=(low[2], high[2]), title=title)
    axis.set_box_aspect(high - low, zoom=1.25)
    axis.view_init(elev=18, azim=azimuth)
    axis.set_axis_off()
plt.show()
