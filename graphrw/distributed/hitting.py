"""Where walks on a distributed graph end."""

import math

import torch
from torch import Tensor

from graphrw.core.errors import ConvergenceError, SingularWalkError
from graphrw.core.held import Held
from graphrw.distributed.graph import DistributedWalk
from graphrw.distributed.reach import stranded
from graphrw.distributed.solve import DistributedFactor
from graphrw.solvers.iterative.petsc import PETSc

LARGEST_ERROR = 0.01  # of a sum of probabilities, with which an answer is still given


def hitting_probabilities(
    walk: DistributedWalk,
    seeds: Tensor,
    num_labels: int | None = None,
    *,
    unreachable: Tensor | None = None,
    solver: PETSc = PETSc(),
) -> Tensor:
    """The probability that a walker from each node first ends in each label, as `graphrw.hitting_probabilities`.

    Args:
        walk: of which this process has a part.
        seeds: (owned,) int64: the label of each seed, −1 elsewhere.
        num_labels: L; by default the largest seed of all processes + 1.
        unreachable: (L,) the distribution to give to nodes from which no walker can ever end. Without it they are an
            error.
        solver: how to solve.

    Returns:
        (owned, L) float64; rows sum to 1 where nothing kills.

    Raises:
        SingularWalkError: if walkers from some node can never end, and `unreachable` is not given.
        ConvergenceError: if the solver cannot reach its tolerance, or rows do not sum to 1 where nothing kills.
        ValueError: for wrong shapes, or no seed.
    """
    halo, labels = walk.graph.halo, _checked_labels(walk, seeds, num_labels)
    values = torch.zeros(len(seeds), labels, dtype=torch.float64)
    values[seeds >= 0] = torch.nn.functional.one_hot(seeds[seeds >= 0], labels).double()
    ends = halo.spread((seeds >= 0).double()) > 0
    lost = stranded(walk, ends | (walk.local.killing.detach() > 0))
    values[lost] = _filled(walk, lost, unreachable, values)
    held = halo.spread(((seeds >= 0) | lost).double()) > 0
    known = Held(walk.local, held)
    b = halo.gathered(known.inflow(halo.spread(values)))
    ended = DistributedWalk(walk.graph, known.ended)
    own = held[: walk.graph.owned, None]
    probability = torch.where(own, values, DistributedFactor(ended, solver).solve(b))
    _check_sums(walk, probability.detach()[~lost], solver)
    return probability


def _checked_labels(walk: DistributedWalk, seeds: Tensor, num_labels: int | None) -> int:
    if seeds.shape != (walk.graph.owned,) or seeds.dtype != torch.int64:
        got = f"{tuple(seeds.shape)} {seeds.dtype}"
        raise ValueError(f"`seeds` must be ({walk.graph.owned},) int64, one for each own node; got {got}.")
    most = int(walk.graph.halo.largest(float(seeds.max()) if len(seeds) else -1.0))
    if most < 0 and num_labels is None:
        raise ValueError("`seeds` are all −1, in all processes: label at least one node.")
    if num_labels is not None and most >= num_labels:
        raise ValueError(f"`seeds` must be less than `num_labels` = {num_labels}; got {most}.")
    return most + 1 if num_labels is None else num_labels


def _filled(walk: DistributedWalk, lost: Tensor, unreachable: Tensor | None, values: Tensor) -> Tensor:
    """(lost nodes here, L)"""
    count = int(walk.graph.halo.total(lost.sum()[None]))
    if count and unreachable is None:
        raise SingularWalkError(
            f"{count} of {walk.graph.num_nodes} nodes are in components without any seed, where label probabilities "
            "are undefined. Add a seed there, or pass `unreachable=prior`."
        )
    fill = values.new_zeros(values.shape[1]) if unreachable is None else unreachable.to(values)
    return fill.expand(int(lost.sum()), values.shape[1])


def _check_sums(walk: DistributedWalk, probability: Tensor, solver: PETSc) -> None:
    """However small the residual, an error can hide in a cluster that hardly reaches any seed."""
    total = probability.sum(1)
    killed = walk.graph.halo.largest(float(walk.local.killing.detach().amax()) if len(total) else 0.0) > 0
    excess = total - 1 if killed else (total - 1).abs()
    error = walk.graph.halo.largest(float(excess.max()) if len(total) else 0.0)
    if error > min(LARGEST_ERROR, math.sqrt(solver.rtol)):
        raise ConvergenceError(
            f"{solver} gave probabilities whose sum misses 1 by {error:.1e}: some nodes hardly reach any seed. Ask for "
            "a smaller `rtol`, raise the smallest weights, or add killing."
        )
