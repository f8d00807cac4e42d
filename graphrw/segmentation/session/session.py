"""Strokes on an image, one after the other, each with an answer: what a person does with a mouse."""

from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor

from graphrw.core.arrays import as_floats, as_tensor
from graphrw.core.distinct import distinct
from graphrw.core.progress import Listener, Progress
from graphrw.core.whole import check_whole
from graphrw.functional.next_seed import expected_error_reduction
from graphrw.segmentation.inputs import AN_IMAGE, read_spacing
from graphrw.segmentation.labelling import (
    Answer,
    Labeller,
    Options,
    checked_solver,
    pixel_labeller,
    read_mask,
    region_labeller,
    regions_of,
    spatial_shape,
)
from graphrw.segmentation.learning.edge_terms import region_features
from graphrw.segmentation.learning.learn import Learned, learn
from graphrw.segmentation.learning.stroke_influence import StrokeGroups, StrokeInfluence, influence_of, stroke_groups
from graphrw.segmentation.learning.suggestions import suggested_places
from graphrw.segmentation.places import Array, most_uncertain
from graphrw.segmentation.regions.image_regions import ImageRegions
from graphrw.segmentation.session.drawing import Drawing
from graphrw.segmentation.session.forecast import Forecast, forecast
from graphrw.segmentation.session.history import History, Stroke
from graphrw.solvers import Solver

APART = 0.05  # of the longest side: how far suggestions lie apart
FEWEST = 3  # strokes among which one may be suspected: of two that disagree, either may be wrong
STEPS = 4  # that a listener hears of: the image, the strokes, the walk, the borders


class Session(Drawing):
    """Strokes on one image, and the labels they give: `segment`, stroke by stroke.

    What depends on the image alone (superpixels, weights, a solver's analysis) is made once, when the first answer is
    asked for; a stroke after that costs a fraction of it. Strokes can be made one after the other before an answer is
    asked for. Arrays come out as the image came in, of NumPy or of torch.

    Args:
        image: (H, W) or (D, H, W), with `channel_axis` one axis more; any type.
        channel_axis: which axis of `image` holds channels.
        mask: bool of the spatial shape, true inside; no walker leaves it, and labels are −1 outside. None: all of it.
        spacing: the distance of pixels along each spatial axis, > 0; of superpixels only ratios count.
        superpixels: whether to walk over superpixels and their colours, as `segment` does. If not, labels are those of
            `random_walker`, and the options below but for `beta` have no effect.
        n_segments: as in `segment`, as the next five.
        compactness: of superpixels.
        beta: ≥ 0; None: 1 with superpixels, 130 without.
        convert2lab: whether channels are red, green and blue.
        colour_model: whether colours of strokes count wherever they occur.
        band: how far from a border, in pixels, pixels are labelled one by one.
        solver: how to solve; None: `Auto(rtol=1e-4)` with superpixels, as in `segment`, `Auto(rtol=1e-6)` without.
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
        solver: Solver | None = None,
        progress: Listener | None = None,
    ) -> None:
        self._image = as_tensor("image", image, AN_IMAGE).clone()  # strokes are of the image as it is now
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
        if progress is not None and not callable(progress):
            raise ValueError(f"`progress` must be a function of a share and a text, or None; got {progress!r}.")
        self._solver, self._progress = checked_solver(solver, self._options), progress
        self._inside = read_mask(mask, self.shape)
        self._pixels = self._options.read(self._image, self._inside)
        self._history = History()
        self._answer: Answer | None = None
        self._learned = False
        self._features: Tensor | None = None  # of regions, when `learn` was given some

    def keep(self, label: int) -> int:
        """Finish an object: its pixels, as they are labelled now, keep their label; the number of them."""
        places = (as_tensor("labels", self.labels, "") == check_whole("label", label, 1)).cpu().reshape(-1)
        return self._add(Stroke(label, places.nonzero().squeeze(1), kept=True))

    @property
    def labels(self) -> Array:
        """(\\*spatial) int64: the label of each pixel; 0 everywhere before the first stroke, −1 outside."""
        if self._found is None:
            return self._like(torch.where(self._inside, 0, -1))
        return self._like(self._found.labels.clone())  # theirs to change

    @property
    def label_ids(self) -> Array:
        """(L,) int64: the labels that have strokes, ascending."""
        ids = torch.zeros(0, dtype=torch.int64) if self._found is None else self._found.ids.clone()
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
        return self._like(self._uncertainty().clone())

    def forecast(self) -> Forecast:
        """What asking for `labels` now will take; nothing, where the answer is there already.

        A rough guess: seconds and bytes mostly between half and twice the truth, as `benchmarks/forecast.py` has seen
        them on a machine like that of the docs.
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
        """(≤ k, axes) int64: places where one more stroke is expected to help most, the best first, some way apart.

        By `functional.next_seed.expected_error_reduction`; over pixels, where labels are least certain.
        """
        check_whole("k", k, 1)
        apart = max(1.0, APART * max(self.shape))
        if self._options.superpixels and self._found is not None:
            return self._like(suggested_places(self._found.seeded, expected_error_reduction, k, apart))
        return self._like(most_uncertain(self._uncertainty(), k, apart))

    def influence(self, stroke: int) -> StrokeInfluence:
        """What one stroke brings about: how the answer would be without it, weights and colours staying as they are.

        Args:
            stroke: its number, from 0, in the order in which strokes were made; what was erased counts, too.

        Raises:
            ValueError: if there is no such stroke, or nothing is left of it that `paint` has painted.

        >>> import numpy as np
        >>> image = np.zeros((20, 30))
        >>> image[:, 15:] = 1
        >>> session = Session(image)
        >>> for label, row, column in [(1, 10, 2), (1, 4, 8), (2, 10, 27), (2, 4, 20), (2, 12, 6)]:
        ...     _ = session.paint(label, ([row], [column]))
        >>> session.suspects()
        array([4])
        >>> wrong = session.influence(4)
        >>> wrong.label, wrong.agreement < 0.5, session.erase(wrong.where)
        (2, True, 1)
        """
        check_whole("stroke", stroke, 0)
        groups = None if self._found is None else self._groups(self._found)
        return influence_of(groups, stroke, self._owner, self._canvas.labels, like=self._like)

    def suspects(self, k: int = 1) -> Array:
        """(≤ k,) int64: the numbers of strokes that look wrong, the worst first: without them all others agree better.

        By `functional.blame`; of fewer than three, none is suspected.
        """
        check_whole("k", k, 1)
        groups = None if self._found is None else self._groups(self._found)
        if groups is None or len(groups.strokes) < FEWEST:
            return self._like(torch.zeros(0, dtype=torch.int64))
        return self._like(groups.strokes[groups.blame().argsort(descending=True)[:k]])

    def learn(self, features: Array | None = None) -> Learned:
        r"""Let features tell labels apart, beside colours, as strongly as the strokes made so far bear out.

        Features at strokes absorb, as colours do, and part regions where they change; in full, by half or not at all,
        as the strokes are probable, each told by the others through the walk (`docs/sessions.md`). Labels then follow,
        also of later strokes. Logs, which hold strokes alone, are refused from then on.

        Args:
            features: (C, \*cells), at any resolution, of a pretrained network. They are kept: give them once.

        Returns:
            What was found, true where it is used: in full before there are two strokes of some label.

        Raises:
            ValueError: for a session over pixels, with `beta` or without `colour_model`; if nothing is painted; or for
                features that do not fit or were never given.

        >>> import numpy as np
        >>> image = np.zeros((20, 30))
        >>> session = Session(image)
        >>> for label, column in [(1, 2), (1, 8), (2, 20), (2, 27)]:
        ...     _ = session.paint(label, ([10], [column]))
        >>> halves = np.arange(30)[None, None].repeat(20, axis=1) < 15
        >>> learned = session.learn(halves.astype(float))
        >>> learned.strength, learned.after > learned.before, bool((session.labels == np.where(halves[0], 1, 2)).all())
        (1.0, True, True)
        """
        if not self._options.superpixels:
            raise ValueError("`learn` needs a session over superpixels: `Session(image, superpixels=True)`.")
        if self._options.beta is not None or not self._options.colour_model:
            raise ValueError("`learn` finds what `beta` and `colour_model` say: it needs a session without them.")
        regions = self._regions
        if features is not None:
            self._features = region_features(regions, as_floats("features", features, "(C, *cells) floats"))
        if self._features is None:
            raise ValueError("`learn` needs `features`, such as those of `models.EfficientNetLite0`.")
        labels, owner = (values.reshape(self.shape) for values in (self._canvas.labels, self._owner))
        model, learned = learn(regions, self._features, labels, owner)
        self._label = region_labeller(regions, self._options, self._solver, model)
        self._answer, self._learned = None, model is not None
        return learned

    @property
    def _owner(self) -> Tensor:
        return self._history.owners(self._inside.numel())

    def _groups(self, answer: Answer) -> StrokeGroups:
        return stroke_groups(answer.seeded, self._owner, self._canvas.labels)

    @cached_property
    def _label(self) -> Labeller:
        if not self._options.superpixels:
            return pixel_labeller(self._pixels, self._inside, self._options, self._solver)
        return region_labeller(self._regions, self._options, self._solver)

    @cached_property
    def _regions(self) -> ImageRegions:
        return regions_of(self._pixels, self._inside, self._options)

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

    def _uncertainty(self) -> Tensor:
        return torch.zeros(self.shape, dtype=torch.float64) if self._found is None else self._found.entropy
