"""A graph with one split and so many labels of each class, as the methods take it."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor
from torch_geometric.utils import to_torch_csr_tensor

import graphrw as rw
from experiments.data.graphs import NodeLabels, Split


@dataclass(frozen=True, eq=False)
class Task:
    """What to learn from, and what to tell.

    Only `train` is learned from and seeds walks; labels of `val` choose options and epochs; those of `test` score.
    """

    data: NodeLabels
    train: Tensor
    val: Tensor
    test: Tensor

    @property
    def y(self) -> Tensor:
        return self.data.y

    @property
    def num_labels(self) -> int:
        return self.data.num_labels

    @cached_property
    def edge_index(self) -> Tensor:
        """Both directions of each edge, as PyG has them."""
        graph = self.data.graph
        return rw.to_edge_index(graph, torch.ones(graph.num_edges))[0]

    @cached_property
    def adjacency(self) -> Tensor:
        """The same as a matrix: with a million entries PyG's GCN takes a fifth of the time it takes with pairs."""
        return to_torch_csr_tensor(self.edge_index, size=(len(self.y), len(self.y)))

    @cached_property
    def degree(self) -> Tensor:
        graph = self.data.graph
        return torch.bincount(graph.edges.flatten(), minlength=graph.num_nodes).double()

    @property
    def seeds(self) -> Tensor:
        return torch.full_like(self.y, -1).index_copy(0, self.train, self.y[self.train])

    @property
    def uniform(self) -> Tensor:
        """What is said where no walk leads to a label."""
        return torch.full((self.num_labels,), 1 / self.num_labels, dtype=torch.float64)

    def quality(self, scores: Tensor, nodes: Tensor) -> float:
        """The share of nodes labelled rightly; of two classes the area under the curve of ROC.

        The graphs of two classes have few nodes of one of them, so that whoever names the other is right at four of
        five nodes; their authors score them so (Platonov et al., ICLR 2023).
        """
        if self.num_labels == 2:
            return float(roc_auc_score(self.y[nodes].numpy(), scores[nodes, 1].numpy()))
        return float((scores[nodes].argmax(1) == self.y[nodes]).double().mean())


def task(data: NodeLabels, number: int, labels: int | None) -> Task:
    """The task of a number: its split, and with `labels` so many nodes of each class, drawn from the training nodes."""
    split: Split = data.splits[number % len(data.splits)]
    train = split.train
    if labels is not None:
        order = train[torch.from_numpy(np.random.default_rng(number).permutation(len(train)))]
        train = torch.cat([order[data.y[order] == name][:labels] for name in data.y[train].unique()])
    return Task(data, train, split.val, split.test)
