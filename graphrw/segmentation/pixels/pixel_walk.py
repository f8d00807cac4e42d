"""The walk over the pixels of an image that scikit-image has, with its weights."""

from collections.abc import Sequence

import torch
from torch import Tensor

from graphrw.build.affinity import gaussian_affinity
from graphrw.core.distinct import distinct
from graphrw.core.walk import Walk, walk
from graphrw.segmentation.pixels.components import grid_within

FLOOR = 1e-10  # scikit-image's: what every weight is raised by, so that no edge is closed


def pixel_walk(mask: Tensor, pixels: Tensor, *, beta: float, steps: Sequence[float] | None) -> Walk:
    """That on the pixels of a mask: β is divided by 10 σ √C, and every weight has a floor.

    Args:
        mask: \\*spatial bool, where walkers may be.
        pixels: (N, C), of the whole image; σ is their standard deviation.
        beta: ≥ 0.
        steps: the distance of pixels along each axis; None: 1.
    """
    graph, counts = grid_within(mask)
    variance = pixels.var(correction=0)
    if not bool(variance > 0):  # a constant image, on which the formula is 0 / 0
        return walk(graph, pixels.new_full((graph.num_edges,), 1 + FLOOR))
    scaled = scaled_beta(beta, variance.sqrt(), pixels.shape[1])
    length = None
    if steps is not None:
        length = pixels.new_tensor(steps).repeat_interleave(torch.tensor(counts, device=pixels.device))
    return walk(graph, gaussian_affinity(graph, pixels[mask.reshape(-1)], scaled, length) + FLOOR)


def scaled_beta(beta: float, deviation: Tensor, channels: int) -> Tensor:
    """β / (10 σ √C), as scikit-image has it."""
    scaled: Tensor = beta / (10 * deviation * channels**0.5)
    return scaled


def number_seeds(labels: Tensor) -> tuple[Tensor, Tensor]:
    """The ids (L,) of `labels` (N,) > 0, ascending, and of each pixel (N,) which it is; −1 where there is no seed."""
    seeded = labels > 0
    ids, number = distinct(labels[seeded])
    if len(ids) == 0:
        raise ValueError("No seeds provided in `labels`: mark at least one pixel with a label > 0.")
    return ids, torch.full_like(labels, -1).masked_scatter(seeded, number)
