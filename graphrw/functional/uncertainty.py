"""How sure a walk is of its answer."""

import torch
from torch import Tensor


def entropy(probability: Tensor, dim: int = 1) -> Tensor:
    """−Σ_l p_l log p_l in nats: how undecided the walk is, from 0 to log L.

    Args:
        probability: values in [0, 1], labels along `dim`: (N, L), or (B, L, H, W); with ``dim=0``, (L, H, W).

    Returns:
        The shape of `probability` without `dim`. Gradients are finite at p = 0.

    >>> entropy(torch.tensor([[1.0, 0.0], [0.5, 0.5]]))
    tensor([0.0000, 0.6931])
    """
    logarithm = probability.clamp_min(torch.finfo(probability.dtype).tiny).log()
    return (probability * -logarithm).sum(dim)
