"""Strokes on the regions of an image to a label for every pixel: what is done again at every stroke."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import torch
from torch import Tensor

from graphrw.core.opaque import opaque
from graphrw.core.progress import silent
from graphrw.functional import entropy
from graphrw.functional.seeds import one_hot
from graphrw.segmentation.regions.image_regions import ImageRegions, at_pixels
from graphrw.segmentation.regions.pixel_band import PixelBand, pixel_band
from graphrw.segmentation.regions.stroke_pixels import StrokePixels, stroke_pixels
from graphrw.segmentation.regions.strokes import region_probabilities, seeded_regions
from graphrw.segmentation.seeded_walk import SeededWalk
from graphrw.solvers import Auto, Solver

RegionModel = Callable[[ImageRegions, StrokePixels], SeededWalk]  # what strokes make of the regions
WITH_COLOURS = partial(seeded_regions, colour_model=True)


@dataclass(frozen=True, eq=False)
class StrokeLabels:
    """The label of every pixel, and how sure it is: made by `label_strokes`."""

    labels: Tensor  # (*spatial) int64: ids as the strokes have them; −1 outside and where no stroke reaches
    ids: Tensor  # (L,) int64, ascending
    regions: ImageRegions
    seeded: SeededWalk  # over the regions
    region_probability: Tensor  # (R, L) float64
    strokes: StrokePixels
    band: PixelBand | None

    @cached_property
    def entropy(self) -> Tensor:
        """(\\*spatial) float64, in nats; 0 in strokes, elsewhere that of the pixel in the band, or of its region."""
        full = at_pixels(entropy(self.region_probability), self.regions.segments, 0.0)
        if self.band is not None:
            full[self.band.pixels] = self.band.entropy
        full[self.strokes.where] = 0.0
        return full

    def probability(self) -> Tensor:
        """(L, \\*spatial) float64: that of the pixels of the band, that of their region elsewhere; strokes are sure."""
        full = torch.empty(len(self.ids), *self.labels.shape, dtype=torch.float64)
        for pixels, regions in zip(full, self.region_probability.T, strict=True):
            pixels.copy_(at_pixels(regions, self.regions.segments, 0.0))
        if self.band is not None:
            full[:, self.band.pixels] = self.band.probability().T
        full[:, self.strokes.where] = one_hot(self.strokes.number, len(self.ids), full).T
        return full


@opaque
def label_strokes(
    regions: ImageRegions,
    labels: Tensor,
    *,
    model: RegionModel = WITH_COLOURS,
    band: int = 4,
    solver: Solver = Auto(rtol=1e-4),
    progress: Callable[[str], None] = silent,
) -> StrokeLabels:
    """A label for every pixel, from strokes on `labels` (\\*spatial) int64: > 0 a stroke. Options as in `segment`;
    `model` says how walkers go."""
    strokes = stroke_pixels(labels, regions.inside)
    progress("comparing with the strokes")
    seeded = model(regions, strokes)
    progress("walking over the regions")
    z = region_probabilities(seeded, solver)
    likeliest = torch.where(z.sum(1) > 0, z.argmax(1), -1)
    found = at_pixels(likeliest.int(), regions.segments, -1)
    progress("drawing the borders")
    thin = pixel_band(regions, strokes, found, width=band, solver=solver) if band and len(strokes.ids) > 1 else None
    if thin is not None:
        found[thin.pixels] = thin.labels.int()
    found[strokes.where] = strokes.number.int()
    return StrokeLabels(at_pixels(strokes.ids, found, -1), strokes.ids, regions, seeded, z, strokes, thin)
