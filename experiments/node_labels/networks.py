"""What is trained: networks of 64 hidden units with the options that each is tuned over.

Every network has as many combinations to choose from: two or three of what is its own (how far labels run, or how much
dropout), three of the weight decay of its first layer.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor, nn
from torch.nn.functional import dropout, embedding_bag, nll_loss
from torch_geometric.nn import APPNP, GATConv, GCNConv

import graphrw as rw
from experiments.node_labels.inputs import Task

HIDDEN = 64
DECAYS = (5e-4, 5e-3, 1e-2)
DIRECT = 5000  # nodes up to which a factor that is kept for all steps is faster than iterations
LEAST = 0.1  # the weight of a link between nodes of which nothing alike is guessed
DRAWS, RAMP = 2, 1 / 3  # of dropout in a step, and the share of a run after which they have to agree in full


@dataclass(frozen=True)
class Options:
    """Of one network."""

    decay: float  # of the weights of the first layer
    own: float  # what the network says it is
    rate: float = 0.01  # Adam's


@dataclass(frozen=True, eq=False)
class Rows:
    """Where the entries of a sparse matrix are, row by row."""

    columns: Tensor  # (nnz,)
    starts: Tensor  # (N,) of each row among them
    order: Tensor  # (nnz,) their places among the entries that are given

    @classmethod
    def of(cls, matrix: csr_array) -> Self:
        """Those of a matrix whose entries are their own places."""
        parts = (matrix.indices, matrix.indptr[:-1], matrix.data)
        return cls(*(torch.from_numpy(part.astype(np.int64)) for part in parts))

    def times(self, values: Tensor, dense: Tensor) -> Tensor:
        return embedding_bag(self.columns, dense, self.starts, mode="sum", per_sample_weights=values[self.order])


class _Product(torch.autograd.Function):
    """X W, with the gradient of W by rows of Xᵀ; that of `embedding_bag` sorts all entries first."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, values: Tensor, rows: Rows, columns: Rows) -> Tensor:
        ctx.values, ctx.columns = values, columns
        return rows.times(values, weight)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        return ctx.columns.times(ctx.values, gradient.contiguous()), None, None, None


class First(nn.Module):
    """A linear layer on sparse features, with dropout of their entries."""

    def __init__(self, task: Task, outputs: int) -> None:
        super().__init__()
        x = task.data.x
        if x is None:
            raise ValueError(f"`{task.data.name}` has no features to learn from.")
        places = csr_array((np.arange(x.nnz), x.indices, x.indptr), x.shape)
        self.rows, self.columns = Rows.of(places), Rows.of(places.T.tocsr())
        self.values = torch.from_numpy(x.data)
        self.weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(x.shape[1], outputs)))

    def forward(self, share: float) -> Tensor:
        values = dropout(self.values, share, self.training)
        product: Tensor = _Product.apply(self.weight, values, self.rows, self.columns)
        return product


class Network(nn.Module, ABC):
    """Scores (N, L) as logarithms of probabilities, and a loss."""

    own: tuple[float, float, float] = (0.5, 0.7, 0.3)  # shares of dropout

    def __init__(self, task: Task, options: Options) -> None:
        super().__init__()
        self.task, self.options = task, options

    @abstractmethod
    def scores(self) -> Tensor:
        """(N, L)"""

    def loss(self, done: float) -> Tensor:
        """Of one step; `done` of the steps of a run are over."""
        return nll_loss(self.scores()[self.task.train], self.task.y[self.task.train])


class MLP(Network):
    """The features alone."""

    def __init__(self, task: Task, options: Options) -> None:
        super().__init__(task, options)
        self.first, self.second = First(task, HIDDEN), nn.Linear(HIDDEN, task.num_labels)
        self.bias = nn.Parameter(torch.zeros(HIDDEN))

    def logits(self, share: float = 0.5) -> Tensor:
        hidden = torch.relu(self.first(share) + self.bias)
        return self.second(dropout(hidden, share, self.training))

    def scores(self) -> Tensor:
        return self.logits(self.options.own).log_softmax(1)


class GCN(Network):
    """Kipf & Welling, ICLR 2017."""

    def __init__(self, task: Task, options: Options) -> None:
        super().__init__(task, options)
        self.first = First(task, HIDDEN)
        self.mix = GCNConv(HIDDEN, HIDDEN, cached=True)
        self.mix.lin = nn.Identity()  # the first layer is the sparse one
        self.second = GCNConv(HIDDEN, task.num_labels, cached=True)

    def scores(self) -> Tensor:
        share, edges = self.options.own, self.task.adjacency
        hidden = torch.relu(self.mix(self.first(share), edges))
        return self.second(dropout(hidden, share, self.training), edges).log_softmax(1)


class GAT(Network):
    """Veličković et al., ICLR 2018: 8 heads of 8 units, then one."""

    def __init__(self, task: Task, options: Options) -> None:
        super().__init__(task, options)
        self.first = First(task, HIDDEN)
        self.mix = GATConv(HIDDEN, HIDDEN // 8, heads=8, dropout=options.own)
        self.mix.lin = nn.Identity()
        self.second = GATConv(HIDDEN, task.num_labels, dropout=options.own)

    def scores(self) -> Tensor:
        share, edges = self.options.own, self.task.edge_index
        hidden = torch.nn.functional.elu(self.mix(self.first(share), edges))
        return self.second(dropout(hidden, share, self.training), edges).log_softmax(1)


class OfAPPNP(MLP):
    """Gasteiger, Bojchevski & Günnemann, ICLR 2019; `own` is its α.

    Without dropout of links: with a half of them, as there, it is far from trained after so few steps.
    """

    own = (0.1, 0.2, 0.9)  # the last for graphs whose links mislead

    def __init__(self, task: Task, options: Options) -> None:
        super().__init__(task, options)
        self.propagate = APPNP(K=10, alpha=options.own)

    def scores(self) -> Tensor:
        return self.propagate(self.logits(), self.task.edge_index).log_softmax(1)


class Walked(MLP):
    """What a walker reads where it ends, of an MLP's guesses. `own` is ρ.

    A walker at i ends with rate ρ (d_i + 1), in class l with probability q_il:

        (D + ρ (D + I) − W) Z = ρ (D + I) q.

    It is `rw.nn.Propagation(alpha=1 / (1 + ρ), self_loops=1.0)` of q. No label of a training node is a seed here, or
    the walk would tell it without the network.
    """

    @abstractmethod
    def walked(self, count: int) -> Tensor:
        """Z of so many draws of dropout, (count, N, L)."""

    def scores(self) -> Tensor:
        return self.walked(1)[0].log()


class Guesses(Walked):
    """Links of weight 1: the factor is kept."""

    own = (0.1, 0.3, 10.0)  # the last for graphs whose links mislead

    def __init__(self, task: Task, options: Options) -> None:
        super().__init__(task, options)
        graph = task.data.graph
        self.rate = (options.own * (task.degree + 1))[:, None]
        walk = rw.walk(graph, torch.ones(graph.num_edges, dtype=torch.float64), self.rate[:, 0])
        direct = graph.num_nodes < DIRECT
        self.factor = rw.factorize(walk, rw.solvers.Cholesky() if direct else rw.solvers.CG(rtol=1e-6))

    def walked(self, count: int) -> Tensor:
        guesses = torch.cat([self.logits().softmax(1) for _ in range(count)], 1)
        found = self.factor.solve(self.rate * guesses.double()).float().clamp(1e-9, 1.0)
        return torch.stack(found.chunk(count, 1))


class Consistent(Walked):
    """What is said of any node is to be one thing, and clear, whatever drops out (Feng et al. 2020)."""

    def loss(self, done: float) -> Tensor:
        answers = self.walked(DRAWS)
        fit = torch.stack([nll_loss(each[self.task.train].log(), self.task.y[self.task.train]) for each in answers])
        return fit.mean() + min(1.0, done / RAMP) * rw.losses.consistency_loss(answers)


class ConsistentGuesses(Consistent, Guesses):
    """The loss of the one, the walk of the other."""


class LearnedWeights(Consistent):
    """Each link has the weight 0.1 + q_i · q_j: walkers keep to nodes of which the same is guessed.

    Gradients flow through the walk into its weights. Each draw of dropout has a walk of its own.
    """

    own = (0.3, 1.0, 10.0)  # with 0.1 runs scatter, which the one seed of tuning does not show

    def __init__(self, task: Task, options: Options) -> None:
        super().__init__(task, options)
        self.walk = rw.nn.Propagation(1 / (1 + options.own), self_loops=1.0, solver=rw.solvers.CG(rtol=1e-6))

    def walked(self, count: int) -> Tensor:
        return torch.stack([self.one_walk(self.logits().softmax(1).double()) for _ in range(count)])

    def one_walk(self, guesses: Tensor) -> Tensor:
        graph = self.task.data.graph
        tail, head = graph.edges
        weight = LEAST + (guesses[tail] * guesses[head]).sum(1)
        return self.walk(guesses, graph, weight).float().clamp(1e-9, 1.0)


NETWORKS: dict[str, type[Network]] = {
    "MLP": MLP,
    "PyG GCN": GCN,
    "PyG GAT": GAT,
    "PyG APPNP": OfAPPNP,
    "walk with guesses": Guesses,
    "walk with consistent guesses": ConsistentGuesses,
    "walk with consistent guesses, learned weights": LearnedWeights,
}
