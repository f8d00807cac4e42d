"""Looking at structure and values alone, also from inside a `torch.func` transform, where tensors are wrapped."""

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor
from torch._C import _functorch
from torch._functorch.pyfunctorch import temporarily_clear_interpreter_stack

T = TypeVar("T")


def plainly(make: Callable[..., T], *values: Tensor) -> T:
    """``make(*values)`` on the bare values, as if no transform were under way, and with nothing differentiated.

    For plans, and for decisions that depend on values: there NumPy and SciPy may be called, and what comes out may
    outlive the transform.

    Raises:
        ValueError: for values that `torch.func.vmap` runs over, of which there is not one but many.
    """
    with torch.no_grad():
        if _functorch.peek_interpreter_stack() is None:
            return make(*(value.detach() for value in values))
        bare = [_bare(value) for value in values]
        with temporarily_clear_interpreter_stack():
            return make(*bare)


def _bare(value: Tensor) -> Tensor:
    while _functorch.is_functorch_wrapped_tensor(value):
        if _functorch.is_batchedtensor(value):
            raise ValueError(
                "`torch.func.vmap` may run over right-hand sides, not over weights, killing or what they depend on: "
                "each would need a factor of its own. Loop over them, or use one `Graph.batch`."
            )
        value = _functorch.get_unwrapped(value)
    return value.detach()
