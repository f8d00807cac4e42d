"""Which nodes a walk can end from. Where it cannot end, A is singular."""

import numpy as np
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order
from torch import Tensor

from graphrw.core.components import node_components
from graphrw.core.errors import SingularWalkError
from graphrw.core.graph import Graph, part_named
from graphrw.core.transforms import plainly
from graphrw.core.walk import Walk


def stranded(walk: Walk, ends: Tensor) -> Tensor:
    """(N,) bool: the nodes from which a walker never comes to any node where `ends` (N,) bool is true.

    Only edges of positive weight count: a weight that has underflowed to 0 joins nothing.
    """
    return plainly(lambda weight, ends: _stranded(walk.graph, weight, ends), walk.weight, ends)


def require_ends(walk: Walk) -> None:
    """Raise `SingularWalkError` if some node can reach no killing, naming how many and the first."""
    lost = stranded(walk, walk.killing.detach() > 0)
    if bool(lost.any()):
        first = int(lost.nonzero()[0])
        raise SingularWalkError(
            f"{int(lost.sum())} of {len(lost)} nodes (first: {first}{part_named(walk.graph, first)}) can reach no node "
            "with killing, so that A is singular. Give them some killing, or `absorb` a node of their component."
        )


def components(graph: Graph, weight: Tensor) -> Tensor:
    """(N,) int64: the connected component of each node, over edges of positive weight; found once if all are."""

    def find(weight: Tensor) -> Tensor:
        if bool((weight > 0).all()):
            return graph.cached("components", lambda: node_components(graph.edges, graph.num_nodes))
        return node_components(graph.edges[:, weight > 0], graph.num_nodes)

    return plainly(find, weight)


def _stranded(graph: Graph, weight: Tensor, ends: Tensor) -> Tensor:
    if bool(ends.all()):
        return ~ends
    if graph.directed:
        return _stranded_directed(graph, weight > 0, ends)
    # Undirected, a walker comes everywhere in its component, and components are found once for all weights that are
    # positive; directed, only a search says so.
    component = components(graph, weight)
    alive = torch.zeros(int(component.max()) + 1, dtype=torch.bool, device=ends.device)
    alive[component[ends]] = True
    return ~alive[component]


def _stranded_directed(graph: Graph, open_edges: Tensor, ends: Tensor) -> Tensor:
    """Walk backwards from an extra node that every end leads to."""
    tail, head = graph.edges[:, open_edges].cpu().numpy()
    targets = ends.nonzero().squeeze(1).cpu().numpy()
    rows = np.concatenate([head, np.full_like(targets, graph.num_nodes)])
    columns = np.concatenate([tail, targets])
    size = graph.num_nodes + 1
    # One search from the extra node, against the edges, in place of one from every node along them.
    reversed_edges = coo_array((np.ones(len(rows)), (rows, columns)), shape=(size, size)).tocsr()
    reached = breadth_first_order(reversed_edges, graph.num_nodes, return_predecessors=False)
    lost = torch.ones(size, dtype=torch.bool)
    lost[torch.from_numpy(reached.astype(np.int64))] = False
    return lost[:-1].to(graph.device)
