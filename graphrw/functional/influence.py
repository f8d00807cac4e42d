"""What seeds are answerable for: the answer without some of them, from the factor that is there."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from graphrw.core.arrays import as_tensor
from graphrw.core.errors import SingularWalkError
from graphrw.core.opaque import opaque
from graphrw.core.reach import stranded
from graphrw.core.walk import Walk, check_finite_rate, check_walk
from graphrw.functional.seed_network import SeededAnswer
from graphrw.functional.seeds import checked_absorption, count_labels
from graphrw.solvers import Auto, Solver


@dataclass(frozen=True, eq=False)
class Influence:
    """What the seeds of one group bring about: made by `influence`."""

    nodes: Tensor  # (S,) int64: the seeds, ascending
    there: Tensor  # (S, L): the hitting probabilities at these nodes without them
    answer: SeededAnswer

    @cached_property
    def probability(self) -> Tensor:
        """(N, L): the hitting probabilities without these seeds; one solve, when it is asked for."""
        z = self.answer.probability
        moved = torch.zeros_like(z).index_put((self.nodes,), self.there - z[self.nodes])
        return z + moved + self.answer.spread(moved)

    @property
    def change(self) -> Tensor:
        """(N,) in [0, 1]: ½ Σ_l |difference|, how far the probabilities of each node move without these seeds."""
        return (self.probability - self.answer.probability).abs().sum(1) / 2


@opaque
def influence(
    walk: Walk,
    seeds: Tensor,
    groups: Tensor | None = None,
    *,
    num_labels: int | None = None,
    absorption: Tensor | None = None,
    solver: Solver = Auto(),
) -> list[Influence]:
    """What each group of seeds is answerable for: the exact hitting probabilities without it.

    Let Z be the answer with all seeds, y_g its values at the seeds g of a group, and U the nodes without seed. Free,
    the group obeys the equations of its own nodes too, of which Z leaves the residual r_g = (a − A Z)_g: what the seeds
    supply. With the Schur complement S of the factor that is there,

        S = A_gg − W_gU A_UU⁻¹ W_Ug,   Z'_g = y_g + S⁻¹ r_g,   Z'_U = Z_U + A_UU⁻¹ W_Ug (Z'_g − y_g),

    so that a group of s seeds takes s solves in the place of a factorisation. Z'_g, what all others say about the seeds
    of a group, tells wrong seeds: their own label is improbable there. For Gaussian fields this is cross-validation in
    closed form (Rasmussen & Williams 2006, section 5.4.2), block by block.

    Args:
        walk: N nodes.
        seeds: (N,) int64, of torch or NumPy: the label of each seed, −1 elsewhere.
        groups: (N,) int64: which group each seed belongs to, from 0; −1 at other nodes, and at seeds to leave alone.
            None: each seed is a group of its own, in the order of nodes.
        num_labels: L; by default that of `absorption`, or the largest seed + 1.
        absorption: (N, L) rates ≥ 0 into each label, as in `hitting_probabilities`; it stays when seeds go.
        solver: how to solve.

    Returns:
        An `Influence` for each group; differentiable in weights, killing and absorption.

    Raises:
        SingularWalkError: if without some group walkers from some node never end.
        ConvergenceError: as `solve`.
        ValueError: for wrong shapes, types or values.

    >>> from graphrw import grid_graph, walk
    >>> line = walk(grid_graph((5,)), torch.ones(4, dtype=torch.float64))
    >>> first, middle, last = influence(line, torch.tensor([0, -1, 1, -1, 0]))
    >>> middle.there, middle.change
    (tensor([[1., 0.]], dtype=torch.float64), tensor([0.0000, 0.5000, 1.0000, 0.5000, 0.0000], dtype=torch.float64))
    """
    answer, members = _answered(walk, seeds, groups, num_labels=num_labels, absorption=absorption, solver=solver)
    network = answer.network(members)
    parts = zip(members, network.parts, strict=True)
    return [Influence(nodes, network.there(part), answer) for nodes, part in parts]


@opaque
def blame(
    walk: Walk,
    seeds: Tensor,
    groups: Tensor | None = None,
    *,
    num_labels: int | None = None,
    absorption: Tensor | None = None,
    solver: Solver = Auto(),
) -> Tensor:
    """How much better all other seeds agree without each group: the larger, the more it looks wrong.

    Let p_h be the probability that the seeds of group h have their own labels, told by all others: the geometric mean
    over them. Then

        blame_g = Σ_{h ≠ g} (log p_h without g − log p_h),

    the change of the leave-one-out likelihood (Besag 1975) of the others. That a seed surprises the others is no proof
    against it: it may be the only one in its part. But a wrong one makes right ones near it look wrong. No new solve is
    needed: all of it happens on S of `influence`, where setting a group free is one more Schur complement.

    Args:
        walk: as in `influence`, and so the others.
        seeds: (N,) int64.
        groups: (N,) int64.
        num_labels: L.
        absorption: (N, L).
        solver: how to solve.

    Returns:
        (G,), in nats; probabilities below 0.001 count as that.

    Raises:
        SingularWalkError: if without some two groups walkers from a seed never end.
        ValueError: as `influence`.

    >>> from graphrw import grid_graph, walk
    >>> line = walk(grid_graph((6,)), torch.ones(5, dtype=torch.float64))
    >>> int(blame(line, torch.tensor([0, -1, 0, 1, 0, 0])).argmax())  # which of the five seeds
    2
    """
    answer, members = _answered(walk, seeds, groups, num_labels=num_labels, absorption=absorption, solver=solver)
    return answer.network(members).blame()


def _answered(
    walk: Walk,
    seeds: Tensor,
    groups: Tensor | None,
    *,
    num_labels: int | None,
    absorption: Tensor | None,
    solver: Solver,
) -> tuple[SeededAnswer, list[Tensor]]:
    """The answer with all seeds, and the nodes of each group, from checked arguments."""
    check_walk(walk)
    seeds = as_tensor("seeds", seeds, f"({walk.graph.num_nodes},) int64")
    absorption = checked_absorption(absorption)
    num_labels = count_labels(walk, seeds, num_labels, absorption)
    members = _members(_checked_groups(seeds, groups))
    if absorption is None:
        absorption = walk.weight.new_zeros(len(seeds), num_labels)
    walk = Walk(walk.graph, walk.weight, walk.killing + absorption.sum(1))
    check_finite_rate(walk.graph, walk.weight, walk.killing, "its killing and absorption")
    _require_ends(walk, seeds)
    return SeededAnswer.of(walk, seeds, absorption, solver), members


def _checked_groups(seeds: Tensor, groups: Tensor | None) -> Tensor:
    seeded = seeds >= 0
    if groups is None:
        return torch.where(seeded, seeded.cumsum(0) - 1, -1)
    groups = as_tensor("groups", groups, f"({len(seeds)},) int64")
    if groups.shape != seeds.shape or groups.dtype != torch.int64:
        raise ValueError(f"`groups` must be ({len(seeds)},) int64; got {tuple(groups.shape)} {groups.dtype}.")
    if bool((groups < -1).any()):
        raise ValueError(f"`groups` must be numbers ≥ 0, or −1; got {int(groups.min())}.")
    wrong = ((groups >= 0) & ~seeded).nonzero()
    if len(wrong):
        raise ValueError(f"`groups` puts node {int(wrong[0])} into a group, but it is no seed.")
    return groups


def _members(groups: Tensor) -> list[Tensor]:
    """The nodes of each group, from 0 to the last."""
    nodes = (groups >= 0).nonzero().squeeze(1)
    if len(nodes) == 0:
        raise ValueError("`groups` are all −1: put at least one seed into a group.")
    counts = groups[nodes].bincount().tolist()
    if 0 in counts:
        raise ValueError(f"`groups` must be numbered without gaps; group {counts.index(0)} has no seed.")
    return list(nodes[groups[nodes].argsort(stable=True)].split(counts))


def _require_ends(walk: Walk, seeds: Tensor) -> None:
    lost = stranded(walk, (seeds >= 0) | (walk.killing.detach() > 0))
    if bool(lost.any()):
        raise SingularWalkError(
            f"From {int(lost.sum())} of {len(seeds)} nodes (first: {int(lost.nonzero()[0])}) walkers never end. Add a "
            "seed there, absorption or some killing."
        )
