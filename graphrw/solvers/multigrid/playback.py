"""Cycles that a GPU records once and plays again."""

import torch
from torch import Tensor

from graphrw.solvers.gpu.playback import Playback, Recorder
from graphrw.solvers.multigrid.cycle import Cycle


class PlayedCycle:
    """A cycle, recorded at its second application and played from then on.

    It launches some hundreds of kernels, most of them on coarse levels, where each is done before the next has been
    launched: it would be the launching that takes the time. Played, all of them take one launch. What is recorded must
    stay as it is: fixed memory, nothing read back, and fixed shapes. So it has as many columns as were ever seen, and
    where fewer come, the others are 0.
    """

    def __init__(self, cycle: Cycle, record: Recorder) -> None:
        self._cycle, self._record = cycle, record
        self._given, self._widest = torch.empty(0, 0), 0

    def __repr__(self) -> str:
        return repr(self._cycle)

    def expect(self, columns: int) -> None:
        """That so many will come, before fewer do: one recording serves for both."""
        self._widest = max(self._widest, columns)

    def apply(self, r: Tensor) -> Tensor:
        """As `Cycle.apply`."""
        columns = r.shape[1]
        self.expect(columns)
        if self._given.shape[1] < self._widest:
            self._given, self._playback = r.new_empty(len(r), self._widest), Playback(self._record)
        self._given[:, :columns].copy_(r)
        self._given[:, columns:].zero_()
        self._playback(self._work)
        return self._answer[:, :columns]

    def _work(self) -> None:
        self._answer = self._cycle.apply(self._given)
