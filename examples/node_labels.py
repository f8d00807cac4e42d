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

import graphrw as rw

mpl.use("Agg")
from matplotlib import pyplot as plt

BETAS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)


def choose(nodes: torch.Tensor, truth: torch.Tensor, per_class: int) -> torch.Tensor:
    """Seeds for the walk: so many random ones of `nodes` for each class, −1 elsewhere."""
    seeds = torch.full_like(truth, -1)
    for label in range(10):
        members = nodes[truth[nodes] == label]
        seeds[members[torch.randperm(len(members))[:per_class]]] = label
    return seeds


def without(nodes: torch.Tensor, seeds: torch.Tensor) -> torch.Tensor:
    return nodes[seeds[nodes] < 0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("results/nodes"))
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)

    pixels, digits = load_digits(return_X_y=True)
    x, truth = torch.tensor(pixels / 16, dtype=torch.float32), torch.tensor(digits)
    neighbours = kneighbors_graph(pixels, 10)
    graph, _ = rw.from_scipy(neighbours.maximum(neighbours.T))
    order = torch.randperm(len(truth))
    known, unknown = order[:300], order[300:]

    def walk_from(seeds: torch.Tensor, features: torch.Tensor, beta: float) -> torch.Tensor:
        weight = rw.gaussian_affinity(graph, features, beta) + 1e-6
        return rw.hitting_probabilities(rw.walk(graph, weight), seeds)

    def accuracy(features: torch.Tensor, beta: float, nodes: torch.Tensor) -> float:
        """Mean over five draws of two seeds per class among the known digits, scored on `nodes`."""
        torch.manual_seed(1)
        draws = [choose(known, truth, 2) for _ in range(5)]
        return sum(score(walk_from(seeds, features, beta), without(nodes, seeds)) for seeds in draws) / len(draws)

    def score(probability: torch.Tensor, nodes: torch.Tensor) -> float:
        return float((probability.argmax(1) == truth)[nodes].float().mean())

    beta = max(BETAS, key=lambda beta: accuracy(x, beta, known))  # the plain walk gets its best β, too
    learned = torch.nn.Linear(64, 32, bias=False)
    optimiser = torch.optim.Adam(learned.parameters(), lr=5e-3)
    for _ in range(80):
        optimiser.zero_grad()
        seeds = choose(known, truth, 2)
        target = torch.full_like(truth, -1)
        target[without(known, seeds)] = truth[without(known, seeds)]
        rw.losses.cross_entropy(walk_from(seeds, learned(x), 1.0), target).backward()
        optimiser.step()
    everything = torch.full_like(truth, -1).index_copy(0, known, truth[known])
    scores = {
        f"plain, β = {beta:g}, 20 seeds": accuracy(x, beta, unknown),
        f"plain, β = {beta:g}, all 300 seeds": score(walk_from(everything, x, beta), unknown),
        "learned, 20 seeds": accuracy(learned(x).detach(), 1.0, unknown),
    }

    figure, axis = plt.subplots(figsize=(7, 2.4), layout="constrained")
    axis.barh(list(scores), list(scores.values()), color=["0.6", "0.6", "C0"])
    axis.bar_label(axis.containers[0], fmt="{:.1%}", padding=3)
    axis.set(xlim=(0, 1.1), title="digits labelled rightly")
    axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(out / "nodes.png", dpi=120)
    for name, score in scores.items():
        print(f"{name}: {score:.1%} of {len(unknown)} digits labelled rightly")
    print(f"picture: {out / 'nodes.png'}")


if __name__ == "__main__":
    main()
