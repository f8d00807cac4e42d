"""
Cells in a volume whose membranes have holes
============================================

Under an electron or a light-sheet microscope one sees the membranes between cells, not the cells: thin dark or bright
sheets in noise, and in places nothing at all. A watershed that starts in a cell floods its neighbour through the
first hole. A random walker finds a hole only now and then: what it is asked is not whether there is a way out, but
how many.

Such a volume is made here, so that the truth is known: cells around random points, a membrane where two cells meet,
holes in it, and noise.
"""

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.colors import LightSource, ListedColormap, hsv_to_rgb
from mpl_toolkits.mplot3d.art3d import Poly3DCollection
from scipy import ndimage
from scipy.spatial import cKDTree
from skimage import measure, segmentation

import graphrw as rw

# %%
# 30 cells in 48 × 48 × 48 voxels. Three tenths of the membrane are missing, in patches a few voxels wide: what the walk
# gains over the watershed hangs on how much is missing, and this much was chosen to show it.

random = np.random.default_rng(4)
size, cells = 48, 30
points = np.empty((0, 3))
while len(points) < cells:  # each as far as possible from those before, of 20 candidates
    candidates = random.uniform(0, size, (20, 3))
    far = np.linalg.norm(candidates[:, None] - points, axis=-1).min(1, initial=np.inf)
    points = np.vstack([points, candidates[far.argmax()]])
place = np.stack(np.indices((size,) * 3), -1).reshape(-1, 3) + 3 * np.stack(
    [ndimage.gaussian_filter(random.normal(size=(size,) * 3), 4).reshape(-1) * 40 for _ in range(3)], -1
)  # bent a little, so that walls are not flat
distance, nearest = cKDTree(points).query(place, 2)
truth = nearest[:, 0].reshape((size,) * 3)
membrane = np.exp(-(((distance[:, 1] - distance[:, 0]) / 2.2) ** 2)).reshape(truth.shape)

patches = ndimage.gaussian_filter(random.normal(size=truth.shape), 2.2)
membrane *= patches < np.quantile(patches, 0.7)
volume = membrane + random.normal(0, 0.25, truth.shape)

# %%
# A seed in the middle of each cell, a ball of radius 2. Edges are cut by the brighter of the two voxels that they
# join, in a volume smoothed a little: w_ij = exp(−β max(b_i, b_j)).

depth = ndimage.distance_transform_edt(np.pad(~segmentation.find_boundaries(truth), 1))[1:-1, 1:-1, 1:-1]
middles = ndimage.maximum_position(depth, truth + 1, np.arange(1, cells + 1))
near, cell = cKDTree(middles).query(np.stack(np.indices(truth.shape), -1))
marks = np.where(near <= 2, cell, -1)

bright = torch.from_numpy(ndimage.gaussian_filter(volume, 0.8).clip(0)).reshape(-1)
graph = rw.grid_graph(truth.shape)
weight = torch.exp(-14 * torch.maximum(*bright[graph.edges])) + 1e-6

# %%
# 30 labels in 110592 voxels are one solve with 30 right-hand sides.

with rw.record_solves() as reports:
    probability = rw.hitting_probabilities(rw.walk(graph, weight), torch.from_numpy(marks).reshape(-1))
labels = probability.argmax(1).reshape(truth.shape).numpy()
print(reports[0].solver)

# %%
# The watershed gets the same seeds and the same smoothed volume. Scored is the variation of information, in nats: how
# much a voxel's label in one segmentation leaves open about its label in the other. 0 is perfect.

flooded = segmentation.watershed(bright.reshape(truth.shape).numpy(), marks + 1) - 1
for name, found in (("walk", labels), ("watershed", flooded)):
    score = rw.metrics.variation_of_information(torch.from_numpy(found), torch.from_numpy(truth))
    print(f"{name}: {score.total:.2f} nats, {np.mean(found == truth):.1%} of voxels right")

# %%
# A slice through the middle, with the true borders in grey, and the cells that the walk found below it.

hue = np.random.default_rng(1).permutation(cells) / cells
colours = ListedColormap(hsv_to_rgb(np.stack([hue, 0.3 + 0.4 * (np.arange(cells) % 2), np.full(cells, 0.9)], -1)))
figure = plt.figure(figsize=(13, 3.6), layout="constrained")
middle = size // 2
titles = ("slice of the volume", "watershed", "walk")
for number, (title, picture) in enumerate(zip(titles, (volume, flooded, labels)), start=1):
    axis = figure.add_subplot(1, 4, number)
    if picture is volume:
        axis.imshow(picture[middle], cmap="gray")
        axis.contour(marks[middle] >= 0, levels=[0.5], colors="tab:orange", linewidths=2)
    else:
        axis.imshow(picture[middle], cmap=colours, vmin=0, vmax=cells - 1, interpolation="nearest")
        border = segmentation.find_boundaries(truth[middle], mode="inner")
        axis.imshow(np.where(border, 0.0, np.nan), cmap="gray", vmin=0, vmax=1, alpha=0.6)
    axis.set_title(title)
    axis.set_axis_off()

solid = figure.add_subplot(1, 4, 4, projection="3d")
for label in range(cells):
    inside = np.pad(labels[: middle + 1] == label, 2).astype(float)
    if inside.sum() < 200:  # hardly in this half
        continue
    vertices, faces, _, _ = measure.marching_cubes(ndimage.gaussian_filter(inside, 0.7), 0.4)
    paint = {"facecolors": colours(label), "edgecolors": colours(label), "linewidths": 0.3}
    light = LightSource(azdeg=300, altdeg=50)
    solid.add_collection3d(Poly3DCollection(vertices[faces][..., [2, 1, 0]], **paint, shade=True, lightsource=light))
solid.set(xlim=(0, size), ylim=(size, 0), zlim=(0, middle))
solid.set_box_aspect((2, 2, 1), zoom=1.05)
solid.view_init(elev=38, azim=-60)
solid.set_axis_off()
solid.set_title("the lower half of the cells")
plt.show()
