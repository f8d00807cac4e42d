"""Numbers of any size brought to about 1, where squares and sums of them are held by their type."""

import torch
from torch import Tensor

from graphrw.core.transforms import plainly

USUAL = 2.0**20  # the square of its square is held by float32, and so are sums of many


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


def common_unit(*values: Tensor) -> Tensor:
    """() The `unit_of` all of them together, which have one type; 1 where there are none.

    >>> common_unit(torch.tensor([3.0]), torch.tensor([0.1, 9.0]))
    tensor(8.)
    """
    largest = [each.detach().abs().amax() for each in values if each.numel()]
    return power_below(torch.stack(largest).amax()) if largest else values[0].new_ones(())


def is_usual(unit: Tensor) -> bool:
    """Whether numbers about as large as `unit` can be squared and summed up as they are: nearly always.

    >>> is_usual(torch.tensor(2.0)), is_usual(torch.tensor(1e-12))
    (True, False)
    """
    return plainly(lambda unit: bool(((unit > 1 / USUAL) & (unit < USUAL)).all()), unit, batched=True)


def power_below(sizes: Tensor) -> Tensor:
    """For each of `sizes` ≥ 0 the largest power of two that is not above it; 1 where it is 0, infinite or NaN.

    >>> power_below(torch.tensor([5.0, 0.3, 0.0]))
    tensor([4.0000, 0.2500, 1.0000])
    """
    mantissa, _ = torch.frexp(sizes)  # in [½, 1)
    return torch.where((sizes > 0) & (sizes < torch.inf), sizes / (2 * mantissa), 1.0)
