"""Small segmentations for tests."""

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor

from graphrw.core.graph import Graph

SHAPES = [(7, 9), (1, 6), (5, 1), (1, 1), (4, 5, 3), (1, 3, 4)]
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


def labels(shape: tuple[int, ...], num_ids: int = 6, seed: int = 0) -> Tensor:
    """Blobs of ids that are neither consecutive nor positive."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.tensor([-40, -1, 0, 7, 8, 10**12])[:num_ids]
    coarse = torch.randint(num_ids, [(extent + 1) // 2 for extent in shape], generator=generator)
    for axis, extent in enumerate(shape):
        coarse = coarse.repeat_interleave(2, axis).narrow(axis, 0, extent)
    return ids[coarse]


def values(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def faces(segments: Tensor, ignore_index: int | None = None) -> dict[tuple[int, int], list[tuple[Any, Any, int]]]:
    """For each pair of ids, all pairs of neighbouring pixels, and the axis that they lie along, by a loop."""
    found: dict[tuple[int, int], list[tuple[Any, Any, int]]] = {}
    for pixel in itertools.product(*map(range, segments.shape)):
        for axis in range(segments.ndim):
            beside = tuple(p + (a == axis) for a, p in enumerate(pixel))
            if beside[axis] < segments.shape[axis]:
                pair = sorted((int(segments[pixel]), int(segments[beside])))
                if pair[0] != pair[1] and ignore_index not in pair:
                    found.setdefault((pair[0], pair[1]), []).append((pixel, beside, axis))
    return found


def pairs_of_ids(graph: Graph, ids: Tensor) -> list[tuple[int, int]]:
    return [(int(ids[i]), int(ids[j])) for i, j in graph.edges.T.tolist()]
