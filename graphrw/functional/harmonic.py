"""Where a walk ends: harmonic functions and hitting probabilities."""

from functools import partial

import torch
from torch import Tensor

from graphrw.core.errors import ConvergenceError, SingularWalkError
from graphrw.core.reach import stranded
from graphrw.core.transforms import plainly
from graphrw.core.walk import Walk, absorb, check_finite_rate, check_rates, node_mask
from graphrw.solve import Factor
from graphrw.solvers import Auto, Solver

SLACK = 0.05  # by which probabilities may miss their sum: solvers promise residuals, not errors


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
        nodes: (M,) int64, each once.
        values: (M, K) or (M,), of the walk's type and device.
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
    _check_boundary(walk, nodes, values)
    lost = stranded(walk, node_mask(walk.graph, nodes) | (walk.killing.detach() > 0))
    if bool(lost.any()):
        raise SingularWalkError(
            f"{int(lost.sum())} of {walk.graph.num_nodes} nodes (first: {int(lost.nonzero()[0])}) can reach neither "
            "`nodes` nor any killing, so that x is undefined there. Add a node there, or give the walk some killing."
        )
    columns = values.reshape(len(nodes), -1)
    start = None if start is None else start.reshape(walk.graph.num_nodes, -1)
    x = dirichlet(walk, nodes, columns, None, solver, prune, start)
    return x.reshape(walk.graph.num_nodes, *values.shape[1:])


def hitting_probabilities(
    walk: Walk,
    seeds: Tensor,
    num_labels: int | None = None,
    absorption: Tensor | None = None,
    unreachable: Tensor | None = None,
    solver: Solver = Auto(),
    *,
    prune: bool = False,
    start: Tensor | None = None,
) -> Tensor:
    """The probability that a walker from each node first ends in each label (Grady 2006; with priors, Grady 2005).

    A walker ends at a seed, in the label of the seed; or it is absorbed into label l at node i with rate a_il; or it is
    killed, in no label. So A_UU Z_U = W_UM Z_M + a_U, where A's rates hold d + k + Σ_l a_l. Rows sum to 1 where nothing
    kills. Absorption at a seed has no effect.

    Args:
        walk: N nodes.
        seeds: (N,) int64: the label of each seed, −1 elsewhere.
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
    remedy = "label at least one node, or give `absorption`"
    num_labels = count_labels(walk, seeds, num_labels, absorption, remedy=remedy)
    seeded, killing = seeds >= 0, walk.killing
    if absorption is not None:
        walk = Walk(walk.graph, walk.weight, walk.killing + absorption.sum(1))
        check_finite_rate(walk.graph, walk.weight, walk.killing, "its killing and absorption")
    lost = stranded(walk, seeded | (walk.killing.detach() > 0))
    values = walk.weight.new_zeros(walk.graph.num_nodes, num_labels)
    values[seeded, seeds[seeded]] = 1
    if bool(lost.any()):
        values[lost] = fill_unreachable(lost, unreachable, values)
    nodes = (seeded | lost).nonzero().squeeze(1)
    probability = dirichlet(walk, nodes, values[nodes], absorption, solver, prune, start)
    plainly(partial(_check_sums, solver), probability.sum(1), killing, batched=True)
    return probability


def _check_sums(solver: Solver, total: Tensor, killing: Tensor) -> None:
    """Raise `ConvergenceError` unless every walk ends in a label or is killed: however small the residual, an error can
    hide in a cluster that hardly reaches any seed."""
    least, most = (float(bound) for bound in torch.aminmax(total)) if len(total) else (1.0, 1.0)
    if not most <= 1 + SLACK or (least < 1 - SLACK and not bool(killing.any())):
        raise ConvergenceError(
            f"{solver} gave probabilities that sum to {least:.3g} at one node and to {most:.3g} at another: some nodes "
            "hardly reach any seed. Ask for a smaller `rtol`, raise the smallest weights, or add killing."
        )


def dirichlet(
    walk: Walk,
    nodes: Tensor,
    values: Tensor,
    source: Tensor | None,
    solver: Solver,
    prune: bool,
    start: Tensor | None = None,
) -> Tensor:
    """(N, K): `values` (M, K) on `nodes`; elsewhere A x = `source` (N, K), for a walk known to end."""
    b = _inflow(walk, nodes, values)
    if source is not None:
        b = (b + source).index_fill(0, nodes, 0.0)
    if start is not None:
        start = start.index_fill(0, nodes, 0.0)
    factor = Factor.of(absorb(walk, nodes), solver, prune)
    return factor.solve(b, start=start).index_put((nodes,), values)


def _inflow(walk: Walk, nodes: Tensor, values: Tensor) -> Tensor:
    """(N, K): W x for x = `values` on `nodes` and 0 elsewhere, at all other nodes; 0 on `nodes`."""
    mask, (tail, head) = node_mask(walk.graph, nodes), walk.graph.edges
    row = torch.zeros(len(mask), dtype=torch.int64, device=mask.device)
    row = row.index_put((nodes,), torch.arange(len(nodes), device=mask.device))
    parts = []
    for start, end in [(tail, head)] if walk.graph.directed else [(tail, head), (head, tail)]:
        across = (mask[end] & ~mask[start]).nonzero().squeeze(1)
        parts.append((start[across], walk.weight[across, None] * values[row[end[across]]]))
    starts, flows = (torch.cat(part) for part in zip(*parts, strict=True))
    return walk.weight.new_zeros(len(mask), values.shape[1]).index_add(0, starts, flows)


def _check_boundary(walk: Walk, nodes: Tensor, values: Tensor) -> None:
    node_mask(walk.graph, nodes)
    if values.ndim not in (1, 2) or len(values) != len(nodes):
        raise ValueError(f"`values` must be (M, K) or (M,) with M = {len(nodes)}; got {tuple(values.shape)}.")
    if values.dtype != walk.weight.dtype:
        raise ValueError(f"`values` must have the walk's type {walk.weight.dtype}; got {values.dtype}.")
    unique, counts = nodes.unique(return_counts=True)
    if len(unique) < len(nodes):
        raise ValueError(f"`nodes` names node {int(unique[counts > 1][0])} more than once; give each node one value.")


def count_labels(
    walk: Walk,
    seeds: Tensor,
    num_labels: int | None,
    absorption: Tensor | None = None,
    *,
    remedy: str = "label at least one node",
) -> int:
    """L, from arguments that fit each other; the `remedy` is what to do when there are neither seeds nor absorption."""
    num_nodes = walk.graph.num_nodes
    if seeds.shape != (num_nodes,) or seeds.dtype != torch.int64:
        raise ValueError(f"`seeds` must be ({num_nodes},) int64; got {tuple(seeds.shape)} {seeds.dtype}.")
    low, high = (int(bound) for bound in plainly(torch.aminmax, seeds)) if num_nodes else (-1, -1)
    if low < -1:
        raise ValueError(f"`seeds` must be labels ≥ 0, or −1 for unlabelled nodes; got {low}.")
    if absorption is not None:
        if absorption.ndim != 2 or len(absorption) != num_nodes or absorption.dtype != walk.weight.dtype:
            got = f"{tuple(absorption.shape)} {absorption.dtype}"
            raise ValueError(f"`absorption` must be (N, L) = ({num_nodes}, L) {walk.weight.dtype}; got {got}.")
        check_rates("absorption", absorption)
        if num_labels is not None and num_labels != absorption.shape[1]:
            raise ValueError(f"`num_labels` is {num_labels}, but `absorption` has {absorption.shape[1]} labels.")
        num_labels = absorption.shape[1]
    elif high < 0 and num_labels is None:
        raise ValueError(f"`seeds` are all −1, so that no walk ends in a label: {remedy}.")
    num_labels = high + 1 if num_labels is None else num_labels
    if high >= num_labels:
        raise ValueError(f"`seeds` holds label {high}, but labels run from 0 to {num_labels - 1}.")
    return num_labels


def fill_unreachable(lost: Tensor, unreachable: Tensor | None, values: Tensor) -> Tensor:
    """The distribution for the nodes that are lost, or the error that there is none."""
    if unreachable is None:
        raise SingularWalkError(
            f"`seeds` leaves {int(lost.sum())} of {len(lost)} nodes (first: {int(lost.nonzero()[0])}) in components "
            "without any seed, where label probabilities are undefined. Add a seed there, or pass `unreachable=prior`."
        )
    return check_distribution("unreachable", unreachable, values)


def check_distribution(name: str, shares: Tensor, like: Tensor) -> Tensor:
    """`shares` (L,) in the type of `like` (N, L); `ValueError` unless they are ≥ 0 with sum 1."""

    def check(shares: Tensor) -> None:
        if bool((shares < 0).any()) or not abs(float(shares.sum()) - 1) <= 1e-5:
            raise ValueError(f"`{name}` must be a distribution (≥ 0, sum 1); got {shares.tolist()}.")

    if shares.shape != like.shape[1:]:
        raise ValueError(f"`{name}` must be (L,) = ({like.shape[1]},); got {tuple(shares.shape)}.")
    plainly(check, shares)
    return shares.to(like)
