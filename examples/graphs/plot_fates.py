"""
What will a cell become?
========================

Stem cells turn into others step by step. From measurements one estimates with which probability T_ij cell i next looks
like cell j, and asks in which terminal state it ends, and when [1]_. Both are answers of one walk along T:

.. math:: (I - T_{UU})\\, F_U = T_{UM}\\, F_M, \\qquad \\mathbb{E}[\\text{steps} \\mid \\text{fate } l],

with M the cells of terminal states. Here cells are generated: along a stem that parts twice.

.. [1] M. Lange et al., CellRank for directed single-cell fate mapping, *Nature Methods* 19, 2022.
"""

import numpy as np
import torch
from matplotlib import pyplot as plt
from scipy import sparse
from scipy.sparse.linalg import gmres
from scipy.spatial import cKDTree

import graphrw as rw

# %%
# Each cell has a place and an age. The stem parts at age 1 into a branch that ends as red cells and another that parts
# again, at age 1.6, into green and blue ones. Terminal are the oldest cells of each branch.

random = np.random.default_rng(0)
count = 2400
age, kind = 2.6 * random.random(count), random.integers(3, size=count)
late, later = np.clip(age - 1, 0, None), np.clip(age - 1.6, 0, None)
up = np.choose(kind, [0.9 * late, -0.5 * late + 0.8 * later, -0.5 * late - 0.5 * later])
places = np.stack([age, up], 1) + 0.06 * random.standard_normal((count, 2))
states = torch.from_numpy(np.where(age > 2.5, kind, -1))

# %%
# Transitions lead to the 15 nearest cells in either direction, and hardly ever back in age, as in CellRank's
# pseudotime kernel.

near = cKDTree(places).query(places, 16)[1][:, 1:]
links = sparse.coo_array((np.ones(15 * count), (np.repeat(np.arange(count), 15), near.ravel())), shape=(count, count))
links = sparse.coo_array(links.maximum(links.T))
forward = 1 / (1 + np.exp(-25 * (age[links.col] - age[links.row])))
T = sparse.csr_array((forward, (links.row, links.col)), shape=(count, count))
T = sparse.csr_array(sparse.diags_array(1 / T.sum(1)) @ T)

# %%
# Fates, with rows and signs certified, and the steps of those who end red. The steps of a cell that hardly ever ends
# there are just as exact.

fates = rw.fate_probabilities(T, states)
graph, weight, loops = rw.from_scipy(T, directed=True, self_loops=True)
steps = rw.absorption_time(rw.walk(graph, weight), states, self_loops=loops)
off, least = float((fates.sum(1) - 1).abs().max()), float(fates.min())
print(f"sums of rows are off by {off:.0e}, the least entry is {least:.0e}")

# %%
# A peer: SciPy's GMRES, one terminal state at a time, to the tolerance that CellRank has by default.

free = (states < 0).numpy()
A, ends = sparse.eye_array(free.sum()) - T[free][:, free], np.eye(3)[states[~free]]
peer = np.stack([gmres(A, b, rtol=1e-6)[0] for b in (T[free][:, ~free] @ ends).T], 1)
print(f"of SciPy's GMRES at 1e-6 they are off by {np.abs(peer.sum(1) - 1).max():.0e}")

# %%
# Gradients reach the transitions: which of them, made more frequent, would turn most of the young cells red? What
# leaves a cell is divided by its sum, so that more of one transition is less of the others.

weight.requires_grad_()
rw.fate_probabilities(rw.walk(graph, weight), states)[age < 0.3, 0].mean().backward()
gain = weight.grad * weight.detach()  # of a relative change
best = gain.argsort(descending=True)[:60]
tail, head = graph.edges[:, best].numpy()

# %%
# Colours are mixtures of the three fates. A cell of the stem is undecided; the turn to red is taken around age 1, where
# the transitions are that matter (the third panel looks closer).

colours = np.array([[0.85, 0.15, 0.15], [0.1, 0.65, 0.2], [0.15, 0.3, 0.9]])
figure, panels = plt.subplots(1, 3, figsize=(13, 4.2), layout="constrained")
panels[0].scatter(*places.T, c=fates.numpy() @ colours, s=7)
panels[0].set_title("fates")
to_red = steps[:, 0].where(fates[:, 0] > 1e-9, torch.nan).numpy()
shown = panels[1].scatter(*places.T, c=to_red, s=7, cmap="viridis_r")
panels[1].set_title("steps until red, of those who end red")
figure.colorbar(shown, ax=panels[1], location="bottom", shrink=0.8)
panels[2].scatter(*places.T, c="0.85", s=12)
start, step = places[tail], places[head] - places[tail]
panels[2].quiver(*start.T, *step.T, angles="xy", scale_units="xy", scale=1, color="#c02020", width=0.006)
panels[2].set(title="transitions that turn most young cells red", xlim=(0.75, 1.65), ylim=(-0.45, 0.45))
for panel in panels:
    panel.set(aspect="equal", xticks=[], yticks=[])
plt.show()
