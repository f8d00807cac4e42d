"""Numbers that have to be finite, and those that a narrower type does not hold."""

from functools import partial

import torch
from torch import Tensor

from graphrw.core.arrays import require_values
from graphrw.core.transforms import plainly

DIVERGED = (
    "If a network made them, its training has diverged: go back to earlier weights, with a "
    "smaller learning rate or clipped gradients."
)


def check_finite(name: str, values: Tensor, cure: str = "") -> None:
    """Raise `ValueError` unless all of `values` are finite, naming the first that is not; `vmap` may run over them.

    Args:
        name: of the argument.
        values: floats.
        cure: what to do, as the message goes on.
    """
    if torch.compiler.is_compiling():  # there are no values to look at yet; the walk looks at the weights
        return
    require_values(name, values)
    plainly(partial(_check_finite, name, cure), values, batched=True)


def _check_finite(name: str, cure: str, values: Tensor) -> None:
    if values.numel() == 0:
        return
    low, high = torch.aminmax(values)  # both are NaN if one of the values is
    if low > -torch.inf and high < torch.inf:
        return
    first = tuple((~values.isfinite()).nonzero()[0].tolist())
    where = ", ".join(map(str, first))
    raise ValueError(f"`{name}` must be finite; got {float(values[first])} at [{where}]. {cure}".rstrip())


def check_spread(values: Tensor, what: str) -> None:
    """Raise `ValueError` where `values` or their differences are more than their type holds; `vmap` may run over them.

    `what` says what they are, as the message begins.
    """
    if not torch.compiler.is_compiling() and not plainly(_spread_is_finite, values, batched=True):
        raise ValueError(f"{what} are more than {values.dtype} holds: use float64, or divide by a common factor.")


def _spread_is_finite(values: Tensor) -> bool:
    if values.numel() == 0:
        return True
    low, high = torch.aminmax(values)
    return bool(high - low < torch.inf)


def narrowed(name: str, values: Tensor, dtype: torch.dtype) -> Tensor:
    """`values` in `dtype`; `ValueError` where a finite number would become infinite there, naming the first.

    Args:
        name: what they are, as a message begins.
        values: floats.
        dtype: float32 or float64.
    """
    if values.dtype == dtype:
        return values
    narrow = values.to(dtype)
    if not plainly(_spread_is_finite, narrow, batched=True):
        plainly(partial(_refuse, name, dtype), values, batched=True)
    return narrow


def kept_in(name: str, values: Tensor | float, dtype: torch.dtype) -> Tensor:
    """`values` in `dtype`; `ValueError` where a number becomes 0 or infinite there: a rate of 1e-50 that is none.

    Args:
        name: of the argument.
        values: a number, a tensor, or what else torch makes one of.
        dtype: float32 or float64.

    >>> kept_in("killing", 0.5, torch.float32)
    tensor(0.5000)
    """
    if not isinstance(values, Tensor):
        values = torch.as_tensor(values, dtype=torch.float64)
    kept = values.to(dtype)
    if values.dtype != dtype:
        plainly(partial(_check_kept, name), values, kept)
    return kept


def _check_kept(name: str, values: Tensor, kept: Tensor) -> None:
    lost = ((kept == 0) & (values != 0)) | (kept.isinf() & ~values.isinf())
    if bool(lost.any()):
        value, became = float(values[lost][0]), float(kept[lost][0])
        raise ValueError(
            f"`{name}` holds {value}, which is {became} in {kept.dtype}: use float64, or divide all by a common factor."
        )


def _refuse(name: str, dtype: torch.dtype, values: Tensor) -> None:
    lost = values[values.isfinite() & values.to(dtype).isinf()]
    if len(lost):
        raise ValueError(
            f"{name} would hold {float(lost[0]):.3g}, more than {dtype} does: use float64, or other units."
        )
