"""What the page works on: one image, its session, and one answer at a time."""

import json
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from numpy.typing import NDArray

from graphrw.page.wire import check_log, field
from graphrw.segmentation import Session

Array = NDArray[Any]
T = TypeVar("T")


class Drawing:
    """A session that many threads may ask, one after the other; what changes it goes first.

    An answer takes a while. A change that comes meanwhile ends it with `Cancelled` at its next step: nobody waits for
    what is out of date.
    """

    def __init__(self) -> None:
        self.name = ""
        self.image: Array | None = None
        self.superpixels = True
        self._session: Session | None = None
        self._busy = threading.Lock()  # held by whoever uses the session
        self._counting = threading.Lock()
        self._waiting = 0  # changes that want to come next

    @property
    def opened(self) -> Array:
        """(H, W) or (H, W, 3): the image.

        Raises:
            ValueError: if there is none yet.
        """
        if self.image is None:
            raise ValueError("Open an image first.")
        return self.image

    @property
    def can_undo(self) -> bool:
        """Whether there is something to take back; as it is this moment, whatever comes next."""
        return self._session is not None and self._session.can_undo

    @property
    def can_redo(self) -> bool:
        """Whether there is something to make again, likewise."""
        return self._session is not None and self._session.can_redo

    def open(self, image: Array, name: str) -> None:
        """Begin with another image, (H, W) or (H, W, 3)."""
        with self._change():
            self._session = self._new_session(image, self.superpixels)
            self.image, self.name = image, name

    def change(self, act: Callable[[Session], T]) -> T:
        """Do something to the session that makes its answer another one."""
        with self._change():
            return act(self._there)

    def ask(self, about: Callable[[Session], T]) -> T:
        """Get an answer.

        Raises:
            Cancelled: if a change comes before it is there.
        """
        with self._busy:
            return about(self._there)

    def log(self) -> str:
        """What has been done, as JSON."""
        with self._busy:
            return _saved(self._there)

    def replay(self, log: Any) -> None:
        """Take the strokes of a log, as parsed.

        Raises:
            ValueError: if it is none, or of another image.
        """
        with self._change():
            self._replay(log)

    def walk_over(self, *, superpixels: bool) -> None:
        """Label by superpixels or by pixels from now on, from the same strokes."""
        with self._change():
            session = self._new_session(self.opened, superpixels)
            session.take_strokes(self._there)
            self._session, self.superpixels = session, superpixels

    def _replay(self, log: Any) -> None:
        check_log(log, math.prod(self._there.shape))
        superpixels = field(field(log, "options"), "superpixels") is True
        session = self._new_session(self.opened, superpixels)
        with TemporaryDirectory() as folder:
            path = Path(folder) / "strokes.json"
            path.write_text(json.dumps(log), encoding="utf-8")
            try:
                session.replay(path)
            except ValueError as error:
                raise ValueError(str(error).replace(f"`{path}`", "The log")) from error
        self._session, self.superpixels = session, superpixels

    def _new_session(self, image: Array, superpixels: bool) -> Session:
        channel_axis = 2 if image.ndim == 3 else None
        return Session(image, channel_axis=channel_axis, superpixels=superpixels, progress=self._goes_on)

    def _goes_on(self, share: float, what: str) -> bool:
        return self._waiting == 0

    @property
    def _there(self) -> Session:
        if self._session is None:
            raise ValueError("Open an image first.")
        return self._session

    @contextmanager
    def _change(self) -> Iterator[None]:
        with self._counting:
            self._waiting += 1
        with self._busy:
            with self._counting:
                self._waiting -= 1
            yield


def _saved(session: Session) -> str:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "strokes.json"
        session.save_log(path)
        return path.read_text(encoding="utf-8")
