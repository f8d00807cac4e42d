"""Patches of a network's feature map as nodes, joined where their features point the same way."""

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from graphrw.build.complete import complete_graph
from graphrw.build.grid import grid_graph
from graphrw.build.knn import check_several, knn_graph
from graphrw.core.arrays import as_floats, as_numbers
from graphrw.core.blocks import AT_ONCE
from graphrw.core.finite import check_finite
from graphrw.core.graph import Graph, check_graph
from graphrw.core.opaque import opaque
from graphrw.core.precision import widened
from graphrw.core.scale import unit_of
from graphrw.core.transforms import plainly

WANTED = "a map (C, H, W) or (C, D, H, W), or (N, C), of floats"


@opaque
def feature_graph(
    features: Tensor, radius: float | None = None, k: int | None = None, temperature: Tensor | float = 0.1
) -> tuple[Graph, Tensor]:
    """The graph of patches, and weights w_ij = exp((cos(f_i, f_j) − 1) / T) that say how alike their features are.

    With neither `radius` nor `k` all pairs are joined, as in TokenCut (Wang et al., CVPR 2022) and DiffCut (Couairon et
    al., NeurIPS 2024). The latter's weight cos¹⁰ is that of T = 0.1 to first order in 1 − cos. For any other, take
    `build.cosine_similarity` of the graph. No patch is joined to itself.

    Args:
        features: a map (C, H, W) or (C, D, H, W), as of a CNN, whose pixels are the nodes in C order; or (N, C), as of
            the tokens of a transformer. Floats, finite, at no node all 0. Half precision becomes float32.
        radius: join pixels of a map up to this distance, in pixels, ≥ 1: see `grid_graph`.
        k: join each node to the k others of largest cosine, from 1 to N − 1; in place of `radius`.
        temperature: T > 0, a number or a tensor (), which may be learned. The smaller, the fewer count as alike.

    Returns:
        The `Graph` and the weights (E,) in [0, 1], differentiable in `features` and `temperature`.

    Raises:
        ValueError: for wrong shapes, types or ranges; `radius` without a map, or with `k`.

    >>> graph, weight = feature_graph(torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]]), temperature=0.5)
    >>> graph, weight
    (Graph(num_nodes=3, num_edges=3), tensor([1.0000, 0.1353, 0.1353]))
    """
    temperature = _checked_temperature(temperature)
    features = widened(as_floats("features", features, WANTED))
    if features.ndim not in (2, 3, 4):
        raise ValueError(f"`features` must be {WANTED}; got {tuple(features.shape)}.")
    rows = features if features.ndim == 2 else features.flatten(1).T
    if radius is not None and (k is not None or features.ndim == 2):
        raise ValueError(
            "`radius` needs `features` that are a map, (C, H, W) or (C, D, H, W), and no `k`; got "
            f"{tuple(features.shape)} and k = {k}."
        )
    directions = _directions(rows)
    if radius is not None:
        graph = grid_graph(tuple(features.shape[1:]), radius=radius).to(features.device)
    elif k is not None:
        check_several("features", len(rows))
        graph = knn_graph(directions.detach(), k)[0]
    else:
        graph = complete_graph(len(rows)).to(features.device)
    return graph, torch.exp((_cosines(graph, directions) - 1) / temperature.to(rows))


@opaque
def cosine_similarity(graph: Graph, features: Tensor) -> Tensor:
    """cos(f_i, f_j) = f_i · f_j / (|f_i| |f_j|) along each edge.

    Args:
        graph: N nodes, E edges.
        features: (N, C) floats, finite, at no node all 0. Half precision becomes float32.

    Returns:
        (E,) in [−1, 1]; differentiable in `features`. Edges come in blocks, so that memory does not grow with E · C.

    Raises:
        ValueError: for a wrong shape or type, or features that are not finite, or 0.

    >>> cosine_similarity(Graph(torch.tensor([[0], [1]]), num_nodes=2), torch.tensor([[3.0, 4.0], [1.0, 0.0]]))
    tensor([0.6000])
    """
    check_graph(graph)
    features = widened(as_floats("features", features, "(N, C) floats"))
    if features.ndim != 2 or len(features) != graph.num_nodes:
        raise ValueError(f"`features` must be (N, C) with N = {graph.num_nodes}; got {tuple(features.shape)}.")
    return _cosines(graph, _directions(features))


def _cosines(graph: Graph, directions: Tensor) -> Tensor:
    blocks = graph.edges.split(max(1, AT_ONCE // max(1, directions.shape[1])), dim=1)
    return torch.cat([checkpoint(_products, directions, block, use_reentrant=False) for block in blocks]).clamp(-1, 1)


def _products(directions: Tensor, edges: Tensor) -> Tensor:
    # No matrix product, which autocast would run in half precision.
    return (directions[edges[0]] * directions[edges[1]]).sum(1)


def _directions(features: Tensor) -> Tensor:
    """(N, C): rows of length 1."""
    check_finite("features", features)
    scaled = features / unit_of(features, 1)  # so that no square overflows or vanishes
    length = torch.linalg.vector_norm(scaled, dim=1, keepdim=True)
    if plainly(lambda length: bool((length == 0).any()), length):
        node = int((length.detach() == 0).nonzero()[0, 0])
        raise ValueError(f"`features` must have a direction at each node; got only 0 at node {node}. Leave it out.")
    direction: Tensor = scaled / length
    return direction


def _checked_temperature(temperature: Tensor | float) -> Tensor:
    value = as_numbers("temperature", temperature)
    if value.ndim or not plainly(lambda value: bool((value > 0) & value.isfinite()), value):
        got = tuple(value.shape) if value.ndim else float(value.detach())
        raise ValueError(f"`temperature` must be a finite number > 0, or a tensor (); got {got}.")
    return value
