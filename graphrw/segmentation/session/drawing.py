"""What a person draws on an image: strokes, one after the other, that can be undone, kept in a file, and read again."""

from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import Self

import torch
from torch import Tensor

from graphrw.core.whole import check_whole
from graphrw.segmentation.labelling import Answer, Options
from graphrw.segmentation.places import Array, Where, flat_places
from graphrw.segmentation.session import stroke_log
from graphrw.segmentation.session.history import Canvas, History, Stroke


class Drawing:
    """The strokes of a `Session`, and the answer to them as long as they stay as they are."""

    _image: Tensor
    _is_tensor: bool
    _shape: tuple[int, ...]
    _options: Options
    _inside: Tensor
    _history: History
    _answer: Answer | None
    _learned: bool  # whether labels follow what `learn` has found

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the image, without channels."""
        return self._shape

    def paint(self, label: int, where: Where) -> int:
        """Make a stroke; what was painted there before is replaced, but what is kept.

        Args:
            label: > 0.
            where: a mask, bool of the spatial shape, or one array of indices for each axis, (row, column[, depth]).
                What lies outside the image or the mask is left out.

        Returns:
            How many pixels have got the label.
        """
        return self._add(Stroke(check_whole("label", label, 1), self._places(where)))

    def erase(self, where: Where) -> int:
        """Take strokes away, but what is kept; the number of pixels that had one."""
        places = self._places(where)
        return self._add(Stroke(0, places[self._canvas.labels[places] > 0]))

    def undo(self) -> bool:
        """Take the last stroke back (or what was erased or kept last); false if there is none."""
        return self._changed(self._history.undo())

    def redo(self) -> bool:
        """Make the stroke again that was undone last; false if there is none."""
        return self._changed(self._history.redo())

    @property
    def can_undo(self) -> bool:
        """Whether there is a stroke to take back."""
        return self._history.done > 0

    @property
    def can_redo(self) -> bool:
        """Whether there is a stroke to make again."""
        return self._history.done < len(self._history.strokes)

    @property
    def strokes(self) -> Array:
        """(\\*spatial) int64: what is painted, 0 elsewhere, −1 outside; what `segment` takes as `labels`."""
        return self._like(torch.where(self._inside, self._canvas.labels.reshape(self.shape), -1))

    def take_strokes(self, other: Self) -> None:
        """Take all that was done in another session on the same image, whatever its options, in place of what is here.

        Raises:
            ValueError: if it is on another image.
        """
        if not isinstance(other, Drawing):
            raise ValueError(f"`other` must be a `Session`; got {type(other).__name__}.")
        if other._key != self._key:
            raise ValueError("`other` is a session on another image, where its strokes lie elsewhere.")
        self._history = History(list(other._history.strokes), other._history.done)
        self._changed(True)

    def save_log(self, path: str | Path) -> None:
        """Write all strokes, kept objects included, with the options and hashes of image and mask, as JSON.

        Raises:
            ValueError: if labels follow weights that `learn` has found, which no log holds.
        """
        self._require_fixed_weights()
        done = self._history.strokes[: self._history.done]
        mask, options = stroke_log.digest(self._inside), asdict(self._options)
        stroke_log.write(path, stroke_log.StrokeLog(self._key, mask, options, stroke_log.packed(done)))

    def replay(self, path: str | Path) -> None:
        """Take the strokes of a log in place of the present ones: labels will be those of the session that wrote it.

        Raises:
            ValueError: if it is of another image, was made with another mask, other options or another version, or is
                no log; or if labels here follow weights that `learn` has found.
        """
        self._require_fixed_weights()
        log = stroke_log.read(path)
        stroke_log.check_image(log, self._key, path)
        stroke_log.check_mask(log, self._inside, path)
        stroke_log.check_options(log, asdict(self._options), path)
        strokes = stroke_log.strokes_of(log, self._inside.numel(), path)
        self._history = History(strokes, len(strokes))
        self._changed(True)

    @cached_property
    def _key(self) -> stroke_log.ImageKey:
        return stroke_log.ImageKey.of(self._image)

    @property
    def _canvas(self) -> Canvas:
        return self._history.canvas(self._inside.numel())

    def _require_fixed_weights(self) -> None:
        if self._learned:
            raise ValueError(
                "A log holds strokes, not the weights that `learn` has found, and its labels are those of fixed ones. "
                "Take another session on this image: `take_strokes` brings the strokes there."
            )

    def _places(self, where: Where) -> Tensor:
        places = flat_places(where, self.shape)
        return places[self._inside.reshape(-1)[places]]

    def _add(self, stroke: Stroke) -> int:
        free = stroke.pixels[~self._canvas.kept[stroke.pixels]]
        if len(free):
            self._history.add(replace(stroke, pixels=free))
            self._answer = None
        return len(free)

    def _changed(self, changed: bool) -> bool:
        if changed:
            self._answer = None
        return changed

    def _like(self, values: Tensor) -> Array:
        return values.to(self._image.device) if self._is_tensor else values.numpy()
