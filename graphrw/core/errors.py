"""What can go wrong that is not simply a wrong argument (those raise `ValueError` where they are first known)."""


class SingularWalkError(ValueError):
    """Some nodes can reach neither a seed nor any killing, so that no unique answer exists there."""


class ConvergenceError(RuntimeError):
    """A solve did not reach its tolerance. No unconverged answer is ever returned, forward or backward."""


class MissingDependencyError(ImportError):
    """An optional package that the call needs is not installed."""
