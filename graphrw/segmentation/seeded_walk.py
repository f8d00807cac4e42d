"""The walk behind an answer, with its seeds: what is asked about strokes is asked of it."""

from dataclasses import dataclass

from torch import Tensor

from graphrw.core.walk import Walk


@dataclass(frozen=True, eq=False)
class SeededWalk:
    """A walk over regions or pixels whose hitting probabilities an image is labelled by."""

    walk: Walk  # N nodes; where nothing awaits a walker, it is killed
    seeds: Tensor  # (N,) int64: labels from 0, −1 where there is no stroke
    absorption: Tensor  # (N, L) float64: rates into each label
    node: Tensor  # (*spatial) integers: of each pixel, −1 outside
    ids: Tensor  # (L,) int64: labels as the strokes have them
