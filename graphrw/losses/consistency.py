"""What a network says of one node, whatever drops out, is to be one thing."""

import torch
from torch import Tensor

from graphrw.core.opaque import opaque
from graphrw.core.shares import check_range
from graphrw.core.whole import check_positive
from graphrw.losses.checks import probabilities


@opaque
def consistency_loss(probability: Tensor, *, temperature: float = 0.5) -> Tensor:
    """How far several answers at a node are from their mean, sharpened: a loss for nodes without labels.

        ℓ = mean over draws s and nodes of  Σ_l (p_sl − t_l)²,
        t_l = p̄_l^(1/T) / Σ_m p̄_m^(1/T),    p̄ = mean over draws of p_s.

    The target t gets no gradient. Beside the loss of a few labels it says what few labels cannot: that answers are to
    be sure, and the same under every dropout.

    Source: W. Feng et al., Graph random neural networks for semi-supervised learning on graphs, NeurIPS 2020
    (equations 4 and 5; there a sum over draws).

    Args:
        probability: (S, N, L), of S draws, such as those of dropout.
        temperature: T > 0; below 1 it sharpens.

    Returns:
        A scalar.

    Raises:
        ValueError: for another shape, values outside [0, 1], or a temperature that is not positive.

    >>> consistency_loss(torch.tensor([[[1.0, 0.0]], [[1.0, 0.0]]]))
    tensor(0.)
    """
    probability = probabilities("probability", probability)
    if probability.ndim != 3 or probability.numel() == 0:
        raise ValueError(f"`probability` must be (S, N, L), not empty; got {tuple(probability.shape)}.")
    check_range("probability", probability)
    power = probability.detach().clamp(min=0).mean(0) ** (1 / check_positive("temperature", temperature))
    target = power / power.sum(1, keepdim=True).clamp(min=torch.finfo(power.dtype).tiny)
    return (probability - target).square().sum(2).mean()
