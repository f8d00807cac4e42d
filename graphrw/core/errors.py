"""What can go wrong that is not simply a wrong argument (those raise `ValueError` where they are first known)."""

import torch


class SingularWalkError(ValueError):
    """Some nodes can reach neither a seed nor any killing, so that no unique answer exists there."""


class ConvergenceError(RuntimeError):
    """A solve did not reach its tolerance. No unconverged answer is ever returned, forward or backward."""


class MissingDependencyError(ImportError):
    """An optional package that the call needs is not installed."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether `error` says that memory has run out; torch says it of the CPU's with a plain `RuntimeError`.

    >>> is_out_of_memory(MemoryError()), is_out_of_memory(RuntimeError("shapes do not match"))
    (True, False)
    """
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)
