r"""
A map of handwritten digits
===========================

Two digits are near in diffusion distance if walkers that start from them are spread alike after some steps: if many
short ways through like digits lead from one to the other, not if one short cut does. Row i of the diffusion map [1]_

.. math:: \bigl(|\lambda_m|^t \, \Phi_m(i)\bigr)_m

has these distances as Euclidean ones. λ and Φ are eigenvalues and eigenvectors of the walk. With time details die
out: the larger t, the fewer coordinates count.

.. [1] R. Coifman, S. Lafon, *Diffusion maps*, Applied and Computational Harmonic Analysis 21, 2006.
"""

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from sklearn.datasets import load_digits

import graphrw as rw

# %%
# The digits 0 to 5 that scikit-learn ships, each joined to its ten nearest neighbours.

pixels, digits = load_digits(n_class=6, return_X_y=True)
graph, distance = rw.knn_graph(torch.from_numpy(pixels), k=10)
walk = rw.walk(graph, rw.build.self_tuning_affinity(graph, distance))
coordinates = rw.diffusion_map(walk, time=20, k=8).numpy()

# %%
# One column is constant; the others are put in the order of how much they vary.

varying = coordinates[:, np.argsort(-coordinates.std(0))]
print("spread of each coordinate:", varying.std(0).round(3))

# %%
# The first two coordinates set apart the zeros, and a way of writing the one with a foot that is nowhere near the
# others; the next two lay out the other digits. Small pictures are drawn where there is room for them.

figure, axes = plt.subplots(1, 2, figsize=(11, 5), layout="constrained")
for axis, columns in ((axes[0], [0, 1]), (axes[1], [2, 3])):
    point = varying[:, columns]
    axis.scatter(*point.T, c=digits, cmap="Set2", vmin=0, vmax=7, s=16)
    drawn = np.empty((0, 2))
    for number in np.random.default_rng(0).permutation(len(point)):
        if not len(drawn) or np.linalg.norm((drawn - point[number]) / np.ptp(point, axis=0), axis=1).min() > 0.085:
            drawn = np.vstack([drawn, point[number]])
            picture = OffsetImage(pixels[number].reshape(8, 8), zoom=2.5, cmap="gray_r", interpolation="bilinear")
            axis.add_artist(AnnotationBbox(picture, point[number], pad=0.05, bboxprops={"edgecolor": "0.7"}))
    axis.set(xticks=[], yticks=[], xlabel=f"coordinate {columns[0] + 1}", ylabel=f"coordinate {columns[1] + 1}")
plt.show()
