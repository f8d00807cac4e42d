"""
Learn which edges to trust, through the walk
============================================

Brightness alone says little in this kind of picture: cells have a texture as strong as their membranes, which are
thin, dark and grainy. A small network looks at the picture and predicts the weight of every edge. How? Nobody tells
it which edges are membrane. It sees what the walk makes of its weights, and the gradient of the loss comes back
through the walk, exactly: one more solve with the factor that is there already. This is the Learned Random Walker
[1]_.

.. [1] L. Cerrone, A. Zeilmann, F. Hamprecht, *End-to-end learned random walker for seeded image segmentation*,
       CVPR 2019.
"""

import numpy as np
import torch
from matplotlib import pyplot as plt
from scipy import ndimage
from scipy.spatial import cKDTree
from skimage import segmentation

import graphrw as rw

# %%
# Pictures of cells are generated: twelve to a picture, dark membranes, and blotches inside that are as dark.


def cells(number, size=64, count=12):
    """An image (1, 1, H, W), its true labels (1, H, W), and a seed in each cell, −1 elsewhere."""
    random = np.random.default_rng(number)
    points = random.uniform(0, size, (1, 2))
    while len(points) < count:  # each as far as possible from those before, of 10 candidates
        candidates = random.uniform(0, size, (10, 2))
        far = np.linalg.norm(candidates[:, None] - points, axis=-1).min(1)
        points = np.vstack([points, candidates[far.argmax()]])
    bend = np.stack([ndimage.gaussian_filter(random.normal(size=(size, size)), 5) for _ in range(2)], -1) * 25
    distance, nearest = cKDTree(points).query(np.stack(np.indices((size, size)), -1) + bend, 2)
    truth = segmentation.relabel_sequential(nearest[..., 0] + 1)[0] - 1
    membrane = np.exp(-(((distance[..., 1] - distance[..., 0]) / 1.4) ** 2))
    blotches = ndimage.gaussian_filter(random.normal(size=(size, size)), 2.5)
    image = 1 - membrane - 0.9 * (blotches > np.quantile(blotches, 0.88)) + random.normal(0, 0.25, (size, size))
    depth = ndimage.distance_transform_edt(np.pad(~segmentation.find_boundaries(truth), 1))[1:-1, 1:-1]
    seeds = np.full((size, size), -1)
    for label, (row, column) in enumerate(ndimage.maximum_position(depth, truth, np.arange(truth.max() + 1))):
        seeds[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2] = label
    return torch.tensor(image[None, None]).float(), torch.tensor(truth[None]), torch.tensor(seeds[None])


# %%
# The model is a small U-Net, a head that turns its features into edge weights, and the walk. Each step sees one new
# picture.

torch.manual_seed(0)
model = rw.models.LearnedRandomWalker(in_channels=1, width=8, stride=1)
optimiser = torch.optim.Adam(model.parameters(), lr=5e-3)
losses = []
for step in range(80):
    image, truth, seeds = cells(1000 + step)
    loss = model.loss(image, seeds, truth)
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    losses.append(loss.item())
print(f"loss: {np.mean(losses[:5]):.2f} in the first five steps, {np.mean(losses[-5:]):.2f} in the last")

# %%
# Ten pictures that the model has not seen, against the plain walk with the best β for these very pictures.

model.eval()


def plain(image, seeds, beta):
    return rw.random_walker(image[0, 0].numpy(), seeds[0].numpy() + 1, beta=beta) - 1


new = [cells(number) for number in range(10)]
right = {}
for beta in (10, 30, 100, 300, 1000):
    right[beta] = np.mean([np.mean(plain(image, seeds, beta) == truth[0].numpy()) for image, truth, seeds in new])
beta = max(right, key=right.get)
with torch.no_grad():
    learned = np.mean([(model(image, seeds).argmax(1) == truth).float().mean() for image, truth, seeds in new])
print(f"pixels labelled rightly: plain, β = {beta}: {right[beta]:.1%}; learned: {learned:.1%}")

# %%
# What the network has learned to see: the mean weight of the edges at each pixel, on a logarithmic scale. Membranes
# are walls now, and blotches are not.

image, truth, seeds = new[0]
with torch.no_grad():
    weight = model.edge_weights(image)[0].log10().mean(0)
    found = model(image, seeds).argmax(1)[0]

figure, axes = plt.subplots(1, 4, figsize=(14, 3.7), layout="constrained")
axes[0].imshow(image[0, 0].numpy(), cmap="gray")
axes[0].contour(seeds[0].numpy() >= 0, [0.5], colors="tab:orange")
axes[2].imshow(weight.numpy(), cmap="gray")
for axis, labels in ((axes[1], plain(image, seeds, beta)), (axes[3], found.numpy())):
    axis.imshow(labels, cmap="tab20", vmin=0, vmax=19, interpolation="nearest")
    border = segmentation.find_boundaries(truth[0].numpy(), mode="inner")
    axis.imshow(np.where(border, 0.0, np.nan), cmap="gray", vmin=0, vmax=1)
titles = ("image and seeds", f"plain walk, β = {beta}", "learned weights", "walk on learned weights")
for axis, title in zip(axes, titles):
    axis.set_title(title)
    axis.set_axis_off()
plt.show()
