"""How sure a walk is of its answer."""

import torch
from torch import Tensor

from graphrw.core.arrays import as_floats
from graphrw.core.finite import check_finite
from graphrw.core.opaque import opaque
from graphrw.core.shares import SLACK, check_range
from graphrw.core.transforms import plainly
from graphrw.core.whole import check_whole, is_number


@opaque
def entropy(probability: Tensor, dim: int = 1) -> Tensor:
    """−Σ_l p_l log p_l in nats: how undecided the walk is, from 0 to log L.

    Args:
        probability: values in [0, 1], labels along `dim`: (N, L), or (B, L, H, W); with ``dim=0``, (L, H, W).

    Returns:
        The shape of `probability` without `dim`. Gradients are finite at p = 0. Values that a solve has left outside
        [0, 1] are taken as they are, not clamped, for then their gradients would end: −ε in the place of 0 adds
        −87 ε (float64: −708 ε), and 1 + ε in the place of 1 adds −ε, so that the sum may lie as little below 0.

    Raises:
        ValueError: if `dim` is no axis; for values that are not finite floats in [0, 1], such as logits; and where they
            add up to more than 1, as along an axis that does not hold the labels.

    >>> entropy(torch.tensor([[1.0, 0.0], [0.5, 0.5]]))
    tensor([0.0000, 0.6931])
    """
    probability = _of_labels(probability, dim)
    check_range("probability", probability)
    _check_sums(probability, dim)
    logarithm = probability.clamp_min(torch.finfo(probability.dtype).tiny).log()
    return (probability * -logarithm).sum(dim)


@opaque
def abstain(probability: Tensor, fraction: float, dim: int = 1) -> Tensor:
    """The most probable label, or −1 for that fraction of the nodes whose most probable label is least probable.

    The confidence of a node is max_l p_l. The least confident nodes of the whole tensor are left out: call once per
    image for a fraction of each. Of equally confident nodes, later ones go first.

    Source: P. Vernaza, M. Chandraker, Learning random-walk label propagation for weakly-supervised semantic
    segmentation, CVPR 2017, where labels gain in accuracy as the walk abstains on its least certain pixels.

    Args:
        probability: values in [0, 1], labels along `dim`: (N, L), or (B, L, H, W); with ``dim=0``, (L, H, W).
        fraction: in [0, 1], of all nodes, rounded to a whole number of nodes.

    Returns:
        int64, the shape of `probability` without `dim`.

    Raises:
        ValueError: if `fraction` or `dim` is out of range, or `probability` holds no finite floats.

    >>> abstain(torch.tensor([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]]), 1 / 3)
    tensor([ 0, -1,  1])
    """
    probability = _of_labels(probability, dim)
    check_finite("probability", probability)
    if not (is_number(fraction) and 0 <= fraction <= 1):
        raise ValueError(f"`fraction` must lie in [0, 1]; got {fraction!r}.")
    confidence, label = probability.max(dim)
    # Stable, so that ties fall alike on every device.
    order = confidence.flatten().argsort(descending=True, stable=True)
    kept = len(order) - round(fraction * len(order))
    return label.flatten().index_fill(0, order[kept:], -1).reshape(label.shape)


def _of_labels(probability: Tensor, dim: int) -> Tensor:
    probability = as_floats("probability", probability, "floats, labels along `dim`")
    check_whole("dim", dim, -probability.ndim, probability.ndim - 1, reason=", an axis of `probability`")
    return probability


def _check_sums(probability: Tensor, dim: int) -> None:
    """Raise `ValueError` for what is no distribution along `dim`, however inexact the solve."""
    if torch.compiler.is_compiling() or probability.numel() == 0:
        return
    most = plainly(lambda values: float(values.max()), probability.sum(dim), batched=True)
    if most > 1 + SLACK:
        raise ValueError(
            f"`probability` adds up to {most:.3g} along `dim` = {dim}, which must be the axis of labels; it is "
            f"{tuple(probability.shape)}."
        )
