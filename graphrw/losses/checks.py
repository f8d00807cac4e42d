"""What the losses share: a logarithm that is finite at 0, and what they ask of their arguments."""

import math

import torch
from torch import Tensor

from graphrw.core.arrays import require_values
from graphrw.core.finite import DIVERGED

SLACK = 1e-2  # how far an inexact solve may leave a probability or a sum beyond its range; logits lie further out


def safe_log(probability: Tensor) -> Tensor:
    """The logarithm, from the machine epsilon downwards its tangent: finite, increasing, once differentiable."""
    epsilon = torch.finfo(probability.dtype).eps
    tangent = math.log(epsilon) + (probability - epsilon) / epsilon
    # The logarithm that is not taken is kept finite too: `where` multiplies its derivative by 0, and 0 · ∞ is NaN.
    return torch.where(probability > epsilon, probability.clamp(min=epsilon).log(), tangent)


def check_target(target: Tensor) -> None:
    if target.dtype != torch.int64:
        raise ValueError(f"`target` must hold int64 labels; got {target.dtype}. Convert it with `.long()`.")
    require_values("target", target)
    if target.numel() == 0:
        raise ValueError(f"There is nothing to score: `target` has shape {tuple(target.shape)}.")


def check_range(values: Tensor, name: str, slack: float) -> None:
    if not values.is_floating_point():
        raise ValueError(f"`{name}` must be floating point numbers in [0, 1]; got {values.dtype}.")
    require_values(name, values)
    low, high = (float(bound) for bound in torch.aminmax(values.detach()))
    if not (low >= -slack and high <= 1 + slack):
        value = high if low >= -slack else low
        cure = DIVERGED if math.isnan(value) else "Logits and scores need a sigmoid or softmax first."
        raise ValueError(f"`{name}` must lie in [0, 1]; got {value}. {cure}")
