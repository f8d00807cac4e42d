"""Self-attention as a walk: each token goes where it attends."""

import torch
from torch import Tensor

from graphrw.build.complete import complete_graph
from graphrw.core.arrays import as_floats
from graphrw.core.graph import Graph
from graphrw.core.opaque import opaque
from graphrw.core.precision import widened
from graphrw.core.walk import Walk, check_rates, walk
from graphrw.core.whole import check_flag

WANTED = "(N, N), (heads, N, N) or (B, heads, N, N) floats"


@opaque
def attention_walk(maps: Tensor, directed: bool = False) -> Walk:
    """The walk whose transition matrix is self-attention, P = mean over the heads of softmax(Q Kᵀ / √d).

    Directed, w_ij = P_ij: tokens are left for those that they attend to. Else w_ij = ½ (P_ij + P_ji), which has real
    eigenvalues: diffusion maps and normalised cuts ask for it.

    A `Graph` has no self loops: what tokens attend to themselves, P_ii, is left out. It changes no hitting probability.
    For what it does change, such as `step`, pass the diagonal on as `self_loops`. Tokens that are no patches, such as
    the class token, are cut off before: ``maps[..., 1:, 1:]``.

    Args:
        maps: (N, N), (heads, N, N) or (B, heads, N, N) floats, finite and ≥ 0, row i what token i attends to; of torch
            or NumPy. Rows need not sum to 1. Half precision becomes float32. `torch.nn.MultiheadAttention` gives a
            batch its heads with ``average_attn_weights=False``; what it averages by default, (B, N, N), is
            ``maps[:, None]`` here, as three axes are the heads of one image.
        directed: keep both directions apart.

    Returns:
        A walk on all pairs of N nodes, differentiable in `maps`; with a batch axis on the `Graph.batch` of B of these.

    Raises:
        ValueError: for a wrong shape or type, or values out of range.

    >>> maps = torch.tensor([[0.5, 0.25, 0.25], [0.75, 0.0, 0.25], [0.5, 0.5, 0.0]])
    >>> attention_walk(maps).weight
    tensor([0.5000, 0.3750, 0.3750])
    >>> attention_walk(maps, directed=True).graph
    Graph(num_nodes=3, num_edges=6, directed=True)
    """
    check_flag("directed", directed)
    maps = widened(as_floats("maps", maps, WANTED))
    if maps.ndim not in (2, 3, 4) or maps.shape[-1] != maps.shape[-2] or 0 in maps.shape:
        raise ValueError(f"`maps` must be {WANTED}; got {tuple(maps.shape)}.")
    check_rates("maps", maps)
    mean = maps if maps.ndim == 2 else maps.mean(-3)
    graph = complete_graph(maps.shape[-1], directed).to(maps.device)
    tail, head = graph.edges
    weight = mean[..., tail, head]
    if not directed:
        weight = (weight + mean[..., head, tail]) / 2
    return walk(Graph.batch([graph] * len(maps)) if maps.ndim == 4 else graph, torch.flatten(weight))
