"""What the two vectors of an adjoint make of a loss: its gradient at the weights, whole or pruned."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from graphrw.core.graph import Graph
from graphrw.solvers.norms import ROWS_AT_ONCE
from graphrw.solvers.operator import edge_blocks, edges_at_once
from graphrw.solvers.pattern import grid_shapes


@dataclass(frozen=True, eq=False)
class Tied:
    """Edges of which differences of the two vectors are known better than by subtraction."""

    edges: Tensor  # (M,) int64
    right: Tensor  # (M, K): along them, tail minus head
    left: Tensor | None  # of an undirected graph


def weight_gradient(
    graph: Graph, left: Tensor, right: Tensor, kept: Tensor | None, *, tied: Tied | None = None
) -> Tensor:
    """(E,): ∂ℓ/∂w from the two vectors of the adjoint, a block of edges at a time."""
    shapes = grid_shapes(graph)
    blocks = _along_grids(shapes, left, right) if shapes and kept is None else _along_edges(graph, left, right, kept)
    gradient = torch.cat(list(blocks))
    if tied is not None:
        tail, head = graph.edges[:, tied.edges]
        adjoint_flow = left[tail] if tied.left is None else tied.left
        exact = sum_columns(adjoint_flow * tied.right, None if kept is None else kept[tail] + kept[head])
        gradient = gradient.index_copy(0, tied.edges, exact)
    return gradient.neg()


def _along_edges(graph: Graph, left: Tensor, right: Tensor, kept: Tensor | None) -> Iterator[Tensor]:
    """Its negative, of a block of edges after the other."""
    for tail, head in edge_blocks(graph.edges, left):
        flow = right.index_select(0, tail) - right.index_select(0, head)
        adjoint_flow = left.index_select(0, tail)
        adjoint_flow = adjoint_flow if graph.directed else adjoint_flow - left.index_select(0, head)
        yield sum_columns(adjoint_flow * flow, None if kept is None else kept[tail] + kept[head])


def _along_grids(shapes: list[tuple[int, ...]], left: Tensor, right: Tensor) -> Iterator[Tensor]:
    """Its negative, of grids one after the other, where neighbours are images shifted by one: no row is gathered."""
    sizes = [prod(shape) for shape in shapes]
    for shape, *vectors in zip(shapes, left.split(sizes), right.split(sizes), strict=True):
        images = [vector.reshape(*shape, -1) for vector in vectors]
        rows = max(1, edges_at_once(left) // prod(shape[1:]))
        for axis, size in enumerate(shape):
            ends = [image.narrow(axis, first, size - 1) for image in images for first in (0, 1)]
            for low, high, right_low, right_high in zip(*(end.split(rows) for end in ends), strict=True):
                yield sum_columns(((low - high) * (right_low - right_high)).flatten(0, -2), None)


def row_dots(left: Tensor, right: Tensor, kept: Tensor | None) -> Tensor:
    """(N,): `sum_columns` of left ⊙ right (N, K), a block of rows at a time."""
    at_once = max(ROWS_AT_ONCE, edges_at_once(left))
    parts = [all_of_it.split(at_once) for all_of_it in (left, right, left if kept is None else kept)]
    sums = [sum_columns(a * b, None if kept is None else c) for a, b, c in zip(*parts, strict=True)]
    return torch.cat(sums)


def sum_columns(terms: Tensor, kept: Tensor | None) -> Tensor:
    """Σ over columns; when pruning, only the column that is largest in `kept`."""
    if kept is None:
        return terms @ terms.new_ones(terms.shape[1])  # of a few columns in a fraction of the time of torch's sum
    return terms.gather(1, kept.argmax(1, keepdim=True)).squeeze(1)


def largest(adjoint: Tensor, kept: Tensor) -> Tensor:
    """The adjoint with zeros in all but the column that is largest in `kept`."""
    column = kept.argmax(1, keepdim=True)
    return torch.zeros_like(adjoint).scatter(1, column, adjoint.gather(1, column))
