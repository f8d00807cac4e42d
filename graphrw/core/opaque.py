"""Functions that `torch.compile` calls as they are: a solve is no graph of torch operations."""

import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import torch

P = ParamSpec("P")
R = TypeVar("R")


def opaque(function: Callable[P, R]) -> Callable[P, R]:
    """`torch.compiler.disable`, once there is a compiler.

    `torch.compiler.disable` imports the compiler at once, which takes as long as torch itself. Who has compiled nothing
    has not imported it, and then there is nothing to disable.

    Every function that users can call bears it, and every `forward` and `backward` that calls a solver.

    Args:
        function: any; what it calls is not compiled either.
    """
    disabled: Callable[P, R] | None = None

    @wraps(function)
    def outside(*args: P.args, **kwargs: P.kwargs) -> R:
        nonlocal disabled
        # The compiler gives up a frame for good that it has to leave within a `try`. Without it, this one would be
        # compiled anew for each kind of argument, up to the compiler's limit, and then warned of.
        try:
            if "torch._dynamo" not in sys.modules:
                return function(*args, **kwargs)
            if disabled is None:
                disabled = torch.compiler.disable(function)
            return disabled(*args, **kwargs)
        finally:
            pass

    return outside
