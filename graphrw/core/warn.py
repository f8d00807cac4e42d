"""Warnings that point at the line of whoever called the library."""

import sys
import warnings

# Frames that lie between the user's line and ours without being anyone's fault: the library itself, and the packages
# that call modules on a user's behalf (`nn.Module.__call__`, `torch.compiler.disable`, PyG's `Sequential`).
WRAPPERS = ("graphrw", "torch", "torch_geometric")


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """`warnings.warn` with file and line of the first caller outside the library and torch's wrappers.

    A constant `stacklevel` is right from one depth only, and one function may be reached from several: directly,
    through another one, or through a module. (Python 3.12 has `skip_file_prefixes` for this; we support 3.11.)

    Where there is no such caller, as on a thread of autograd's own, the outermost frame is named.
    """
    warnings.warn(message, category, stacklevel=_levels_to_caller())


def _levels_to_caller() -> int:
    """The `stacklevel` for a call of `warnings.warn` in the function that calls this one."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and _passes_on(frame.f_globals.get("__name__", "")):
        level, frame = level + 1, frame.f_back
    return level


def _passes_on(module: str) -> bool:
    return module.partition(".")[0] in WRAPPERS
