"""How fast a walker is absorbed into each label: by like colours, and by short paths to its strokes."""

import torch
from torch import Tensor

from graphrw.functional.shortest import shortest_distance
from graphrw.segmentation.regions.colour_model import colour_likelihoods
from graphrw.segmentation.regions.image_regions import ImageRegions
from graphrw.segmentation.regions.stroke_pixels import StrokePixels

# These, and the constants of the modules beside this one, are chosen by `experiments/interactive/tune.py`.
RATE = 0.05  # ρ, for each unit of a region's extent: these shares decide where no border does
# These two are not the search's (0.2 and 10, with 3.15 % in place of 3.22 % on its images, which are too few to tell
# that apart): with those, a part whose colour is plainly that of a label went to the nearer stroke in clean images.
COLOUR = 1.5  # γ
COLOUR_PATH = 5.0  # the weight of the second distance


def absorption_rates(regions: ImageRegions, strokes: StrokePixels, held: Tensor, *, colour_model: bool) -> Tensor:
    """(R, L) float64: a_il = ρ V_i^((d−1)/d) s_il, V the volume of a region in d dimensions, with the shares

        s_il ∝ exp(γ log p(f_i | l) − g_il − 5 h_il),   Σ_l s_il = 1.

    p(· | l) is the colour model of label l. g is the length of the shortest path to a stroke of l, where a step costs
    what the colours differ by and how far it is (`ImageRegions.step`), and h that where a step costs by how much the
    shares p(f_i | l) / Σ_k p(f_i | k) change (half the sum of the changes).

    Args:
        regions: of the image.
        strokes: L labels on it.
        held: (R,) int64, the labels from 0 of regions with strokes, −1 elsewhere.
        colour_model: without it, paths of the first kind alone.

    Returns:
        (R, L); 0 where there is no path to any stroke, and no colour model.
    """
    terms, found = absorption_terms(regions, strokes, held, colour_model=colour_model)
    score = terms[0] + COLOUR * terms[1] + COLOUR_PATH * terms[2]
    return score.softmax(1) * (RATE * extent(regions) * found)[:, None]


def extent(regions: ImageRegions) -> Tensor:
    """(R,): V_i^((d−1)/d)."""
    axes = len(regions.spacing)
    return regions.volume ** ((axes - 1) / axes)


def absorption_terms(
    regions: ImageRegions, strokes: StrokePixels, held: Tensor, *, colour_model: bool
) -> tuple[Tensor, Tensor]:
    """(3, R, L): −g, the log-likelihood, and −h; and (R,) bool, where anything is known."""
    num_labels = len(strokes.ids)
    path, found = path_length(regions, regions.step, held, num_labels)
    if not colour_model:
        return torch.stack([-path, torch.zeros_like(path), torch.zeros_like(path)]), found
    likelihood = colour_likelihoods(regions.mean, regions.features[strokes.where], strokes.number, num_labels)
    terms = [-path, *likelihood_terms(regions, likelihood, held)]
    return torch.stack(terms), torch.ones_like(found)


def likelihood_terms(regions: ImageRegions, likelihood: Tensor, held: Tensor) -> list[Tensor]:
    """Two of (R, L): a log-likelihood (R, L), and minus the way over its changes."""
    share, (tail, head) = likelihood.softmax(1), regions.touching.edges
    change = (share[tail] - share[head]).abs().sum(1) / 2
    return [likelihood, -path_length(regions, change, held, likelihood.shape[1])[0]]


def path_length(regions: ImageRegions, length: Tensor, held: Tensor, num_labels: int) -> tuple[Tensor, Tensor]:
    """(R, L) distances, 0 for all labels where none can be reached; and (R,) bool: where one can."""
    distance = shortest_distance(regions.touching, length, held, num_labels)
    found = distance.isfinite().any(1)
    return torch.where(found[:, None], distance, 0.0), found
