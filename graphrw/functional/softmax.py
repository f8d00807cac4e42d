"""Softmax within groups of entries."""

import torch
from torch import Tensor


def grouped_softmax(score: Tensor, group: Tensor, num_groups: int) -> tuple[Tensor, Tensor]:
    """log Σ exp(score) over the entries of each group, and each entry's share of it.

    Args:
        score: (M,) or (M, K) floats; −∞ is an entry that does not count.
        group: (M,) int64 in [0, num_groups).
        num_groups: G.

    Returns:
        (G,) or (G, K), −∞ for a group without any entry that counts; and the shares, of the shape of `score`.

    >>> grouped_softmax(torch.tensor([0.0, 0.0, 5.0]), torch.tensor([0, 0, 1]), 2)
    (tensor([0.6931, 5.0000]), tensor([0.5000, 0.5000, 1.0000]))
    """
    index = group.reshape(-1, *[1] * (score.ndim - 1)).expand_as(score)
    empty = score.new_full((num_groups, *score.shape[1:]), -torch.inf)
    # The largest entry is taken off first, so that no exponential overflows; for a group of −∞ alone, −∞ − (−∞) is
    # avoided by the least number instead.
    largest = empty.scatter_reduce(0, index, score.detach(), "amax").clamp(min=torch.finfo(score.dtype).min)
    terms = torch.exp(score - largest[group])
    total = torch.zeros_like(largest).index_add(0, group, terms)
    return largest + total.log(), terms / total[group].clamp(min=torch.finfo(score.dtype).tiny)
