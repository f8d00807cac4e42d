"""Strokes on the regions of an image to a label for every pixel: what is done again at every stroke."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from graphrw.build.superpixel import project_regions
from graphrw.core.distinct import distinct
from graphrw.core.opaque import opaque
from graphrw.core.progress import silent
from graphrw.functional import entropy
from graphrw.functional.seeds import one_hot
from graphrw.segmentation.image_regions import ImageRegions
from graphrw.segmentation.pixel_band import PixelBand, pixel_band
from graphrw.segmentation.strokes import region_probabilities
from graphrw.solvers import Auto, Solver


@dataclass(frozen=True, eq=False)
class StrokeLabels:
    """The label of every pixel, and how sure it is: made by `label_strokes`."""

    labels: Tensor  # (*spatial) int64: ids as the strokes have them; −1 outside and where no stroke reaches
    ids: Tensor  # (L,) int64, ascending
    regions: ImageRegions
    region_probability: Tensor  # (R, L) float64
    seeds: Tensor  # (*spatial) int64: which of the ids each stroke has, −1 elsewhere
    band: PixelBand | None

    @cached_property
    def entropy(self) -> Tensor:
        """(\\*spatial) float64, in nats; 0 in strokes, elsewhere that of the pixel in the band, or of its region."""
        spread = entropy(self.region_probability)
        full = project_regions(spread, self.regions.segments, ignore_index=-1)
        if self.band is not None:
            full[self.band.pixels] = self.band.entropy
        return torch.where(self.seeds >= 0, 0.0, full)

    def probability(self) -> Tensor:
        """(L, \\*spatial) float64: that of the pixels of the band, that of their region elsewhere; strokes are sure."""
        full = project_regions(self.region_probability, self.regions.segments, ignore_index=-1)
        if self.band is not None:
            full[:, self.band.pixels] = self.band.probability().T
        seeded = self.seeds >= 0
        full[:, seeded] = one_hot(self.seeds[seeded], len(self.ids), full).T
        return full


@opaque
def label_strokes(
    regions: ImageRegions,
    labels: Tensor,
    *,
    colour_model: bool = True,
    band: int = 4,
    solver: Solver = Auto(rtol=1e-6),
    progress: Callable[[str], None] = silent,
) -> StrokeLabels:
    """A label for every pixel, from strokes on `labels` (\\*spatial) int64: > 0 a stroke. Options as in `segment`."""
    seeded = (labels > 0) & regions.inside
    ids, number = distinct(labels[seeded])
    if len(ids) == 0:
        raise ValueError("`labels` holds no stroke: mark at least one pixel with a label > 0.")
    seeds = torch.full_like(labels, -1).masked_scatter(seeded, number)
    progress("walking over the regions")
    z = region_probabilities(regions, seeds, len(ids), colour_model=colour_model)
    likeliest = torch.where(z.sum(1) > 0, z.argmax(1), -1)
    found = project_regions(likeliest, regions.segments, ignore_index=-1, fill=-1)
    thin = None
    progress("drawing the borders")
    if band and len(ids) > 1:
        thin = pixel_band(regions, seeds, found, num_labels=len(ids), width=band, solver=solver)
    if thin is not None:
        found[thin.pixels] = thin.labels
    found = torch.where(seeded, seeds, found)
    return StrokeLabels(torch.where(found < 0, -1, ids[found]), ids, regions, z, seeds, thin)
