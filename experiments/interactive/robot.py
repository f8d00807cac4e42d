"""A computer in a person's place: it clicks where the answer is most wrong, until it is right."""

from collections.abc import Callable
from dataclasses import dataclass
from time import process_time

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, label

from experiments.data.strokes import BACKGROUND, OBJECT, Case

RADIUS = 5  # of a click, in pixels
MOST = 20  # clicks; what is not reached by then counts as 20
GOALS = (85, 90)  # IoU in per cent

Mask = NDArray[np.bool_]
Tool = Callable[[int, Mask], Mask]  # takes one more stroke, its label and pixels, and answers with the object


@dataclass(frozen=True)
class Game:
    """What came of one image."""

    overlaps: tuple[float, ...]  # IoU in per cent after each click
    seconds: float  # of the processor for each click

    def clicks(self, goal: float) -> int:
        """How many were needed to reach this IoU in per cent.

        >>> Game((40.0, 86.0, 84.0), 0.1).clicks(85), Game((40.0,), 0.1).clicks(85)
        (2, 20)
        """
        return next((number for number, overlap in enumerate(self.overlaps, 1) if overlap >= goal), MOST)

    def figures(self) -> dict[str, float]:
        counts = {f"clicks to {goal} %": self.clicks(goal) for goal in GOALS}
        return {**counts, "IoU": self.overlaps[-1], "seconds": self.seconds}


def play(tool: Tool, case: Case) -> Game:
    """Click up to 20 times: first in the middle of the object, then in that of the largest region that is wrong."""
    found, overlaps, seconds = np.zeros_like(case.truth), [], []
    known = known_pixels(case)
    while len(overlaps) < MOST and (not overlaps or overlaps[-1] < max(GOALS)):
        place = worst_place(found, case.truth, known)
        if place is None:
            break
        label = OBJECT if case.truth[place] else BACKGROUND
        stroke = disc(place, case.truth.shape) & known & (case.truth == case.truth[place])
        began = process_time()
        found = tool(label, stroke)
        seconds.append(process_time() - began)
        overlaps.append(overlap(found, case.truth, known))
    return Game(tuple(overlaps), float(np.mean(seconds)))


def known_pixels(case: Case) -> Mask:
    """Where the truth is known, also under the strokes that come with the set."""
    return case.known | (case.strokes > 0)


def overlap(found: Mask, truth: Mask, known: Mask) -> float:
    """Intersection over union in per cent."""
    found, truth = found[known], truth[known]
    return 100 * float((found & truth).sum() / max(1, (found | truth).sum()))


def worst_place(found: Mask, truth: Mask, known: Mask) -> tuple[int, ...] | None:
    """The pixel farthest from the border of the largest region where the object is missed, or found in vain."""
    regions = [label(wrong & known) for wrong in (truth & ~found, found & ~truth)]
    sizes = [np.bincount(numbers.ravel(), minlength=2)[1:] for numbers, _ in regions]
    (numbers, _), size = max(zip(regions, sizes, strict=True), key=lambda pair: pair[1].max())
    if size.max() == 0:
        return None
    return middle(numbers == 1 + size.argmax())


def middle(region: Mask) -> tuple[int, ...]:
    """The pixel farthest from the border; that of the image is one, too.

    >>> middle(np.ones((3, 7), dtype=bool))[0]
    1
    """
    away = distance_transform_edt(np.pad(region, 1))[1:-1, 1:-1]
    return tuple(int(axis) for axis in np.unravel_index(away.argmax(), away.shape))


def disc(place: tuple[int, ...], shape: tuple[int, ...], radius: float = RADIUS) -> Mask:
    """The pixels so near to a place.

    >>> int(disc((0, 0), (9, 9), 1).sum())
    3
    """
    return np.hypot(*(axis - at for axis, at in zip(np.indices(shape), place, strict=True))) <= radius
