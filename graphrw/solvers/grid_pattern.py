"""Where the weights of a grid stand in a compressed sparse matrix: counted out, where other graphs must be sorted."""

import math

import torch
from torch import Tensor


def grid_places(shape: tuple[int, ...], *, lower: bool) -> tuple[Tensor, Tensor, Tensor]:
    """`indptr`, `indices` and `source` of a `Pattern` of ``grid_graph(shape)``, with or without the upper triangle.

    >>> grid_places((1, 3), lower=True)
    (tensor([0, 2, 4, 5]), tensor([0, 1, 1, 2, 2]), tensor([0, 3, 1, 4, 2]))
    """
    size = math.prod(shape)
    place = torch.arange(size)
    after = [(math.prod(shape[axis + 1 :]), _edges_from(shape, axis)) for axis in range(len(shape))]
    blocks = [(0, place)]
    blocks += [(stride, edge) for stride, edge in reversed(after)]
    if not lower:
        blocks[:0] = [(-stride, _shifted(edge, stride)) for stride, edge in after]
    source = torch.stack([edge for _, edge in blocks], dim=1)
    there = source >= 0
    indices = (place[:, None] + torch.tensor([stride for stride, _ in blocks]))[there]
    return torch.cat([place.new_zeros(1), there.sum(1).cumsum(0)]), indices, source[there]


def _edges_from(shape: tuple[int, ...], axis: int) -> Tensor:
    """(N,): N + the edge that leads from each pixel to the next along `axis`; −1 where there is none."""
    size = math.prod(shape)
    counts = [size // length * (length - 1) for length in shape]
    edges = torch.full(shape, -1)
    inner = edges.narrow(axis, 0, shape[axis] - 1)
    first = size + sum(counts[:axis])
    inner.copy_(torch.arange(first, first + counts[axis]).view(inner.shape))
    return edges.view(-1)


def _shifted(edges: Tensor, stride: int) -> Tensor:
    """… of the pixel before: the edge by which it is reached."""
    return torch.cat([edges.new_full((min(stride, len(edges)),), -1), edges])[: len(edges)]
