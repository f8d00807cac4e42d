"""Effective resistances between nodes."""

import torch
from torch import Tensor

from graphrw.core.arrays import as_tensor
from graphrw.core.graph import Graph, check_nodes
from graphrw.core.memory import require_room
from graphrw.core.opaque import opaque
from graphrw.core.transforms import asked_of
from graphrw.core.walk import Walk, check_walk
from graphrw.functional.ground import ground
from graphrw.solve import Factor
from graphrw.solvers import Auto, Solver

PAIRS_AT_ONCE = 64  # columns of one solve: memory is N × 64 however many pairs are asked for


@opaque
def effective_resistance(walk: Walk, pairs: Tensor, solver: Solver = Auto()) -> Tensor:
    """The resistance between two nodes when weights are conductances: R_ij = (e_i − e_j)ᵀ A⁺ (e_i − e_j).

    Klein & Randić 1993. Killing is conductance to the ground, through which current may also flow. Where there is none
    at all R has no gradient in it: what a little of it changes depends on where it is, and not in proportion.

    Args:
        walk: on an undirected graph.
        pairs: (P, 2) int64, of torch or NumPy.
        solver: how to solve.

    Returns:
        (P,): ≥ 0; infinite between nodes of different components where nothing kills.

    Raises:
        ValueError: for a directed graph; for pairs of a wrong shape, type or range; and for a derivative in killing at
            a pair in whose component nothing kills.

    >>> from graphrw import grid_graph, walk
    >>> effective_resistance(walk(grid_graph((3,)), torch.tensor([1.0, 0.5])), torch.tensor([[0, 2], [1, 2]]))
    tensor([3., 2.])
    """
    check_walk(walk)
    if walk.graph.directed:
        raise ValueError("`effective_resistance` is defined on undirected graphs only; got a directed one.")
    pairs = checked_pairs(walk.graph, pairs)
    width = len(pairs) if walk.weight.requires_grad or walk.killing.requires_grad else min(len(pairs), PAIRS_AT_ONCE)
    what = f"A potential for each of {width} pairs on {walk.graph.num_nodes} nodes"
    require_room(walk.graph.num_nodes * width, what, "Take fewer pairs at a time, or `torch.no_grad`.")
    grounded, held, component = ground(walk)
    _require_slope(walk, pairs, component)
    factor = Factor.of(grounded, solver)
    resistances = [walk.weight.new_zeros(0)]
    for first, second in (chunk.T for chunk in pairs.split(PAIRS_AT_ONCE)):
        columns = torch.arange(len(first), device=pairs.device)
        current = walk.weight.new_zeros(walk.graph.num_nodes, len(first))
        current = current.index_put((first, columns), current.new_ones(()), accumulate=True)
        current = current.index_put((second, columns), -current.new_ones(()), accumulate=True)
        potential = factor.solve(torch.where(held[:, None], 0.0, current))
        resistances.append(potential[first, columns] - potential[second, columns])
    apart = component[pairs[:, 0]] != component[pairs[:, 1]]
    return torch.where(apart, torch.inf, torch.cat(resistances))


def _require_slope(walk: Walk, pairs: Tensor, component: Tensor) -> None:
    """Raise `ValueError` if a derivative in killing is asked where there is none; `component` is that of `ground`."""
    if not asked_of(walk.killing):
        return
    first, second = component[pairs].T
    without = ((first == second) & (first < walk.graph.num_nodes) & (pairs[:, 0] != pairs[:, 1])).nonzero()
    if len(without):
        raise ValueError(
            f"Nothing kills in the component of pair {int(without[0])}, {pairs[without[0, 0]].tolist()}, where a "
            "resistance has no gradient in `killing`. Give its nodes some, or take `killing.detach()`."
        )


def checked_pairs(graph: Graph, pairs: Tensor) -> Tensor:
    """`pairs` (P, 2) of nodes as a tensor, or an error."""
    pairs = as_tensor("pairs", pairs, "(P, 2) int64")
    if pairs.ndim != 2 or pairs.shape[1] != 2 or pairs.dtype != torch.int64:
        raise ValueError(f"`pairs` must be (P, 2) int64; got {tuple(pairs.shape)} {pairs.dtype}.")
    check_nodes(graph, pairs.reshape(-1), "pairs")
    return pairs
