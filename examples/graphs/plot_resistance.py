"""
Which links hold a network together?
====================================

Take every link of a network for a resistor, its weight for the conductance. The effective resistance R_ij between two
nodes is small where many short ways lead from one to the other. Times the weight of a link it is a probability: w_ij
R_ij is the share of spanning trees that use the link [1]_. A link with 1 is a bridge, and without it the network
falls apart; one with nearly 0 could go, and nobody would notice.

.. [1] G. Kirchhoff, *Ueber die Auflösung der Gleichungen …*, Annalen der Physik 148, 1847.
"""

import networkx as nx
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.patheffects import withStroke

import graphrw as rw

# %%
# Fifteen families of Renaissance Florence, and who married whom: networkx ships them.

families = nx.florentine_families_graph()
graph, weight = rw.from_networkx(families)
walk = rw.walk(graph, weight)
resistance = rw.effective_resistance(walk, graph.edges.T)
share = (weight * resistance).numpy()

# %%
# A tree on n nodes has n − 1 links: so much must the shares add up to (Foster's theorem).

print(f"{share.sum():.12f} for {graph.num_nodes} families")

# %%
# Dark links are bridges: no spanning tree can do without them. A node is the larger, the less resistance a family has
# to all others on average. The Medici are at the centre in this sense, which is one of the reasons given for their
# rise.

pairs = np.stack(np.meshgrid(np.arange(graph.num_nodes), np.arange(graph.num_nodes)), -1).reshape(-1, 2)
pairs = pairs[pairs[:, 0] != pairs[:, 1]]
far = rw.effective_resistance(walk, weight.new_tensor(pairs).long()).reshape(graph.num_nodes, -1).mean(1).numpy()

place = nx.kamada_kawai_layout(families)
figure, axis = plt.subplots(figsize=(7.5, 5), layout="constrained")
ends = list(families)
links = [(ends[tail], ends[head]) for tail, head in graph.edges.T.tolist()]
drawn = nx.draw_networkx_edges(
    families,
    place,
    links,
    ax=axis,
    width=1 + 4 * share,
    edge_color=share,
    edge_cmap=plt.get_cmap("cividis_r"),
    edge_vmin=0,
)
nx.draw_networkx_nodes(families, place, ax=axis, node_color="#d9822b", node_size=900 / far**1.5, edgecolors="white")
for name, (x, y) in place.items():
    axis.annotate(name, (x, y), (0, -22), textcoords="offset points", ha="center", fontsize=9,
                  path_effects=[withStroke(linewidth=3, foreground="white")])  # fmt: skip
figure.colorbar(drawn, ax=axis, label="share of spanning trees that need the link")
axis.margins(0.12)
axis.set_axis_off()
plt.show()
