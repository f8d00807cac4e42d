"""A process's part of a graph, and of a walk on it."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from graphrw.core.graph import Graph
from graphrw.core.walk import Walk
from graphrw.core.walk import walk as local_walk
from graphrw.distributed.halo import Halo


@dataclass(frozen=True, eq=False)
class DistributedGraph:
    """An undirected graph of which each process holds some nodes, and some edges of theirs.

    Each edge is held by one process alone, which owns one of its ends at least. With R the map that gives a process the
    values of all nodes it knows, A is the sum of all processes' Rᵀ A_local R: so it is put together, and so it is
    applied.
    """

    local: Graph  # this process's own nodes, then ghosts, and its edges
    halo: Halo
    place: Tensor | None = None  # (owned,) int64: which node each own one was in what the graph was made from

    @property
    def owned(self) -> int:
        """How many nodes are this process's own."""
        return self.halo.owned

    @property
    def num_nodes(self) -> int:
        """In all processes."""
        return self.halo.num_nodes

    @property
    def comm(self) -> Any:
        """PETSc's communicator."""
        return self.halo.comm

    def __repr__(self) -> str:
        mine = f"{self.owned} here, {self.local.num_edges} edges here"
        return f"DistributedGraph(num_nodes={self.num_nodes}, {mine}, process {self.comm.rank} of {self.comm.size})"


@dataclass(frozen=True, eq=False)
class DistributedWalk:
    """A process's part of a walk. Killing of a node that several know is the sum of what they have for it."""

    graph: DistributedGraph
    local: Walk  # float64, on `graph.local`


def walk(graph: DistributedGraph, weight: Tensor, killing: float | Tensor = 0.0) -> DistributedWalk:
    """The walk with these weights on the edges that are here.

    Args:
        graph: of which this process has a part.
        weight: (E,) ≥ 0, of the edges of ``graph.local``.
        killing: ≥ 0, a number or (owned,).

    Raises:
        ValueError: as `graphrw.walk`; and for `killing` of another shape.
    """
    rate = torch.as_tensor(killing, dtype=torch.float64)
    if rate.ndim and rate.shape != (graph.owned,):
        raise ValueError(
            f"`killing` must be a number or ({graph.owned},), as many as own nodes; got {tuple(rate.shape)}."
        )
    ghosts = rate.new_zeros(graph.local.num_nodes - graph.owned)
    return DistributedWalk(
        graph, local_walk(graph.local, weight.double(), torch.cat([rate.expand(graph.owned), ghosts]))
    )
