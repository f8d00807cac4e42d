"""Where a walk ends: harmonic functions and hitting probabilities."""

import math
from functools import partial

import torch
from torch import Tensor

from graphrw.core.arrays import as_floats, as_tensor
from graphrw.core.errors import ConvergenceError, SingularWalkError
from graphrw.core.graph import part_named
from graphrw.core.held import Held
from graphrw.core.opaque import opaque
from graphrw.core.reach import stranded
from graphrw.core.scale import common_unit, is_usual, unit_of
from graphrw.core.threads import threads_for
from graphrw.core.transforms import plainly
from graphrw.core.walk import Walk, check_finite_rate, check_walk, node_mask
from graphrw.core.whole import check_flag
from graphrw.functional.seeds import checked_absorption, checked_unreachable, count_labels, fill_unreachable, one_hot
from graphrw.solve import Factor
from graphrw.solvers import Auto, Solver

# By how much probabilities may miss their sum. Solvers promise residuals, not errors: much less would refuse answers
# to a loose `rtol` that are as good as was asked for. What has not converged misses by far more.
SLACK = 0.05


@opaque
def harmonic(
    walk: Walk,
    nodes: Tensor,
    values: Tensor,
    solver: Solver = Auto(),
    *,
    prune: bool = False,
    start: Tensor | None = None,
) -> Tensor:
    """The function that takes `values` on `nodes` and is harmonic elsewhere: A_UU x_U = W_UM x_M (Grady 2006).

    x_i is the expected value at the node of `nodes` where a walker from i ends (0 if it is killed on the way).

    Args:
        walk: N nodes.
        nodes: (M,) int64, each once, of torch or NumPy.
        values: (M, K) or (M,), of the walk's type and device, finite.
        solver: how to solve.
        prune: approximate the gradient as `HarmonicLabels` does with the same option.
        start: (N, K) or (N,) a guess, such as the answer to similar weights; see `solve`.

    Returns:
        (N, K) or (N,): exactly `values` on `nodes`.

    Raises:
        SingularWalkError: if some node can reach neither `nodes` nor any killing.
        ValueError: for a wrong shape or type, or nodes out of range or repeated.

    >>> from graphrw import grid_graph, walk
    >>> line = walk(grid_graph((5,)), torch.ones(4, dtype=torch.float64))
    >>> harmonic(line, torch.tensor([0, 4]), torch.tensor([0.0, 1.0], dtype=torch.float64))
    tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000], dtype=torch.float64)
    """
    check_walk(walk)
    nodes, values = as_tensor("nodes", nodes, "(M,) int64"), as_tensor("values", values, "(M, K) or (M,) floats")
    held = _checked_boundary(walk, nodes, values)
    lost = stranded(walk, held | (walk.killing.detach() > 0))
    if bool(lost.any()):
        first = int(lost.nonzero()[0])
        raise SingularWalkError(
            f"{int(lost.sum())} of {len(lost)} nodes (first: {first}{part_named(walk.graph, first)}) can reach neither "
            "`nodes` nor any killing, so that x is undefined there. Add a node there, or give the walk some killing."
        )
    start = _checked_start(start, (len(held), *values.shape[1:]))
    unit = unit_of(values)
    usual = is_usual(unit)
    if not usual:  # so that products with weights are held
        values, start = values / unit, None if start is None else start / unit
    columns = values.reshape(len(nodes), math.prod(values.shape[1:]))
    columns = columns.new_zeros(len(held), columns.shape[1]).index_put_((nodes,), columns)
    with threads_for(columns.numel()):
        x = dirichlet(walk, held, columns, solver=solver, prune=prune, start=start)
    x = x.reshape(len(held), *values.shape[1:])
    return x if usual else x * unit


@opaque
def hitting_probabilities(
    walk: Walk,
    seeds: Tensor,
    num_labels: int | None = None,
    *,
    absorption: Tensor | None = None,
    unreachable: Tensor | None = None,
    solver: Solver = Auto(),
    prune: bool = False,
    start: Tensor | None = None,
) -> Tensor:
    """The probability that a walker from each node first ends in each label (Grady 2006; with priors, Grady 2005).

    A walker ends at a seed, in the label of the seed; or it is absorbed into label l at node i with rate a_il; or it is
    killed, in no label. So A_UU Z_U = W_UM Z_M + a_U, where A's rates hold d + k + Σ_l a_l. Rows sum to 1 where nothing
    kills. Absorption at a seed has no effect.

    Args:
        walk: N nodes.
        seeds: (N,) int64, of torch or NumPy: the label of each seed, −1 elsewhere.
        num_labels: L; by default that of `absorption`, or the largest seed + 1.
        absorption: (N, L) rates ≥ 0 into each label, of the walk's type: soft seeds or priors, in the units of weights.
        unreachable: (L,) the distribution to give to nodes from which no walker can ever end. Without it they are an
            error.
        solver: how to solve.
        prune: approximate the gradient as `HarmonicLabels` does with the same option.
        start: (N, L) a guess, such as the answer before the last seed was set; see `solve`.

    Returns:
        (N, L) in [0, 1].

    Raises:
        SingularWalkError: if walkers from some node can never end, and `unreachable` is not given.
        ConvergenceError: if the solver cannot reach its tolerance, or rows do not sum to 1 where nothing kills.
        ValueError: for wrong shapes, types or values; for seeds that are all −1 with neither `num_labels` nor
            `absorption`; for seeds that `torch.func.vmap` runs over.

    >>> from graphrw import grid_graph, walk
    >>> line = walk(grid_graph((4,)), torch.ones(3, dtype=torch.float64))
    >>> hitting_probabilities(line, torch.tensor([0, -1, -1, 1]))[:, 1]
    tensor([0.0000, 0.3333, 0.6667, 1.0000], dtype=torch.float64)
    """
    check_walk(walk)
    seeds = as_tensor("seeds", seeds, f"({walk.graph.num_nodes},) int64")
    remedy = "label at least one node, or give `absorption`"
    absorption = checked_absorption(absorption)
    num_labels = count_labels(walk, seeds, num_labels, absorption, remedy=remedy)
    seeded, killing = seeds >= 0, walk.killing
    if absorption is not None:
        walk = Walk(walk.graph, walk.weight, walk.killing + absorption.sum(1))
        check_finite_rate(walk.graph, walk.weight, walk.killing, "its killing and absorption")
    with threads_for(len(seeds) * num_labels):
        values = one_hot(seeds, num_labels, walk.weight)
        unreachable, start = checked_unreachable(unreachable, values), _checked_start(start, values.shape)
        lost = stranded(walk, seeded | (walk.killing.detach() > 0))
        if bool(lost.any()):
            values[lost] = fill_unreachable(walk, lost, unreachable)
        # Where no walk can end, nodes are held like seeds: what is left is regular, on the same graph and its plans.
        held = seeded | lost
        probability = dirichlet(walk, held, values, source=absorption, solver=solver, prune=prune, start=start)
        plainly(partial(_check_sums, solver), probability.sum(1), killing, batched=True)
    return probability


def dirichlet(
    walk: Walk,
    held: Tensor,
    values: Tensor,
    *,
    solver: Solver,
    source: Tensor | None = None,
    prune: bool = False,
    start: Tensor | None = None,
) -> Tensor:
    """(N, K): `values` (N, K) where `held` (N,) bool is true; elsewhere A x = `source` (N, K), for a walk known to end.

    Off the nodes that are held, `values` are not looked at; `start` is a guess as in `solve`.
    """
    kind = values.dtype
    if kind != torch.float64:  # there rows add up so well that no column is needed to tell how far they can be trusted
        walk = Walk(walk.graph, walk.weight.double(), walk.killing.double())
        values, source = values.double(), None if source is None else source.double()
    unit = common_unit(walk.weight, walk.killing)
    if not is_usual(unit):  # x depends on no common factor; right-hand sides and adjoints do
        walk = Walk(walk.graph, walk.weight / unit, walk.killing / unit)
        source = None if source is None else source / unit
    known = Held(walk, held)
    b = known.inflow(values)
    if source is not None:
        b = torch.where(held[:, None], 0.0, b + source)
    if start is not None:
        start = torch.where(held[:, None], 0.0, start)
    x = Factor.of(known.ended, solver, check_flag("prune", prune)).solve(b, start=start)
    del b  # as large as x; what follows makes a third
    return known.joined(values, x).to(kind)


def _check_sums(solver: Solver, total: Tensor, killing: Tensor) -> None:
    """Raise `ConvergenceError` unless every walk ends in a label or is killed: however small the residual, an error can
    hide in a cluster that hardly reaches any seed."""
    least, most = (float(bound) for bound in torch.aminmax(total)) if len(total) else (1.0, 1.0)
    if not most <= 1 + SLACK or (least < 1 - SLACK and not bool(killing.any())):
        raise ConvergenceError(
            f"{solver} gave probabilities that sum to {least:.3g} at one node and to {most:.3g} at another: some nodes "
            "hardly reach any seed. Ask for a smaller `rtol`, raise the smallest weights, or add killing."
        )


def _checked_start(start: Tensor | None, shape: tuple[int, ...]) -> Tensor | None:
    """A guess at the answer, which has this shape, as columns."""
    if start is None:
        return None
    start = as_floats("start", start, f"{tuple(shape)} floats, like the answer")
    if start.shape != shape:
        raise ValueError(f"`start` must be {tuple(shape)} floats, like the answer; got {tuple(start.shape)}.")
    return start.reshape(shape[0], -1)


def _checked_boundary(walk: Walk, nodes: Tensor, values: Tensor) -> Tensor:
    """(N,) bool: true on `nodes` (M,), which are all different and have one row each in `values`."""
    held = node_mask(walk.graph, nodes)
    if values.ndim not in (1, 2) or len(values) != len(nodes):
        raise ValueError(f"`values` must be (M, K) or (M,) with M = {len(nodes)}; got {tuple(values.shape)}.")
    if values.dtype != walk.weight.dtype:
        raise ValueError(f"`values` must have the walk's type {walk.weight.dtype}; got {values.dtype}.")
    unique, counts = nodes.unique(return_counts=True)
    if len(unique) < len(nodes):
        raise ValueError(f"`nodes` names node {int(unique[counts > 1][0])} more than once; give each node one value.")
    return held
