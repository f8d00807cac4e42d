"""Learn edge weights through the walk: handwritten digits labelled from two examples of each.

The 1797 digits that scikit-learn ships are joined to their nearest neighbours. A linear map of the pixels, trained
through the walk on 300 digits whose labels are known, decides which edges to trust; all others are for testing.
Run: python examples/node_labels.py --out results/nodes
"""

import argparse
from pathlib import Path

import matplotlib as mpl
import torch
from sklearn.datasets import load_digits
from sklearn.neighbors import kneighbors_graph
from torch import Tensor

import graphrw as rw

mpl.use("Agg")
from matplotlib import pyplot as plt

BETAS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)


class Digits:
    """The digits, joined to their nearest neighbours, and which of their labels are known."""

    def __init__(self) -> None:
        pixels, digits = load_digits(return_X_y=True)
        self.x, self.truth = torch.tensor(pixels / 16, dtype=torch.float32), torch.tensor(digits)
        neighbours = kneighbors_graph(pixels, 10)
        self.graph, _ = rw.from_scipy(neighbours.maximum(neighbours.T))
        self.known, self.unknown = torch.randperm(len(digits)).split([300, len(digits) - 300])

    def choose(self, per_class: int) -> Tensor:
        """Seeds for the walk: so many random ones of the known digits for each class, −1 elsewhere."""
        seeds = torch.full_like(self.truth, -1)
        for label in range(10):
            members = self.known[self.truth[self.known] == label]
            seeds[members[torch.randperm(len(members))[:per_class]]] = label
        return seeds

    def walk_from(self, seeds: Tensor, features: Tensor, beta: float) -> Tensor:
        weight = rw.gaussian_affinity(self.graph, features, beta) + 1e-6
        return rw.hitting_probabilities(rw.walk(self.graph, weight), seeds)

    def score(self, seeds: Tensor, features: Tensor, beta: float, nodes: Tensor) -> float:
        right = self.walk_from(seeds, features, beta).argmax(1) == self.truth
        return float(right[nodes[seeds[nodes] < 0]].float().mean())

    def accuracy(self, features: Tensor, beta: float, nodes: Tensor) -> float:
        """Mean over five draws of two seeds per class among the known digits, scored on `nodes`."""
        torch.manual_seed(1)
        draws = [self.choose(2) for _ in range(5)]
        return sum(self.score(seeds, features, beta, nodes) for seeds in draws) / len(draws)

    def learn(self) -> Tensor:
        """Features (N, 32) that the walk has learned from the known labels."""
        learned = torch.nn.Linear(64, 32, bias=False)
        optimiser = torch.optim.Adam(learned.parameters(), lr=5e-3)
        for _ in range(80):
            optimiser.zero_grad()
            seeds = self.choose(2)
            others = self.known[seeds[self.known] < 0]
            target = torch.full_like(self.truth, -1).index_copy(0, others, self.truth[others])
            rw.losses.cross_entropy(self.walk_from(seeds, learned(self.x), 1.0), target).backward()
            optimiser.step()
        return learned(self.x).detach()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("results/nodes"))
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    task = Digits()
    beta = max(BETAS, key=lambda beta: task.accuracy(task.x, beta, task.known))  # the plain walk gets its best β, too
    learned, everything = task.learn(), torch.full_like(task.truth, -1)
    everything[task.known] = task.truth[task.known]
    scores = {
        f"plain, β = {beta:g}, 20 seeds": task.accuracy(task.x, beta, task.unknown),
        f"plain, β = {beta:g}, all 300 seeds": task.score(everything, task.x, beta, task.unknown),
        "learned, 20 seeds": task.accuracy(learned, 1.0, task.unknown),
    }
    figure, axis = plt.subplots(figsize=(7, 2.4), layout="constrained")
    axis.barh(list(scores), list(scores.values()), color=["0.6", "0.6", "C0"])
    axis.bar_label(axis.containers[0], fmt="{:.1%}", padding=3)
    axis.set(xlim=(0, 1.1), title="digits labelled rightly")
    axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(out / "nodes.png", dpi=120)
    for name, score in scores.items():
        print(f"{name}: {score:.1%} of {len(task.unknown)} digits labelled rightly")
    print(f"picture: {out / 'nodes.png'}")


if __name__ == "__main__":
    main()
