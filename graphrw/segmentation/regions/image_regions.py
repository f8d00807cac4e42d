"""What of a segmentation depends on the image alone: its superpixels, and how walkers go from one to the next."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from graphrw.build import edge_length, knn_graph
from graphrw.build.touching import touching
from graphrw.build.union import union
from graphrw.core.blocks import slabs
from graphrw.core.graph import Graph, unchecked
from graphrw.core.opaque import opaque
from graphrw.core.whole import check_positive, check_whole
from graphrw.segmentation.regions.features import pixel_features
from graphrw.segmentation.regions.superpixels import superpixels

PIXELS = 50  # in a superpixel, by default, up to
MOST = 50_000  # superpixels, which are larger in larger images
LEAST = 400  # superpixels, which are smaller in smaller images, down to 4 pixels
NEIGHBOURS = 8  # in colour, of each region
COLOUR_EDGE = 0.05  # the weight of an edge between equal colours, over the mean length of a border
FLOOR = 1e-7  # of the same: no border is closed
ACROSS = 50.0  # what it costs to walk from one side of the image to the other, in mean differences of colour
NOISE = 1.0  # squared difference of colours below which edges are not to be told from noise


@dataclass(frozen=True, eq=False)
class ImageRegions:
    """An image as a graph of R superpixels: made by `image_regions`, used for any strokes on it."""

    segments: Tensor  # (*spatial) int32: the region of each pixel, −1 outside
    features: Tensor  # (*spatial, C) float32 of the pixels
    spacing: tuple[float, ...]
    touching: Graph  # R nodes
    step: Tensor  # (edges of `touching`,): how far it is from one region to the next, in colour and in space
    graph: Graph  # R nodes: regions that touch, and regions of like colour
    length: Tensor  # (E,) float64: what weights would be if all were of one colour
    difference: Tensor  # (E,) float64: |f_i − f_j|² / m
    weight: Tensor  # (E,) float64: length · exp(−β · difference)
    mean: Tensor  # (R, C) float64 features of the regions
    volume: Tensor  # (R,) float64 in units of the spacing

    @property
    def inside(self) -> Tensor:
        """(\\*spatial) bool"""
        return self.segments >= 0


@opaque
def image_regions(
    pixels: Tensor,
    inside: Tensor,
    spacing: Sequence[float],
    *,
    n_segments: int | None,
    compactness: float,
    beta: float,
    convert2lab: bool | None,
) -> ImageRegions:
    """The superpixels of an image, joined where they touch and where their colours are alike.

        w_ij = (ℓ_ij + κ ℓ̄ [j among the 8 nearest colours of i, or i of j]) exp(−β |f_i − f_j|² / m)

    f are the mean features of a region, ℓ the length of a border (in 3D, its area) with the mean ℓ̄, and m the mean of
    |f_i − f_j|² over regions that touch, so that β = 1 suits smooth and rough images alike.

    Args:
        pixels: (\\*spatial, C) floats.
        inside: (\\*spatial) bool, true somewhere.
        spacing: of pixels along each axis.
        n_segments: about how many superpixels; None: `default_segments`.
        compactness: of superpixels, in units of Lab: the larger, the more like squares.
        beta: ≥ 0.
        convert2lab: as in `segment`.
    """
    features = pixel_features(pixels, inside, convert2lab)
    if n_segments is None:
        n_segments = default_segments(inside.numel())
    segments, count = superpixels(
        features,
        inside=inside,
        n_segments=check_whole("n_segments", n_segments, 1),
        compactness=check_positive("compactness", compactness),
        spacing=spacing,
    )
    mean, place, size = _described(features, segments, count)
    place = place * torch.tensor(spacing, dtype=torch.float64)
    edges, length = touching(segments, count, spacing)
    neighbours = unchecked(edges, count)
    scale = max(float(edge_length(neighbours, mean).square().mean()), NOISE) if neighbours.num_edges else NOISE
    graph, length = _joined(neighbours, length.double(), mean)
    difference = edge_length(graph, mean).square() / scale
    weight = length * torch.exp(-beta * difference) + FLOOR * float(length.mean() if len(length) else 1.0)
    extent = max(size * step for size, step in zip(segments.shape, spacing, strict=True))
    step = edge_length(neighbours, mean) / scale**0.5 + ACROSS / extent * edge_length(neighbours, place)
    volume = size * math.prod(spacing)
    return ImageRegions(
        segments, features, tuple(spacing), neighbours, step, graph, length, difference, weight, mean, volume
    )


def at_pixels(values: Tensor, numbers: Tensor, nothing: float) -> Tensor:
    """The value (R,) that each of the `numbers` (\\*spatial) stands for; `nothing` where they are −1.

    >>> at_pixels(torch.tensor([7, 9]), torch.tensor([[1, 0, -1]], dtype=torch.int32), 0)
    tensor([[9, 7, 0]])
    """
    table = torch.cat([values, values.new_tensor([nothing])])
    found = values.new_empty(numbers.shape)
    for slab in slabs(numbers.shape):
        found[slab] = table[numbers[slab].long()]
    return found


def default_segments(num_pixels: int) -> int:
    """How many superpixels: one for 50 pixels, between 400 (or one for 4 pixels) and 50 000.

    >>> default_segments(480 * 320)
    3072
    """
    least = min(LEAST, max(1, num_pixels // 4))
    return max(least, min(MOST, num_pixels // PIXELS))


def _described(features: Tensor, segments: Tensor, num_regions: int) -> tuple[Tensor, Tensor, Tensor]:
    """(R, C) mean features, (R, axes) centroids in pixels, and (R,) numbers of pixels of the regions, in float64."""
    sums = torch.zeros(features.shape[-1] + segments.ndim + 1, num_regions + 1, dtype=torch.float64)
    for slab in slabs(segments.shape):
        node = segments[slab].flatten().long()
        node[node < 0] = num_regions
        axes = [range(slab.start, slab.stop), *map(range, segments.shape[1:])]
        places = torch.meshgrid([torch.tensor(axis, dtype=torch.float64) for axis in axes], indexing="ij")
        for row, values in zip(sums, [*features[slab].unbind(-1), *places], strict=False):
            row += node.bincount(values.flatten().double(), num_regions + 1)
        sums[-1] += node.bincount(minlength=num_regions + 1)
    size = sums[-1, :-1]
    mean, place = (sums[:-1, :-1] / size).T.tensor_split([features.shape[-1]], dim=1)
    return mean.contiguous(), place, size


def _joined(near: Graph, length: Tensor, mean: Tensor) -> tuple[Graph, Tensor]:
    """Regions that touch, by the length of their border, and those of like colour, by a part of its mean."""
    parts = [(near, length)]
    if len(mean) > 1:
        alike, _ = knn_graph(mean, min(NEIGHBOURS, len(mean) - 1))
        unit = float(length.mean()) if len(length) else 1.0
        parts.append((alike, torch.full((alike.num_edges,), COLOUR_EDGE * unit, dtype=torch.float64)))
    return union(parts)
