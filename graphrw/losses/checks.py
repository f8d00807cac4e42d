"""What the losses share: a logarithm that is finite at 0, and what they ask of their arguments."""

import math

import torch
from torch import Tensor

from graphrw.core.arrays import as_floats, as_tensor, require_values
from graphrw.core.whole import check_id


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
