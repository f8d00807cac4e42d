"""How many threads torch takes where there is little to do, and work shared among as many."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

import torch

T = TypeVar("T")
FEW = 2**19  # numbers in a tensor: on two free cores, what has more gains by the second

_outside: ContextVar[int | None] = ContextVar("torch's threads outside of `threads_for`", default=None)


@contextmanager
def threads_for(numbers: int, few: int = FEW) -> Iterator[None]:
    """One thread for all that torch does within, on tensors of fewer numbers; as many as it has been given, on others.

    Small tensors gain little from more, and the threads of OpenMP wait for the next of a hundred short loops by
    spinning. On two idle cores that takes half of what is computed, for nothing; where the cores are busy, or a
    container may not use them whole, a segmentation of 0.35 s of the processor took 2.5 s of it, and a training step
    on ten images of 32² twenty-five times as long as on one thread. What takes its threads from `workers` has them.

    torch keeps this number for each thread of Python, and gives a thread that is new to it the number set last: one
    that first meets torch while another is within stays at one.

    >>> with threads_for(100):
    ...     torch.get_num_threads()
    1
    """
    before = torch.get_num_threads()
    if numbers >= few or before == 1:
        yield
        return
    token = _outside.set(before)
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        _outside.reset(token)


def workers() -> int:
    """How many threads may work at once that do not wait by spinning: as many as torch has been given."""
    return _outside.get() or torch.get_num_threads()


def side_by_side(function: Callable[..., T], *inputs: Sequence[Any]) -> list[T]:
    """As `map`, on as many cores as torch may use, for what lets go of the interpreter."""
    if len(inputs[0]) == 1 or workers() == 1:
        return [function(*values) for values in zip(*inputs, strict=True)]
    with ThreadPoolExecutor(workers()) as pool:
        return list(pool.map(function, *inputs))
