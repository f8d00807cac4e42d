"""What the losses share: a logarithm that is finite at 0, and what they ask of their arguments."""

import math

import torch
from torch import Tensor

from graphrw.core.arrays import as_floats, as_tensor, require_values
from graphrw.core.finite import DIVERGED
from graphrw.core.whole import check_id

SLACK = 1e-2  # how far an inexact solve may leave a probability or a sum beyond its range; logits lie further out


def safe_log(probability: Tensor) -> Tensor:
    """The logarithm, from the machine epsilon downwards its tangent: finite, increasing, once differentiable."""
    epsilon = torch.finfo(probability.dtype).eps
    tangent = math.log(epsilon) + (probability - epsilon) / epsilon
    # The logarithm that is not taken is kept finite too: `where` multiplies its derivative by 0, and 0 · ∞ is NaN.
    return torch.where(probability > epsilon, probability.clamp(min=epsilon).log(), tangent)


def checked_target(target: Tensor, ignore_index: int) -> Tensor:
    """`target` as a tensor, and `ignore_index` a whole number."""
    check_id("ignore_index", ignore_index)
    target = as_tensor("target", target, "int64 labels")
    if target.dtype != torch.int64:
        raise ValueError(f"`target` must hold int64 labels; got {target.dtype}. Convert it with `.long()`.")
    require_values("target", target)
    if target.numel() == 0:
        raise ValueError(f"There is nothing to score: `target` has shape {tuple(target.shape)}.")
    return target


def probabilities(name: str, values: Tensor) -> Tensor:
    """`values` as a tensor of floats; `check_range` looks at their values once their shape is known to be right."""
    return as_floats(name, values, "floating point numbers in [0, 1]")


def check_range(values: Tensor, name: str, slack: float) -> None:
    require_values(name, values)
    low, high = (float(bound) for bound in torch.aminmax(values.detach()))
    if not (low >= -slack and high <= 1 + slack):
        value = high if low >= -slack else low
        cure = DIVERGED if math.isnan(value) else "Logits and scores need a sigmoid or softmax first."
        raise ValueError(f"`{name}` must lie in [0, 1]; got {value}. {cure}")
