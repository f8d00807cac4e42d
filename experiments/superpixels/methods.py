"""The two walks: from pixel to pixel, and from region to region."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from skimage.color import rgb2lab
from skimage.segmentation import slic
from torch import Tensor

import graphrw as rw
from experiments.lrw.methods import grid_weights
from experiments.superpixels.scenes import Scene
from graphrw.build import grid_weight, region_votes

Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Option:
    """What is tuned."""

    beta: float
    pixels: int = 0  # of a superpixel; 0: the supervoxels of the data, or none


def features(scene: Scene) -> NDArray:
    """(*spatial, C): colours in Lab, what is grey or a map as it is."""
    if scene.channel_axis is None:
        return scene.image[..., None]
    return rgb2lab(scene.image)


def by_pixels(scene: Scene, option: Option) -> Labels:
    """Grady's walk; in a volume the same with weights exp(−β max(b_i, b_j)) from its map of boundaries."""
    if scene.supervoxels is None:
        return rw.random_walker(features(scene), scene.seeds, option.beta, channel_axis=-1)
    weights = grid_weights(torch.from_numpy(scene.image), option.beta, differences=False)
    weight = grid_weight(weights, scene.seeds.shape)
    moves = rw.walk(rw.grid_graph(scene.seeds.shape), weight)
    return _answer(scene, rw.functional.most_probable_labels(moves, torch.from_numpy(scene.seeds - 1).flatten()).labels)


def by_regions(scene: Scene, option: Option) -> Labels:
    """w = ℓ exp(−β |f_i − f_j|² / m), m the mean of |f_i − f_j|²; in a volume ℓ exp(−β b) with b over the border."""
    segments = _regions(scene, option)
    graph, border = rw.superpixel_graph(segments)
    if scene.supervoxels is None:
        mean = rw.build.pool_regions(torch.from_numpy(features(scene)).movedim(-1, 0), segments)
        apart = rw.build.edge_length(graph, mean).square()
        cost = apart / apart.mean().clamp(min=1e-12)
    else:
        cost = rw.build.pool_boundaries(torch.from_numpy(scene.image), segments)
    moves = rw.walk(graph, border.double() * rw.build.above(torch.exp(-option.beta * cost.double())))
    votes = region_votes(torch.from_numpy(scene.seeds - 1), segments, int(scene.seeds.max()))
    seeds = torch.where(votes.sum(1) > 0, votes.argmax(1), -1)
    found = rw.functional.most_probable_labels(moves, seeds, votes.shape[1]).labels
    return _answer(scene, rw.build.project_regions(found, segments))


def _regions(scene: Scene, option: Option) -> Tensor:
    if scene.supervoxels is not None:
        return scene.supervoxels
    count = max(2, scene.seeds.size // option.pixels)
    found = slic(features(scene), count, compactness=10, max_num_iter=3, convert2lab=False, channel_axis=-1)
    return torch.from_numpy(found)


def _answer(scene: Scene, labels: Tensor) -> Labels:
    found = labels.view(scene.seeds.shape).numpy() + 1
    return np.where(scene.seeds > 0, scene.seeds, found)


BETAS = (0.3, 1.0, 3.0, 10.0)
Method = Callable[[Scene, Option], Labels]
METHODS: dict[str, Method] = {"pixels": by_pixels, "regions": by_regions}
OF_IMAGES = {
    "pixels": [Option(beta) for beta in (30.0, 100.0, 300.0, 1000.0, 3000.0, 10_000.0)],
    "regions": [Option(beta, pixels) for beta, pixels in product(BETAS, (30, 100, 300))],
}
OF_VOLUMES = {name: [Option(beta) for beta in (1.0, 3.0, 10.0, 30.0)] for name in METHODS}
USUAL = {"pixels": Option(100.0), "regions": Option(3.0, 100)}
USUAL_OF_VOLUMES = {"pixels": Option(10.0), "regions": Option(10.0)}
