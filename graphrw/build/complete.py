"""Graphs in which every node is joined to every other."""

import torch

from graphrw.core.graph import Graph, unchecked
from graphrw.core.memory import require_room
from graphrw.core.opaque import opaque
from graphrw.core.whole import check_flag, check_whole


@opaque
def complete_graph(num_nodes: int, directed: bool = False) -> Graph:
    """The graph of all pairs of nodes: i < j in lexicographic order; directed, i ≠ j.

    Args:
        num_nodes: N ≥ 0.
        directed: whether each pair is joined both ways, by two edges.

    Raises:
        ValueError: for a number that is not whole, or negative.
        MemoryError: for more pairs than there is memory.

    >>> complete_graph(3).edges
    tensor([[0, 0, 1],
            [1, 2, 2]])
    """
    num_nodes = check_whole("num_nodes", num_nodes, 0)
    check_flag("directed", directed)
    require_room(num_nodes * num_nodes, f"All pairs of `num_nodes` = {num_nodes}", "Join near nodes alone.")
    if not directed:
        return unchecked(torch.triu_indices(num_nodes, num_nodes, 1), num_nodes)
    return unchecked((~torch.eye(num_nodes, dtype=torch.bool)).nonzero().T.contiguous(), num_nodes, True)
