"""The walks: from pixel to pixel, and from region to region."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
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
COLOURS = 3  # channels of Lab, whose lightness goes to 100


@dataclass(frozen=True)
class Option:
    """What is tuned."""

    beta: float
    pixels: int = 0  # of a superpixel; 0: the supervoxels of the data, or none
    compactness: float = 0.0  # of superpixels, in units of Lab


def features(image: NDArray, channel_axis: int | None) -> NDArray:
    """(*spatial, C): colours in Lab, what is grey as it is."""
    return image[..., None] if channel_axis is None else rgb2lab(image)


def by_pixels(scene: Scene, option: Option) -> Labels:
    """Grady's walk; in a volume the same with weights exp(−β max(b_i, b_j)) from its map of boundaries."""
    if scene.supervoxels is None:
        seen = features(scene.image, scene.channel_axis)
        return rw.random_walker(seen, scene.seeds, option.beta, channel_axis=-1)
    weights = grid_weights(torch.from_numpy(scene.image), option.beta, differences=False)
    weight = grid_weight(weights, scene.seeds.shape)
    moves = rw.walk(rw.grid_graph(scene.seeds.shape), weight)
    return _answer(scene, rw.functional.most_probable_labels(moves, torch.from_numpy(scene.seeds - 1).flatten()).labels)


def by_superpixels(scene: Scene, option: Option, shrink: int = 1) -> Labels:
    """Those of SLIC, or the supervoxels that come with the data. SLIC sees the image made smaller by `shrink`."""
    if scene.supervoxels is not None:
        cost = rw.build.pool_boundaries(torch.from_numpy(scene.image), scene.supervoxels)
        return _by_regions(scene, option, rw.superpixel_graph(scene.supervoxels), cost, scene.supervoxels)
    seen = features(_smaller(scene, shrink), scene.channel_axis)
    unit = (1.0 if seen.shape[-1] == COLOURS else 0.01) / float(
        np.ptp(seen) or 1.0
    )  # scikit-image divides by the range
    count = max(2, scene.seeds.size // option.pixels)
    compactness = option.compactness * unit
    regions = slic(seen, count, compactness=compactness, max_num_iter=3, convert2lab=False, channel_axis=-1)
    return _by_colours(scene, option, torch.from_numpy(seen), torch.from_numpy(regions), shrink)


def by_squares(scene: Scene, option: Option) -> Labels:
    """Squares of pixels, whatever they show: the walk on a smaller image."""
    side = round(option.pixels**0.5)
    seen = torch.from_numpy(features(_smaller(scene, side), scene.channel_axis))
    squares = torch.arange(seen[..., 0].numel()).view(seen.shape[:2])
    return _by_colours(scene, option, seen, squares, side)


def _by_colours(scene: Scene, option: Option, seen: Tensor, regions: Tensor, shrink: int) -> Labels:
    """With costs |f_i − f_j|² / m, m the mean of |f_i − f_j|², of mean colours f; regions of the smaller image."""
    graph, border = rw.superpixel_graph(regions)
    apart = rw.build.edge_length(graph, rw.build.pool_regions(seen.movedim(-1, 0), regions)).square()
    height, width = scene.seeds.shape
    large = regions.repeat_interleave(shrink, 0).repeat_interleave(shrink, 1)[:height, :width]
    return _by_regions(scene, option, (graph, border), apart / apart.mean().clamp(min=1e-12), large)


def _by_regions(
    scene: Scene, option: Option, borders: tuple[rw.Graph, Tensor], cost: Tensor, regions: Tensor
) -> Labels:
    """w = ℓ exp(−β cost) from region to region, ℓ the length of their border. Seeds of a region vote."""
    graph, border = borders
    moves = rw.walk(graph, border.double() * rw.build.above(torch.exp(-option.beta * cost.double())))
    votes = region_votes(torch.from_numpy(scene.seeds - 1), regions, int(scene.seeds.max()))
    seeds = torch.where(votes.sum(1) > 0, votes.argmax(1), -1)
    found = rw.functional.most_probable_labels(moves, seeds, votes.shape[1]).labels
    return _answer(scene, rw.build.project_regions(found, regions))


def _smaller(scene: Scene, by: int) -> NDArray:
    """Means over squares of so many pixels; those at the far borders hold some pixels twice."""
    image, sides = scene.image, scene.seeds.shape
    odd = [(0, -side % by) for side in sides] + [(0, 0)] * (image.ndim - len(sides))
    image = np.pad(image, odd, mode="edge")
    height, width = image.shape[:2]
    return image.reshape(height // by, by, width // by, by, *image.shape[2:]).mean((1, 3))


def _answer(scene: Scene, labels: Tensor) -> Labels:
    found = labels.view(scene.seeds.shape).numpy() + 1
    return np.where(scene.seeds > 0, scene.seeds, found)


Method = Callable[[Scene, Option], Labels]
PIXELS, REGIONS, HALF, SQUARES = "pixels", "superpixels", "superpixels, half resolution", "squares"
METHODS: dict[str, Method] = {
    PIXELS: by_pixels,
    REGIONS: by_superpixels,
    HALF: partial(by_superpixels, shrink=2),
    SQUARES: by_squares,
}
_BETAS, _COMPACT = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0), (10.0, 40.0)
_SMALL, _FAST = (30, 100, 300), (100, 200, 300)  # pixels of a region: where accuracy is sought, and where speed is
OF_IMAGES = {
    PIXELS: [Option(beta) for beta in (3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0, 10_000.0)],
    REGIONS: [Option(*each) for each in product(_BETAS, _SMALL, _COMPACT)],
    HALF: [Option(*each) for each in product(_BETAS, _FAST, _COMPACT)],
    SQUARES: [Option(*each) for each in product(_BETAS, _FAST)],
}
OF_VOLUMES = {name: [Option(beta) for beta in (1.0, 3.0, 10.0, 30.0)] for name in (PIXELS, REGIONS)}
_USUAL = Option(3.0, 100, 10.0)
USUAL = {PIXELS: Option(100.0), REGIONS: _USUAL, HALF: _USUAL, SQUARES: Option(3.0, 100)}
USUAL_OF_VOLUMES = {PIXELS: Option(10.0), REGIONS: Option(10.0)}
