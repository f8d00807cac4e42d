"""What a loss needs of the probabilities of many labels: those of the labels that are right."""

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from graphrw.core.arrays import as_tensor
from graphrw.core.held import Held
from graphrw.core.opaque import opaque
from graphrw.core.reach import stranded
from graphrw.core.transforms import reversed_by_func
from graphrw.core.walk import Walk, check_walk
from graphrw.functional.most_probable import LABELS_AT_ONCE
from graphrw.functional.seeds import count_labels
from graphrw.solve import Factor
from graphrw.solvers import Auto, Solver


@opaque
def target_probability(
    walk: Walk, seeds: Tensor, target: Tensor, num_labels: int | None = None, *, solver: Solver = Auto()
) -> Tensor:
    """z_i,t(i) of `hitting_probabilities`: how probably a walker from node i ends in the label t(i) that is right.

    It is all that the cross entropy −log z_i,t(i) needs, and whatever else looks at the right label alone. Memory is of
    O(N), not O(N L), forward and backward: the system is factorised once and solved for a few labels at a time, whose
    answers are made again in backward (Chen et al. 2016, *Training Deep Nets with Sublinear Memory Cost*).

    Args:
        walk: N nodes.
        seeds: (N,) int64, of torch or NumPy: the label of each seed, −1 elsewhere.
        target: (N,) int64: the label that is right at each node, −1 where none is known.
        num_labels: L; by default the largest seed + 1.
        solver: how to solve.

    Returns:
        (N,) in [0, 1], of the walk's type; 0 without a gradient where `target` is −1, and where no walk ends.

    Raises:
        ConvergenceError: if the solver cannot reach its tolerance.
        NotImplementedError: within reverse-mode transforms of `torch.func`, such as `grad` and `hessian`, which do not
            allow that answers are made again in backward.
        ValueError: for wrong shapes, types or values; for targets of L or more; for seeds that are all −1 without
            `num_labels`.

    >>> from graphrw import grid_graph, walk
    >>> line = walk(grid_graph((4,)), torch.ones(3, dtype=torch.float64))
    >>> target_probability(line, torch.tensor([0, -1, -1, 1]), torch.tensor([0, 0, 0, 1]))
    tensor([1.0000, 0.6667, 0.3333, 1.0000], dtype=torch.float64)
    """
    check_walk(walk)
    if reversed_by_func():
        raise NotImplementedError(
            "`target_probability` makes answers again in backward, which reverse-mode transforms of `torch.func` do "
            "not allow: take `hitting_probabilities` and `gather` there, or `torch.autograd`."
        )
    nodes = walk.graph.num_nodes
    seeds = as_tensor("seeds", seeds, f"({nodes},) int64")
    num_labels = count_labels(walk, seeds, num_labels, None, streamed=True)
    target = _checked_target(target, nodes, num_labels).to(seeds.device)
    seeds, target = seeds.clone(), target.clone()  # what is made again in backward sees no later ones
    seeded = seeds >= 0
    held = seeded | stranded(walk, seeded | (walk.killing.detach() > 0))
    known = Held(walk, held)
    factor = Factor.of(known.ended, solver)

    def of_block(first: int) -> Tensor:
        labels = torch.arange(first, min(first + LABELS_AT_ONCE, num_labels), device=seeds.device)
        values = (seeds[:, None] == labels).to(walk.weight.dtype)
        z = known.joined(values, factor.solve(known.inflow(values)))
        place = target - first
        there = (place >= 0) & (place < len(labels))
        return torch.where(there, z.gather(1, torch.where(there, place, 0)[:, None]).squeeze(1), 0.0)

    total = torch.zeros_like(walk.killing)
    for first in range(0, num_labels, LABELS_AT_ONCE):
        total = total + checkpoint(of_block, first, use_reentrant=False)
    return total


def _checked_target(target: Tensor, nodes: int, num_labels: int) -> Tensor:
    target = as_tensor("target", target, f"({nodes},) int64")
    if target.dtype != torch.int64 or target.shape != (nodes,):
        raise ValueError(f"`target` must be ({nodes},) int64; got {target.dtype} {tuple(target.shape)}.")
    if nodes and not -1 <= int(target.min()) <= int(target.max()) < num_labels:
        raise ValueError(
            f"`target` must lie from −1 to {num_labels - 1}, the largest label; got {int(target.min())} to "
            f"{int(target.max())}."
        )
    return target
