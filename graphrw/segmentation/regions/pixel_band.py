"""The borders of a segmentation by superpixels, drawn anew pixel by pixel."""

import math
from dataclasses import dataclass

import torch
from scipy.ndimage import binary_dilation
from torch import Tensor

from graphrw.build import gaussian_affinity
from graphrw.core.graph import Graph, unchecked
from graphrw.core.walk import Walk, walk
from graphrw.functional import hitting_probabilities, most_probable_labels
from graphrw.segmentation.regions.image_regions import NOISE, ImageRegions
from graphrw.segmentation.regions.stroke_pixels import StrokePixels
from graphrw.solvers import Solver

FLOOR = 1e-6
BETA = 1.0


@dataclass(frozen=True, eq=False)
class PixelBand:
    """The pixels about the borders, with their probabilities: made by `pixel_band`."""

    pixels: Tensor  # (*spatial) bool
    labels: Tensor  # (M,) int64, in the C order of these pixels
    entropy: Tensor  # (M,), in nats
    walk: Walk  # over them and the pixels next to them
    seeds: Tensor  # (M',) int64: the labels of the latter and of strokes, −1 elsewhere
    num_labels: int
    solver: Solver

    def probability(self) -> Tensor:
        """(M, L); solved for when it is asked for."""
        z = hitting_probabilities(self.walk, self.seeds, self.num_labels, solver=self.solver)
        return z[self.seeds < 0]


def pixel_band(
    regions: ImageRegions, strokes: StrokePixels, labels: Tensor, *, width: int, solver: Solver
) -> PixelBand | None:
    """Label probabilities of the pixels within `width` of a border, from those beyond it; None if there are none.

    Hitting probabilities on the grid of pixels, w_pq = exp(−β |f_p − f_q|² / m) A_pq / h_pq with the area of the face
    between p and q over their distance; strokes and the pixels next to the band are seeds.

    Args:
        regions: of the image.
        strokes: L labels on it.
        labels: (\\*spatial) integers: the labels from 0 that regions give, −1 outside.
        width: in pixels, ≥ 1.
        solver: how to solve.
    """
    inside = labels >= 0
    wrong = torch.zeros_like(inside)
    wrong[strokes.where] = labels[strokes.where] != strokes.number
    near = torch.from_numpy(binary_dilation((_borders(labels) | wrong).numpy(), iterations=width)) & inside
    band = near & ~strokes.where
    if not bool(band.any()):
        return None
    nodes = torch.from_numpy(binary_dilation(near.numpy())) & inside
    graph, conductance = _grid(nodes, regions.spacing)
    features = regions.features[nodes]
    tail, head = graph.edges
    apart = (features[tail] - features[head]).square().sum(1).mean() if graph.num_edges else 0.0
    weight = (gaussian_affinity(graph, features, BETA / max(float(apart), NOISE)).double() + FLOOR) * conductance
    held = torch.where(band, -1, labels)
    held[strokes.where] = strokes.number.to(labels.dtype)
    seeds, moves = held[nodes].long(), walk(graph, weight)
    found = most_probable_labels(moves, seeds, len(strokes.ids), solver=solver)  # no array of all pixels and labels
    free = seeds < 0
    return PixelBand(band, found.labels[free], found.entropy[free], moves, seeds, len(strokes.ids), solver)


def _borders(labels: Tensor) -> Tensor:
    """(\\*spatial) bool: the pixels inside that have a neighbour inside with another label."""
    found = torch.zeros_like(labels, dtype=torch.bool)
    for axis, extent in enumerate(labels.shape):
        first, second = labels.narrow(axis, 0, extent - 1), labels.narrow(axis, 1, extent - 1)
        apart = (first != second) & (first >= 0) & (second >= 0)
        found.narrow(axis, 0, extent - 1).logical_or_(apart)
        found.narrow(axis, 1, extent - 1).logical_or_(apart)
    return found


def _grid(nodes: Tensor, spacing: tuple[float, ...]) -> tuple[Graph, Tensor]:
    """The grid of the pixels in `nodes` (\\*spatial) bool, and for each edge the area of the face over its length."""
    place = nodes.flatten().nonzero().squeeze(1)
    edges, conductances = [], []
    for axis, (extent, step) in enumerate(zip(nodes.shape, spacing, strict=True)):
        stride = math.prod(nodes.shape[axis + 1 :])
        tail = (place // stride % extent < extent - 1).nonzero().squeeze(1)
        head = torch.searchsorted(place, place[tail] + stride).clamp(max=len(place) - 1)
        both = place[head] == place[tail] + stride
        edges.append(torch.stack([tail[both], head[both]]))
        area = math.prod(spacing) / step
        conductances.append(torch.full((edges[-1].shape[1],), area / step, dtype=torch.float64))
    return unchecked(torch.cat(edges, dim=1), len(place)), torch.cat(conductances)
