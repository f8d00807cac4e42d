"""Graphs, weights and dense answers for the tests of `Propagation`."""

import pytest
import torch
from torch import Tensor
from torch_geometric.utils import to_dense_adj

from graphrw import Graph, to_edge_index
from graphrw.nn.propagation import Propagation
from graphrw.testing import sample_graphs, sample_walk

GRAPHS = sample_graphs()
every_graph = pytest.mark.parametrize("graph", GRAPHS.values(), ids=list(GRAPHS))
either_normalisation = pytest.mark.parametrize("symmetric", [False, True], ids=["row", "symmetric"])
with_and_without_loops = pytest.mark.parametrize("self_loops", [0.0, 1.0], ids=["no loops", "loops"])


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def weights(graph: Graph) -> Tensor:
    return sample_walk(graph).weight.detach()


def dense(graph: Graph, weight: Tensor, self_loops: float, symmetric: bool) -> Tensor:
    """A: row i holds what node i gathers, from the heads of its edges."""
    edge_index, both = to_edge_index(graph, weight)
    matrix: Tensor = to_dense_adj(edge_index, edge_attr=both, max_num_nodes=graph.num_nodes)[0]
    matrix = matrix + self_loops * torch.eye(graph.num_nodes, dtype=torch.float64)
    degree = matrix.sum(1)
    inverse = torch.where(degree > 0, 1 / degree, 0.0)
    left, right = (inverse.sqrt(), inverse.sqrt()) if symmetric else (inverse, torch.ones_like(inverse))
    return left[:, None] * matrix * right


def alpha_of(layer: Propagation) -> float:
    return float(torch.as_tensor(layer.alpha).detach())


def random_digraph(num_nodes: int = 12, num_edges: int = 40) -> tuple[Tensor, Tensor]:
    """An edge_index without loops or repetitions, some of its edges in both directions, and weights."""
    pairs = torch.cartesian_prod(torch.arange(num_nodes), torch.arange(num_nodes))
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    chosen = torch.randperm(len(pairs), generator=torch.Generator().manual_seed(0))[:num_edges]
    return pairs[chosen].T.contiguous(), 0.1 + normal(num_edges).abs()
