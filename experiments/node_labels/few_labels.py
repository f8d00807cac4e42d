"""Node labels from few seeds: how class masses are made up for, on the validation nodes of many graphs.

Two ways to choose seeds: so many nodes of each class, from the training nodes of the public split (PubMed's, Cora's and
CiteSeer's), of the first split the file holds otherwise; and a share of all nodes but the validation nodes, whatever
their class. Equal weights; a uniform answer in components without any seed; classes without a seed do not count. The
test nodes have no part in this: it decides the default of `RandomWalkClassifier`.

* flat: hitting probabilities (`class_mass=False`);
* shares: classes are expected with their shares of the seeds (`class_mass=True`);
* default: with the shares of the seeds and 20 more of each class (`class_mass=None`);
* equal: with equal shares;
* Poisson: `PoissonClassifier`.

`experiments/README.md` says how to run this and which data it needs.
"""

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array

from graphrw.estimators import PoissonClassifier, RandomWalkClassifier

GRAPHS = (
    "cora citeseer pubmed_graph_only cora_ml amazon_photo coauthor_cs minesweeper tolokers actor chameleon_filtered"
)
DATA = """This experiment needs DIR/NAME.npz, with DIR given by --data or in the variable GRAPHRW_DATA: see
experiments/README.md for what the files hold. They do not come with graphrw."""
METHODS = ("flat", "shares", "default", "equal", "Poisson")
SEEDS = ("1 a class", "3 a class", "5 a class", "20 a class", "1 % of nodes", "5 % of nodes", "20 % of nodes")


def load(path: Path) -> tuple[csr_array, NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The adjacency matrix, the classes (N,), and the training and validation nodes."""
    if not path.is_file():
        raise SystemExit(f"{path} was not found. {DATA}")
    file = np.load(path)
    num_nodes = len(file["y"])
    matrix = coo_array((np.ones(file["edges"].shape[1]), file["edges"]), (num_nodes, num_nodes))
    y = file["y"].astype(np.int64)
    if "train_idx" in file:
        train, val = file["train_idx"], file["val_idx"]
    else:
        prefix = "train" if "train_masks" in file else "rand_train"
        train, val = (np.flatnonzero(file[prefix.replace("train", part) + "_masks"][0]) for part in ("train", "val"))
    return (matrix + matrix.T).tocsr(), y, train[y[train] >= 0], val[y[val] >= 0]


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
    models.append(PoissonClassifier(**options))
    return [float((model.fit(matrix, given).transduction_ == y)[val].mean()) for model in models]


def rows(folder: Path, names: list[str], draws: int) -> Iterator[tuple[str, str, NDArray[np.float64]]]:
    for name in names:
        data = load(folder / f"{name}.npz")
        for seeds in SEEDS:
            yield name, seeds, np.mean([accuracies(data, seeds, draw) for draw in range(draws)], axis=0)


def main() -> None:
    parser = argparse.ArgumentParser(description="Label nodes from few seeds.")
    parser.add_argument("--data", default=os.environ.get("GRAPHRW_DATA"), help="the folder of NAME.npz")
    parser.add_argument("--graphs", nargs="+", default=GRAPHS.split())
    parser.add_argument("--draws", type=int, default=5, help="of seeds")
    arguments = parser.parse_args()
    found = []
    print("| graph | seeds | " + " | ".join(METHODS) + " |\n|---|---|" + "---:|" * len(METHODS))
    for name, seeds, shares in rows(Path(arguments.data or "."), arguments.graphs, arguments.draws):
        found.append((seeds, shares))
        print(f"| {name} | {seeds} | " + " | ".join(f"{100 * share:.1f}" for share in shares) + " |", flush=True)
    for kind in SEEDS:
        mean = np.mean([shares for seeds, shares in found if seeds == kind], axis=0)
        print(f"| mean | {kind} | " + " | ".join(f"{100 * share:.1f}" for share in mean) + " |")


if __name__ == "__main__":
    main()
