"""Telling how far a long run has come, and stopping it."""

from collections.abc import Callable
from dataclasses import dataclass

from graphrw.core.errors import Cancelled

Listener = Callable[[float, str], bool | None]  # what is done, from 0 to 1, and what comes now; false: stop


@dataclass(eq=False)
class Progress:
    """The steps of one run.

    >>> progress = Progress(2, lambda share, what: print(f"{share:.0%} {what}"))
    >>> progress("superpixels"), progress("walk")
    0% superpixels
    50% walk
    (None, None)
    """

    steps: int
    listener: Listener | None = None
    done: int = 0

    def __call__(self, what: str) -> None:
        """Say what comes now.

        Raises:
            Cancelled: if the listener says so.
        """
        if self.listener is not None and self.listener(min(1.0, self.done / self.steps), what) is False:
            raise Cancelled(f"Cancelled before: {what}.")
        self.done += 1

    def end(self) -> None:
        """Say that all is done."""
        if self.listener is not None:
            self.listener(1.0, "done")


def silent(what: str) -> None:
    """Tell nobody."""
