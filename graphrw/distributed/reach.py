"""Which nodes of a distributed walk it cannot end from."""

import numpy as np
import torch
from torch import Tensor

from graphrw.core.components import node_components
from graphrw.distributed.graph import DistributedWalk


def stranded(walk: DistributedWalk, ends: Tensor) -> Tensor:
    """(owned,) bool: the nodes from which a walker never comes to any node where `ends` is true in some process.

    Each process finds the pieces of its own part, and tells the others which of them hang together across borders, and
    which hold an end: as much as there are pieces at borders, not nodes.

    Args:
        walk: over whose edges of positive weight walkers go.
        ends: (local nodes,) bool, ghosts included.
    """
    graph, weight = walk.graph, walk.local.weight.detach()
    piece = node_components(graph.local.edges[:, weight > 0], graph.local.num_nodes)
    counts = graph.comm.tompi4py().allgather(int(piece.max()) + 1 if len(piece) else 0)
    piece = piece + sum(counts[: graph.comm.rank])
    owners = graph.halo.fetch(piece[: graph.owned, None].double())[:, 0].long()
    joined = torch.unique(torch.stack([piece[graph.owned :], owners]), dim=1)
    alive = piece[ends].unique()
    told = graph.comm.tompi4py().allgather((joined.numpy(), alive.numpy()))
    edges, held = (np.concatenate(parts, axis=-1) for parts in zip(*told, strict=True))
    whole = node_components(torch.from_numpy(edges), sum(counts))
    reached = torch.zeros(sum(counts), dtype=torch.bool)
    reached[whole[torch.from_numpy(held)]] = True
    return ~reached[whole[piece[: graph.owned]]]
