"""From one level on disk to the next coarser one."""

from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor

from graphrw.core.malloc import give_back
from graphrw.solvers.multigrid.aggregation import STRENGTH, aggregate
from graphrw.solvers.multigrid.rows import Rows, compress
from graphrw.solvers.streamed.level import Level
from graphrw.solvers.streamed.part import Part

LEAST_PART = 2**15  # nodes: coarse parts in a row are joined until they have so many, since each visit has its price
Entries = tuple[Tensor, Tensor, Tensor, Tensor]  # row, column and weight of each edge, (M,); killing of each node (n,)


def coarsened(fine: Level, folder: Path, tick: Callable[[], None]) -> Level:
    """The walk between aggregates, none of which reaches beyond a part, in `folder`, which is there.

    Args:
        fine: its field `aggregate` is written.
        folder: of the coarse level.
        tick: called once for each part and pass.
    """
    fine.aggregate.made(anew=True)
    counts: list[int] = []
    for nodes, part in fine.parts():
        tick()
        give_back()
        group, count = _aggregate(part)
        fine.aggregate.write(nodes.start, torch.where(group < count, group + sum(counts), -1)[:, None])
        counts.append(count)
    joined = _joined(counts)
    bounds = torch.tensor([0, *(sum(run) for run in joined)]).cumsum(0).tolist()
    coarse, entries = Level(folder, tuple(bounds)), _entries(fine, counts, tick)
    coarse.rate.made(anew=True)
    for i, run in enumerate(joined):
        part = assembled(coarse.nodes(i), [next(entries) for _ in run])
        part.save(coarse.path(i))
        coarse.rate.write(bounds[i], part.rate[:, None])
    return coarse.finished()


def _aggregate(part: Part) -> tuple[Tensor, int]:
    """The aggregate of each node, (n,) int64 in [0, count], and their number; `count` stands for none.

    By `multigrid.aggregate`, which sees ghosts as nodes that join nobody. An edge that is weak beside one to a ghost
    is left out: two nodes that are each other's heaviest *here* are a pair to it.
    """
    ghosts = len(part.ghosts)
    start = torch.cat([part.start, part.start[-1:].expand(ghosts)])
    heaviest = torch.segment_reduce(part.weight, "max", offsets=part.start, initial=0.0)
    heaviest = torch.cat([heaviest, torch.full((ghosts,), torch.inf)])
    least = STRENGTH * torch.minimum(heaviest[part.row], heaviest.index_select(0, part.column))
    inside = part.column < part.num_nodes
    weight = torch.where(inside & (part.weight < least), 0.0, part.weight)
    killing = torch.cat([part.killing, part.killing.new_ones(ghosts)])
    group, count = aggregate(Rows(start, part.row.int(), part.column, weight, killing))
    return group[: part.num_nodes].long(), count


def _joined(counts: list[int]) -> list[list[int]]:
    """Runs of parts that become one."""
    joined: list[list[int]] = [[]]
    for count in counts:
        if sum(joined[-1]) >= LEAST_PART:
            joined.append([])
        joined[-1].append(count)
    return joined


def _entries(fine: Level, counts: list[int], tick: Callable[[], None]) -> Iterator[Entries]:
    """The edges between the aggregates of each part and all others, numbered as on the coarse level."""
    first = 0
    for (nodes, part), count in zip(fine.parts(), counts, strict=True):
        tick()
        give_back()
        number = torch.cat([fine.aggregate.read(nodes), fine.aggregate.gather(part.ghosts)]).squeeze(1)
        row, column = number[part.row], number.index_select(0, part.column)
        own = number[: part.num_nodes]
        killing = part.killing.new_zeros(count).index_add_(0, own[own >= 0] - first, part.killing[own >= 0])
        lost = (row >= 0) & (column < 0)  # edges to nodes in no aggregate turn into killing
        killing.index_add_(0, row[lost] - first, part.weight[lost])
        kept = (row >= 0) & (column >= 0) & (row != column)
        yield *_summed(row[kept], column[kept], part.weight[kept]), killing
        first += count


def _summed(row: Tensor, column: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The same edges, with repeated ones added up."""
    if len(row) == 0:
        return row, column, weight
    rows, row = row.unique(return_inverse=True)
    columns, column = column.unique(return_inverse=True)
    start, column, weight = compress(row.int(), column.int(), weight, (len(rows), len(columns)))
    row = torch.repeat_interleave(start.diff(), output_size=len(column)).long()
    return rows[row], columns[column.long()], weight


def assembled(nodes: range, pieces: list[Entries]) -> Part:
    """One part of the edges of several."""
    row, column, weight, killing = (torch.cat(tensors) for tensors in zip(*pieces, strict=True))
    own = (column >= nodes.start) & (column < nodes.stop)
    ghosts = column[~own].unique()
    local = torch.where(own, column - nodes.start, len(nodes) + torch.searchsorted(ghosts, column))
    size = (len(nodes), len(nodes) + len(ghosts))
    rate = killing.index_add(0, row - nodes.start, weight)
    start, column, weight = compress((row - nodes.start).int(), local.int(), weight, size)
    return Part(start, column, weight, killing, rate, ghosts)
