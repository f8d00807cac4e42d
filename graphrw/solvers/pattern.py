"""Where each rate and each weight of a walk stands in a compressed sparse matrix of its operator."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.sparse import coo_array
from torch import Tensor

from graphrw.core.graph import Graph
from graphrw.solvers.grid_pattern import grid_places


@dataclass(frozen=True, eq=False)
class Pattern:
    """The structure of a compressed sparse matrix (rows or columns) whose entries come from one walk.

    Entry n of the matrix is ``cat([rate, −weight])[source[n]]``: values for new weights are one gather away.
    """

    indptr: Tensor  # (N + 1,) int64
    indices: Tensor  # (nnz,) int64, sorted within each row or column
    source: Tensor  # (nnz,) int64

    def values(self, rate: Tensor, weight: Tensor) -> Tensor:
        """(nnz,): the matrix entries for these rates (N,) and weights (E,); of several walks, a row for each."""
        return torch.cat([rate, -weight], dim=-1).index_select(-1, self.source)


def row_pattern(graph: Graph) -> Pattern:
    """A by rows; these are also the columns of Aᵀ."""
    tail, head = graph.edges
    if graph.directed:
        return graph.cached("rows", lambda: _pattern(graph, tail, head))
    return graph.cached(
        "rows", lambda: _of_grid(graph) or _pattern(graph, torch.cat([tail, head]), torch.cat([head, tail]))
    )


def column_pattern(graph: Graph) -> Pattern:
    """A by columns; these are also the rows of Aᵀ."""
    if not graph.directed:
        return row_pattern(graph)
    tail, head = graph.edges
    return graph.cached("columns", lambda: _pattern(graph, head, tail))


def lower_pattern(graph: Graph) -> Pattern:
    """The lower triangle of a symmetric A by columns; also its upper triangle by rows."""
    tail, head = graph.edges
    return graph.cached(
        "lower",
        lambda: _of_grid(graph, lower=True) or _pattern(graph, torch.minimum(tail, head), torch.maximum(tail, head)),
    )


def lower_rows(graph: Graph, order: Tensor) -> Pattern:
    """The lower triangle of a symmetric A by rows, its nodes in another `order` (N,): first node ``order[0]``."""
    place = torch.empty_like(order)
    place[order] = torch.arange(len(order), device=order.device)
    tail, head = place[graph.edges]
    pattern = _pattern(graph, torch.maximum(tail, head), torch.minimum(tail, head))
    diagonal = pattern.source < graph.num_nodes
    return replace(pattern, source=torch.where(diagonal, order[pattern.source.where(diagonal, 0)], pattern.source))


def compressed(row: Tensor, column: Tensor, shape: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
    """Sort the entries of a sparse matrix by rows, and by columns within each row.

    The one place where the library does this, on any device. No entry may be listed twice.

    Args:
        row: (M,) int64, the row of each entry.
        column: (M,) int64, its column.
        shape: (R, C), how many rows and columns there are.

    Returns:
        Where each row starts, (R + 1,); the columns in their new order, (M,); and which entry now stands at each place,
        (M,): ``values[order]`` are the sorted values. All int64.

    >>> compressed(torch.tensor([1, 0, 1]), torch.tensor([2, 0, 1]), (2, 3))
    (tensor([0, 1, 3]), tensor([0, 1, 2]), tensor([1, 2, 0]))
    """
    if row.device.type == "cpu":
        return _counted(row, column, shape)
    # One sort by a common key takes half the time of two stable ones, and R · C stays below 2^63 for 3e9 nodes.
    order = torch.argsort(row * shape[1] + column)
    indptr = torch.cat([row.new_zeros(1), torch.bincount(row, minlength=shape[0]).cumsum(0)])
    return indptr, column[order], order


def _counted(row: Tensor, column: Tensor, shape: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
    """`compressed` by SciPy, which counts the entries of each row where a sort compares: a third of the time."""
    matrix = coo_array((np.arange(len(row)), (row.numpy(), column.numpy())), shape=shape).tocsr()
    matrix.sort_indices()
    indptr, indices, order = (torch.from_numpy(part).long() for part in (matrix.indptr, matrix.indices, matrix.data))
    return indptr, indices, order


def _of_grid(graph: Graph, *, lower: bool = False) -> Pattern | None:
    """Counted out, where the graph is one that `grid_graph` made, of nearest neighbours."""
    shape = _shape(graph)
    return None if shape is None else Pattern(*(part.to(graph.device) for part in grid_places(shape, lower=lower)))


def grid_shapes(graph: Graph) -> list[tuple[int, ...]]:
    """Of the grids of nearest neighbours that `graph` or its parts are; empty if one is anything else."""
    shapes = [_shape(part) for part in graph.parts or (graph,)]
    known = [shape for shape in shapes if shape is not None]
    return known if len(known) == len(shapes) else []


def _shape(graph: Graph) -> tuple[int, ...] | None:
    """That `grid_graph` has left."""
    return graph.cached("grid", lambda: None)


def _pattern(graph: Graph, major: Tensor, minor: Tensor) -> Pattern:
    """Of the diagonal and of one entry for each pair in `major` and `minor`, which list the edges once or twice."""
    nodes = torch.arange(graph.num_nodes, device=graph.device)
    edges = torch.arange(graph.num_edges, device=graph.device).repeat(len(major) // max(graph.num_edges, 1))
    indptr, indices, order = compressed(
        torch.cat([nodes, major]), torch.cat([nodes, minor]), (graph.num_nodes, graph.num_nodes)
    )
    return Pattern(indptr, indices, torch.cat([nodes, edges + graph.num_nodes])[order])
