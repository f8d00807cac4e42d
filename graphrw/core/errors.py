"""What can go wrong that is not simply a wrong argument (those raise `ValueError` where they are first known)."""

import torch

TORCH_SAYS = ("can't allocate memory", "not enough memory")  # Linux and macOS, Windows


class SingularWalkError(ValueError):
    """Some nodes can reach neither a seed nor any killing, so that no unique answer exists there."""


class ConvergenceError(RuntimeError):
    """A solve reached neither its tolerance nor the rounding level of float64; there is no answer, or no gradient."""


class MissingDependencyError(ImportError):
    """An optional package that the call needs is not installed."""


class Cancelled(RuntimeError):  # noqa: N818 - nothing has gone wrong
    """Whoever listened to the progress of a run has asked it to stop."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether `error` says that memory has run out; of the CPU's torch says it with a plain `RuntimeError`.

    >>> is_out_of_memory(MemoryError()), is_out_of_memory(RuntimeError("shapes do not match"))
    (True, False)
    """
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(words in str(error) for words in TORCH_SAYS)
