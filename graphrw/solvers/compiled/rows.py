"""The edges of one level, node by node, and those of the next: `multigrid.rows` and its `aggregation`, compiled."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from graphrw.core.graph import Graph
from graphrw.core.walk import Walk
from graphrw.solvers.compiled.compilation import Groups, Indices, Matrix
from graphrw.solvers.compiled.setup import add_edges, add_up, list_members, pair_and_join, scale_lower, sort
from graphrw.solvers.multigrid.aggregation import priorities
from graphrw.solvers.pattern import row_pattern


@dataclass(frozen=True, eq=False)
class Structure:
    """Which edge stands where in the rows of the finest level."""

    start: Indices  # (N + 1,)
    column: Indices  # (2E,)
    edge: Tensor  # (2E,) int64

    def rows(self, walk: Walk) -> "Rows":
        """The finest level for this walk."""
        weight = walk.weight.index_select(0, self.edge).numpy()
        return Rows(Matrix(self.start, self.column, weight), walk.killing.contiguous())


def structure(graph: Graph) -> Structure:
    """Where the edges of an undirected graph stand; made once per graph, which keeps it."""
    return graph.cached("compiled multigrid structure", lambda: _structure(graph))


def _structure(graph: Graph) -> Structure:
    pattern = row_pattern(graph)
    apart = pattern.source >= graph.num_nodes  # off the diagonal
    starts = pattern.indptr - torch.arange(graph.num_nodes + 1)  # each row has one entry on it
    start, column = (part.int().numpy().view(np.uint32) for part in (starts, pattern.indices[apart]))
    return Structure(start, column, pattern.source[apart] - graph.num_nodes)


@dataclass(frozen=True, eq=False)
class Rows:
    """`multigrid.rows.Rows` as kernels read them: without the nodes themselves."""

    matrix: Matrix  # (N, N): the weights, float64
    killing: Tensor  # (N,)

    @property
    def num_nodes(self) -> int:
        return len(self.killing)

    @cached_property
    def degree(self) -> Tensor:
        """(N,)"""
        degree = torch.empty_like(self.killing)
        add_up(self.matrix, degree.numpy())
        return degree

    @cached_property
    def rate(self) -> Tensor:
        """(N,): the diagonal of A."""
        return self.degree + self.killing

    def dense(self) -> Tensor:
        """(N, N): A."""
        start, column, weight = self.matrix
        row = np.repeat(np.arange(self.num_nodes), np.diff(start))
        matrix = torch.diag(self.rate)
        matrix.numpy()[row, column] = -weight
        return matrix

    def divided(self, divisor: float) -> "Rows":
        """The same walk with weights and killing divided by a number."""
        return Rows(self.matrix._replace(value=self.matrix.value / divisor), self.killing / divisor)

    def lower(self, factor: Tensor, dtype: torch.dtype) -> Matrix:
        """w_ij f_i f_j below the diagonal, for f = `factor` (N,) float64; in this precision."""
        size = len(self.matrix.column) // 2
        value = torch.empty(size, dtype=dtype).numpy()
        lower = Matrix(np.zeros(self.num_nodes + 1, np.uint32), np.empty(size, np.uint32), value)
        scale_lower(self.matrix, factor.numpy(), lower)
        return lower

    def coarsened(self, aggregate: Tensor, count: int) -> "Rows":
        """The walk between aggregates; edges to nodes outside all of them turn into killing.

        Args:
            aggregate: (N,) int32 in [0, count], where `count` stands for none.
            count: how many aggregates there are.
        """
        fine, groups = self.matrix, members(aggregate, count)
        scratch = Matrix(np.zeros(count + 1, np.uint32), np.empty_like(fine.column), np.empty_like(fine.value))
        killing = torch.empty(count, dtype=torch.float64)
        add_edges(fine, groups, scratch, (self.killing.numpy(), killing.numpy()))
        size = int(scratch.start[-1])
        coarse = Matrix(scratch.start, np.empty(size, np.uint32), np.empty(size))
        sort(scratch, coarse)
        return Rows(coarse, killing)


def members(aggregate: Tensor, count: int) -> Groups:
    """Of `aggregate` (N,) int32 in [0, count]."""
    groups = Groups(
        aggregate.numpy().view(np.uint32), np.zeros(count + 2, np.uint32), np.empty(len(aggregate), np.uint32)
    )
    list_members(groups)
    return groups._replace(start=groups.start[:-1])


def aggregate(rows: Rows) -> tuple[Tensor, int]:
    """The same as `multigrid.aggregation.aggregate`."""
    moving, (_, priority) = rows.killing < rows.degree, priorities(rows.num_nodes, rows.killing.device)
    group = torch.empty(rows.num_nodes, dtype=torch.int32)
    count = pair_and_join(rows.matrix, moving.numpy(), priority.numpy(), group.numpy())
    return group, count
