"""The power to which a model raises its weights, learned."""

import math

import torch
from torch import nn

from graphrw.core.whole import check_positive


def log_contrast(contrast: float | None) -> nn.Parameter | None:
    """log p, to learn from this start; None where weights stay as they are."""
    return None if contrast is None else nn.Parameter(torch.tensor(math.log(check_positive("contrast", contrast))))
