"""Ctrl-C that is not lost, and ends well."""

import _thread
import os
import sys
from contextlib import suppress
from threading import Timer
from typing import Any

AGAIN = 0.05  # seconds


def ask_again_if_lost() -> None:
    """Python drops an exception that arises in a destructor or in a callback from compiled code, and goes on.

    A Ctrl-C that comes just then would be dropped, too: then it is sent once more, a moment later.
    """
    usual = sys.unraisablehook

    def hook(unraisable: Any) -> None:
        if issubclass(unraisable.exc_type, KeyboardInterrupt):
            again = Timer(AGAIN, _thread.interrupt_main)  # here and now it would be dropped again
            again.daemon = True
            again.start()
        else:
            usual(unraisable)

    sys.unraisablehook = hook


def leave(code: int) -> None:
    """End the process here, once files are swept up.

    A numba that was stopped while it loaded a kernel crashes when Python takes itself down: llvmlite disposes of a
    module that belongs to nothing yet.
    """
    with suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)
