"""Looking at structure and values alone, also from inside `torch.func` transforms and inference mode."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor
from torch._C import _functorch
from torch._functorch.pyfunctorch import retrieve_current_functorch_interpreter, temporarily_clear_interpreter_stack
from torch.autograd.forward_ad import unpack_dual

T = TypeVar("T")


def plainly(make: Callable[..., T], *values: Tensor, batched: bool = False) -> T:
    """``make(*values)`` on the bare values, as if no transform were under way, and with nothing differentiated.

    For plans, and for decisions that depend on values: there NumPy and SciPy may be called, and what comes out may
    outlive the transform. It is made outside inference mode, whose tensors could never be used in training.

    Args:
        make: what looks at the values.
        values: tensors.
        batched: whether `torch.func.vmap` may run over them, as over right-hand sides. They then are those of all its
            runs in one tensor, with one more axis somewhere.

    Raises:
        ValueError: for values that `vmap` runs over, of which there is not one but many, unless `batched`.
    """
    if any(value.is_meta for value in values):
        raise ValueError(
            "A tensor is on the `meta` device, which holds shapes alone, and its values are needed here. Make it on a "
            'real one: `torch.empty_like(…, device="cpu")`, then fill it.'
        )
    with outside_autograd():
        if _functorch.peek_interpreter_stack() is None:
            return make(*(unpack_dual(value).primal.detach() for value in values))
        bare = [_bare(value, batched) for value in values]
        with temporarily_clear_interpreter_stack():
            return make(*bare)


@contextmanager
def outside_autograd() -> Iterator[None]:
    """Nothing is differentiated inside; and what is made there may be used outside `torch.inference_mode`, too."""
    if not torch.is_inference_mode_enabled():  # to leave it where it is not would switch forward mode on again
        with torch.no_grad():
            yield
        return
    with torch.inference_mode(False), torch.no_grad():
        yield


def refuse_forward_over_forward() -> None:
    """Raise `NotImplementedError` within two forward-mode transforms; for the `jvp` of a custom Function.

    torch calls it with forward mode switched off, so that the outer derivative of what it gives would silently lack
    terms, whatever the Function is.
    """
    stack = _functorch.get_interpreter_stack() or ()
    if sum(level.key() == _functorch.TransformType.Jvp for level in stack) > 1:
        raise NotImplementedError(
            "torch has no forward mode over forward mode for custom functions, such as a solve. Take reverse mode for "
            "one of the two: `jacfwd(jacrev(f))`, `jacrev(jacfwd(f))` or `torch.func.hessian`."
        )


def refuse_transforms(name: str, instead: str, *values: Tensor) -> None:
    """Raise `NotImplementedError` within any transform of `torch.func`, or if one of `values` has a tangent of forward
    mode; `name` has no derivative there."""
    if transformed():
        raise NotImplementedError(f"`{name}` does not take `torch.func` transforms; take {instead}.")
    if any(unpack_dual(value).tangent is not None for value in values):
        raise NotImplementedError(f"`{name}` has no derivative in forward mode; take {instead}.")


def transformed() -> bool:
    """Whether a transform of `torch.func` is under way."""
    return _functorch.peek_interpreter_stack() is not None


def reversed_by_func() -> bool:
    """Whether a reverse-mode transform of `torch.func` is under way, where torch's `checkpoint` cannot be."""
    return any(level.key() == _functorch.TransformType.Grad for level in _functorch.get_interpreter_stack() or ())


def asked_of(value: Tensor) -> bool:
    """Whether a derivative may be asked in `value` itself, in reverse or forward mode or by `torch.func`.

    Transforms wrap what merely passes through them, too: each level under way is asked for itself.
    """
    if (torch.is_grad_enabled() and value.requires_grad) or unpack_dual(value).tangent is not None:
        return True
    if not transformed():
        return False
    innermost = retrieve_current_functorch_interpreter()
    if _functorch.is_functorch_wrapped_tensor(value) and _functorch.maybe_get_level(value) == innermost.level():
        value = _functorch.get_unwrapped(value)
    with innermost.lower():
        return asked_of(value)


def differentiated(*values: Tensor) -> bool:
    """Whether a derivative may be asked of what is made of `values`: in reverse or forward mode, or by `torch.func`."""
    if transformed():
        return True
    backward = torch.is_grad_enabled() and any(value.requires_grad for value in values)
    return backward or any(unpack_dual(value).tangent is not None for value in values)


def lasting(values: Tensor) -> Tensor:
    """`values`, copied if they were made in inference mode, so that they may be kept and used in training."""
    if not values.is_inference():
        return values
    with outside_autograd():
        return values.clone()


def version_of(values: Tensor) -> int | None:
    """How often they have been changed in place; None for tensors of inference mode, for which torch does not count."""
    return None if values.is_inference() else values._version


def _bare(value: Tensor, batched: bool) -> Tensor:
    while _functorch.is_functorch_wrapped_tensor(value):
        if _functorch.is_batchedtensor(value) and not batched:
            raise ValueError(
                "`torch.func.vmap` may run over right-hand sides, not over weights, killing, seeds or what they depend "
                "on: each would need a factor of its own. Loop over them, or use one `Graph.batch`."
            )
        value = _functorch.get_unwrapped(value)
    bare: Tensor = unpack_dual(value).primal.detach()
    return bare
