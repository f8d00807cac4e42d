"""What speaks for each label in each region: ways, colours and features."""

import math

import torch
from torch import Tensor

from graphrw.segmentation.regions.absorption import absorption_terms, likelihood_terms
from graphrw.segmentation.regions.image_regions import ImageRegions
from graphrw.segmentation.regions.stroke_pixels import StrokePixels


def label_terms(
    regions: ImageRegions, strokes: StrokePixels, held: Tensor, features: Tensor, *, width: float
) -> Tensor:
    """(5, R, L): the three of `absorption_terms`, and two of the same kind from the features (R, C) of regions.

    Features have a kernel density at the regions that are `held`, (R,) int64 labels from 0, −1 elsewhere, whose `width`
    is in root mean squares of features.
    """
    terms, _ = absorption_terms(regions, strokes, held, colour_model=True)
    num_labels = len(strokes.ids)
    likelihood = torch.stack([_log_density(features, features[held == label], width) for label in range(num_labels)], 1)
    return torch.cat([terms, torch.stack(likelihood_terms(regions, likelihood, held))])


def _log_density(features: Tensor, some: Tensor, width: float) -> Tensor:
    if len(some) == 0:  # a label whose pixels are outvoted in all of their regions
        return features.new_full((len(features),), -torch.inf).nan_to_num(neginf=-1e3)
    apart = torch.cdist(features, some, compute_mode="use_mm_for_euclid_dist").square()
    return (-apart / (2 * width**2)).logsumexp(1) - math.log(len(some))
