"""Nodes whose values are known: the walk that ends on them, and what flows from them to the others."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from graphrw.core.arrays import as_tensor
from graphrw.core.opaque import opaque
from graphrw.core.walk import Walk, check_walk, node_mask


@dataclass(frozen=True, eq=False)
class Held:
    """Nodes of a walk that are held, such as seeds. Their edges are looked for once."""

    walk: Walk
    nodes: Tensor  # (N,) bool

    @cached_property
    def ended(self) -> Walk:
        """The walk that ends on them, as `absorb` gives it."""
        walk, (tail, head) = self.walk, self.walk.graph.edges
        killing = walk.killing.index_add(0, tail[self._touching], self._moved)
        if not walk.graph.directed:
            killing = killing.index_add(0, head[self._touching], self._moved)
        killing = torch.where(self.nodes & (killing == 0), torch.ones_like(killing), killing)
        # Cut edges stay, with weight 0: a changed pattern would throw away all that solvers have planned for the graph.
        return Walk(walk.graph, walk.weight.index_fill(0, self._touching, 0.0), killing)

    def inflow(self, values: Tensor) -> Tensor:
        """(N, K): W x for x = `values` (N, K) at these nodes and 0 elsewhere, at all other nodes; 0 at these."""
        tail, head = self.walk.graph.edges[:, self._touching]
        at_tail, at_head = self.nodes[tail], self.nodes[head]
        sides = [(tail, head, at_head & ~at_tail), (head, tail, at_tail & ~at_head)]
        nodes, flows = [], []
        for origin, target, crossing in sides[:1] if self.walk.graph.directed else sides:
            across = crossing.nonzero().squeeze(1)
            nodes.append(origin[across])
            flows.append(self._moved[across, None] * values[target[across]])
        return torch.zeros_like(values).index_add_(0, torch.cat(nodes), torch.cat(flows))

    def joined(self, values: Tensor, others: Tensor) -> Tensor:
        """(N, K): `values` at these nodes, and `others` elsewhere."""
        return torch.where(self.nodes[:, None], values, others)

    @cached_property
    def _touching(self) -> Tensor:
        """(T,) int64: the edges of which one end or both are held."""
        tail, head = self.walk.graph.edges
        return (self.nodes[tail] | self.nodes[head]).nonzero().squeeze(1)

    @cached_property
    def _moved(self) -> Tensor:
        """(T,): their weights as they are when first asked for; what is made again in backward sees no later ones.

        They are few, as seeds are: moving them alone costs less than all E.
        """
        return self.walk.weight[self._touching]


@opaque
def absorb(walk: Walk, nodes: Tensor) -> Walk:
    """The walk that ends on `nodes`: every edge that touches one of them turns into killing, at the end that a
    walker would leave by it: at both, if the graph is undirected.

    Rates stay what they were (c is unchanged), so that A of the new walk is A of the old one with the rows and columns
    of `nodes` cut off their neighbours. The graph, and all that solvers have planned for it, stays the same. An
    absorbed node that had no rate at all gets rate 1, so that its row is not empty.

    Args:
        walk: the walk.
        nodes: (M,) int64 in [0, N), of torch or NumPy.

    Raises:
        ValueError: for nodes out of range or of a wrong type.

    >>> from graphrw import Graph, walk
    >>> path = Graph(torch.tensor([[0, 1], [1, 2]]), num_nodes=3)
    >>> ended = absorb(walk(path, torch.tensor([1.0, 2.0])), torch.tensor([2]))
    >>> ended.weight, ended.killing
    (tensor([1., 0.]), tensor([0., 2., 2.]))
    """
    check_walk(walk)
    return Held(walk, node_mask(walk.graph, as_tensor("nodes", nodes, "(M,) int64"))).ended
