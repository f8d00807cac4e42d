"""Whole numbers, and positive ones, wherever they come from."""

import math
from numbers import Integral, Real


def is_whole(value: object) -> bool:
    """Whether `value` is a whole number, of Python or NumPy; no bool, no float such as 3.0, no tensor.

    >>> is_whole(3), is_whole(3.0), is_whole(True)
    (True, False, False)
    """
    return isinstance(value, Integral) and not isinstance(value, bool)


def check_whole(name: str, value: int, low: int, high: int | None = None, *, reason: str = "") -> int:
    """`value` as an int; raise `ValueError` unless it is a whole number from `low` (to `high`).

    Args:
        name: of the argument.
        value: what came for it.
        low: the least it may be.
        high: the most it may be; None: no bound.
        reason: where the bounds come from, as the message goes on.

    >>> check_whole("k", 3, 1, 5)
    3
    """
    if is_whole(value) and low <= value and (high is None or value <= high):
        return int(value)
    bounds = f"from {low}" if high is None else f"from {low} to {high}"
    raise ValueError(f"`{name}` must be a whole number {bounds}{reason}; got {value!r}.")


def check_positive(name: str, value: float, *, reason: str = "") -> float:
    """`value` as a float; raise `ValueError` unless it is a positive, finite number.

    Args:
        name: of the argument.
        value: what came for it.
        reason: what else it may be, as the message goes on.

    >>> check_positive("mu", 3)
    3.0
    """
    if isinstance(value, Real) and not isinstance(value, bool) and 0 < value < math.inf:
        return float(value)
    raise ValueError(f"`{name}` must be positive and finite{reason}; got {value!r}.")
