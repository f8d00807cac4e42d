"""
A graph network that learns which links to trust
================================================

Graphs of citations have features and links, most links join nodes of one class, and a few nodes of each class are
labelled. A graph network could predict classes from features and links at once. Here it does something more modest:
it says for each link how far to trust it, and labels come from the walk alone, from 20 seeds of each class. What it
learns can be looked at, and serves other seeds as well.

The nodes are the 1797 digits that scikit-learn ships, with links between those whose *upper* halves are alike; the
features are the *lower* halves.
"""

import numpy as np
import torch
from matplotlib import pyplot as plt
from sklearn.datasets import load_digits
from sklearn.neighbors import kneighbors_graph
from torch_geometric.nn import GraphSAGE

import graphrw as rw

# %%
# 20 nodes of each class are labelled, 500 others choose when to stop, all else is for testing.

torch.manual_seed(0)
pixels, digits = load_digits(return_X_y=True)
near = kneighbors_graph(pixels[:, :32], 4)
graph, _ = rw.from_scipy(near.maximum(near.T))
x, y = torch.tensor(pixels[:, 32:] / 16).float(), torch.tensor(digits)
order = torch.randperm(len(y))
train = torch.cat([order[y[order] == digit][:20] for digit in range(10)])
validation, test = order[~torch.isin(order, train)].tensor_split([500])

# %%
# The walk, from whichever nodes are given as seeds. In a part of the graph without any seed all classes are level.

level = torch.full((10,), 0.1)


def labels(weight, nodes):
    seeds = torch.full_like(y, -1).index_copy(0, nodes, y[nodes])
    return rw.hitting_probabilities(rw.walk(graph, weight), seeds, 10, unreachable=level)


def accuracy(weight, nodes):
    return float((labels(weight, train).argmax(1) == y)[nodes].float().mean())


# %%
# ``EdgeWeightsGNN`` puts a head on any of PyG's networks: from the features of both ends of a link to its weight. At
# each step a random half of the labelled nodes are seeds, and the walk is to find the labels of the other half.

edges = rw.nn.EdgeWeightsGNN(GraphSAGE(x.shape[1], 32, num_layers=2, out_channels=16, dropout=0.5))
optimiser = torch.optim.Adam(edges.parameters(), lr=1e-2, weight_decay=5e-4)
equal = torch.ones(graph.num_edges)
best, learned = 0.0, equal
for _ in range(120):
    seeds, targets = train[torch.randperm(len(train))].chunk(2)
    likelihood = labels(edges.train()(x, graph), seeds)[targets].clamp(min=1e-6).log()
    optimiser.zero_grad()
    torch.nn.functional.nll_loss(likelihood, y[targets]).backward()
    optimiser.step()
    weight = edges.eval()(x, graph).detach()
    if accuracy(weight, validation) > best:  # the test nodes have no part in this choice
        best, learned = accuracy(weight, validation), weight

scores = {"all links alike": accuracy(equal, test), "links weighted by the GNN": accuracy(learned, test)}
for name, score in scores.items():
    print(f"{name}: {score:.1%} of {len(test)} test nodes labelled rightly")

# %%
# Links between digits of two classes have become far weaker than those within a class. Nobody told the network which
# is which.

same = (y[graph.edges[0]] == y[graph.edges[1]]).numpy()
weights = np.log10(learned.numpy())
print(f"{same.mean():.1%} of {graph.num_edges} links are within a class")
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.4), layout="constrained", width_ratios=[1.3, 1])
left.hist(
    [weights[same], weights[~same]], 24, label=["within a class", "between classes"], density=True, color=["C0", "C3"]
)
left.set(xlabel="log₁₀ of the learned weight", ylabel="density of links")
left.legend(loc="upper left")
bars = right.barh(["all alike", "weighted\nby the GNN"], list(scores.values()), color=["0.6", "C0"])
right.bar_label(bars, fmt="{:.1%}", padding=3)
right.set(xlim=(0, 1.15), title="test nodes labelled rightly")
for axis in (left, right):
    axis.spines[["top", "right"]].set_visible(False)
plt.show()
