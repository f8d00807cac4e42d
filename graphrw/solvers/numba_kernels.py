"""Where kernels that numba compiles are loaded, if it is there and can keep them."""

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from graphrw.core.warn import warn

NUMBA = find_spec("numba") is not None  # which is loaded when it is needed: that takes a second


@cache
def kernels(module: str, without: str) -> ModuleType | None:
    """A module of kernels, which compiles them the first time.

    Args:
        module: its name.
        without: what is done without them, for the warning.

    Returns:
        None without numba, or, with a warning, where it can keep nothing: compiling in every process takes too long.
    """
    if not NUMBA:
        return None
    try:
        return import_module(module)
    except RuntimeError as error:
        if "cannot cache function" not in str(error):
            raise
        warn(
            f"numba finds no folder for what it compiles, so that {without}, and takes longer. Name one that can be "
            "written in the variable NUMBA_CACHE_DIR."
        )
        return None
