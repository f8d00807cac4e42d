"""What an answer will take, told before it is made."""

import math
from dataclasses import dataclass

from graphrw.segmentation.pixels.cost import of_solve, of_walk
from graphrw.segmentation.regions.image_regions import default_segments
from graphrw.solvers import Auto, Solver
from graphrw.solvers.cost import Cost

# Seconds on two cores of 2026, and bytes, as `benchmarks/forecast.py` sees them.
PER_PIXEL = Cost(1e-7, 25)  # of every answer: canvas, labels, entropy
LOOKING = Cost(4e-7, 90)  # at a pixel, for superpixels
CHANNEL = Cost(2e-7, 16)  # of a pixel, likewise
REGION = Cost(1.5e-5, 1e3)  # with its edges and what absorbs
REGION_LABEL = Cost(5e-6, 1.2e3)  # a region's probability of a label, solved for three times
BORDER = 1.5  # the borders of L labels, over the surface of L cubes that fill the image


@dataclass(frozen=True)
class Forecast:
    """What an answer will take; a guess.

    >>> print(Forecast(0.4213, 123_456_789))
    about 0.42 s and 0.12 GB
    """

    seconds: float  # on two cores of 2026
    bytes: float  # at the peak, beside what is held already

    def __str__(self) -> str:
        return f"about {self.seconds:.2g} s and {self.bytes / 1e9:.2g} GB"


def forecast(
    shape: tuple[int, ...],
    *,
    channels: int = 1,
    num_labels: int = 2,
    superpixels: bool = True,
    n_segments: int | None = None,
    band: int = 4,
    solver: Solver = Auto(rtol=1e-6),
    first: bool = True,
) -> Forecast:
    """What labels of an image with so many labels will take; `first`: the first answer on it. Nothing is allocated.

    >>> forecast((512, 512)).bytes < forecast((1024, 1024)).bytes < forecast((1024, 1024), num_labels=9).bytes
    True
    """
    pixels = math.prod(shape)
    if superpixels:
        regions = n_segments or default_segments(pixels)
        parts = [(pixels, PER_PIXEL), (regions, REGION), (regions * num_labels, REGION_LABEL)]
        if first:
            parts += [(pixels, LOOKING), (channels * pixels, CHANNEL)]
        near = band_shape(shape, num_labels, band)
        parts += of_solve(near, num_labels, solver) if band else []
    else:
        parts = [(pixels, PER_PIXEL), *of_walk(shape, num_labels, solver, first=first)]
    return Forecast(
        _rounded(sum(count * cost.seconds for count, cost in parts)),
        _rounded(sum(count * cost.bytes for count, cost in parts)),
    )


def band_shape(shape: tuple[int, ...], num_labels: int, band: int) -> tuple[int, ...]:
    """A sheet as large as what lies so near to borders between labels."""
    axes, thickness = len(shape), 2 * band + 1
    surface = BORDER * math.prod(shape) ** ((axes - 1) / axes) * num_labels ** (1 / axes)
    surface = min(surface, math.prod(shape) / thickness)
    return (thickness, *(axes - 1) * (max(1, round(surface ** (1 / (axes - 1)))),))


def _rounded(number: float) -> float:
    """To two digits: more would be a lie."""
    return float(f"{number:.2g}")
