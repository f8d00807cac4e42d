"""Which nodes hang together, by edges alone: no graph and no weights."""

import numpy as np
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor


def node_components(edges: Tensor, num_nodes: int) -> Tensor:
    """(N,) int64: the connected component of each node, from 0, over `edges` (2, E) whichever way they run.

    >>> node_components(torch.tensor([[0, 3], [1, 1]]), num_nodes=4)
    tensor([0, 0, 1, 0])
    """
    tail, head = edges.cpu().numpy()
    joined = coo_array((np.ones(len(tail), dtype=bool), (tail, head)), shape=(num_nodes, num_nodes))
    component = connected_components(joined, directed=False)[1]
    return torch.from_numpy(component.astype(np.int64)).to(edges.device)
