"""The walk over the pixels of an image that scikit-image has, with its weights."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from graphrw.build.affinity import gaussian_affinity
from graphrw.core.distinct import distinct
from graphrw.core.graph import Graph
from graphrw.core.walk import Walk, walk
from graphrw.segmentation.components import subgraph

FLOOR = 1e-10  # scikit-image's: what every weight is raised by, so that no edge is closed


def pixel_walk(grid: Graph, nodes: Tensor, pixels: Tensor, *, beta: float, length: Tensor | None) -> Walk:
    """That on the `nodes` (N,) bool of the grid: β is divided by 10 σ √C, and every weight has a floor.

    Args:
        grid: of all pixels.
        nodes: where walkers may be.
        pixels: (N, C), of all; σ is their standard deviation.
        beta: ≥ 0.
        length: (E,) of the edges of the grid; None: 1.
    """
    graph, edges = subgraph(grid, nodes)
    variance = pixels.var(correction=0)
    if not bool(variance > 0):  # a constant image, on which the formula is 0 / 0
        return walk(graph, pixels.new_full((graph.num_edges,), 1 + FLOOR))
    scaled = beta / (10 * variance.sqrt() * pixels.shape[1] ** 0.5)
    length = None if length is None else length[edges]
    return walk(graph, gaussian_affinity(graph, pixels[nodes], scaled, length) + FLOOR)


def edge_lengths(shape: tuple[int, ...], spacing: Sequence[float], like: Tensor) -> Tensor:
    """(E,) of the grid, whose edges come axis by axis, in the type of `like`."""
    counts = torch.tensor([math.prod(shape) // size * (size - 1) for size in shape], device=like.device)
    return like.new_tensor(spacing).repeat_interleave(counts)


def number_seeds(labels: Tensor) -> tuple[Tensor, Tensor]:
    """The ids (L,) of `labels` (N,) > 0, ascending, and of each pixel (N,) which it is; −1 where there is no seed."""
    seeded = labels > 0
    ids, number = distinct(labels[seeded])
    if len(ids) == 0:
        raise ValueError("No seeds provided in `labels`: mark at least one pixel with a label > 0.")
    return ids, torch.full_like(labels, -1).masked_scatter(seeded, number)
