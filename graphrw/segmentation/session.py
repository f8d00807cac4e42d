"""Strokes on an image, one after the other, each with an answer: what a person does with a mouse."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from graphrw.core.arrays import as_tensor
from graphrw.core.distinct import distinct
from graphrw.core.progress import Listener, Progress
from graphrw.core.whole import check_whole
from graphrw.segmentation import stroke_log
from graphrw.segmentation.forecast import Forecast, forecast
from graphrw.segmentation.history import Canvas, History, Stroke
from graphrw.segmentation.inputs import AN_IMAGE, read_spacing
from graphrw.segmentation.labelling import Answer, Labeller, Options, labeller, read_mask, spatial_shape
from graphrw.segmentation.places import Where, flat_places, most_uncertain
from graphrw.solvers import Auto, Solver
from graphrw.solvers.base import check_solver

Array = NDArray[Any] | Tensor
APART = 0.05  # of the longest side: how far suggestions lie apart
STEPS = 4  # that a listener hears of: the image, the strokes, the walk, the borders


class Session:
    """Strokes on one image, and the labels they give: `segment`, stroke by stroke.

    What depends on the image alone (superpixels, weights, a solver's analysis) is made once, when the first answer is
    asked for; a stroke after that costs a fraction of it. Strokes can be made one after the other before an answer is
    asked for. Arrays come out as the image came in, of NumPy or of torch.

    Args:
        image: (H, W) or (D, H, W), with `channel_axis` one axis more; any type.
        channel_axis: which axis of `image` holds channels.
        mask: bool of the spatial shape, true inside; no walker leaves it, and labels are −1 outside. None: all of it.
        spacing: the distance of pixels along each spatial axis, > 0.
        superpixels: whether to walk over superpixels and their colours, as `segment` does. If not, labels are those of
            `random_walker`, and the options below but for `beta` have no effect.
        n_segments: as in `segment`, as the next five.
        compactness: of superpixels.
        beta: ≥ 0; None: 1 with superpixels, 130 without.
        convert2lab: whether channels are red, green and blue.
        colour_model: whether colours of strokes count wherever they occur.
        band: how far from a border, in pixels, pixels are labelled one by one.
        solver: how to solve, as in `segment`.
        progress: called with the share that is done, from 0 to 1, and what comes now, while an answer is made. If it
            returns false, the run ends with `Cancelled`, and the session is as it was before.

    Raises:
        ValueError: for an image, a mask or options that do not fit.

    >>> import numpy as np
    >>> image = np.zeros((20, 30))
    >>> image[:, 13:] = 1.0
    >>> session = Session(image)
    >>> session.paint(3, ([10], [2])), session.paint(7, ([4], [25]))
    (1, 1)
    >>> session.labels[0, 11:15]
    array([3, 3, 7, 7])
    >>> session.undo(), session.labels[0, 11:15]
    (True, array([3, 3, 3, 3]))
    """

    def __init__(
        self,
        image: Array,
        channel_axis: int | None = None,
        *,
        mask: Array | None = None,
        spacing: Sequence[float] | None = None,
        superpixels: bool = True,
        n_segments: int | None = None,
        compactness: float = 10.0,
        beta: float | None = None,
        convert2lab: bool | None = None,
        colour_model: bool = True,
        band: int = 4,
        solver: Solver = Auto(rtol=1e-6),
        progress: Listener | None = None,
    ) -> None:
        self._image = as_tensor("image", image, AN_IMAGE)
        self._is_tensor = isinstance(image, Tensor)
        self._shape = spatial_shape(self._image, channel_axis)
        self._options = Options(
            channel_axis=channel_axis,
            spacing=None if spacing is None else tuple(read_spacing(spacing, len(self._shape))),
            superpixels=superpixels,
            n_segments=n_segments,
            compactness=compactness,
            beta=beta,
            convert2lab=convert2lab,
            colour_model=colour_model,
            band=band,
        )
        check_solver(solver)
        if progress is not None and not callable(progress):
            raise ValueError(f"`progress` must be a function of a share and a text, or None; got {progress!r}.")
        self._solver, self._progress = solver, progress
        self._inside = read_mask(mask, self.shape)
        self._pixels = self._options.read(self._image, self._inside)
        self._history = History()
        self._answer: Answer | None = None

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

    def keep(self, label: int) -> int:
        """Finish an object: its pixels, as they are labelled now, keep their label; the number of them."""
        places = (as_tensor("labels", self.labels, "") == check_whole("label", label, 1)).cpu().reshape(-1)
        return self._add(Stroke(label, places.nonzero().squeeze(1), kept=True))

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

    @property
    def labels(self) -> Array:
        """(\\*spatial) int64: the label of each pixel; 0 everywhere before the first stroke, −1 outside."""
        if self._found is None:
            return self._like(torch.where(self._inside, 0, -1))
        return self._like(self._found.labels)

    @property
    def label_ids(self) -> Array:
        """(L,) int64: the labels that have strokes, ascending."""
        ids = torch.zeros(0, dtype=torch.int64) if self._found is None else self._found.ids
        return self._like(ids)

    @property
    def probabilities(self) -> Array:
        """(L, \\*spatial): of each of `label_ids`. The one array here that grows with the number of labels."""
        if self._found is None:
            return self._like(torch.zeros(0, *self.shape, dtype=torch.float64))
        return self._like(self._found.probability())

    @property
    def entropy(self) -> Array:
        """(\\*spatial): how undecided each pixel is, in nats; 0 before the first stroke."""
        return self._like(self._uncertainty())

    def forecast(self) -> Forecast:
        """What asking for `labels` now will take; nothing, where the answer is there already.

        A rough guess: seconds and bytes of photographs are mostly right within a half, those of volumes from half to
        five times the truth, as `benchmarks/forecast.py` has seen them on a machine like that of the docs.
        `probabilities` add 16 bytes for each pixel and label. Before there are two labels, it is for two.

        >>> import numpy as np
        >>> session = Session(np.zeros((20, 30)))
        >>> session.forecast().bytes > 0
        True
        """
        if self._answer is not None:
            return Forecast(0.0, 0.0)
        labels = self._canvas.labels
        options = self._options
        return forecast(
            self.shape,
            channels=self._pixels.shape[1],
            num_labels=max(2, len(distinct(labels[labels > 0])[0])),
            superpixels=options.superpixels,
            n_segments=options.n_segments,
            band=options.band,
            solver=self._solver,
            first="_label" not in self.__dict__,
        )

    def suggest(self, k: int = 1) -> Array:
        """(≤ k, axes) int64: places where one more stroke would help most, the best first.

        They are where the labels are least certain, and not next to each other.
        """
        check_whole("k", k, 1)
        apart = max(1.0, APART * max(self.shape))
        return self._like(most_uncertain(self._uncertainty(), k, apart))

    def take_strokes(self, other: "Session") -> None:
        """Take all that was done in another session on the same image, whatever its options, in place of what is here.

        Raises:
            ValueError: if it is on another image.
        """
        if not isinstance(other, Session):
            raise ValueError(f"`other` must be a `Session`; got {type(other).__name__}.")
        if other._key != self._key:
            raise ValueError("`other` is a session on another image, where its strokes lie elsewhere.")
        self._history = History(list(other._history.strokes), other._history.done)
        self._changed(True)

    def save_log(self, path: str | Path) -> None:
        """Write all strokes, kept objects included, with the options and a hash of the image, as JSON."""
        done = self._history.strokes[: self._history.done]
        stroke_log.write(path, stroke_log.StrokeLog(self._key, asdict(self._options), stroke_log.packed(done)))

    def replay(self, path: str | Path) -> None:
        """Take the strokes of a log in place of the present ones: labels will be those of the session that wrote it.

        Raises:
            ValueError: if it is of another image, was made with other options or another version, or is no log.
        """
        log = stroke_log.read(path)
        stroke_log.check_image(log, self._key, path)
        stroke_log.check_options(log, asdict(self._options), path)
        strokes = stroke_log.strokes_of(log, self._inside.numel(), path)
        self._history = History(strokes, len(strokes))
        self._changed(True)

    @cached_property
    def _key(self) -> stroke_log.ImageKey:
        return stroke_log.ImageKey.of(self._image)

    @cached_property
    def _label(self) -> Labeller:
        return labeller(self._pixels, self._inside, self._options, self._solver)

    @property
    def _canvas(self) -> Canvas:
        return self._history.canvas(self._inside.numel())

    @property
    def _found(self) -> Answer | None:
        """The answer to the strokes that are there; None if there are none."""
        if self._answer is not None:
            return self._answer
        strokes = self._canvas.labels.reshape(self.shape)
        if bool((strokes > 0).any()):
            progress = Progress(STEPS, self._progress)
            progress("looking at the image")
            label = self._label
            self._answer = label(strokes, progress=progress)
            progress.end()
        return self._answer

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

    def _uncertainty(self) -> Tensor:
        return torch.zeros(self.shape, dtype=torch.float64) if self._found is None else self._found.entropy

    def _like(self, values: Tensor) -> Array:
        return values.to(self._image.device) if self._is_tensor else values.numpy()
