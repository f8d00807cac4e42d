"""How long a walk takes: to a set of nodes, to another node and back, to an end in each label; in steps."""

import math

import torch
from torch import Tensor

from graphrw.core.arrays import as_tensor
from graphrw.core.errors import SingularWalkError
from graphrw.core.finite import narrowed
from graphrw.core.opaque import opaque
from graphrw.core.reach import components
from graphrw.core.transforms import asked_of, plainly
from graphrw.core.walk import Walk, check_walk, node_mask
from graphrw.core.whole import is_number
from graphrw.functional.arrivals import Arrivals, arrivals
from graphrw.functional.resistance import checked_pairs, effective_resistance
from graphrw.functional.seeds import checked_absorption, count_labels, one_hot
from graphrw.functional.transition import loop_weights
from graphrw.solvers import Auto, Solver


@opaque
def hitting_time(
    walk: Walk,
    nodes: Tensor,
    *,
    self_loops: Tensor | float = 0.0,
    unreachable: float | None = None,
    solver: Solver = Auto(),
) -> Tensor:
    """The expected number of steps until a walker from each node is first at one of `nodes`: t = 1 + P t, t_M = 0.

    Walkers that never come there do not count: it is E[T | T < ∞], with walkers who are killed left out, and those who
    stray, on a directed graph, to where no way leads back. (Where these are, the plain expectation is infinite;
    `harmonic` with values of 1 tells how many arrive.) It is `absorption_time` with one label.

    Args:
        walk: N nodes.
        nodes: (M,) int64, of torch or NumPy.
        self_loops: s ≥ 0 in the units of weights, a number or (N,): a step may lead back to where it began.
        unreachable: what to give to nodes from which no walker arrives, ≥ 0 or `math.inf`. Without it they are an
            error.
        solver: how to solve.

    Returns:
        (N,) ≥ 0: 0 on `nodes`, at least 1 elsewhere.

    Raises:
        SingularWalkError: if walkers from some node never arrive, and `unreachable` is not given.
        ConvergenceError: as `solve`; and if from some node so few arrive that the solver has no digit of their share.
        ValueError: for a wrong shape or type, or nodes out of range.

    >>> from graphrw import grid_graph, walk
    >>> hitting_time(walk(grid_graph((5,)), torch.ones(4)), torch.tensor([0]))
    tensor([ 0.,  7., 12., 15., 16.])
    """
    check_fill(unreachable)
    found = _to_nodes(walk, nodes, self_loops, solver)
    return _answer(walk, found.time, found, name="nodes", unreachable=unreachable)[:, 0]


@opaque
def hitting_time_variance(
    walk: Walk,
    nodes: Tensor,
    *,
    self_loops: Tensor | float = 0.0,
    unreachable: float | None = None,
    solver: Solver = Auto(),
) -> Tensor:
    """The variance of the time of which `hitting_time` is the mean, in steps², with the same arguments and errors.

    Returns:
        (N,) ≥ 0: 0 on `nodes`.

    >>> from graphrw import grid_graph, walk
    >>> hitting_time_variance(walk(grid_graph((3,)), torch.ones(2)), torch.tensor([0]))
    tensor([0., 8., 8.])
    """
    check_fill(unreachable)
    found = _to_nodes(walk, nodes, self_loops, solver)
    return _answer(walk, found.variance, found, name="nodes", unreachable=unreachable)[:, 0]


@opaque
def absorption_time(
    walk: Walk,
    seeds: Tensor,
    num_labels: int | None = None,
    *,
    absorption: Tensor | None = None,
    self_loops: Tensor | float = 0.0,
    unreachable: float | None = None,
    solver: Solver = Auto(),
) -> Tensor:
    """The expected number of steps of the walkers from each node that end in each label: E[T | ends in l].

    Walkers end as for `hitting_probabilities`; with Z_il that probability, and m_il = E[T; ends in l] from
    A_UU m_U = (c + s) ⊙ Z_U, it is m_il / Z_il (Kemeny & Snell 1960, chapter III, of the walk that is known to end
    there). The step that ends a walk counts, be it to a seed or into a label by absorption. Those who are killed do
    not count.

    Args:
        walk: N nodes.
        seeds: (N,) int64, of torch or NumPy: the label of each seed, −1 elsewhere.
        num_labels: L; by default that of `absorption`, or the largest seed + 1.
        absorption: (N, L) rates ≥ 0 into each label, of the walk's type, in the units of weights.
        self_loops: s ≥ 0 in the units of weights, a number or (N,): a step may lead back to where it began.
        unreachable: what to give to nodes from which no label can be reached, ≥ 0 or `math.inf`. Without it they are
            an error.
        solver: how to solve.

    Returns:
        (N, L): 0 at seeds for their own label, at least 1 elsewhere; infinite where no walker ends in the label.

    Raises:
        SingularWalkError: if from some node no label can be reached, and `unreachable` is not given.
        ConvergenceError: as `solve`; and if so few walkers end in a label that the solver has no digit of their share.
        ValueError: as `hitting_probabilities`.

    >>> from graphrw import grid_graph, walk
    >>> line = walk(grid_graph((4,)), torch.ones(3, dtype=torch.float64))
    >>> absorption_time(line, torch.tensor([0, -1, -1, 1]))
    tensor([[0.0000,    inf],
            [1.6667, 2.6667],
            [2.6667, 1.6667],
            [   inf, 0.0000]], dtype=torch.float64)
    """
    check_fill(unreachable)
    found = _to_labels(walk, seeds, num_labels, self_loops, absorption=absorption, solver=solver)
    return _answer(walk, found.time, found, name="seeds", unreachable=unreachable)


@opaque
def absorption_time_variance(
    walk: Walk,
    seeds: Tensor,
    num_labels: int | None = None,
    *,
    absorption: Tensor | None = None,
    self_loops: Tensor | float = 0.0,
    unreachable: float | None = None,
    solver: Solver = Auto(),
) -> Tensor:
    """The variance of the time of which `absorption_time` is the mean, in steps², with the same arguments and errors.

    Returns:
        (N, L): ≥ 0; infinite where no walker ends in the label.

    >>> from graphrw import grid_graph, walk
    >>> line = walk(grid_graph((4,)), torch.ones(3, dtype=torch.float64))
    >>> absorption_time_variance(line, torch.tensor([0, -1, -1, 1]))[1]
    tensor([1.7778, 1.7778], dtype=torch.float64)
    """
    check_fill(unreachable)
    found = _to_labels(walk, seeds, num_labels, self_loops, absorption=absorption, solver=solver)
    return _answer(walk, found.variance, found, name="seeds", unreachable=unreachable)


@opaque
def commute_time(walk: Walk, pairs: Tensor, *, self_loops: Tensor | float = 0.0, solver: Solver = Auto()) -> Tensor:
    """The expected number of steps from one node of a pair to the other and back: C_ij = t_ij + t_ji.

    On an undirected graph where nothing kills it is R_ij Σ_m (d_m + s_m), the sum over the component of the pair
    (Chandra et al. 1989), for all pairs with one factor of `effective_resistance`. Elsewhere, and where a derivative in
    killing is asked, it is the sum of two `hitting_time`, of walkers that arrive, with one factor for each node that
    occurs.

    Args:
        walk: N nodes.
        pairs: (P, 2) int64, of torch or NumPy.
        self_loops: s ≥ 0 in the units of weights, a number or (N,): a step may lead back to where it began.
        solver: how to solve.

    Returns:
        (P,) ≥ 0: infinite where no walker comes from one node to the other, or none back.

    Raises:
        ConvergenceError: as `hitting_time`.
        ValueError: for pairs of a wrong shape, type or range.

    >>> from graphrw import grid_graph, walk
    >>> commute_time(walk(grid_graph((3,)), torch.ones(2)), torch.tensor([[0, 2], [1, 2]]))
    tensor([8., 4.])
    """
    check_walk(walk)
    pairs = checked_pairs(walk.graph, pairs)
    loops = loop_weights(walk, self_loops)
    none_killed = not plainly(lambda killing: bool(killing.any()), walk.killing)
    if none_killed and not walk.graph.directed and not asked_of(walk.killing):  # it holds for no killing but 0
        component = components(walk.graph, walk.weight.detach())
        volume = torch.zeros_like(walk.killing).index_add(0, component, walk.degree + loops)
        resistance = effective_resistance(walk, pairs, solver)
        apart = resistance.detach().isinf()  # whose gradient would be 0 · ∞
        times = torch.where(apart, 0.0, resistance) * volume[component[pairs[:, 0]]]
        return torch.where(apart, torch.inf, times)
    to_first, to_second = (_between(walk, *ends, loops=loops, solver=solver) for ends in (pairs.flip(1).T, pairs.T))
    return to_first + to_second


def _between(walk: Walk, start: Tensor, end: Tensor, *, loops: Tensor, solver: Solver) -> Tensor:
    """(P,): the expected number of steps from each `start` to its `end`, each (P,)."""
    time = torch.zeros_like(start, dtype=walk.weight.dtype)
    for node in end.unique():
        to_node = hitting_time(walk, node[None], self_loops=loops, unreachable=math.inf, solver=solver)
        time = torch.where(end == node, to_node[start], time)
    return time


def _to_nodes(walk: Walk, nodes: Tensor, self_loops: Tensor | float, solver: Solver) -> Arrivals:
    check_walk(walk)
    held = node_mask(walk.graph, as_tensor("nodes", nodes, "(M,) int64"))
    return arrivals(walk, held[:, None].to(walk.weight), loop_weights(walk, self_loops), None, solver=solver)


def _to_labels(
    walk: Walk,
    seeds: Tensor,
    num_labels: int | None,
    self_loops: Tensor | float,
    *,
    absorption: Tensor | None,
    solver: Solver,
) -> Arrivals:
    check_walk(walk)
    seeds = as_tensor("seeds", seeds, f"({walk.graph.num_nodes},) int64")
    absorption = checked_absorption(absorption)
    remedy = "label at least one node, or give `absorption`"
    num_labels = count_labels(walk, seeds, num_labels, absorption, remedy=remedy)
    values = one_hot(seeds, num_labels, walk.weight)
    return arrivals(walk, values, loop_weights(walk, self_loops), absorption, solver=solver)


def _answer(walk: Walk, values: Tensor, found: Arrivals, *, name: str, unreachable: float | None) -> Tensor:
    """`values` (N, L) in the type of the walk; infinite where nobody ends in l, `unreachable` where in no label."""
    lost = ~found.possible.any(1)
    if unreachable is None and bool(lost.any()):
        raise SingularWalkError(
            f"`{name}` cannot be reached from {int(lost.sum())} of {len(lost)} nodes (first: "
            f"{int(lost.nonzero()[0])}), where no time is expected. Add a node in their component, or pass "
            "`unreachable=math.inf`."
        )
    filled = torch.where(found.possible, values, math.inf)
    filled = torch.where(lost[:, None], math.inf if unreachable is None else float(unreachable), filled)
    return narrowed("A time, or its variance,", filled, walk.weight.dtype)


def check_fill(unreachable: float | None) -> None:
    """Raise `ValueError` unless it is None or a time: a number ≥ 0, which may be infinite."""
    if unreachable is not None and not (is_number(unreachable) and unreachable >= 0):
        raise ValueError(f"`unreachable` must be a number ≥ 0, such as `math.inf`, or None; got {unreachable!r}.")
