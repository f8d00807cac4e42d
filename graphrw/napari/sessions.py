"""A session for each frame, fed with the strokes of a layer."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass

import numpy as np

from graphrw.core.errors import Cancelled
from graphrw.napari.frames import Array, Frames, Index
from graphrw.segmentation import Session

Change = Callable[[Session, Array], None]  # what is done to a session, given the strokes of the layer


@dataclass(frozen=True)
class Options:
    """How to label; see `Session`."""

    superpixels: bool = True
    n_segments: int | None = None
    beta: float | None = None
    colour_model: bool = True
    band: int = 4


@dataclass(frozen=True)
class Wanted:
    """What beside labels."""

    entropy: bool = False
    probabilities: bool = False
    suggestions: int = 0


@dataclass(frozen=True, eq=False)
class Answer:
    """Of one frame."""

    index: Index
    labels: Array  # (*spatial) int64
    ids: Array  # (L,) int64
    entropy: Array | None  # (*spatial)
    probabilities: Array | None  # (L, *spatial)
    suggestions: Array  # (≤ suggestions, axes) int64


def draw(session: Session, strokes: Array) -> None:
    """Make the strokes of a session those of a layer, whatever was painted, erased or undone there.

    >>> session = Session(np.zeros((2, 3)))
    >>> draw(session, np.array([[4, 0, 0], [0, 0, 5]]))
    >>> draw(session, np.array([[4, 4, 0], [0, 0, 0]]))
    >>> session.strokes
    array([[4, 4, 0],
           [0, 0, 0]])
    """
    changed = strokes != session.strokes
    session.erase(changed & (strokes <= 0))
    for label in np.unique(strokes[changed & (strokes > 0)]):
        session.paint(int(label), changed & (strokes == label))


def keep(label: int) -> Change:
    """Finish an object: its pixels keep their label, whatever is painted later."""

    def kept(session: Session, strokes: Array) -> None:
        draw(session, strokes)
        if session.keep(label) == 0:
            raise ValueError(f"Label {label} has no pixels here that could be kept. Choose one that has.")

    return kept


def release(session: Session, strokes: Array) -> None:
    """Let go of all that was kept."""
    while session.undo():
        pass
    draw(session, strokes)


class Sessions:
    """One session for each frame, made when it is first asked for: what depends on the image alone is done once.

    Args:
        frames: of the image.
        options: how to label.
        listener: hears of the share that is done, from 0 to 1, and of what comes now; if it returns false, the run
            ends with `Cancelled`.
    """

    def __init__(self, frames: Frames, options: Options, listener: Callable[[float, str], bool]) -> None:
        self.frames, self.options = frames, options
        self._listener = listener
        self._sessions: dict[Index, Session] = {}
        self._done, self._count = 0, 1

    def label(self, strokes: Mapping[Index, Array], wanted: Wanted, change: Change = draw) -> Iterator[Answer]:
        """The answers of some frames, one after the other.

        Args:
            strokes: (\\*spatial) whole numbers for each of these frames, > 0 where there is a stroke.
            wanted: beside labels.
            change: what to do to each session first.

        Raises:
            Cancelled: if the listener says so.
            ValueError: if image, strokes or options do not fit.
        """
        self._count = len(strokes)
        for self._done, (index, there) in enumerate(strokes.items()):
            self._hear(0.0, "looking at the strokes")
            session = self._session(index)
            change(session, there)
            yield _answer(index, session, wanted)

    def _session(self, index: Index) -> Session:
        if index not in self._sessions:
            frames = self.frames
            channel_axis = -1 if frames.rgb else None
            self._sessions[index] = Session(
                frames.frame(index),
                channel_axis=channel_axis,
                spacing=frames.spacing,
                progress=self._hear,
                **asdict(self.options),
            )
        return self._sessions[index]

    def _hear(self, share: float, what: str) -> bool:
        words = what if self._count == 1 else f"frame {self._done + 1} of {self._count}: {what}"
        if not self._listener((self._done + share) / self._count, words):
            raise Cancelled(f"Cancelled before: {what}.")
        return True


def _answer(index: Index, session: Session, wanted: Wanted) -> Answer:
    return Answer(
        index,
        np.asarray(session.labels),
        np.asarray(session.label_ids),
        np.asarray(session.entropy) if wanted.entropy else None,
        np.asarray(session.probabilities) if wanted.probabilities else None,
        np.asarray(session.suggest(wanted.suggestions)) if wanted.suggestions else np.zeros((0, len(session.shape))),
    )
