"""The double cover of a graph: two copies of its nodes, each edge crossing from one to the other."""

import torch
from torch import Tensor


def double_cover(edges: Tensor, num_nodes: int) -> Tensor:
    """(2, 2E): (i, red) to (j, blue) and (i, blue) to (j, red) for every edge ij; blue nodes come after the N red ones.

    The component of i falls apart into two exactly if it is bipartite. The walk on the cover has S̃ = [0 S; S 0].
    """
    tail, head = edges
    return torch.stack([torch.cat([tail, tail + num_nodes]), torch.cat([head + num_nodes, head])])
