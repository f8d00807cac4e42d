"""
Nuclei that touch: one label for each
=====================================

Stained nuclei are bright blobs, and a threshold says which pixels are nucleus. It does not say where one ends and the
next begins: where nuclei touch, it returns one object for two. Seeds and a walk do. Each nucleus has a seed of its
own, and each pixel goes to the seed that a walker from it is most likely to meet first. That there are more than a
hundred labels costs little, since all of them are right-hand sides of one system.

The picture is generated, so that the truth is known: ellipses of different brightness, grain inside, a blurring lens,
and the noise of few photons. What the edges look at was chosen on this very picture: it shows how, not how well.
"""

import numpy as np
import torch
from matplotlib import pyplot as plt
from scipy import ndimage
from skimage import color, feature, filters, segmentation

import graphrw as rw

# %%
# 120 nuclei. Later ones lie on top of earlier ones, and overlap them a little.

random = np.random.default_rng(5)
size = 300
rows, columns = np.indices((size, size))
middles = np.empty((0, 2))
while len(middles) < 120:
    middle = random.uniform(8, size - 8, 2)
    if np.linalg.norm(middles - middle, axis=1).min(initial=99) > 17:
        middles = np.vstack([middles, middle])

truth, clean = np.zeros((size, size), dtype=int), np.zeros((size, size))
for number, (row, column) in enumerate(middles, start=1):
    angle, long = random.uniform(0, np.pi), random.uniform(9, 12)
    along = (columns - column) * np.cos(angle) + (rows - row) * np.sin(angle)
    across = (rows - row) * np.cos(angle) - (columns - column) * np.sin(angle)
    away = np.hypot(along / long, across / random.uniform(7, 9))
    truth[away < 1] = number
    clean[away < 1] = (random.uniform(0.4, 1.0) * np.sqrt((1.15 - away**2).clip(0)))[away < 1]  # brighter in the middle
grain = ndimage.gaussian_filter(random.normal(size=truth.shape), 1.5)
image = random.poisson(60 * ndimage.gaussian_filter(clean * (1 + 1.2 * grain) + 0.08, 1.2).clip(0)) / 60.0

# %%
# What a threshold makes of it: objects are what hangs together.

smooth = filters.gaussian(image, 1.5)
foreground = smooth > filters.threshold_otsu(smooth) * 0.75
objects, count = ndimage.label(foreground)
print(count, "objects for", len(middles), "nuclei")

# %%
# Seeds: the deepest and brightest places of the foreground. All that is outside is one label more.

depth = filters.gaussian(ndimage.distance_transform_edt(foreground), 1)
core = depth * smooth
peaks = feature.peak_local_max(
    filters.gaussian(core, 1), min_distance=6, labels=foreground.astype(int), exclude_border=False
)
seeds = np.full(truth.shape, -1)
seeds[~foreground] = len(peaks)
seeds[tuple(peaks.T)] = np.arange(len(peaks))

# %%
# A walker hardly crosses a waist. It is where the foreground is narrow and dim: w_ij = min(m_i, m_j)², with m the
# product of depth and brightness.

graph = rw.grid_graph(truth.shape)
m = torch.from_numpy(core / core.max()).reshape(-1)
weight = torch.minimum(*m[graph.edges]).square() + 1e-9
probability = rw.hitting_probabilities(rw.walk(graph, weight), torch.from_numpy(seeds).reshape(-1))
labels = (probability.argmax(1).reshape(truth.shape).numpy() + 1) % (len(peaks) + 1)
labels[~foreground] = 0
entropy = rw.entropy(probability).reshape(truth.shape).numpy()


def found(segments):
    """How many nuclei have a segment that shares more than half of their common pixels."""
    overlap = np.histogram2d(
        truth.ravel(), segments.ravel(), [np.arange(len(middles) + 2), np.arange(segments.max() + 2)]
    )[0]
    union = overlap.sum(1, keepdims=True) + overlap.sum(0, keepdims=True) - overlap
    return int(((overlap / union)[1:, 1:] > 0.5).any(1).sum())


print(f"threshold: {found(objects)} of {len(middles)} nuclei; walk: {found(labels)}, from {len(peaks)} seeds")

# %%
# Borders between touching nuclei are where the entropy is high: there to look first, if a person is to check.

figure, axes = plt.subplots(1, 3, figsize=(13, 4.5), layout="constrained")
shown = np.repeat((image / np.quantile(image, 0.998)).clip(0, 1)[..., None], 3, -1)
palette = plt.get_cmap("Set1").colors
for axis, title, segments in ((axes[0], "threshold", objects), (axes[1], "walk", labels)):
    painted = color.label2rgb(segments, shown[..., 0], colors=palette, alpha=0.3, bg_label=0)
    axis.imshow(segmentation.mark_boundaries(painted, segments, color=(1, 1, 1)))
    axis.set_title(f"{title}: {found(segments)} of {len(middles)} nuclei")
axes[1].scatter(*peaks.T[::-1], c="black", s=4)
axes[2].imshow(entropy, cmap="magma")
axes[2].set_title("entropy of the walk")
for axis in axes:
    axis.set_axis_off()
plt.show()
