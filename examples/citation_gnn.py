"""A graph network learns which links to trust, end to end through the walk, on a graph of the citation kind.

As in citation graphs each node has features and links, most links join nodes of one class, and 20 nodes per class are
labelled. The nodes here are the 1797 digits that scikit-learn ships: links join those with alike upper halves, features
are the lower halves. Of the labelled nodes a random half are seeds at each step, the others' labels are to be found.
Run: python examples/citation_gnn.py --out results/citation
On Cora: add --data DIR, where DIR/cora.npz holds edges (2, E), each once, x (N, C) (or x_indices, x_indptr, x_shape, a
CSR matrix of ones), y (N,), and the public split as train_idx, val_idx, test_idx. PyG's Planetoid(root, "Cora")[0] has
all of it: edges = edge_index[:, row < col], the indices are train_mask.nonzero().
"""

import argparse
from pathlib import Path

import matplotlib as mpl
import numpy as np
import torch
from scipy.sparse import csr_array
from sklearn.datasets import load_digits
from sklearn.neighbors import kneighbors_graph
from torch import Tensor
from torch_geometric.nn import GraphSAGE

import graphrw as rw

mpl.use("Agg")
from matplotlib import pyplot as plt


def load(folder: Path | None) -> tuple[rw.Graph, Tensor, Tensor, list[Tensor]]:
    """Graph, features, classes, and the nodes for training, validation and testing."""
    if folder is not None:
        file = dict(np.load(folder / "cora.npz"))
        if "x" not in file:
            ones = np.ones(len(file["x_indices"]))
            file["x"] = csr_array((ones, file["x_indices"], file["x_indptr"]), file["x_shape"]).toarray()
        edges, y, *parts = [torch.tensor(file[k]).long() for k in ("edges", "y", "train_idx", "val_idx", "test_idx")]
        return rw.Graph(edges, len(y)), torch.tensor(file["x"] / file["x"].sum(1)[:, None].clip(1)).float(), y, parts
    pixels, digits = load_digits(return_X_y=True)
    near = kneighbors_graph(pixels[:, :32], 4)
    graph, _ = rw.from_scipy(near.maximum(near.T))
    x, y, order = torch.tensor(pixels[:, 32:] / 16).float(), torch.tensor(digits), torch.randperm(len(digits))
    train = torch.cat([order[y[order] == digit][:20] for digit in range(10)])
    return graph, x, y, [train, *order[~torch.isin(order, train)].tensor_split([500])]


def learn(graph: rw.Graph, x: Tensor, y: Tensor, parts: list[Tensor]) -> tuple[Tensor, float, dict[str, float]]:
    """The weights that are best on the validation nodes, their share of right labels there, and shares on the test."""
    train, val, test = parts
    anything = torch.full((int(y.max()) + 1,), 1 / (int(y.max()) + 1))  # where no walker meets a seed

    def labels(weight: Tensor, nodes: Tensor) -> Tensor:
        seeds = torch.full_like(y, -1).index_copy(0, nodes, y[nodes])
        return rw.hitting_probabilities(rw.walk(graph, weight), seeds, len(anything), unreachable=anything)

    def accuracy(weight: Tensor, nodes: Tensor) -> float:
        return float((labels(weight, train).argmax(1) == y)[nodes].float().mean())

    edges = rw.nn.EdgeWeightsGNN(GraphSAGE(x.shape[1], 32, num_layers=2, out_channels=16, dropout=0.5))
    optimiser = torch.optim.Adam(edges.parameters(), lr=1e-2, weight_decay=5e-4)
    best, learned = 0.0, torch.ones(graph.num_edges)
    scores = {"all links alike": accuracy(learned, test)}
    for _ in range(120):
        seeds, targets = train[torch.randperm(len(train))].chunk(2)
        likelihood = labels(edges.train()(x, graph), seeds)[targets].clamp(min=1e-6).log()
        optimiser.zero_grad()
        torch.nn.functional.nll_loss(likelihood, y[targets]).backward()
        optimiser.step()
        weight = edges.eval()(x, graph).detach()
        if accuracy(weight, val) > best:  # the test nodes have no part in this choice
            best, learned = accuracy(weight, val), weight
    return learned, best, scores | {"links weighted by the GNN": accuracy(learned, test)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("results/citation"))
    parser.add_argument("--data", type=Path, help="the folder of cora.npz")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    graph, x, y, parts = load(arguments.data)
    learned, best, scores = learn(graph, x, y, parts)
    same, weights = (y[graph.edges[0]] == y[graph.edges[1]]).numpy(), np.log10(learned.numpy())
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 2.6), layout="constrained")
    left.hist([weights[same], weights[~same]], 20, label=["within a class", "between classes"], density=True)
    left.set(xlabel="log₁₀ of the learned weight", ylabel="density of links")
    left.legend()
    right.barh(list(scores), list(scores.values()), color=["0.6", "C0"])
    right.bar_label(right.containers[0], fmt="{:.1%}", padding=3)
    right.set(xlim=(0, 1.15), title="test nodes labelled rightly")
    figure.savefig(arguments.out / "citation.png", dpi=120)
    print(f"{same.mean():.1%} of {graph.num_edges} links within a class; {len(parts[0])} labels; validation {best:.1%}")
    for name, score in scores.items():
        print(f"{name}: {score:.1%} of {len(parts[2])} test nodes labelled rightly")
    print(f"picture: {arguments.out / 'citation.png'}")


if __name__ == "__main__":
    main()
