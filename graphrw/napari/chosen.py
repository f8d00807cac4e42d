"""What a person has chosen to be labelled."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from graphrw.napari.frames import Array, Frames, Index


@dataclass(frozen=True, eq=False)
class Chosen:
    """An image layer in its frames, a layer of strokes on it, and the frame that is shown.

    Raises:
        ValueError: if the strokes do not fit the image.
    """

    image: Any
    scribbles: Any
    frames: Frames
    shown: Index

    def __post_init__(self) -> None:
        there = tuple(self.scribbles.data.shape)
        if there != self.frames.shape:
            raise ValueError(
                f"Strokes must lie on the pixels of their image: {self.scribbles.name!r} has {there}, "
                f"{self.image.name!r} {self.frames.shape}. Make a new layer for strokes."
            )

    def strokes(self, index: Index) -> Array:
        """(\\*spatial): a copy of those of one frame; the person may go on painting."""
        return np.array(self.scribbles.data[index])

    def with_strokes(self) -> list[Index]:
        """The frames that have some."""
        data = self.scribbles.data
        return [index for index in np.ndindex(self.frames.lead) if bool((np.asarray(data[index]) > 0).any())]
