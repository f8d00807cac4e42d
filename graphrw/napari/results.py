"""Answers of frames, put together to arrays of the whole image."""

from typing import Any

import numpy as np

from graphrw.napari.frames import Array
from graphrw.napari.sessions import Answer


class Results:
    """Labels, entropy and probabilities of an image, 0 where no frame has been answered yet.

    >>> results = Results((2, 1, 3))
    >>> one = np.array([[7, 7, 7]])
    >>> results.put(Answer((1,), one, np.array([7]), None, np.ones((1, 1, 3)), one[:0]))
    >>> results.labels[:, 0].tolist(), results.ids.tolist(), results.probabilities.shape
    ([[0, 0, 0], [7, 7, 7]], [7], (1, 2, 1, 3))
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.labels: Array = np.zeros(shape, dtype=np.int32)
        self.ids: Array = np.zeros(0, dtype=np.int64)  # (L,) ascending: labels that have had strokes
        self.entropy: Array | None = None  # float32, in nats
        self.probabilities: Array | None = None  # (L, *shape) float32, of each of `ids`

    def put(self, answer: Answer) -> None:
        """Take the answer of one frame in place of the one before it."""
        self.labels[answer.index] = answer.labels
        before, self.ids = self.ids, np.union1d(self.ids, answer.ids)
        if answer.entropy is not None:
            if self.entropy is None:
                self.entropy = np.zeros(self.labels.shape, dtype=np.float32)
            self.entropy[answer.index] = answer.entropy
        if self.probabilities is not None and len(self.ids) > len(before):
            self.probabilities = self._spread(self.probabilities, before)
        if answer.probabilities is not None:
            if self.probabilities is None:
                self.probabilities = np.zeros((len(self.ids), *self.labels.shape), dtype=np.float32)
            here: tuple[Any, ...] = (slice(None), *answer.index)
            planes = self.probabilities[here]
            planes[:] = 0
            planes[np.searchsorted(self.ids, answer.ids)] = answer.probabilities

    def _spread(self, probabilities: Array, before: Array) -> Array:
        """With a plane for each label, now that there are more of them than `before`."""
        larger: Array = np.zeros((len(self.ids), *self.labels.shape), dtype=np.float32)
        larger[np.searchsorted(self.ids, before)] = probabilities
        return larger
