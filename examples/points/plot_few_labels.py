"""
Few labels: harmonic, with class masses, or Poisson
===================================================

From few labels harmonic labels go flat: far from every seed a walker forgets where it started, all probabilities are
nearly the same, and the seed that is best connected wins too often. The larger the graph, the worse. Two remedies:

* **Class mass normalisation** [1]_ scales each class until its total mass is what is expected of it.
* **Poisson learning** [2]_ does not hold seeds at fixed values. They are sources, and labels flow out of them.

.. [1] X. Zhu, Z. Ghahramani, J. Lafferty, *Semi-supervised learning using Gaussian fields and harmonic functions*,
       ICML 2003.
.. [2] J. Calder, B. Cook, M. Thorpe, D. Slepčev, *Poisson learning*, ICML 2020.
"""

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.ticker import PercentFormatter
from sklearn.datasets import load_digits

import graphrw as rw

# %%
# Each digit is joined to its ten nearest neighbours; near ones get larger weights.

pixels, digits = load_digits(return_X_y=True)
truth = torch.from_numpy(digits)
graph, distance = rw.knn_graph(torch.from_numpy(pixels), k=10)
walk = rw.walk(graph, rw.build.self_tuning_affinity(graph, distance))
equal = torch.full((10,), 0.1, dtype=torch.float64)

# %%
# Seeds are drawn at random, so many of each kind, ten times over. Scored are the digits without a label.

counts = [1, 2, 3, 5, 10, 20, 40]
scores = {"harmonic": [], "harmonic, class masses": [], "Poisson": []}
torch.manual_seed(0)
for count in counts:
    shares = {name: [] for name in scores}
    for _ in range(10):
        order = torch.randperm(len(truth))
        chosen = torch.cat([order[truth[order] == digit][:count] for digit in range(10)])
        seeds = torch.full_like(truth, -1).index_copy(0, chosen, truth[chosen])
        harmonic = rw.hitting_probabilities(walk, seeds)
        answers = {
            "harmonic": harmonic,
            "harmonic, class masses": rw.functional.class_mass_normalize(harmonic, seeds, equal),
            "Poisson": rw.poisson_labels(walk, seeds),
        }
        for name, answer in answers.items():
            shares[name].append(float((answer.argmax(1) == truth)[seeds < 0].double().mean()))
    for name, values in shares.items():
        scores[name].append(values)
    print(count, {name: round(float(np.mean(values)), 3) for name, values in shares.items()})

# %%
# Lines are means, bands reach from the worst draw to the best. With one label of each kind both remedies gain; with
# many of them class masses change nothing, and Poisson learning falls behind. On larger graphs the remedies gain far
# more: :doc:`/node_labels` has ten of them.

figure, axis = plt.subplots(figsize=(7, 4.2), layout="constrained")
for name, values in scores.items():
    table = np.array(values)
    axis.plot(counts, table.mean(1), "o-", label=name)
    axis.fill_between(counts, table.min(1), table.max(1), alpha=0.15)
axis.set(xscale="log", xlabel="labelled digits of each kind", ylabel="other digits labelled rightly")
axis.set_xticks(counts, counts)
axis.minorticks_off()
axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
axis.legend(loc="lower right")
axis.spines[["top", "right"]].set_visible(False)
plt.show()
