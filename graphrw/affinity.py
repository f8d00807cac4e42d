"""Edge weights from node features, without a network."""

import torch
from torch import Tensor

from graphrw.graph import Graph


def gaussian_affinity(graph: Graph, features: Tensor, beta: Tensor | float, length: Tensor | None = None) -> Tensor:
    """w_ij = exp(−β |f_i − f_j|² / ℓ_ij²): near 1 between alike nodes (Grady 2006, eq. 1). Nothing is scaled behind it.

    Args:
        graph: E edges, N nodes.
        features: (N, C) or (N,) floats; channels should have comparable units.
        beta: ≥ 0, in inverse squared units of `features`; a tensor () may be learned.
        length: (E,) edge lengths > 0, for samples that are unevenly spaced: differences become slopes.

    Returns:
        (E,) in [0, 1]; 0 where the exponential underflows, which parts the graph there: add a small number if unwanted.

    Raises:
        ValueError: for a wrong shape, a negative `beta`, or lengths that are not positive.

    >>> pair = Graph(torch.tensor([[0], [1]]), num_nodes=2)
    >>> gaussian_affinity(pair, torch.tensor([0.0, 0.5]), beta=4.0)
    tensor([0.3679])
    """
    if features.ndim not in (1, 2) or len(features) != graph.num_nodes or not features.is_floating_point():
        got = f"{tuple(features.shape)} {features.dtype}"
        raise ValueError(f"`features` must be (N, C) or (N,) floats with N = {graph.num_nodes}; got {got}.")
    _check_beta(beta)
    features = features if features.ndim == 2 else features[:, None]
    difference = features[graph.edges[0]] - features[graph.edges[1]]
    if length is not None:
        _check_length(length, graph.num_edges)
        difference = difference / length[:, None]
    return torch.exp(-beta * difference.square().sum(1))


def _check_beta(beta: Tensor | float) -> None:
    value = torch.as_tensor(beta).detach()
    if value.ndim:
        raise ValueError(f"`beta` must be a number or a tensor (); got {tuple(value.shape)}.")
    if not value >= 0:
        raise ValueError(f"`beta` must not be negative; got {float(value)}.")


def _check_length(length: Tensor, num_edges: int) -> None:
    if length.shape != (num_edges,):
        raise ValueError(f"`length` must be ({num_edges},) and positive; got {tuple(length.shape)}.")
    wrong = length.detach()[~(length > 0)]
    if wrong.numel():
        raise ValueError(f"`length` must be ({num_edges},) and positive; got {float(wrong[0])}.")
