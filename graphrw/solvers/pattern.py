"""Where each rate and each weight of a walk stands in a compressed sparse matrix of its operator."""

from dataclasses import dataclass

import torch
from torch import Tensor

from graphrw.core.graph import Graph


@dataclass(frozen=True, eq=False)
class Pattern:
    """The structure of a compressed sparse matrix (rows or columns) whose entries come from one walk.

    Entry n of the matrix is ``cat([rate, −weight])[source[n]]``: values for new weights are one gather away.
    """

    indptr: Tensor  # (N + 1,) int64
    indices: Tensor  # (nnz,) int64, sorted within each row or column
    source: Tensor  # (nnz,) int64

    def values(self, rate: Tensor, weight: Tensor) -> Tensor:
        """(nnz,): the matrix entries for these rates (N,) and weights (E,)."""
        return torch.cat([rate, -weight])[self.source]


def row_pattern(graph: Graph) -> Pattern:
    """A by rows; these are also the columns of Aᵀ."""
    tail, head = graph.edges
    if graph.directed:
        return graph.cached("rows", lambda: _compress(graph, tail, head))
    return graph.cached("rows", lambda: _compress(graph, torch.cat([tail, head]), torch.cat([head, tail])))


def column_pattern(graph: Graph) -> Pattern:
    """A by columns; these are also the rows of Aᵀ."""
    if not graph.directed:
        return row_pattern(graph)
    tail, head = graph.edges
    return graph.cached("columns", lambda: _compress(graph, head, tail))


def lower_pattern(graph: Graph) -> Pattern:
    """The lower triangle of a symmetric A by columns; also its upper triangle by rows."""
    tail, head = graph.edges
    return graph.cached("lower", lambda: _compress(graph, torch.minimum(tail, head), torch.maximum(tail, head)))


def _compress(graph: Graph, major: Tensor, minor: Tensor) -> Pattern:
    nodes = torch.arange(graph.num_nodes, device=graph.device)
    edges = torch.arange(graph.num_edges, device=graph.device).repeat(len(major) // max(graph.num_edges, 1))
    major, minor = torch.cat([nodes, major]), torch.cat([nodes, minor])
    order = torch.argsort(major * graph.num_nodes + minor)
    counts = torch.bincount(major, minlength=graph.num_nodes)
    indptr = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    return Pattern(indptr, minor[order], torch.cat([nodes, edges + graph.num_nodes])[order])
