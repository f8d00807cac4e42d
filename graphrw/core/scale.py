"""Numbers brought to about 1 before they are squared or summed, which the largest and the smallest of a type are not."""

import torch
from torch import Tensor


def unit_of(values: Tensor, dim: int | tuple[int, ...] = ()) -> Tensor:
    """A power of two about as large as the largest of `values`: divided by it, they lie in (−2, 2).

    As a power of two it changes no digit, so that what is computed of the quotients and brought back to scale is what
    it was, wherever that did not overflow or underflow. It is held constant in derivatives: it cancels in them, too.

    Args:
        values: floats.
        dim: the axes over which the largest is taken; all by default.

    Returns:
        The shape of `values` with size 1 along `dim`; 1 where they are 0, infinite or NaN, or where there are none.

    >>> unit_of(torch.tensor([[3.0, 0.5], [0.0, 0.0]]), 1)
    tensor([[2.],
            [1.]])
    """
    if values.numel() == 0:
        return torch.ones_like(values.detach().sum(dim, keepdim=True))
    return power_below(values.detach().abs().amax(dim, keepdim=True))


def power_below(sizes: Tensor) -> Tensor:
    """For each of `sizes` ≥ 0 the largest power of two that is not above it; 1 where it is 0, infinite or NaN.

    >>> power_below(torch.tensor([5.0, 0.3, 0.0]))
    tensor([4.0000, 0.2500, 1.0000])
    """
    mantissa, _ = torch.frexp(sizes)  # in [½, 1)
    return torch.where((sizes > 0) & (sizes < torch.inf), sizes / (2 * mantissa), 1.0)
