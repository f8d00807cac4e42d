"""Probabilities: numbers in [0, 1], but for what an inexact solve leaves."""

import math
from functools import partial

import torch
from torch import Tensor

from graphrw.core.arrays import require_values
from graphrw.core.finite import DIVERGED
from graphrw.core.transforms import plainly

SLACK = 1e-2  # how far an inexact solve may leave a probability or a sum beyond its range; logits lie further out


def check_range(name: str, values: Tensor, slack: float = SLACK) -> None:
    """Raise `ValueError` unless all of `values` lie in [0, 1], or within `slack` of it; `vmap` may run over them.

    >>> check_range("probability", torch.tensor([0.5, 2.0]))
    Traceback (most recent call last):
    ValueError: `probability` must lie in [0, 1]; got 2.0. Logits and scores need a sigmoid or softmax first.
    """
    if torch.compiler.is_compiling():  # there are no values to look at yet
        return
    require_values(name, values)
    plainly(partial(_check_range, name, slack), values, batched=True)


def raised(values: Tensor, slack: float = SLACK) -> Tensor:
    """`values` with 0 in place of what an inexact solve has left below it, by no more than `slack` of the largest.

    For functions that take rates or shares, which must not be negative: none is to refuse what another has returned.

    >>> raised(torch.tensor([1.0, -1e-7])), raised(torch.tensor([1.0, -0.5]))
    (tensor([1., 0.]), tensor([ 1.0000, -0.5000]))
    """
    if values.numel() == 0 or not values.is_floating_point() or values.is_meta:
        return values
    if not plainly(partial(_is_just_below, slack), values, batched=True):
        return values
    return values - values.detach().clamp(max=0)  # a derivative goes on to those below, too, as to an exact 0


def _is_just_below(slack: float, values: Tensor) -> bool:
    low, high = torch.aminmax(values)
    return bool((-slack * high <= low) & (low < 0))


def _check_range(name: str, slack: float, values: Tensor) -> None:
    if values.numel() == 0:
        return
    low, high = (float(bound) for bound in torch.aminmax(values))  # both are NaN if one of the values is
    if low >= -slack and high <= 1 + slack:
        return
    value = high if low >= -slack else low
    cure = DIVERGED if math.isnan(value) else "Logits and scores need a sigmoid or softmax first."
    raise ValueError(f"`{name}` must lie in [0, 1]; got {value}. {cure}")
