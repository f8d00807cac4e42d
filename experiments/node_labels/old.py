"""Node labelling on citation graphs: walks with equal and with learned edges, beside PyG's layers.

Public split, several random seeds; the test nodes have no part in any choice. What is trained runs EPOCHS steps of Adam
and is scored at the epoch that labels most validation nodes rightly; what has options but no parameters takes those
that do. Settings of GCN, GAT and APPNP are about those of their papers (APPNP with GCN's weight decay of 5e-4: with its
own, 5e-3, it is far from trained after so few steps); the walks with learned edges take those of GCN, untuned.

The walks, all with the training nodes as seeds, and a uniform answer in components without any:

* harmonic labels of equal weights; the same after class-mass normalisation; Poisson learning;
* GNN edges: a GCN reads the graph, a symmetric head gives the weights (as `EdgeWeightsGNN`). At each step a random half
  of the training nodes are seeds, and the loss is the cross entropy of the others' labels. Labels of the test nodes
  come from the walk alone: the network decides which links to trust, not which label a node has;
* GNN edges and priors: the same network also guesses each node's label, and walkers end there with a learned rate
  (absorption a_il = ρ d_i q_il with guesses q and ρ learned; Grady 2005), so that features speak as well as links. Its
  loss adds the cross entropy of the guesses.

`experiments/README.md` says how to run this and which data it needs.
"""

import argparse
import math
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch_geometric
from scipy.sparse import csr_array
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, dropout, nll_loss
from torch_geometric.nn import APPNP, GAT, GCN, LabelPropagation

import graphrw as rw

EPOCHS = 200
DATA = """{place} was not found.

This experiment needs DIR/NAME.npz, with DIR given by --data or in the variable GRAPHRW_DATA: edges (2, E), each once;
y (N,), −1 for unknown classes; the public split as train_idx, val_idx, test_idx; features x (N, C), or as a CSR matrix
x_indices, x_indptr, x_shape, x_data (a single 1 if all are 1). Without features only what needs none runs. They are the
files of github.com/kimiyoung/planetoid (Yang et al. 2016), as PyG reads them. They do not come with graphrw."""


@dataclass(frozen=True)
class Data:
    """A graph, its features (N, C) with rows of sum 1, its classes (N,), and the nodes of the public split."""

    graph: rw.Graph
    edge_index: Tensor
    x: Tensor | None
    y: Tensor
    train: Tensor
    val: Tensor
    test: Tensor

    @property
    def num_labels(self) -> int:
        return int(self.y.max()) + 1

    def seeds(self, nodes: Tensor) -> Tensor:
        return torch.full_like(self.y, -1).index_copy(0, nodes, self.y[nodes])

    def accuracy(self, scores: Tensor, nodes: Tensor) -> float:
        return float((scores[nodes].argmax(1) == self.y[nodes]).double().mean())

    def walk_labels(self, weight: Tensor, nodes: Tensor, absorption: Tensor | None = None) -> Tensor:
        """(N, L) hitting probabilities of the classes of `nodes`."""
        uniform = torch.full((self.num_labels,), 1 / self.num_labels)
        walk = rw.walk(self.graph, weight)
        return rw.hitting_probabilities(walk, self.seeds(nodes), self.num_labels, absorption, uniform)


@dataclass(frozen=True)
class Score:
    val: float  # the share of these nodes that are labelled rightly
    test: float
    seconds: float = 0.0


def load(folder: str | None, name: str) -> Data:
    """The graph of one file; exits with its source and layout if it is not there."""
    path = Path(folder or "DIR") / f"{name}.npz"
    if not folder or not path.is_file():
        raise SystemExit(DATA.format(place=path))
    file = dict(np.load(path))
    graph = rw.Graph(torch.tensor(file["edges"]).long(), len(file["y"]))
    edge_index, _ = rw.to_edge_index(graph, torch.ones(graph.num_edges))
    parts = [torch.tensor(file[part]).long() for part in ("train_idx", "val_idx", "test_idx")]
    return Data(graph, edge_index, features(file), torch.tensor(file["y"]).long(), *parts)


def features(file: dict[str, np.ndarray]) -> Tensor | None:
    """(N, C) with rows of sum 1, as usual on these graphs."""
    if "x_indices" in file:
        values = file["x_data"] if len(file["x_data"]) > 1 else np.ones(len(file["x_indices"]))
        file["x"] = csr_array((values, file["x_indices"], file["x_indptr"]), tuple(file["x_shape"])).toarray()
    if "x" not in file:
        return None
    x = torch.tensor(file["x"], dtype=torch.float32)
    return x / x.sum(1, keepdim=True).clamp(min=1e-12)


def harmonic(data: Data) -> Tensor:
    return data.walk_labels(torch.ones(data.graph.num_edges), data.train)


def class_mass(data: Data) -> Tensor:
    return rw.functional.class_mass_normalize(harmonic(data), data.seeds(data.train))


def poisson(data: Data) -> Tensor:
    uniform = torch.full((data.num_labels,), 1 / data.num_labels)
    walk = rw.walk(data.graph, torch.ones(data.graph.num_edges))
    return rw.poisson_labels(walk, data.seeds(data.train), data.num_labels, unreachable=uniform)


def label_propagation(data: Data) -> Tensor:
    """PyG's, with the best of 15 options on validation nodes."""
    mask = torch.zeros(len(data.y), dtype=torch.bool).index_fill(0, data.train, True)
    options = [(steps, alpha) for steps in (10, 50, 200) for alpha in (0.5, 0.8, 0.9, 0.95, 0.99)]
    target = data.y.clamp(min=0)
    answers = [LabelPropagation(*option)(target, data.edge_index, mask) for option in options]
    return max(answers, key=lambda scores: data.accuracy(scores, data.val))


class Network(nn.Module):
    """What is trained, by default with the cross entropy of the training nodes."""

    rate, decay = 0.01, 5e-4

    def __init__(self, data: Data) -> None:
        super().__init__()
        self.data = data

    def scores(self) -> Tensor:
        raise NotImplementedError

    def loss(self) -> Tensor:
        return cross_entropy(self.scores()[self.data.train], self.data.y[self.data.train])


class OfGCN(Network):
    share = 0.5  # of dropout

    def __init__(self, data: Data) -> None:
        super().__init__(data)
        self.layers = GCN(data.x.shape[1], 64, 2, data.num_labels, dropout=self.share)

    def scores(self) -> Tensor:
        return self.layers(dropout(self.data.x, self.share, self.training), self.data.edge_index)


class OfGAT(OfGCN):
    rate, share = 0.005, 0.6

    def __init__(self, data: Data) -> None:
        super().__init__(data)
        self.layers = GAT(data.x.shape[1], 64, 2, data.num_labels, dropout=self.share, heads=8, act="elu")


class OfAPPNP(Network):
    def __init__(self, data: Data) -> None:
        super().__init__(data)
        self.first, self.second = nn.Linear(data.x.shape[1], 64), nn.Linear(64, data.num_labels)
        self.propagate = APPNP(K=10, alpha=0.1)

    def scores(self) -> Tensor:
        hidden = torch.relu(self.first(dropout(self.data.x, 0.5, self.training)))
        return self.propagate(self.second(dropout(hidden, 0.5, self.training)), self.data.edge_index)


class GNNEdges(Network):
    def __init__(self, data: Data) -> None:
        super().__init__(data)
        self.encoder = GCN(data.x.shape[1], 64, 2, 32, dropout=0.5)
        self.edges = rw.nn.EdgeWeightsMLP(32)

    def hidden(self) -> Tensor:
        return self.encoder(dropout(self.data.x, 0.5, self.training), self.data.edge_index)

    def labels(self, nodes: Tensor) -> tuple[Tensor, Tensor]:
        """Probabilities from the seeds `nodes`, and what else the loss needs."""
        weight = self.edges(self.hidden(), self.data.graph)
        return self.data.walk_labels(weight, nodes), weight

    def scores(self) -> Tensor:
        return self.labels(self.data.train)[0]

    def loss(self) -> Tensor:
        seeds, targets = self.data.train[torch.randperm(len(self.data.train))].chunk(2)
        return nll_loss(self.labels(seeds)[0][targets].clamp(min=1e-6).log(), self.data.y[targets])


class GNNEdgesAndPriors(GNNEdges):
    def __init__(self, data: Data) -> None:
        super().__init__(data)
        self.guess = nn.Linear(32, data.num_labels)
        self.log_rho = nn.Parameter(torch.tensor(math.log(0.1)))

    def labels(self, nodes: Tensor) -> tuple[Tensor, Tensor]:
        hidden = self.hidden()
        weight, guess = self.edges(hidden, self.data.graph), self.guess(torch.relu(hidden))
        rate = self.log_rho.exp() * rw.core.walk.degree(self.data.graph, weight)
        return self.data.walk_labels(weight, nodes, rate[:, None] * guess.softmax(1)), guess

    def loss(self) -> Tensor:
        train, y = self.data.train, self.data.y
        seeds, targets = train[torch.randperm(len(train))].chunk(2)
        probability, guess = self.labels(seeds)
        fit = nll_loss(probability[targets].clamp(min=1e-6).log(), y[targets])
        return fit + cross_entropy(guess[train], y[train])


def trained(kind: type[Network], data: Data, seed: int) -> Score:
    """The scores of a network at its best epoch on the validation nodes."""
    torch.manual_seed(seed)
    network = kind(data)
    optimiser = torch.optim.Adam(network.parameters(), lr=kind.rate, weight_decay=kind.decay)
    best, start = Score(0, 0), time.perf_counter()
    for _ in range(EPOCHS):
        network.train()
        network.zero_grad()
        network.loss().backward()
        optimiser.step()
        with torch.no_grad():
            scores = network.eval().scores()
        if data.accuracy(scores, data.val) > best.val:
            best = Score(data.accuracy(scores, data.val), data.accuracy(scores, data.test))
    return Score(best.val, best.test, time.perf_counter() - start)


FIXED: dict[str, Callable[[Data], Tensor]] = {
    "harmonic labels": harmonic,
    "harmonic labels, class masses normalised": class_mass,
    "Poisson learning": poisson,
    "PyG LabelPropagation": label_propagation,
}
LEARNED: dict[str, type[Network]] = {
    "GNN edges, harmonic labels": GNNEdges,
    "GNN edges and priors": GNNEdgesAndPriors,
    "PyG GCN": OfGCN,
    "PyG GAT": OfGAT,
    "PyG APPNP": OfAPPNP,
}


def results(data: Data, runs: int) -> Iterator[tuple[str, list[Score]]]:
    """Each method with its scores, one for each random seed."""
    for name, answer in FIXED.items():
        start, scores = time.perf_counter(), answer(data)
        seconds = time.perf_counter() - start
        yield name, [Score(data.accuracy(scores, data.val), data.accuracy(scores, data.test), seconds)]
    for name, kind in LEARNED.items() if data.x is not None else ():
        yield name, [trained(kind, data, seed) for seed in range(runs)]


def row(name: str, scores: list[Score]) -> str:
    """A line of the table: mean ± standard deviation, in per cent, and seconds per run."""

    def show(values: list[float]) -> str:
        spread = f" ± {100 * statistics.stdev(values):.1f}" if len(values) > 1 else ""
        return f"{100 * statistics.mean(values):.1f}{spread}"

    seconds = statistics.mean(score.seconds for score in scores)
    val, test = show([score.val for score in scores]), show([score.test for score in scores])
    return f"| {name} | {val} | {test} | {len(scores)} | {seconds:.1f} |"


def machine() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    versions = f"torch {torch.__version__}, torch_geometric {torch_geometric.__version__}"
    return f"{names[0] if names else platform.processor()}, {torch.get_num_threads()} threads, {versions}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Label the nodes of a citation graph.")
    parser.add_argument("--data", default=os.environ.get("GRAPHRW_DATA"), help="the folder of NAME.npz")
    parser.add_argument("--graph", default="cora", help="NAME, such as cora, citeseer")
    parser.add_argument("--runs", type=int, default=10, help="random seeds of what is trained")
    arguments = parser.parse_args()
    data = load(arguments.data, arguments.graph)
    seeds = f"{len(data.train)} training, {len(data.val)} validation, {len(data.test)} test nodes"
    print(f"{arguments.graph}: {data.graph}, {data.num_labels} classes; {seeds}; {machine()}\n")
    print("| method | validation, % | test, % | runs | seconds per run |\n|---|---:|---:|---:|---:|")
    for name, scores in results(data, arguments.runs):
        print(row(name, scores), flush=True)


if __name__ == "__main__":
    main()
