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


def _check_range(name: str, slack: float, values: Tensor) -> None:
    if values.numel() == 0:
        return
    low, high = (float(bound) for bound in torch.aminmax(values))  # both are NaN if one of the values is
    if low >= -slack and high <= 1 + slack:
        return
    value = high if low >= -slack else low
    cure = DIVERGED if math.isnan(value) else "Logits and scores need a sigmoid or softmax first."
    raise ValueError(f"`{name}` must lie in [0, 1]; got {value}. {cure}")
