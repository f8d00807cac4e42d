"""How a graph spreads out from one of its ends: a cheap sign of what a factorisation would cost."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components

from graphrw.core.graph import Graph

MOST_LEVELS = (
    10_000  # levels are counted in Python; on a graph as deep as this they are narrow, and the rest like these
)


@dataclass(frozen=True)
class LevelStructure:
    """The sets of nodes at equal distance from a node at the rim of the largest component (George & Liu 1979)."""

    depth: int  # how many sets
    width: int  # the nodes of the largest
    cycles: int  # independent ones in the whole graph: pairs of neighbours beyond a spanning forest

    @property
    def separator(self) -> int:
        """About how many nodes part the graph in two: a level does, and so does less where cycles are few."""
        return min(self.width, self.cycles + 1)


def level_structure(graph: Graph) -> LevelStructure:
    """The level structure of a graph with at least one node; directions do not matter."""
    adjacency = _adjacency(graph)
    count, component = connected_components(adjacency, directed=False)
    root = int((component == np.bincount(component).argmax()).argmax())
    far = int(breadth_first_order(adjacency, root)[0][-1])  # seen from the middle, levels would be about twice as wide
    order, parent = breadth_first_order(adjacency, far)
    widths = np.diff(_level_starts(order, parent))
    return LevelStructure(len(widths), int(widths.max()), adjacency.nnz // 2 - graph.num_nodes + count)


def _adjacency(graph: Graph) -> csr_array:
    tail, head = graph.edges.cpu().numpy().astype(np.int32)
    places = (np.concatenate([tail, head]), np.concatenate([head, tail]))
    return coo_array((np.ones(2 * len(tail), dtype=np.int8), places), shape=(graph.num_nodes,) * 2).tocsr()


def _level_starts(order: NDArray[np.int32], parent: NDArray[np.int32]) -> list[int]:
    """Where in a breadth-first `order` each level begins, and where the last ends."""
    position = np.empty(len(parent), dtype=np.int64)
    position[order] = np.arange(len(order))
    parents = position[parent[order[1:]]]  # never decreases
    starts = [0, 1]
    while starts[-1] < len(order) and len(starts) < MOST_LEVELS:
        starts.append(1 + int(np.searchsorted(parents, starts[-1])))
    return starts
