"""How an image layer falls into frames: the images or volumes that are labelled, each by itself."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Index = tuple[int, ...]  # of a frame: where it lies along the leading axes; () where there are none


@dataclass(frozen=True, eq=False)
class Frames:
    """An image of any number of axes, the last two or three of which are those of a frame.

    >>> movie = Frames(np.zeros((5, 30, 40, 3)), rgb=True, axes=2, scale=(1.0, 0.5, 0.5))
    >>> movie.shape, movie.lead, movie.frame((4,)).shape, movie.spacing
    ((5, 30, 40), (5,), (30, 40, 3), (1.0, 1.0))
    """

    image: Any = field(repr=False)  # (*lead, *spatial) or (*lead, *spatial, 3 or 4); arrays that load when read, too
    rgb: bool  # whether the last axis holds red, green, blue (and how opaque they are, which is left out)
    axes: int  # of a frame: 2 or 3
    scale: tuple[float, ...]  # of a pixel along each axis but that of colours

    @property
    def shape(self) -> tuple[int, ...]:
        """Without the axis of colours."""
        return tuple(self.image.shape[:-1] if self.rgb else self.image.shape)

    @property
    def lead(self) -> tuple[int, ...]:
        """How many frames there are along each leading axis, such as time."""
        return self.shape[: -self.axes]

    @property
    def spacing(self) -> tuple[float, ...]:
        """Of pixels, the finest being 1: answers are the same in metres and in micrometres."""
        steps = np.abs(self.scale[-self.axes :])
        return tuple(float(step) for step in steps / steps.min())

    def frame(self, index: Index) -> Array:
        """(\\*spatial) or (\\*spatial, 3): the pixels of one frame."""
        pixels = np.asarray(self.image[index])
        return pixels[..., :3] if self.rgb else pixels

    def nearest(self, place: Sequence[float]) -> Index:
        """The frame in which a place lies, given in pixels along each axis.

        >>> Frames(np.zeros((5, 30, 40)), rgb=False, axes=2, scale=(1.0, 1.0, 1.0)).nearest([7.6, 3.0, 4.0])
        (4,)
        """
        lead = self.lead
        return tuple(int(np.clip(round(at), 0, count - 1)) for at, count in zip(place[: len(lead)], lead, strict=True))

    def same(self, other: "Frames | None") -> bool:
        """Whether `other` is of the very same image, cut in the same way."""
        return other is not None and self.image is other.image and self._cut == other._cut

    @property
    def _cut(self) -> tuple[object, ...]:
        return self.rgb, self.axes, self.spacing
