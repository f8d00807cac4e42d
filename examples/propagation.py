"""A walk as a layer of a graph network: digits from few labels, with a propagation layer and without.

The network is one of PyTorch Geometric's, on the graph of nearest neighbours of scikit-learn's digits: a perceptron of
each digit's pixels, and behind it a layer that spreads its answers along a random walk; how far, α, is learned with the
other weights. Run: python examples/propagation.py --out results/propagation
"""

import argparse
from pathlib import Path
from statistics import median

import matplotlib as mpl
import torch
from matplotlib.ticker import PercentFormatter
from sklearn.datasets import load_digits
from torch import Tensor
from torch_geometric.nn import Sequential

import graphrw as rw

mpl.use("Agg")
from matplotlib import pyplot as plt

PER_CLASS, SPLITS, STEPS, START = 5, 5, 50, 0.5


def network(propagation: bool) -> Sequential:
    layers = [(torch.nn.Linear(64, 64), "x -> x"), torch.nn.ReLU(), torch.nn.Dropout(0.5), torch.nn.Linear(64, 10)]
    if propagation:
        layers.append((rw.nn.Propagation(START, learn_alpha=True), "x, graph, weight -> x"))
    return Sequential("x, graph, weight", layers)


def choose(truth: Tensor) -> Tensor:
    """The nodes whose labels are known: so many random ones of each class."""
    order = torch.randperm(len(truth))
    return torch.cat([order[truth[order] == label][:PER_CLASS] for label in range(10)])


def load() -> tuple[rw.Graph, Tensor, Tensor, Tensor]:
    """The graph and its weights, the digits' features and their classes."""
    pixels, digits = load_digits(return_X_y=True)
    x = torch.tensor(pixels / 16, dtype=torch.float32)
    graph, distance = rw.knn_graph(x, k=10)
    return graph, rw.build.self_tuning_affinity(graph, distance), x, torch.tensor(digits)


def fit(model: Sequential, task: tuple[rw.Graph, Tensor, Tensor, Tensor], known: Tensor) -> tuple[float, list[float]]:
    """Train on the labels of `known`; the share of all other digits that are labelled rightly, and α on the way."""
    graph, weight, x, truth = task
    rates = [{"params": [p], "lr": 0.1 if p.ndim == 0 else 0.01} for p in model.parameters()]  # α is a number ()
    optimiser = torch.optim.Adam(rates)
    path = []
    for _ in range(STEPS):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(model(x, graph, weight)[known], truth[known]).backward()
        optimiser.step()
        path += [float(layer.alpha.detach()) for layer in model if isinstance(layer, rw.nn.Propagation)]
    right = model.eval()(x, graph, weight).argmax(1) == truth
    right[known] = False
    return float(right.sum()) / (len(truth) - len(known)), path


def draw(plain: list[float], spread: list[float], paths: list[list[float]], path: Path) -> None:
    figure, axes = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
    axes[0].plot(["without", "with"], [plain, spread], "o-", color="C0", alpha=0.6)
    axes[0].set(xlim=(-0.4, 1.4), title="digits labelled rightly, for each split")
    axes[0].yaxis.set_major_formatter(PercentFormatter(1))
    axes[0].set_xlabel("propagation layer")
    axes[1].plot(torch.tensor(paths).T.numpy(), color="C1", alpha=0.6)
    axes[1].set(title="α of the layer", xlabel="training step")
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("results/propagation"))
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    task = load()
    plain, spread, paths = [], [], []
    for _ in range(SPLITS):
        known = choose(task[-1])
        plain.append(fit(network(propagation=False), task, known)[0])
        score, path = fit(network(propagation=True), task, known)
        spread.append(score)
        paths.append(path)
    others = len(task[-1]) - len(known)
    for name, scores in (("without", plain), ("with", spread)):
        print(f"{name} propagation: {median(scores):.1%} of {others} digits labelled rightly (median)")
    print(f"α learned: {median(path[-1] for path in paths):.2f} (median of {SPLITS} splits), from {START}")
    draw(plain, spread, paths, out / "propagation.png")
    print(f"picture: {out / 'propagation.png'}")


if __name__ == "__main__":
    main()
