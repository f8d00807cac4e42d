"""
Which club will they join?
==========================

In the early 1970s a karate club of 34 members split in two. Wayne Zachary had written down who of them met outside
the club [1]_. Suppose that we know of two members only where they went: the instructor, and the president. A random
walker starts at any other member and follows friendships until it meets one of these two. The probability that it
meets the instructor first is a guess at what this member did, and says how sure the guess is.

.. [1] W. Zachary, *An information flow model for conflict and fission in small groups*, Journal of Anthropological
       Research 33, 1977.
"""

import networkx as nx
import numpy as np
from matplotlib import pyplot as plt

import graphrw as rw

# %%
# networkx ships the network, with the number of contexts in which two members met as weights. ``node_seeds``
# translates names of nodes and clubs into the numbers that the walk wants, ``node_dict`` translates back.

club = nx.karate_club_graph()
graph, weight = rw.from_networkx(club)
seeds, names = rw.convert.node_seeds(club, {0: "instructor", 33: "president"})
probability = rw.hitting_probabilities(rw.walk(graph, weight), seeds)
answer = rw.convert.node_dict(club, probability, names)
print(answer[8])  # Zachary's member 9: numbers here begin at 0

# %%
# How many went where the walk says? And who is closest to the fence?

to_instructor = np.array([answer[member]["instructor"] for member in club])
stayed = np.array([club.nodes[member]["club"] == "Mr. Hi" for member in club])
right = (to_instructor > 0.5) == stayed
print(f"{right.sum()} of {len(right)} rightly; wrong: {np.flatnonzero(~right)}, at {to_instructor[~right].round(2)}")

# %%
# In the picture the colour is the probability, and a ring marks those whom the walk gets wrong. The member whom it
# misplaces has friends on both sides: the walk was unsure, and said so.

place = nx.kamada_kawai_layout(club)
figure, axis = plt.subplots(figsize=(7.5, 5), layout="constrained")
nx.draw_networkx_edges(club, place, ax=axis, edge_color="0.75", width=0.4 * weight.numpy())
rings = np.where(right, "white", "black")
nodes = nx.draw_networkx_nodes(
    club, place, ax=axis, node_color=to_instructor, cmap="RdYlBu", vmin=0, vmax=1, node_size=360, edgecolors=rings
)
nodes.set_linewidth(np.where(right, 1, 2.5))
for member, (x, y) in place.items():
    ink = "white" if abs(to_instructor[member] - 0.5) > 0.35 else "black"
    axis.text(x, y, member, ha="center", va="center", fontsize=8, color=ink)
figure.colorbar(nodes, ax=axis, label="probability of meeting the instructor (0) before the president (33)")
axis.set_axis_off()
plt.show()
