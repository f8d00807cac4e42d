"""
Who matters, and to whom: PageRank and its personal kind
========================================================

A walker goes from character to character of *Les Misérables* along scenes that they share, and starts anew now and
then. Where it starts anew makes the difference. Anywhere: then the share of time that it spends at a character is
PageRank [1]_, what matters to all. Always at Marius: what matters to him.

With P = D⁻¹W and restarts of probability 1 − α, the shares are π = (1 − α)(I − αPᵀ)⁻¹ s, for a walker that starts as
s says: one solve with the transpose of the walk's operator, not an iteration.

.. [1] L. Page, S. Brin, R. Motwani, T. Winograd, *The PageRank citation ranking*, 1999.
"""

import networkx as nx
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.patheffects import withStroke

import graphrw as rw

# %%
# networkx ships the 77 characters; weights count the chapters in which two of them appear together.

novel = nx.les_miserables_graph()
graph, weight = rw.from_networkx(novel)
walk = rw.walk(graph, weight)

everywhere = rw.functional.pagerank(walk, 0.85)
start = rw.convert.node_values(novel, {"Marius": 1.0})
from_marius = rw.functional.pagerank(walk, 0.85, start=start)

# %%
# networkx iterates to the same numbers.

ours = rw.convert.node_dict(novel, everywhere)
theirs = nx.pagerank(novel, 0.85, tol=1e-12)
print(max(abs(ours[name] - theirs[name]) for name in novel))

# %%
# On the left a node is the larger, the more it matters to all, and the darker, the more it matters to Marius. On the
# right are those who come first on either list. Bishop Myriel opens the book and is met by many; Marius never meets
# him. To Marius his friends of the barricade matter, and Cosette.

place = nx.kamada_kawai_layout(novel, weight=None)
names = np.array(list(novel))
all_rank, his_rank = everywhere.numpy(), from_marius.numpy()
shown = np.argsort(-np.maximum(all_rank, his_rank * (names != "Marius")))[:12][::-1]

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 5.2), width_ratios=[1.6, 1], layout="constrained")
nx.draw_networkx_edges(novel, place, ax=left, edge_color="0.85", width=0.6)
nx.draw_networkx_nodes(
    novel, place, ax=left, node_size=8000 * all_rank, node_color=his_rank**0.5, cmap="PuBu", edgecolors="0.6"
)
for number in shown[-6:]:
    left.annotate(names[number], place[names[number]], fontsize=8, ha="center", va="center", weight="bold",
                  path_effects=[withStroke(linewidth=2.5, foreground="white")])  # fmt: skip
left.set_axis_off()
row = np.arange(len(shown))
right.barh(row + 0.2, all_rank[shown], 0.4, color="0.6", label="to all")
right.barh(row - 0.2, his_rank[shown], 0.4, color="C0", label="to Marius")
right.set_yticks(row, names[shown])
right.set(xlabel="share of the walker's time")
right.legend(loc="lower right")
right.spines[["top", "right"]].set_visible(False)
plt.show()
