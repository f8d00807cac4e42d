"""How far a run has come, told at every part that it reads."""

import math
from dataclasses import dataclass

from graphrw.core.errors import Cancelled
from graphrw.core.progress import Listener

READY, SOLVED = 0.15, 0.97  # of the whole: the levels are made; the answer can be written


@dataclass(eq=False)
class Telling:
    """Calls a listener with the share that is done and what comes now."""

    listener: Listener | None
    share: float = 0.0
    what: str = ""

    def __call__(self) -> None:
        """Say where the run is.

        Raises:
            Cancelled: if the listener says so. What was done is kept.
        """
        if self.listener is not None and self.listener(self.share, self.what) is False:
            raise Cancelled(f"Cancelled while {self.what}; the same call goes on from here.")

    def now(self, share: float, what: str) -> None:
        """From now on that is done; it never becomes less."""
        self.share, self.what = max(self.share, share), what


@dataclass(eq=False)
class Descent:
    """The residual of one group of labels among several, told as a share of the way down."""

    telling: Telling
    rtol: float
    group: int
    groups: int
    start: float = 0.0

    def __call__(self, residual: float) -> None:
        """After an iteration."""
        if self.start == 0.0:
            self.start = max(residual, self.rtol)
        way = math.log(self.start / self.rtol)
        gone = 1.0 if way == 0 else min(1.0, max(0.0, math.log(self.start / max(residual, self.rtol)) / way))
        labels = f", labels {self.group + 1} of {self.groups}" if self.groups > 1 else ""
        share = READY + (SOLVED - READY) * (self.group + gone) / self.groups
        self.telling.now(share, f"walking (residual {residual:.0e}{labels})")
