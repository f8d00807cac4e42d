"""The least precision that anything here is computed in."""

import torch
from torch import Tensor


def widened(values: Tensor) -> Tensor:
    """Half-precision values, as autocast makes them, in float32: a walk is never solved in less.

    >>> widened(torch.ones(2, dtype=torch.bfloat16)).dtype
    torch.float32
    """
    return values.float() if values.dtype in (torch.float16, torch.bfloat16) else values
