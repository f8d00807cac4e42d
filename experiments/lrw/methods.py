"""What is compared: from learned edges and one seed in each segment to labels of all pixels."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from skimage.segmentation import watershed
from torch import Tensor

from graphrw.build.affinity import above
from graphrw.models import LearnedRandomWalker
from graphrw.models.cells import upsampled
from graphrw.models.prediction import marks_of, pixel_labels, walked
from graphrw.solvers import Auto

BETAS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
POWERS = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0)  # of the weights as they were learned
FLOOR = 1e-12  # of weights: at 1e-6 walls of a larger power or β are all alike, and leak


@dataclass(frozen=True, eq=False)
class Learned:
    """What a network says of one section."""

    weight: Tensor  # (axes, *cells): for the walk
    boundary: Tensor  # (*cells) in [0, 1]
    stride: int


def learned(model: LearnedRandomWalker, detector: LearnedRandomWalker, image: Tensor) -> Learned:
    """The weights of `model`, and the boundary map of `detector`: how far the edges of each pixel are closed."""
    weight = model.tiled_edge_weights(image)[0]
    affinity = detector.tiled_edge_weights(image)[0] if detector.log_contrast is None else _affinity(detector, image)
    return Learned(weight, boundary_map(affinity), model.stride)


def boundary_map(affinity: Tensor) -> Tensor:
    """b_i = 1 − the mean affinity of the edges of pixel i: (axes, *shape) → (*shape)."""
    total, count = torch.zeros(affinity.shape[1:]), torch.zeros(affinity.shape[1:])
    for axis, size in enumerate(affinity.shape[1:]):
        edges = affinity[axis].narrow(axis, 0, size - 1)
        for start in (0, 1):
            total.narrow(axis, start, size - 1).add_(edges)
            count.narrow(axis, start, size - 1).add_(1)
    return 1 - total / count.clamp(min=1)


def _affinity(detector: LearnedRandomWalker, image: Tensor) -> Tensor:
    """w from w^p, tile by tile."""
    weight = detector.tiled_edge_weights(image)[0]
    assert detector.log_contrast is not None
    return weight ** (1 / float(detector.log_contrast.detach().exp()))


def of_walk(weight: Tensor, seeds: NDArray[np.int64], stride: int) -> NDArray[np.int64]:
    """The labels of a walk over cells; seeds in scikit-image's convention."""
    marks = marks_of(seeds)
    return pixel_labels(walked(weight, marks, stride, Auto()), marks, seeds)


def by_walk(found: Learned, seeds: NDArray[np.int64], power: float) -> NDArray[np.int64]:
    """The learned weights, raised to a power."""
    return of_walk(above(found.weight.double() ** power, FLOOR) if power != 1 else found.weight, seeds, found.stride)


def by_watershed(found: Learned, seeds: NDArray[np.int64], option: float) -> NDArray[np.int64]:
    """Meyer's watershed on the boundary map, at the resolution of pixels."""
    surface = upsampled(found.boundary[None, None], found.stride, seeds.shape)[0, 0]
    return watershed(surface.numpy(), seeds)


def by_differences(found: Learned, seeds: NDArray[np.int64], beta: float) -> NDArray[np.int64]:
    """Grady's random walker on the boundary map as if it were an image: w = exp(−β (b_i − b_j)²)."""
    return of_walk(grid_weights(found.boundary, beta, differences=True, floor=FLOOR), seeds, found.stride)


def by_maxima(found: Learned, seeds: NDArray[np.int64], beta: float) -> NDArray[np.int64]:
    """The random walker that a boundary map calls for: w = exp(−β max(b_i, b_j))."""
    return of_walk(grid_weights(found.boundary, beta, differences=False, floor=FLOOR), seeds, found.stride)


def grid_weights(boundary: Tensor, beta: float, *, differences: bool, floor: float = 1e-6) -> Tensor:
    """Weights of the edges between cells, by their differences or their maxima: (*cells) → (axes, *cells)."""
    images = []
    for axis, size in enumerate(boundary.shape):
        last = boundary.narrow(axis, size - 1, 1)
        other = torch.cat([boundary.narrow(axis, 1, size - 1), last], axis)
        cost = (boundary - other).square() if differences else torch.maximum(boundary, other)
        images.append(torch.exp(-beta * cost))
    return above(torch.stack(images).double(), floor)


METHODS = {
    "LRW": (by_walk, (1.0,)),
    "LRW, power tuned": (by_walk, POWERS),
    "seeded watershed": (by_watershed, (0.0,)),
    "random walker, differences": (by_differences, BETAS),
    "random walker, maxima": (by_maxima, BETAS),
}
