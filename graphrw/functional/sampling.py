"""Gradients that flow into a random few edges only: the Learned Random Walker's economy."""

import torch
from torch import Tensor

from graphrw.core.arrays import as_floats
from graphrw.core.graph import Graph, check_graph
from graphrw.core.opaque import opaque
from graphrw.core.whole import check_whole


@opaque
def sample_gradient(graph: Graph, weight: Tensor, num_samples: int) -> Tensor:
    """`weight` itself; its gradient reaches only `num_samples` random edges of each graph, times E / num_samples.

    With that factor the sampled gradient is right on average.

    Source: L. Cerrone, A. Zeilmann, F. Hamprecht, End-to-end learned random walker for seeded image segmentation, CVPR
    2019. Departure: the authors' code does not rescale.

    Args:
        graph: E edges; each graph of a batch is sampled by itself.
        weight: (E,) floats.
        num_samples: ≥ 1, drawn anew at each call and without replacement; all E if there are fewer.

    Raises:
        ValueError: for a wrong shape or type, or `num_samples` below 1.

    >>> weight = torch.ones(3, requires_grad=True)
    >>> path = Graph(torch.tensor([[0, 1, 2], [1, 2, 3]]), num_nodes=4)
    >>> sample_gradient(path, weight, 1).sum().backward()
    >>> weight.grad.sort().values
    tensor([0., 0., 3.])
    """
    check_graph(graph)
    weight = as_floats("weight", weight, f"({graph.num_edges},) floats")
    if weight.shape != (graph.num_edges,):
        raise ValueError(f"`weight` must be ({graph.num_edges},) floats, one per edge; got {tuple(weight.shape)}.")
    check_whole("num_samples", num_samples, 1)
    factor = torch.zeros_like(weight)
    start = 0
    for part in graph.parts or (graph,):
        count = min(num_samples, part.num_edges)
        chosen = start + torch.randperm(part.num_edges, device=weight.device)[:count]
        factor[chosen] = part.num_edges / max(count, 1)
        start += part.num_edges
    # The value is that of the first term, to the bit; the second is 0 and is there for its derivative.
    return weight.detach() + factor * (weight - weight.detach())
