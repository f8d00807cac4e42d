"""Walks, features and dense matrices for the tests of propagation."""

import math

import pytest
import torch
from torch import Tensor

from graphrw import Graph, walk
from graphrw.core.walk import Walk
from graphrw.testing import sample_graphs, sample_walk

GRAPHS = sample_graphs()
every_graph = pytest.mark.parametrize("graph", GRAPHS.values(), ids=list(GRAPHS))
either_normalisation = pytest.mark.parametrize("symmetric", [False, True], ids=["row", "symmetric"])
with_and_without_loops = pytest.mark.parametrize("self_loops", [0.0, 0.7], ids=["no loops", "loops"])


def features(graph: Graph, *columns: int, seed: int = 3) -> Tensor:
    return torch.randn(graph.num_nodes, *columns, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def plain_walk(graph: Graph, killing: float = 0.0) -> Walk:
    """Random weights, and the same killing everywhere."""
    return walk(graph, sample_walk(graph).weight.detach(), killing)


def transition(moved: Walk, self_loops: float = 0.0, symmetric: bool = False) -> Tensor:
    """P or S, entry by entry as the module says; rows (and in S columns) of nodes without any rate are zero."""
    size = moved.graph.num_nodes
    matrix = self_loops * torch.eye(size, dtype=torch.float64)
    for (tail, head), weight in zip(moved.graph.edges.T.tolist(), moved.weight.tolist(), strict=True):
        matrix[tail, head] += weight
        if not moved.graph.directed:
            matrix[head, tail] += weight
    rate = matrix.sum(1) + moved.killing.detach()
    for i in range(size):
        for j in range(size):
            scale = math.sqrt(rate[i] * rate[j]) if symmetric else float(rate[i])
            matrix[i, j] = matrix[i, j] / scale if scale > 0 else 0.0
    return matrix


def identity(graph: Graph) -> Tensor:
    return torch.eye(graph.num_nodes, dtype=torch.float64)


def inputs(graph: Graph) -> tuple[Tensor, ...]:
    loops = 0.5 + features(graph, seed=4).square()
    leaves = (sample_walk(graph).weight, features(graph, 2), torch.tensor(0.7, dtype=torch.float64), loops)
    return tuple(leaf.detach().clone().requires_grad_() for leaf in leaves)
