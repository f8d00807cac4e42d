"""
How long does a walk take to get out?
=====================================

A walker in a maze turns at random. The expected number of steps until it is at a door is harmonic but for one step:
t = 1 + P t, which is one linear system for all places at once [1]_. With two doors, those who leave by one of them need
not take as long as those who leave by the other: E[T | ends at l], from two systems with the same factor.

.. [1] J. G. Kemeny, J. L. Snell, *Finite Markov Chains*, 1960.
"""

import networkx as nx
import numpy as np
import torch
from matplotlib import pyplot as plt

import graphrw as rw

# %%
# The maze is a random spanning tree of a grid, with some walls taken out again. It has a door at each of two corners.

size = 16
graph = rw.grid_graph((size, size))
random = np.random.default_rng(4)
maze = nx.Graph()
maze.add_weighted_edges_from((*edge, random.random()) for edge in graph.edges.T.tolist())
tree = nx.minimum_spanning_tree(maze)
is_open = [tree.has_edge(*edge) or random.random() < 0.15 for edge in graph.edges.T.tolist()]
walk = rw.walk(graph, torch.tensor(is_open, dtype=torch.float64))
seeds = torch.full((size * size,), -1)
seeds[0], seeds[-1] = 0, 1

# %%
# Where walkers end, when, and how much their times differ among themselves.

probability = rw.hitting_probabilities(walk, seeds)
time = rw.absorption_time(walk, seeds)
spread = rw.functional.absorption_time_variance(walk, seeds).sqrt()
middle = size * size // 2 + size // 2
for door in (0, 1):
    share, mean, deviation = (float(each[middle, door]) for each in (probability, time, spread))
    print(f"{share:.0%} of those from the middle leave by door {door}, in {mean:.0f} ± {deviation:.0f} steps")

# %%
# Three hundred simulated walkers from the middle agree.

neighbours = [[] for _ in range(size * size)]
for (tail, head), passable in zip(graph.edges.T.tolist(), is_open):
    if passable:
        neighbours[tail].append(head)
        neighbours[head].append(tail)
ends = []
for _ in range(300):
    place, steps = middle, 0
    while seeds[place] < 0:
        place, steps = neighbours[place][random.integers(len(neighbours[place]))], steps + 1
    ends.append((int(seeds[place]), steps))
ends = np.array(ends)
for door in (0, 1):
    steps = ends[ends[:, 0] == door, 1]
    print(f"simulated: {len(steps) / len(ends):.0%} by door {door}, in {steps.mean():.0f} ± {steps.std():.0f} steps")

# %%
# Left: steps to either door; walls are black. Right: by how many steps the walk to the upper left door takes longer
# than that to the lower right one, for those who take it.

either = rw.hitting_time(walk, (seeds >= 0).nonzero()[:, 0])
walls = graph.edges[:, ~torch.tensor(is_open)].T.numpy()
figure, panels = plt.subplots(1, 2, figsize=(10, 4.8), layout="constrained")
later = torch.where(seeds < 0, time[:, 0] - time[:, 1], torch.nan)
most = float(later[later.isfinite()].abs().max())
pictures = (
    ("steps to a door", either, "magma_r", None, None),
    ("how many more to upper left than to lower right", later, "PuOr", -most, most),
)
for panel, (title, values, cmap, low, high) in zip(panels, pictures):
    shown = panel.imshow(values.reshape(size, size).numpy(), cmap=cmap, vmin=low, vmax=high)
    for tail, head in walls:
        (y, x), down = divmod(tail, size), head - tail == size
        line = ([x - 0.5, x + 0.5], [y + 0.5] * 2) if down else ([x + 0.5] * 2, [y - 0.5, y + 0.5])
        panel.plot(*line, color="black", linewidth=1.6)
    panel.set_title(title)
    panel.set_axis_off()
    figure.colorbar(shown, ax=panel, shrink=0.8)
plt.show()
