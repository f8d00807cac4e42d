"""Node labels from few seeds: how class masses are made up for, on the validation nodes of many graphs.

Two ways to choose seeds: so many nodes of each class, from the training nodes of the public split (PubMed's, Cora's and
CiteSeer's), of the first split the file holds otherwise; and a share of all nodes but the validation nodes, whatever
their class. Equal weights; a uniform answer in components without any seed; classes without a seed do not count. The
test nodes have no part in this: it decides the default of `RandomWalkClassifier`.

* flat: hitting probabilities (`class_mass=False`);
* shares: classes are expected with their shares of the seeds (`class_mass=True`);
* default: with the shares of the seeds and 20 more of each class (`class_mass=None`);
* equal: with equal shares;
* α = 0.99, α = 0.9: as the default, by walks that end (`alpha`);
* Poisson: `PoissonClassifier`.

`experiments/README.md` says how to run this and which data it needs.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # so that the file runs by its path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array

import graphrw as rw
from experiments.data.graphs import SPLITS, graph_names, read_graph
from experiments.shared.command import Evaluation, option, parsed
from experiments.shared.results import write
from graphrw.estimators import PoissonClassifier, RandomWalkClassifier

METHODS = ("flat", "shares", "default", "equal", "α = 0.99", "α = 0.9", "Poisson")
SEEDS = ("1 a class", "3 a class", "5 a class", "20 a class", "1 % of nodes", "5 % of nodes", "20 % of nodes")


@dataclass(frozen=True, kw_only=True)
class Config(Evaluation):
    split: str = option("val", "whose nodes are scored", of=SPLITS)
    graphs: tuple[str, ...] = option((), "names of graphs; none: all there are")
    draws: int = option(5, "of seeds")


def load(config: Config, name: str) -> tuple[csr_array, NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The adjacency matrix, the classes (N,), the training nodes and those that are scored."""
    data = read_graph(config.data, name)
    split = data.splits[0]
    matrix = csr_array(rw.to_scipy(data.graph, torch.ones(data.graph.num_edges)))
    return matrix, data.y.numpy(), split.train.numpy(), getattr(split, config.split).numpy()


def chosen(seeds: str, y: NDArray[np.int64], train: NDArray[np.int64], val: NDArray[np.int64], draw: int) -> NDArray:
    """The nodes that are seeds."""
    number, _, of_class = seeds.partition(" ")
    if of_class == "a class":
        order = np.random.default_rng(draw).permutation(train)
        return np.concatenate([order[y[order] == name][: int(number)] for name in np.unique(y[train])])
    others = np.setdiff1d(np.flatnonzero(y >= 0), val)
    return np.random.default_rng(draw).permutation(others)[: max(2, len(y) * int(number) // 100)]


def accuracies(data: tuple[csr_array, NDArray, NDArray, NDArray], seeds: str, draw: int) -> list[float]:
    """The share of the validation nodes that each method labels rightly."""
    matrix, y, train, val = data
    nodes = chosen(seeds, y, train, val, draw)
    given = np.full(len(y), -1)
    given[nodes] = y[nodes]
    count = len(np.unique(y[nodes]))
    uniform = np.full(count, 1 / count)
    options = {"precomputed": True, "unreachable": uniform}
    models = [RandomWalkClassifier(class_mass=choice, **options) for choice in (False, True, None, uniform)]
    models += [RandomWalkClassifier(alpha=alpha, **options) for alpha in (0.99, 0.9)]
    models.append(PoissonClassifier(**options))
    return [float((model.fit(matrix, given).transduction_ == y)[val].mean()) for model in models]


def rows(config: Config) -> Iterator[tuple[str, str, NDArray[np.float64]]]:
    for name in config.graphs or graph_names(config.data):
        data = load(config, name)
        for seeds in SEEDS:
            yield name, seeds, np.mean([accuracies(data, seeds, draw) for draw in range(config.draws)], axis=0)


def main(arguments: list[str] | None = None) -> None:
    config = parsed(Config, __doc__, arguments)
    found, figures = [], []
    print("| graph | seeds | " + " | ".join(METHODS) + " |\n|---|---|" + "---:|" * len(METHODS))
    for name, seeds, shares in rows(config):
        found.append((seeds, shares))
        accuracy = {method: float(share) for method, share in zip(METHODS, shares, strict=True)}
        figures.append({"graph": name, "seeds": seeds, **accuracy})
        write(config.out, config, figures)
        print(f"| {name} | {seeds} | " + " | ".join(f"{100 * share:.1f}" for share in shares) + " |", flush=True)
    for kind in SEEDS:
        mean = np.mean([shares for seeds, shares in found if seeds == kind], axis=0)
        print(f"| mean | {kind} | " + " | ".join(f"{100 * share:.1f}" for share in mean) + " |")


if __name__ == "__main__":
    main()
