"""The edges of one level of multigrid, node by node, and those of the next."""

from dataclasses import dataclass
from functools import cached_property

import torch
from scipy.sparse import coo_array
from torch import Tensor

from graphrw.core.graph import Graph
from graphrw.core.walk import Walk
from graphrw.solvers.gpu.rows import reduce_rows, serve
from graphrw.solvers.pattern import row_pattern


@dataclass(frozen=True, eq=False)
class Structure:
    """Which edge stands where in the rows of the finest level; each row also holds its own node, as edge E."""

    start: Tensor  # (N + 1,) int32
    row: Tensor  # (M,) int32, M = 2E + N
    column: Tensor  # (M,) int32
    edge: Tensor  # (M,) int64

    def rows(self, walk: Walk) -> "Rows":
        """The finest level for this walk."""
        weight = torch.cat([walk.weight, walk.weight.new_zeros(1)]).index_select(0, self.edge)
        return Rows(self.start, self.row, self.column, weight, walk.killing)


def structure(graph: Graph) -> Structure:
    """Where the edges of an undirected graph stand; made once per graph, which keeps it."""
    return graph.cached("multigrid structure", lambda: _structure(graph))


def _structure(graph: Graph) -> Structure:
    pattern = row_pattern(graph)
    itself = pattern.source < graph.num_nodes
    edge = torch.where(itself, graph.num_edges, pattern.source - graph.num_nodes)
    start = pattern.indptr.int()
    return Structure(start, _row_of_each_entry(start, len(edge)), pattern.indices.int(), edge)


@dataclass(frozen=True, eq=False)
class Rows:
    """A walk on an undirected graph as multigrid reads it: for each node its neighbours and itself, sorted.

    Every coarse level is a walk again. With a prolongation that is constant on each aggregate, the Galerkin operator
    PᵀA P sums the weights of the edges between two aggregates, and the killing of their nodes; nothing is subtracted.
    """

    start: Tensor  # (N + 1,) int32
    row: Tensor  # (M,) int32
    column: Tensor  # (M,) int32
    weight: Tensor  # (M,) float64; 0 where row = column
    killing: Tensor  # (N,)

    @property
    def num_nodes(self) -> int:
        return len(self.killing)

    @cached_property
    def degree(self) -> Tensor:
        """(N,)"""
        return self.reduce(self.weight, "sum")

    @cached_property
    def rate(self) -> Tensor:
        """(N,): the diagonal of A."""
        return self.degree + self.killing

    def reduce(self, values: Tensor, reduction: str) -> Tensor:
        """(N,): the sum or the maximum of `values` (M,) in each row."""
        if self.even:
            return reduce_rows(self.start, values, maximum=reduction == "max")
        return torch.segment_reduce(values, reduction, offsets=self.start)

    @cached_property
    def even(self) -> bool:
        """Whether the kernels for a GPU serve it."""
        return serve(self.start)

    def entries(self) -> Tensor:
        """(M,): the entries of A."""
        return torch.where(self.row == self.column, self.rate.index_select(0, self.row), -self.weight)

    def scaled_entries(self) -> Tensor:
        """(M,): the entries of D⁻½ A D⁻½, where D is the diagonal of A; 1 on its diagonal."""
        unroot = self.rate.rsqrt()
        entries = self.weight * unroot.index_select(0, self.row) * unroot.index_select(0, self.column)
        return torch.where(self.row == self.column, 1.0, -entries)

    def dense(self) -> Tensor:
        """(N, N): A."""
        matrix = self.killing.new_zeros(self.num_nodes, self.num_nodes)
        return matrix.index_put((self.row, self.column), self.entries())

    def divided(self, divisor: float) -> "Rows":
        """The same walk with weights and killing divided by a number."""
        return Rows(self.start, self.row, self.column, self.weight / divisor, self.killing / divisor)

    def coarsened(self, aggregate: Tensor, count: int) -> "Rows":
        """The walk between aggregates; edges to nodes outside all of them turn into killing.

        Args:
            aggregate: (N,) int32 in [0, count], where `count` stands for none.
            count: how many aggregates there are.
        """
        nodes = torch.arange(count + 1, dtype=torch.int32, device=aggregate.device)
        row = torch.cat([aggregate.index_select(0, self.row), nodes])  # each aggregate meets itself at least once
        column = torch.cat([aggregate.index_select(0, self.column), nodes])
        weight = torch.cat([self.weight, self.weight.new_zeros(count + 1)])
        start, column, weight = compress(row, column, weight, (count + 1, count + 1))
        row = _row_of_each_entry(start, len(column))
        killing = self.killing.new_zeros(count + 1).index_add(0, aggregate, self.killing)
        killing = killing.index_add(0, row, torch.where(column == count, weight, 0.0))[:count]
        kept = (column < count) & (row < count) & ((weight > 0) | (row == column))
        place = kept.nonzero().squeeze(1)
        row, column, weight = (values.index_select(0, place) for values in (row, column, weight))
        weight = torch.where(row == column, 0.0, weight)
        return Rows(_starts(row, count), row, column, weight, killing)


def compress(row: Tensor, column: Tensor, value: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
    """Start of each row (R + 1,), columns and values of a sparse matrix, sorted, with repeated entries added up.

    Unlike `pattern.compressed`, which finds once per graph where entries go, this adds entries up, for new weights at
    every step of training: on the CPU a linear-time count is worth a way of its own.
    """
    return (_compress_by_counting if value.device.type == "cpu" else compress_by_sorting)(row, column, value, size)


def _compress_by_counting(
    row: Tensor, column: Tensor, value: Tensor, size: tuple[int, int]
) -> tuple[Tensor, Tensor, Tensor]:
    """By SciPy, in linear time; CPU only."""
    matrix = coo_array((value.numpy(), (row.numpy(), column.numpy())), shape=size).tocsr()
    matrix.sum_duplicates()
    start, column = torch.from_numpy(matrix.indptr), torch.from_numpy(matrix.indices)
    return start.int(), column.int(), torch.from_numpy(matrix.data)


def compress_by_sorting(
    row: Tensor, column: Tensor, value: Tensor, size: tuple[int, int]
) -> tuple[Tensor, Tensor, Tensor]:
    """The same on any device."""
    keys, place = torch.unique(row.long() * size[1] + column, return_inverse=True)
    total = value.new_zeros(len(keys)).index_add(0, place, value)
    return _starts(keys // size[1], size[0]), (keys % size[1]).int(), total


def _starts(row: Tensor, count: int) -> Tensor:
    """(count + 1,) int32: where each row starts among the sorted `row` (M,) of the entries."""
    nodes = torch.arange(count + 1, dtype=row.dtype, device=row.device)
    return torch.searchsorted(row, nodes, out_int32=True)


def _row_of_each_entry(start: Tensor, count: int) -> Tensor:
    """(count,) int32; the number of entries is given, so that no device is asked for it."""
    nodes = torch.arange(len(start) - 1, dtype=torch.int32, device=start.device)
    return torch.repeat_interleave(nodes, start.diff(), output_size=count)
