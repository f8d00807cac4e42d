"""The most probable label of every node, where there are too many labels to hold all their probabilities."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from graphrw.core.arrays import as_tensor
from graphrw.core.held import Held
from graphrw.core.opaque import opaque
from graphrw.core.reach import stranded
from graphrw.core.walk import Walk, check_walk
from graphrw.functional.seeds import count_labels
from graphrw.functional.uncertainty import entropy
from graphrw.solve import Factor
from graphrw.solvers import Auto, Solver

LABELS_AT_ONCE = 16  # columns of one solve: with fewer the factor is read more often, with more they leave the cache


@dataclass(frozen=True, eq=False)
class MostProbable:
    """What is left of the probabilities of many labels."""

    labels: Tensor  # (N,) int64: the most probable; −1 where no label is reached
    probability: Tensor  # (N,): that of this label
    margin: Tensor  # (N,): by how much it leads the second
    entropy: Tensor  # (N,): −Σ p log p in nats, over all labels


@opaque
def most_probable_labels(
    walk: Walk, seeds: Tensor, num_labels: int | None = None, *, solver: Solver = Auto()
) -> MostProbable:
    """The most probable of `hitting_probabilities`, with its margin and the entropy, in memory of O(N), not O(N L).

    The system is factorised once and solved for a few labels at a time. Nothing is differentiated.

    Args:
        walk: N nodes.
        seeds: (N,) int64, of torch or NumPy: the label of each seed, −1 elsewhere.
        num_labels: L; by default the largest seed + 1.
        solver: how to solve.

    Returns:
        Four values for each node, in the walk's type. Of equally probable labels the first is taken.

    Raises:
        ConvergenceError: if the solver cannot reach its tolerance.
        ValueError: for wrong shapes, types or values, or seeds that are all −1 without `num_labels`.

    >>> from graphrw import grid_graph, walk
    >>> line = walk(grid_graph((4,)), torch.ones(3, dtype=torch.float64))
    >>> found = most_probable_labels(line, torch.tensor([0, -1, -1, 1]))
    >>> found.labels, found.probability
    (tensor([0, 0, 1, 1]), tensor([1.0000, 0.6667, 0.6667, 1.0000], dtype=torch.float64))
    """
    check_walk(walk)
    seeds = as_tensor("seeds", seeds, f"({walk.graph.num_nodes},) int64")
    num_labels = count_labels(walk, seeds, num_labels, None, streamed=True)
    with torch.no_grad():
        return _streamed(Walk(walk.graph, walk.weight.detach(), walk.killing.detach()), seeds, num_labels, solver)


def _streamed(walk: Walk, seeds: Tensor, num_labels: int, solver: Solver) -> MostProbable:
    seeded = seeds >= 0
    known = Held(walk, seeded | stranded(walk, seeded | (walk.killing > 0)))
    factor = Factor.of(known.ended, solver)

    def probability(labels: Tensor) -> Tensor:
        values = (seeds[:, None] == labels).to(walk.weight.dtype)
        return known.joined(values, factor.solve(known.inflow(values)))

    return most_probable(probability, torch.arange(num_labels, device=seeds.device), walk.killing)


def most_probable(probability: Callable[[Tensor], Tensor], labels: Tensor, like: Tensor) -> MostProbable:
    """The most probable of `labels` (L,) int64.

    Args:
        probability: of a few labels (k,) at every node, (N, k).
        labels: in ascending order.
        like: (N,) floats, whose type and device the answer has.
    """
    first, second, spread = (torch.zeros_like(like) for _ in range(3))
    found = torch.full_like(like, -1, dtype=torch.int64)
    for block in labels.split(LABELS_AT_ONCE):
        z = probability(block)
        spread += entropy(z)
        best, place = z.max(1)
        next_best = z.scatter(1, place[:, None], 0.0).amax(1)
        found = torch.where(best > first, block[place], found)
        second = torch.maximum(torch.minimum(first, best), torch.maximum(second, next_best))
        first = torch.maximum(first, best)
    return MostProbable(found, first, first - second, spread)
