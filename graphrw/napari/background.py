"""Answers made in a thread, so that the viewer never stands still."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from napari.qt.threading import create_worker

from graphrw.core.errors import MissingDependencyError

FAILURES = (ValueError, RuntimeError, MemoryError, MissingDependencyError)  # what calculations raise


@dataclass(frozen=True)
class Step:
    """How far it has come."""

    share: float  # from 0 to 1
    what: str  # comes now


class Background:
    """One calculation at a time.

    Args:
        take: gets, in the thread of the viewer, whatever comes out: a `Step`, an answer, or the error that ended it.
        end: called there when all is over.
    """

    def __init__(self, take: Callable[[Any], None], end: Callable[[], None]) -> None:
        self._take, self._end = take, end
        self._worker: Any = None
        self._stop = False

    @property
    def running(self) -> bool:
        """Whether a calculation goes on."""
        return self._worker is not None

    def start(self, answers: Iterable[Any]) -> None:
        """Begin with what comes out of a generator."""
        self._stop = False
        self._worker = create_worker(_with_errors, answers, _start_thread=False)
        self._worker.yielded.connect(self._take)
        self._worker.finished.connect(self._finish)
        self._worker.start()

    def stop(self) -> None:
        """End it at its next step."""
        self._stop = True

    def listen(self, share: float, what: str) -> bool:
        """The listener of a session: called in the thread, it tells the viewer, and says whether to go on."""
        self._worker.yielded.emit(Step(share, what))
        return not self._stop

    def _finish(self) -> None:
        self._worker = None
        self._end()


def _with_errors(answers: Iterable[Any]) -> Iterator[Any]:
    # A `RuntimeError` that leaves the generator is what napari takes for a closed window: it would never end.
    try:
        yield from answers
    except FAILURES as error:
        yield error
