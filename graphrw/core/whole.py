"""Numbers and switches as users give them: whole ones, positive ones, True and False."""

import math
from numbers import Integral, Real

import numpy as np

LEAST, MOST = -(2**63), 2**63 - 1  # of int64


def is_whole(value: object) -> bool:
    """Whether `value` is a whole number, of Python or NumPy; no bool, no float such as 3.0, no tensor.

    >>> is_whole(3), is_whole(3.0), is_whole(True)
    (True, False, False)
    """
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_number(value: object) -> bool:
    """Whether `value` is a real number that a float can hold, of Python or NumPy, or NaN; no bool, text or tensor.

    >>> is_number(0.5), is_number("0.5"), is_number(True), is_number(10**400)
    (True, False, False, False)
    """
    if not isinstance(value, Real) or isinstance(value, bool):
        return False
    try:
        float(value)
    except OverflowError:
        return False
    return True


def check_whole(name: str, value: int, low: int, high: int | None = None, *, reason: str = "") -> int:
    """`value` as an int; raise `ValueError` unless it is a whole number from `low` (to `high`), which int64 holds.

    Args:
        name: of the argument.
        value: what came for it.
        low: the least it may be.
        high: the most it may be; None: no bound.
        reason: where the bounds come from, as the message goes on.

    >>> check_whole("k", 3, 1, 5)
    3
    """
    if is_whole(value) and low <= value <= (MOST if high is None else high):
        return int(value)
    bounds = f"from {low}" if high is None else f"from {low} to {high}"
    raise ValueError(f"`{name}` must be a whole number {bounds}{reason}; got {value!r}.")


def check_id(name: str, value: int) -> int:
    """`value` as an int; raise `ValueError` unless it is a whole number that int64 holds, such as the id of a label.

    >>> check_id("ignore_index", -1)
    -1
    """
    if is_whole(value) and LEAST <= value <= MOST:
        return int(value)
    raise ValueError(f"`{name}` must be a whole number that int64 holds; got {value!r}.")


def check_flag(name: str, value: bool) -> bool:
    """`value` as a bool; raise `ValueError` unless it is True or False: a text such as "no" would count as True.

    >>> check_flag("directed", False)
    False
    """
    if isinstance(value, bool | np.bool_):
        return bool(value)
    raise ValueError(f"`{name}` must be True or False; got {value!r}.")


def check_not_negative(name: str, value: float, *, reason: str = "") -> float:
    """`value` as a float; raise `ValueError` unless it is a finite number from 0.

    Args:
        name: of the argument.
        value: what came for it.
        reason: what it stands for, as the message goes on after the name.

    >>> check_not_negative("tolerance", 2)
    2.0
    """
    if is_number(value) and 0 <= value < math.inf:
        return float(value)
    raise ValueError(f"`{name}`{reason} must be finite and not negative; got {value!r}.")


def check_positive(name: str, value: float, *, reason: str = "") -> float:
    """`value` as a float; raise `ValueError` unless it is a positive, finite number.

    Args:
        name: of the argument.
        value: what came for it.
        reason: what else it may be, as the message goes on.

    >>> check_positive("mu", 3)
    3.0
    """
    if is_number(value) and 0 < value < math.inf:
        return float(value)
    raise ValueError(f"`{name}` must be positive and finite{reason}; got {value!r}.")
