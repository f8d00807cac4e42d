"""A random graph as PyG lists it, one way and both ways, with features and seeds."""

import torch
from propagation_layers import random_digraph
from torch import Tensor
from torch_geometric.utils import to_undirected

N = 12
ENDS, WEIGHT = random_digraph(N)
BOTH, BOTH_WEIGHT = to_undirected(ENDS, WEIGHT, N, reduce="mean")
X = torch.randn(N, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
SEEDS = torch.full((N,), -1)
SEEDS[0], SEEDS[7] = 0, 1


def listed(directed: bool) -> tuple[Tensor, Tensor]:
    """The entries and weights of the graph."""
    return (ENDS, WEIGHT) if directed else (BOTH, BOTH_WEIGHT)
