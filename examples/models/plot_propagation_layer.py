"""
A walk as a layer of a network
==============================

A perceptron looks at one digit at a time. Behind it stands one layer more, which spreads its answers along a random
walk on the graph of nearest neighbours: where digits are alike, answers are averaged. How far, α, is a parameter of
the layer and learned with all others; the gradient comes through the limit of infinitely many steps. It
takes what PyTorch Geometric's layers take, too. With a fixed number of steps and a fixed α it is APPNP [1]_.

.. [1] J. Klicpera, A. Bojchevski, S. Günnemann, *Predict then propagate*, ICLR 2019.
"""

import torch
from matplotlib import pyplot as plt
from matplotlib.ticker import PercentFormatter
from sklearn.datasets import load_digits

import graphrw as rw

# %%
# The digits that scikit-learn ships, each joined to its ten nearest neighbours.

torch.manual_seed(0)
pixels, digits = load_digits(return_X_y=True)
x, truth = torch.tensor(pixels / 16, dtype=torch.float32), torch.tensor(digits)
graph, distance = rw.knn_graph(x, k=10)
weight = rw.build.self_tuning_affinity(graph, distance)

# %%
# The same network, with the layer and without.


class Network(torch.nn.Module):
    def __init__(self, propagation):
        super().__init__()
        hidden = [torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Dropout(0.5)]
        self.look = torch.nn.Sequential(*hidden, torch.nn.Linear(64, 10))
        self.spread = rw.nn.Propagation(0.5, learn_alpha=True) if propagation else None

    def forward(self, x):
        answer = self.look(x)
        return answer if self.spread is None else self.spread(answer, graph, weight)


# %%
# Training sees five labels of each class. α is a single number and gets steps of its own size.


def fit(model, known):
    """The share of all other digits that are labelled rightly, and α on the way."""
    rates = [{"params": [p], "lr": 0.1 if p.ndim == 0 else 0.01} for p in model.parameters()]
    optimiser = torch.optim.Adam(rates)
    path = []
    for _ in range(40):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(model(x)[known], truth[known]).backward()
        optimiser.step()
        path += [] if model.spread is None else [float(model.spread.alpha.detach())]
    right = model.eval()(x).argmax(1) == truth
    right[known] = False
    return float(right.sum()) / (len(truth) - len(known)), path


plain, spread, paths = [], [], []
for _ in range(4):
    order = torch.randperm(len(truth))
    known = torch.cat([order[truth[order] == label][:5] for label in range(10)])
    plain.append(fit(Network(propagation=False), known)[0])
    score, path = fit(Network(propagation=True), known)
    spread.append(score)
    paths.append(path)
print(f"without: {torch.tensor(plain).median():.1%}; with: {torch.tensor(spread).median():.1%} (medians of four draws)")

# %%
# Each line is one draw of the labels. All of them gain, and all of them find that it pays to go far.

figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
axes[0].plot(["without", "with"], [plain, spread], "o-", color="C0", alpha=0.6)
axes[0].set(xlim=(-0.4, 1.4), title="digits labelled rightly", xlabel="the layer")
axes[0].yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
axes[1].plot(torch.tensor(paths).T.numpy(), color="C1", alpha=0.6)
axes[1].set(title="α, the chance of going on", xlabel="training step")
for axis in axes:
    axis.spines[["top", "right"]].set_visible(False)
plt.show()
