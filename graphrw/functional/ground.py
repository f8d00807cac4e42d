"""Grounding: a singular walk made regular, one node of each closed component held at 0."""

import torch
from torch import Tensor

from graphrw.core.held import Held
from graphrw.core.reach import components, stranded
from graphrw.core.walk import Walk


def ground(walk: Walk) -> tuple[Walk, Tensor, Tensor]:
    """The walk with one node held at 0 in each component where nothing kills.

    Returns:
        That walk; (N,) bool, the nodes that are held; (N,) int64, each node's component. Components where something
        kills are joined through the ground, and so count as one, N.
    """
    component = components(walk.graph, walk.weight.detach())
    lost = stranded(walk, walk.killing.detach() > 0)
    nodes = torch.arange(walk.graph.num_nodes, device=component.device)
    # The first node of each component is held, any would do: u is the same up to a constant.
    first = torch.full_like(nodes, walk.graph.num_nodes).scatter_reduce(0, component, nodes, "amin")
    held = lost & (first[component] == nodes)
    component = torch.where(lost, component, walk.graph.num_nodes)
    return Held(walk, held).ended, held, component
