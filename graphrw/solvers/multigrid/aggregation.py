"""Which nodes stand together on the next coarser level."""

import torch
from torch import Tensor

from graphrw.solvers.multigrid.rows import Rows

STRENGTH = 0.25  # an edge is strong if it has this share of the heaviest at an end (the usual threshold: Stüben 2001)
ROUNDS = 4  # in which single nodes may join: chains of them, as in a smooth landscape of weights, need more than one
MAX_NODES = (
    2**29
)  # a node's priority takes 29 of the 53 bits of a float64, and a weight's power of two 12 of the others


def aggregate(rows: Rows) -> tuple[Tensor, int]:
    """The aggregate of each node, (N,) int32 in [0, count], and their number; `count` itself stands for none.

    Every node points along its heaviest edge, where weights count as equal within a power of two and chance decides
    among equals: in a smooth landscape of weights all nodes would point uphill otherwise. Two that point at each other
    are a pair; the others join what stands at their heaviest strong edge, in several rounds if the level would shrink
    too little, or stay alone. Aggregates hang together by edges that are heavy at one end, so that constants on them
    lie nearly in the kernel of A whatever the contrast (heavy-edge matching: Karypis & Kumar 1998; the quality of
    pairs: Notay 2010). A node that is more likely to be killed than to move stands in no aggregate: relaxation alone
    settles it (a rule like that of Napov & Notay 2012).
    """
    moving = rows.killing < rows.degree
    open_edges = (rows.weight > 0) & _at(moving, rows.row) & _at(moving, rows.column)
    choice = _Choice(rows)
    nodes = torch.arange(rows.num_nodes, device=moving.device)
    pointed = choice.heaviest(open_edges)
    grouped = (pointed >= 0) & (pointed[pointed] == nodes)
    leader = torch.where(grouped, torch.minimum(nodes, pointed), nodes)
    strong = open_edges & _strong(rows)
    for _ in range(ROUNDS):
        joined = choice.heaviest(strong & _at(grouped, rows.column))
        joining = ~grouped & (joined >= 0)
        leader = torch.where(joining, leader[joined], leader)
        grouped = grouped | joining
        number = torch.cumsum((leader == nodes) & moving, 0)
        count = int(number[-1])
        if 2 * count <= rows.num_nodes:
            break
    return torch.where(moving, number[leader] - 1, count).int(), count


class _Choice:
    """The heaviest edge of each node, with chance where weights are about equal; the same at every call."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._node_of, priority = priorities(rows.num_nodes, rows.killing.device)
        power = torch.frexp(rows.weight).exponent.double() + 1100  # above 0 for every float64, the least is 2^−1074
        self._order = power * MAX_NODES + _at(priority, rows.column)

    def heaviest(self, allowed: Tensor) -> Tensor:
        """(N,) int64: the other end of each node's heaviest edge among the `allowed` (M,); −1 where there is none."""
        best = self._rows.reduce(torch.where(allowed, self._order, -1.0), "max")
        priority = best.long().remainder(MAX_NODES).clamp(max=self._rows.num_nodes - 1)
        return torch.where(best > 0, self._node_of[priority], -1)


def priorities(count: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """The nodes in an order of chance, the same at every call, and the place of each in it; (count,) int64."""
    node_of = torch.randperm(count, generator=torch.Generator(device).manual_seed(0), device=device)
    priority = torch.empty_like(node_of)
    priority[node_of] = torch.arange(count, device=device)
    return node_of, priority


def _strong(rows: Rows) -> Tensor:
    """(M,) bool."""
    heaviest = rows.reduce(rows.weight, "max")
    return rows.weight >= STRENGTH * torch.minimum(_at(heaviest, rows.row), _at(heaviest, rows.column))


def _at(values: Tensor, nodes: Tensor) -> Tensor:
    """``values[nodes]`` for int32 `nodes`, which plain indexing would copy to int64 first."""
    return values.index_select(0, nodes)
