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
from graphrw.segmentation.image_regions import NOISE, ImageRegions
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
    regions: ImageRegions, seeds: Tensor, labels: Tensor, *, num_labels: int, width: int, solver: Solver
) -> PixelBand | None:
    """Label probabilities of the pixels within `width` of a border, from those beyond it; None if there are none.

    Hitting probabilities on the grid of pixels, w_pq = exp(−β |f_p − f_q|² / m) A_pq / h_pq with the area of the face
    between p and q over their distance; strokes and the pixels next to the band are seeds.

    Args:
        regions: of the image.
        seeds: (\\*spatial) int64, the labels from 0 of pixels with strokes, −1 elsewhere.
        labels: (\\*spatial) int64 labels from the regions, −1 outside.
        num_labels: L.
        width: in pixels, ≥ 1.
        solver: how to solve.
    """
    inside = labels >= 0
    wrong = (seeds >= 0) & (seeds != labels)
    near = torch.from_numpy(binary_dilation((_borders(labels) | wrong).numpy(), iterations=width)) & inside
    band = near & (seeds < 0)
    if not bool(band.any()):
        return None
    nodes = torch.from_numpy(binary_dilation(near.numpy())) & inside
    graph, conductance = _grid(nodes, regions.spacing)
    features = regions.features[nodes]
    tail, head = graph.edges
    apart = (features[tail] - features[head]).square().sum(1).mean() if graph.num_edges else 0.0
    weight = (gaussian_affinity(graph, features, BETA / max(float(apart), NOISE)).double() + FLOOR) * conductance
    held = torch.where(seeds >= 0, seeds, torch.where(band, -1, labels))[nodes]
    moves = walk(graph, weight)
    found = most_probable_labels(moves, held, num_labels, solver=solver)  # no array of all pixels and labels
    free = held < 0
    return PixelBand(band, found.labels[free], found.entropy[free], moves, held, num_labels, solver)


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
    number = (nodes.flatten().cumsum(0) - 1).reshape(nodes.shape)
    edges, conductances = [], []
    for axis, (extent, step) in enumerate(zip(nodes.shape, spacing, strict=True)):
        both = nodes.narrow(axis, 0, extent - 1) & nodes.narrow(axis, 1, extent - 1)
        tail, head = number.narrow(axis, 0, extent - 1)[both], number.narrow(axis, 1, extent - 1)[both]
        edges.append(torch.stack([tail, head]))
        area = math.prod(spacing) / step
        conductances.append(torch.full((len(tail),), area / step, dtype=torch.float64))
    return unchecked(torch.cat(edges, dim=1), int(nodes.sum())), torch.cat(conductances)
