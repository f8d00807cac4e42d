"""A public callable with good arguments, bad calls made from them, and what comes of a call."""

import inspect
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np
from torch import Tensor

from bad_calls.kinds import Argument, fault_of, named
from graphrw.core.errors import ConvergenceError

OUTCOMES = ("clear", "obscure", "silent", "NaN", "memory", "hang")
OURS = (ValueError, ConvergenceError, MemoryError)  # the last with words of ours: what needs how much


@dataclass(frozen=True)
class Call:
    """A function, a class or a bound method, and an `Argument` for each name in its signature."""

    function: Callable[..., Any]
    arguments: dict[str, Argument]
    used: Callable[[Any], Any] | None = None  # where what is wrong is seen only once the result is used

    def __str__(self) -> str:
        return self.function.__qualname__

    @property
    def good(self) -> dict[str, Any]:
        return {name: argument.good for name, argument in self.arguments.items()}

    def __call__(self, **changed: Any) -> Any:
        result = self.function(**{**self.good, **changed})
        return result if self.used is None else self.used(result)

    @property
    def bad(self) -> Iterator["Bad"]:
        for name, argument in self.arguments.items():
            for fault, value in argument.bad.items():
                yield Bad(self, name, fault, value)


@dataclass(frozen=True)
class Bad:
    """A call with one bad argument."""

    call: Call
    name: str
    fault: str
    value: Any

    def __str__(self) -> str:
        return f"{self.call}-{self.name}-{self.fault}"

    @property
    def key(self) -> tuple[str, str, str]:
        return str(self.call), self.name, self.fault

    def outcome(self) -> tuple[str, str]:
        """One of `OUTCOMES`, and what was said."""
        try:
            result = self.call(**{self.name: self.value})
        except TimeoutError:
            return "hang", ""
        except Exception as error:
            told = f"{type(error).__name__}: {error}"
            if isinstance(error, OURS) and self.is_clear(str(error)):
                return "clear", told
            return "memory" if runs_out(error) else "obscure", told
        return "NaN" if holds_nan(result) else "silent", ""

    def is_clear(self, message: str) -> bool:
        """Whether it names the argument, and where its type is wrong says what is wanted."""
        argument = self.call.arguments[self.name]
        if any(words in message for words in argument.words):
            return True
        if not any(named(name).search(message) for name in (self.name, *argument.names)):
            return False
        return fault_of(self.fault) not in ("None", "type") or re.search(argument.says, message) is not None


def call(function: Callable[..., Any], /, used: Callable[[Any], Any] | None = None, **arguments: Argument) -> Call:
    return Call(function, arguments, used)


def parameters(function: Callable[..., Any]) -> set[str]:
    return set(inspect.signature(function).parameters)


def runs_out(error: BaseException) -> bool:
    words = ("can't allocate memory", "not enough memory", "Storage size calculation overflowed", "Unable to allocate")
    return isinstance(error, MemoryError) or any(part in str(error) for part in words)


def holds_nan(result: Any) -> bool:
    if isinstance(result, Tensor):
        return (result.is_floating_point() or result.is_complex()) and bool(result.isnan().any())
    if isinstance(result, float):
        return math.isnan(result)
    if isinstance(result, tuple | list):
        return any(holds_nan(part) for part in result)
    if is_dataclass(result) and not isinstance(result, type):
        return any(holds_nan(getattr(result, field.name)) for field in fields(result))
    return isinstance(result, np.ndarray) and result.dtype.kind == "f" and bool(np.isnan(result).any())
