"""Which whole numbers occur among many."""

import torch
from torch import Tensor

# Up to this many times as many values as entries, marking those that occur is faster than sorting the entries.
SPREAD = 4


def distinct(values: Tensor) -> tuple[Tensor, Tensor]:
    """The values that occur, in order, and for each entry the place of its value.

    Args:
        values: int64, of any shape.

    >>> distinct(torch.tensor([[40, -3], [40, 0]]))
    (tensor([-3,  0, 40]), tensor([[2, 0],
            [2, 1]]))
    """
    if values.numel() == 0:
        return values.flatten(), values
    low, high = (int(bound) for bound in torch.aminmax(values))
    if high - low >= SPREAD * values.numel():
        found, place = values.unique(return_inverse=True)
        return found, place
    seen = torch.zeros(high - low + 1, dtype=torch.bool, device=values.device)
    seen[values - low] = True
    return seen.nonzero().squeeze(1) + low, (seen.cumsum(0) - 1)[values - low]
