"""
Coins, one click on each
========================

A walker starts at a pixel and steps from neighbour to neighbour, less readily across a step in brightness. It ends at
the first click that it meets. The probability that this is the click on coin 7 is the pixel's share in coin 7: the
random walker of Grady [1]_. No threshold can do this here, since the background at the top is brighter than some
coins.

Pixels from which walkers end in different places are those that the answer is unsure of. How unsure is their entropy
−Σ p log p, in nats: 0 where all walkers agree, log 2 = 0.69 where two labels are level.

.. [1] L. Grady, *Random walks for image segmentation*, IEEE TPAMI 28, 2006.
"""

import numpy as np
import torch
from matplotlib import pyplot as plt
from skimage import color, data, segmentation

import graphrw as rw

# %%
# One click on each of the 24 coins, and eight on the background between them. Label 25 is the background.

image = data.coins()
rows = np.repeat([54, 124, 190, 262], 6)
columns = np.array(
    [
        [44, 100, 155, 215, 270, 328],
        [46, 104, 158, 219, 277, 335],
        [46, 106, 162, 220, 283, 344],
        [44, 104, 165, 226, 291, 356],
    ]
).flatten()
background = np.array([(90, 25), (90, 130), (90, 240), (90, 350), (230, 25), (230, 130), (230, 245), (232, 365)])

seeds = np.zeros(image.shape, dtype=int)  # 0: to be labelled
for label, (row, column) in enumerate(zip(rows, columns), start=1):
    seeds[row - 2 : row + 3, column - 2 : column + 3] = label
for row, column in background:
    seeds[row - 2 : row + 3, column - 2 : column + 3] = 25

# %%
# All 25 probabilities of each pixel come from one factorisation. They sum to 1 without being forced to.

probability = rw.random_walker(image, seeds, beta=1500, return_full_prob=True)
labels = probability.argmax(0) + 1
uncertainty = rw.entropy(torch.from_numpy(probability), dim=0).numpy()
print(f"{probability.shape}, sums from 1 by at most {abs(probability.sum(0) - 1).max():.0e}")

# %%
# Twenty-two coins are found from one click. Two are not whole, the fourth and the fifth of the first row: their own
# reliefs are stronger than their rims. The entropy says so: both are bright there. One more click on each settles it.

more = np.array([(52, 203, 4), (44, 272, 5)])  # row, column, label
for row, column, label in more:
    seeds[row - 2 : row + 3, column - 2 : column + 3] = label
after = rw.random_walker(image, seeds, beta=1500)

# %%
# Left: the clicks and what they give. Middle: entropy, and the two new clicks. Right: what these give.

colours = plt.get_cmap("tab20").colors


def painted(labels):
    coins = color.label2rgb(np.where(labels == 25, 0, labels), image, colors=colours, alpha=0.45, bg_label=0)
    return segmentation.mark_boundaries(coins, labels, color=(1, 1, 1))


figure, axes = plt.subplots(1, 3, figsize=(13, 3.7), layout="constrained")
axes[0].imshow(painted(labels))
axes[0].scatter(columns, rows, c=[colours[k % 20] for k in range(24)], s=36, edgecolor="white")
axes[0].scatter(*background.T[::-1], c="black", s=36, edgecolor="white")
shown = axes[1].imshow(uncertainty, cmap="magma")
figure.colorbar(shown, ax=axes[1], label="nats")
axes[2].imshow(painted(after))
for axis in axes[1:]:
    axis.scatter(more[:, 1], more[:, 0], marker="+", s=90, color="cyan")
for axis, title in zip(axes, ("one click on each", "entropy", "with two more clicks")):
    axis.set_title(title)
    axis.set_axis_off()
plt.show()
