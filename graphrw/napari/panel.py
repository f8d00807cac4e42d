"""The plugin itself: what each button does."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from napari import current_viewer
from napari.utils.notifications import show_error
from qtpy.QtCore import QTimer

from graphrw.core.errors import Cancelled
from graphrw.napari import layers
from graphrw.napari.background import Background, Step
from graphrw.napari.chosen import Chosen
from graphrw.napari.controls import arrange, make_controls
from graphrw.napari.frames import Array, Frames, Index
from graphrw.napari.results import Results
from graphrw.napari.sessions import Answer, Change, Sessions, Wanted, draw, keep, release

PAUSE = 300  # milliseconds without a change, after which strokes are answered
SUGGESTIONS = 3


def strokes_widget() -> Any:
    """The widget that the menu opens, for the viewer in front."""
    return Panel(current_viewer()).widget


class Panel:
    """Strokes on an image layer become labels, one answer at a time."""

    def __init__(self, viewer: Any) -> None:
        self.viewer = viewer
        self.controls = make_controls(lambda _: layers.images(viewer), lambda _: layers.scribbles(viewer))
        self.widget = arrange(self.controls)
        self.widget.panel = self  # signals hold it weakly
        self.background = Background(self._take, self._end)
        self._sessions: Sessions | None = None
        self._results = Results((0, 0))
        self._busy_with: Chosen | None = None
        self._answered: tuple[Sessions, Index, Array] | None = None  # the strokes that were answered last
        self._again = False  # whether there are newer ones than those that are being answered
        self._heard: Any = None  # the layer of strokes that we listen to
        self._timer = QTimer(self.widget.native)
        self._timer.setSingleShot(True)
        self._timer.setInterval(PAUSE)
        self._connect()

    def run(self) -> None:
        """Label what has strokes: the frame that is shown, or all."""
        self._ask(draw, self.controls.wanted, every=self.controls.every_frame)

    def cancel(self) -> None:
        """Stop at the next step; what is shown stays."""
        self._again = False
        self.background.stop()

    def keep(self) -> None:
        """Keep the label that is chosen in the layer of strokes."""
        label = getattr(self.controls.scribbles.value, "selected_label", 0)
        self._ask(keep(int(label)), self.controls.wanted)

    def release(self) -> None:
        """Let go of all that was kept in this frame."""
        self._ask(release, self.controls.wanted)

    def suggest(self) -> None:
        """Mark places where one more stroke would help most."""
        self._ask(draw, replace(self.controls.wanted, suggestions=SUGGESTIONS))

    def new_scribbles(self) -> None:
        """Make a layer for strokes, and choose it."""
        if self.controls.image.value is None:
            show_error("Open an image first: strokes need something to lie on.")
            return
        self.controls.scribbles.value = layers.new_scribbles(self.viewer, self.controls.image.value)

    def answer_stroke(self) -> None:
        """Answer what has been painted in this frame, instead of what is still being answered."""
        if self.background.running:
            self._again = True
            self.background.stop()
            return
        chosen = self._choose()
        if chosen is not None and self._is_new(chosen):
            self._begin(chosen, [chosen.shown], self.controls.wanted, draw)

    def _ask(self, change: Change, wanted: Wanted, *, every: bool = False) -> None:
        """Begin with an answer; say why not, if that is so."""
        chosen = None if self.background.running else self._choose()
        if chosen is None:
            return
        found = chosen.with_strokes()
        if not found:
            show_error(f"There are no strokes yet: paint one on each thing, on layer {chosen.scribbles.name!r}.")
            return
        self._begin(chosen, found if every else [chosen.shown], wanted, change)

    def _choose(self) -> Chosen | None:
        """What is chosen; None after words that say what is missing."""
        image, scribbles = self.controls.image.value, self.controls.scribbles.value
        if image is None or scribbles is None:
            show_error("Open an image first." if image is None else "Make a layer for strokes first, and paint on it.")
            return None
        frames = layers.frames_of(image, self.controls.axes.value)
        try:
            return Chosen(image, scribbles, frames, frames.nearest(image.world_to_data(self.viewer.dims.point)))
        except ValueError as error:
            show_error(str(error))
            return None

    def _is_new(self, chosen: Chosen) -> bool:
        """Whether these strokes are not those that were answered last."""
        now = (self._sessions_of(chosen.frames), chosen.shown)
        last = self._answered
        return last is None or last[:2] != now or not np.array_equal(last[2], chosen.strokes(chosen.shown))

    def _begin(self, chosen: Chosen, indices: Sequence[Index], wanted: Wanted, change: Change) -> None:
        sessions = self._sessions_of(chosen.frames)
        strokes = {index: chosen.strokes(index) for index in indices}
        self._busy_with = chosen
        self._answered = sessions, indices[-1], strokes[indices[-1]]
        self.controls.busy(True)
        self.background.start(sessions.label(strokes, wanted, change))

    def _sessions_of(self, frames: Frames) -> Sessions:
        """Those of before, unless the image or an option is another one."""
        options, old = self.controls.options, self._sessions
        if old is not None and frames.same(old.frames) and options == old.options:
            return old
        if old is None or not frames.same(old.frames):
            self._results = Results(frames.shape)
        self._sessions = Sessions(frames, options, self.background.listen)
        return self._sessions

    def _take(self, value: Step | Answer | Exception) -> None:
        """Something has come out of the thread."""
        match value:
            case Step(share, what):
                self.controls.tell(share, what)
            case Answer():
                self._show(value)
                self.controls.tell(1.0, "Done.")
            case Cancelled():
                self.controls.tell(0, "Cancelled.")
            case _:
                self.controls.tell(0, "There is no answer.")
                show_error(str(value))

    def _show(self, answer: Answer) -> None:
        chosen = self._busy_with
        if chosen is None or not {chosen.image, chosen.scribbles} <= {*self.viewer.layers}:
            return  # the person has closed them meanwhile
        self._results.put(answer)
        layers.show_results(self.viewer, chosen.image, chosen.scribbles, self._results)
        if len(answer.suggestions):
            places = np.array([(*answer.index, *place) for place in answer.suggestions])
            layers.show_suggestions(self.viewer, chosen.image, chosen.scribbles, places)

    def _end(self) -> None:
        self.controls.busy(False)
        if self._again:
            self._again = False
            self._timer.start()

    def _connect(self) -> None:
        c, events = self.controls, self.viewer.layers.events
        pairs = [(c.run, self.run), (c.cancel, self.cancel), (c.keep, self.keep), (c.release, self.release)]
        for button, act in [*pairs, (c.suggest, self.suggest), (c.new, self.new_scribbles)]:
            button.changed.connect(act)
        for changed in (events.inserted, events.removed):
            changed.connect(self._choices)
        c.image.changed.connect(self._new_image)
        for field in (c.axes, c.walk):
            field.changed.connect(self._fit)
        c.scribbles.changed.connect(self._listen)
        self._timer.timeout.connect(self.answer_stroke)
        self._new_image()
        self._listen()

    def _choices(self) -> None:
        self.widget.reset_choices()

    def _new_image(self) -> None:
        if self.controls.image.value is not None:
            self.controls.axes.value = layers.usual_axes(self.controls.image.value)
        self._fit()

    def _fit(self) -> None:
        image = self.controls.image.value
        self.controls.fit(0 if image is None else image.ndim)

    def _listen(self) -> None:
        """To the layer of strokes: `paint` while one paints, `set_data` for undo and redo (and when a slider moves)."""
        old, self._heard = self._heard, self.controls.scribbles.value
        for event in ("paint", "set_data"):
            if old is not None:
                old.events[event].disconnect(self._stroke)
            if self._heard is not None:
                self._heard.events[event].connect(self._stroke)

    def _stroke(self) -> None:
        if self.controls.live.value:
            self._timer.start()
