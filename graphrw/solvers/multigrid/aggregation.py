"""Which nodes stand together on the next coarser level."""

import torch
from torch import Tensor

from graphrw.solvers.multigrid.rows import Rows

STRENGTH = 0.25  # an edge is strong if it has this share of the heaviest weight at one of its ends
MAX_NODES = 2**29  # priorities share the 52 bits of a float64's fraction with a float32's 23


def aggregate(rows: Rows) -> tuple[Tensor, int]:
    """The aggregate of each node, (N,) int32 in [0, count], and their number; `count` itself stands for none.

    Every node points along its heaviest edge. Two that point at each other are a pair; any other joins the pair at its
    heaviest strong edge, or stays alone. Since aggregates hang together by edges that are heavy at one end, constants
    on them are nearly kernels of A whatever the contrast (heavy-edge matching: Karypis & Kumar 1998; the quality of
    pairs: Notay 2010). A node that is more likely to be killed than to move stands in no aggregate: relaxation alone
    settles it (as in Napov & Notay 2012).
    """
    moving = rows.killing < rows.degree
    open_edges = (rows.weight > 0) & _at(moving, rows.row) & _at(moving, rows.column)
    nodes = torch.arange(rows.num_nodes, device=moving.device)
    pointed = _heaviest(rows, open_edges)
    paired = (pointed >= 0) & (pointed[pointed] == nodes)
    leader = torch.where(paired, torch.minimum(nodes, pointed), nodes)
    joined = _heaviest(rows, open_edges & _strong(rows) & _at(paired, rows.column))
    leader = torch.where(~paired & (joined >= 0), leader[joined], leader)
    number = torch.cumsum((leader == nodes) & moving, 0) - 1
    count = int(number[-1]) + 1
    return torch.where(moving, number[leader], count).int(), count


def _strong(rows: Rows) -> Tensor:
    """(M,) bool."""
    heaviest = rows.reduce(rows.weight, "max")
    return rows.weight >= STRENGTH * torch.minimum(_at(heaviest, rows.row), _at(heaviest, rows.column))


def _heaviest(rows: Rows, allowed: Tensor) -> Tensor:
    """(N,) int64: the other end of the heaviest of the `allowed` edges (M,) at each node; −1 where there is none.

    Equal weights are told apart by a random priority of the other end, the same at every call: without it the nodes of
    a uniform grid would all point the same way. Weight and priority are packed into one float64, the weight (rounded
    to float32) in the exponent and the upper bits of the fraction, the priority in the lower ones.
    """
    device = rows.killing.device
    generator = torch.Generator(device).manual_seed(0)
    node_of = torch.randperm(rows.num_nodes, generator=generator, device=device)
    priority = torch.empty_like(node_of).scatter_(0, node_of, torch.arange(len(node_of), device=device))
    packed = rows.weight.float().double().view(torch.int64) + _at(priority, rows.column)
    best = rows.reduce(torch.where(allowed, packed.view(torch.float64), -1.0), "max")
    found = node_of[best.view(torch.int64).bitwise_and(MAX_NODES - 1).clamp(max=rows.num_nodes - 1)]
    return torch.where(best > 0, found, -1)


def _at(values: Tensor, nodes: Tensor) -> Tensor:
    """``values[nodes]`` for int32 `nodes`, which plain indexing would copy to int64 first."""
    return values.index_select(0, nodes)
