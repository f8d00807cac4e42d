"""Ctrl-C that is not lost."""

import _thread
import sys
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
