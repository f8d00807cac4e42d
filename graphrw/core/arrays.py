"""Arguments that may be torch's tensors or NumPy's arrays."""

import numpy as np
import torch
from torch import Tensor

from graphrw.core.whole import is_number


def as_tensor(name: str, values: object, wanted: str) -> Tensor:
    """`values` as a tensor: a tensor as it is, a NumPy array without a copy where torch can share its memory.

    Args:
        name: of the argument.
        values: what came for it.
        wanted: what it must be, such as "(N,) int64", for the message.

    Raises:
        ValueError: for anything else, and for arrays of a kind that torch does not have.

    >>> as_tensor("seeds", np.array([0, -1]), "(N,) int64")
    tensor([ 0, -1])
    """
    if isinstance(values, Tensor):
        return values
    if isinstance(values, np.ndarray):
        try:  # torch takes neither foreign byte orders nor negative strides, and warns of arrays that are read-only
            return torch.from_numpy(np.require(values, values.dtype.newbyteorder("="), ["C", "W"]))
        except TypeError as error:
            raise ValueError(f"`{name}` must be {wanted}; got a NumPy array of {values.dtype}.") from error
    cure = " Make a tensor of it with `torch.tensor(…)`." if isinstance(values, list | tuple | int | float) else ""
    raise ValueError(
        f"`{name}` must be {wanted}, of torch or NumPy; got {type(values).__name__}{_shown(values)}.{cure}"
    )


def as_floats(name: str, values: object, wanted: str) -> Tensor:
    """`values` as a tensor of floats of any precision.

    Raises:
        ValueError: for another kind of number, and as `as_tensor`.

    >>> as_floats("weight", np.array([0.5]), "(E,) floats")
    tensor([0.5000], dtype=torch.float64)
    """
    tensor = as_tensor(name, values, wanted)
    if not tensor.is_floating_point():
        raise ValueError(f"`{name}` must be {wanted}; got {tensor.dtype}.")
    return tensor


def as_numbers(
    name: str, value: object, wanted: str = "a number or a tensor ()", *, dtype: torch.dtype = torch.float64
) -> Tensor:
    """A number as a tensor () of `dtype`; a tensor of real numbers as it is, of NumPy likewise.

    Raises:
        ValueError: for anything else.

    >>> as_numbers("alpha", 0.5)
    tensor(0.5000, dtype=torch.float64)
    """
    if is_number(value):
        return torch.tensor(value, dtype=dtype)
    if not isinstance(value, Tensor | np.ndarray):
        raise ValueError(f"`{name}` must be {wanted}; got {type(value).__name__}{_shown(value)}.")
    tensor = as_tensor(name, value, wanted)
    if tensor.is_complex() or tensor.dtype == torch.bool:
        raise ValueError(f"`{name}` must be {wanted}; got {tensor.dtype}.")
    return tensor


def require_values(name: str, values: Tensor) -> None:
    """Raise `ValueError` for a tensor on torch's `meta` device, which has a shape but no values."""
    if values.is_meta:
        raise ValueError(
            f"`{name}` is on the `meta` device, which holds shapes alone, and its values are needed here. Make it on a "
            'real one: `torch.empty_like(…, device="cpu")`, then fill it.'
        )


def whole_numbers(name: str, values: object, wanted: str) -> Tensor:
    """`values` as int64: integers of any type, as long as int64 holds them.

    Raises:
        ValueError: for another kind of number, and for uint64 values from 2⁶³, naming the first.

    >>> whole_numbers("labels", np.array([3, 0], dtype=np.uint16), "whole numbers")
    tensor([3, 0])
    """
    tensor = as_tensor(name, values, wanted)
    require_values(name, tensor)
    if tensor.is_floating_point() or tensor.is_complex() or tensor.dtype == torch.bool:
        raise ValueError(f"`{name}` must be {wanted}; got {tensor.dtype}.")
    if tensor.dtype != torch.uint64:
        return tensor.long()
    wrapped = tensor.view(torch.int64)
    over = wrapped.detach().reshape(-1)
    over = over[over < 0]
    if len(over):
        raise ValueError(
            f"`{name}` holds {int(over[0]) + 2**64}, which is more than int64 does (2⁶³ − 1). Number them anew: "
            "`numpy.unique(…, return_inverse=True)`."
        )
    return wrapped


def whole_values(name: str, values: object) -> Tensor:
    """`values` as int64: integers of any type, or floats that are whole, as those of ``numpy.zeros(shape)`` are.

    Raises:
        ValueError: as `whole_numbers`; and for floats that are not whole, or too large to tell, naming the first.

    >>> whole_values("labels", np.array([0.0, 7.0]))
    tensor([0, 7])
    """
    numbers = as_tensor(name, values, "whole numbers")
    if not numbers.is_floating_point():
        return whole_numbers(name, numbers, "whole numbers")
    broken = numbers[~(numbers.isfinite() & (numbers == numbers.round()) & (numbers.abs() < 2**53))]
    if len(broken):
        raise ValueError(f"`{name}` must be whole numbers; got {float(broken[0])}.")
    return numbers.long()


def _shown(values: object) -> str:
    return f" {values!r}" if isinstance(values, int | float | complex | str) and len(repr(values)) < 40 else ""
