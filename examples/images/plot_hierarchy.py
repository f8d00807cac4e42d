"""
Segments within segments, without any click
===========================================

Two places of a picture are near in diffusion distance if walkers that start from them are spread alike after some
time: within a region of one colour they mix fast, across an outline hardly ever. Clusters in this sense are segments.
The clustering is by Ward's criterion on the coordinates of the diffusion map, so that the levels are nested: two
segments that touch merge at each step. This is how Neural Diffusion Distance [1]_ makes its hierarchies; here the
features are colours, not learned.

.. [1] J. Sun, Z. Xu, *Neural diffusion distance for image segmentation*, NeurIPS 2019.
"""

import numpy as np
import torch
from matplotlib import pyplot as plt
from skimage import color, data, segmentation

import graphrw as rw

# %%
# The walk goes from superpixel to superpixel. Only neighbours are joined: so every cluster can be made of one piece,
# which is not so where walkers jump.

image = data.coffee()[:, 100:500]
segments = torch.from_numpy(segmentation.slic(image, n_segments=1200, compactness=12, start_label=0))
graph, border = rw.superpixel_graph(segments)
lab = torch.from_numpy(color.rgb2lab(image)).movedim(-1, 0)
weight = border * rw.gaussian_affinity(graph, rw.build.pool_regions(lab, segments), beta=0.01) + 1e-4
walk = rw.walk(graph, weight)

# %%
# The 20 slowest patterns of the walk, after 60 steps; and three levels. Large regions count for more: ``weight``.

coordinates = rw.diffusion_map(walk, time=60, k=20)
counts = [16, 8, 4]
levels = rw.partition.map_hierarchy(coordinates, counts, edges=graph.edges, weight=walk.degree)
print([level.unique().numel() for level in levels])

# %%
# Distances from one place, the coffee: near is what a walker mixes with.

coffee = segments[150, 190]
distance = rw.diffusion_distance(walk, time=60, k=20, rows=coffee[None])[0].sqrt()
distance = distance.clamp(max=float(distance.quantile(0.9)))  # a highlight is farthest from everything

# %%
# Each level joins segments of the one before. With four, the cup is one segment and the saucer is another.

figure, axes = plt.subplots(1, 5, figsize=(15, 3.3), layout="constrained")
axes[0].imshow(image)
axes[1].imshow(rw.build.project_regions(distance, segments).numpy(), cmap="cividis")
axes[1].scatter(190, 150, marker="+", color="red", s=100)
for axis, level in zip(axes[2:], levels):
    labels = rw.build.project_regions(level, segments).numpy()
    average = color.label2rgb(labels, image, kind="avg", bg_label=-1) / 255
    thick = segmentation.find_boundaries(labels, mode="thick")
    axis.imshow(np.where(thick[..., None], (1, 1, 0.6), average))
titles = ("image", "distance from the cross", *(f"{count} segments" for count in counts))
for axis, title in zip(axes, titles):
    axis.set_title(title)
    axis.set_axis_off()
plt.show()
