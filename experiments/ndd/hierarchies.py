"""Nested segmentations of cells by three ways, brought to pixels, and how well they cover what people drew."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import one_hot

import graphrw as rw
from graphrw.partition import map_hierarchy


@dataclass(frozen=True, eq=False)
class Hierarchy:
    """Segments of the finest level at all pixels, and those of each level that they belong to."""

    finest: Tensor  # (H, W) int64
    levels: Tensor  # (L, F) int64, of rising numbers of segments


def by_distance(z: Tensor, counts: tuple[int, ...], shape: tuple[int, ...]) -> Tensor:
    """(L, n): k-means in a diffusion map, then merges by Ward's criterion; connected."""
    touching = rw.grid_graph(shape).edges
    return map_hierarchy(z, list(counts), edges=touching, starts=2)


def by_cuts(walk: rw.Walk, counts: tuple[int, ...]) -> Tensor:
    """(L, n): two-way normalised cuts, the cheapest first, as `rw.normalised_cut` makes them one after the other."""
    labels = torch.zeros(walk.graph.num_nodes, dtype=torch.int64)
    queue: list[tuple[float, int, Tensor, Tensor]] = []
    found, fresh = [labels.clone()], [torch.arange(len(labels))]
    while len(found) < max(counts):
        for nodes in fresh:
            if len(nodes) > 1:
                part = _inside(walk, nodes)
                sides = rw.normalised_cut(part)
                cost = float(rw.functional.normalised_cut_cost(part, sides))
                heapq.heappush(queue, (cost, int(nodes[0]), nodes[sides == 0], nodes[sides == 1]))
        if not queue:
            break
        fresh = list(heapq.heappop(queue)[2:])
        labels[fresh[1]] = len(found)
        found.append(labels.clone())
    return torch.stack([found[min(count, len(found)) - 1] for count in counts])


def _inside(walk: rw.Walk, nodes: Tensor) -> rw.Walk:
    """The walk on `nodes` alone."""
    place = torch.full((walk.graph.num_nodes,), -1)
    place[nodes] = torch.arange(len(nodes))
    edges = place[walk.graph.edges]
    kept = (edges >= 0).all(0)
    return rw.walk(rw.Graph(edges[:, kept], len(nodes)), walk.weight[kept])


def at_pixels(cells: Tensor, shape: tuple[int, int], raised: Callable[[Tensor], Tensor]) -> Hierarchy:
    """From levels of cells (L, n), the last of which is the finest.

    Args:
        cells: the levels.
        shape: (H, W).
        raised: from values of cells (1, F, n) to values at stride 2.
    """
    finest = cells[-1]
    first = torch.stack([(finest == segment).nonzero()[0, 0] for segment in range(int(finest.max()) + 1)])
    soft = raised(one_hot(finest).T[None].float())
    return Hierarchy(_doubled(soft[0].argmax(0), shape), cells[:, first])


def _doubled(labels: Tensor, shape: tuple[int, int]) -> Tensor:
    return labels.repeat_interleave(2, 0).repeat_interleave(2, 1)[: shape[0], : shape[1]]


def coverings(hierarchy: Hierarchy, segments: Tensor) -> Tensor:
    """(L, A): how well each level covers each person's segments; see `metrics.segmentation_covering`.

    Pixels are counted once for each person: levels are sums of the finest's segments.
    """
    return torch.stack([_coverings(hierarchy, person) for person in segments], 1)


def _coverings(hierarchy: Hierarchy, truth: Tensor) -> Tensor:
    rows, finest = int(truth.max()) + 1, hierarchy.levels.shape[1]
    joint = torch.bincount((truth * finest + hierarchy.finest).flatten(), minlength=rows * finest).view(rows, finest)
    found = []
    for level in hierarchy.levels:
        shared = joint.new_zeros(rows, int(level.max()) + 1).index_add(1, level, joint).double()
        union = shared.sum(1, keepdim=True) + shared.sum(0) - shared
        found.append(float(shared.sum(1) @ (shared / union.clamp(min=1)).amax(1)) / truth.numel())
    return torch.tensor(found, dtype=torch.float64)


@dataclass(frozen=True)
class Score:
    """Coverings of one photograph, in two readings of MAX and AVR.

    Args:
        best_max, best_mean: of the level, of all, that covers one person's segments best: for that person, and the mean
            over people.
        human_max, human_mean: of the levels with as many segments as each person drew: for the best person, and the
            mean.
    """

    best_max: float
    best_mean: float
    human_max: float
    human_mean: float


def score(table: Tensor, counts: tuple[int, ...], segments: Tensor) -> Score:
    """Both readings, from coverings (L, A)."""
    level, person = divmod(int(table.argmax()), table.shape[1])
    drawn = torch.tensor([len(each.unique()) for each in segments])
    nearest = (torch.tensor(counts)[:, None] - drawn).abs().argmin(0)
    human = table.gather(0, nearest[None])[0]
    best = table[level]
    return Score(float(best[person]), float(best.mean()), float(human.max()), float(human.mean()))
