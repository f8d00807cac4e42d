"""Node labelling from few seeds: class-mass normalisation and Poisson learning."""

from collections.abc import Callable

import torch
from torch import Tensor

from graphrw.core.arrays import as_tensor
from graphrw.core.opaque import opaque
from graphrw.core.reach import stranded
from graphrw.core.scale import unit_of
from graphrw.core.shares import raised
from graphrw.core.walk import Walk, check_rates, check_walk, degree
from graphrw.core.whole import check_not_negative
from graphrw.functional.ground import ground
from graphrw.functional.harmonic import dirichlet, hitting_probabilities
from graphrw.functional.propagation import damp, step
from graphrw.functional.seeds import (
    check_distribution,
    checked_unreachable,
    count_labels,
    cure_of,
    fill_unreachable,
    one_hot,
)
from graphrw.solve import Factor
from graphrw.solvers import Auto, Solver

PSEUDO_LABELS = 20  # of each class, which draw the shares of few labels to equal ones; see `docs/node_labels.md`
FEWEST = 10  # nodes to be labelled, for each class: so few need not have any shares
FAINTEST = 1e-9  # what walkers meet more rarely is far from their node, however exact the solve
SURE = 1000  # times the error of a solve: shares of a row are right to three digits


@opaque
def class_mass_normalize(
    probability: Tensor, seeds: Tensor, prior: Tensor | None = None, *, pseudo_labels: float = 0.0
) -> Tensor:
    """Label probabilities reweighted so that the labels share the unlabelled nodes as `prior` says.

    From few seeds harmonic labels are nearly the same at all nodes, and the label of the best connected seed wins
    everywhere. Each label is therefore divided by its mass m_l = Σ_{i unlabelled} p_il and multiplied by q_l,

        p'_il ∝ q_l p_il / m_l.

    Source: X. Zhu, Z. Ghahramani, J. Lafferty, Semi-supervised learning using Gaussian fields and harmonic functions,
    ICML 2003, section 4, equation (9), here for any number of labels. It gives weights for a decision; as probabilities
    are wanted here, each row is divided by its sum and multiplied by what the sum was before (1 without killing). The
    largest label stays the largest. Masses equal q exactly before this last step, and roughly after it.

    Args:
        probability: (N, L) ≥ 0, as from `hitting_probabilities`.
        seeds: (N,) int64, of torch or NumPy, −1 at the unlabelled nodes. The other rows stay what they are.
        prior: q, (L,) ≥ 0 of sum 1, the expected share of each label; None: its share of the seeds (on Planetoid-like
            splits this is uniform), of those labels alone that some unlabelled node can have. For equal shares pass
            ``torch.full((L,), 1 / L)``.
        pseudo_labels: ≥ 0, without `prior`: how many seeds to add to each label's own when their shares are counted.
            Shares of few seeds are chance, and drawn to equal ones so.

    Returns:
        (N, L), differentiable in `probability`. Of a batch of graphs, all nodes count together.

    Raises:
        ValueError: for wrong shapes, types or values; for a label of positive `prior` that no unlabelled node has any
            probability of; and for a node that has only labels of prior 0, or without `prior` only labels without seed.

    >>> probability = torch.tensor([[1.0, 0.0], [0.8, 0.2], [0.7, 0.3], [0.0, 1.0]])
    >>> class_mass_normalize(probability, torch.tensor([0, -1, -1, 1])).argmax(1)
    tensor([0, 0, 1, 1])
    """
    probability = raised(as_tensor("probability", probability, "(N, L) floats"))
    seeds = as_tensor("seeds", seeds, "(N,) int64")
    _check_table(probability, seeds, pseudo_labels)
    if len(seeds) == 0:
        return probability
    free, unit = (seeds < 0)[:, None], unit_of(probability)
    probability = probability / unit  # so that sums are held
    mass = torch.where(free, probability, 0.0).sum(0)
    if prior is None:
        shares = _seed_shares(seeds, probability, pseudo_labels)
    else:
        shares = check_distribution("prior", prior, probability)
        _check_mass(shares, mass, free)
    # Without a `prior`, a label of mass 0 drops out by itself: all its probabilities are 0, and rows are divided anew.
    scaled = probability / torch.where(mass > 0, mass, 1.0) * shares
    before, after = probability.sum(1, keepdim=True), scaled.sum(1, keepdim=True)
    undecided = (free & (before > 0) & (after == 0)).detach().squeeze(1)
    if bool(undecided.any()):
        node = int(undecided.nonzero()[0])
        cause = "labels that no seed has: pass a `prior`" if prior is None else "labels whose `prior` is 0: raise it"
        raise ValueError(f"Node {node} can only have {cause} with positive shares for them.")
    return torch.where(free, scaled * (before / torch.where(after > 0, after, 1.0)), probability) * unit


def by_expected_shares(probability: Tensor, seeds: Tensor) -> Tensor:
    """What is made of harmonic labels where nobody says how often each label is expected; `docs/node_labels.md`.

    Args:
        probability: (N, L), as of `class_mass_normalize`, all reached by some seed.
        seeds: (N,) int64, −1 at the unlabelled nodes.
    """
    if int((seeds < 0).sum()) < FEWEST * probability.shape[1]:
        return probability
    return class_mass_normalize(probability, seeds, pseudo_labels=PSEUDO_LABELS)


def first_met(
    walk: Walk,
    seeds: Tensor,
    num_labels: int,
    *,
    alpha: float | None,
    made_up: Callable[[Tensor, Tensor], Tensor],
    solver: Solver = Auto(),
) -> tuple[Tensor, Tensor]:
    """Which label walkers meet first, and from which nodes none, or hardly any, meets one.

    Args:
        walk: N nodes.
        seeds: (N,) int64, −1 at the unlabelled nodes.
        num_labels: L.
        alpha: with which probability a walker goes on at each step; None: until it meets a label.
        made_up: gives probabilities and seeds of some nodes the mass that labels are expected to have.
        solver: how to solve.

    Returns:
        (N, L), rows of sum 1, and (N,) bool: where it is true the row says nothing, as no walker meets a label, or
        fewer do than `solver` can tell apart.
    """
    moved = walk if alpha is None else damp(walk, alpha)
    anything = walk.weight.new_full((num_labels,), 1 / num_labels)
    probability = hitting_probabilities(moved, seeds, num_labels, unreachable=anything, solver=solver)
    lost = stranded(walk, seeds >= 0)
    if alpha is not None:
        lost |= probability.sum(1) < _faintest(moved, probability, (seeds < 0) & ~lost, solver)
    found = made_up(probability[~lost], seeds[~lost])
    probability[~lost] = found / found.sum(1, keepdim=True)
    return probability, lost


def _faintest(walk: Walk, probability: Tensor, free: Tensor, solver: Solver) -> Tensor:
    """(N,) or (): how often walkers must meet a label for Z = `probability` (N, L) to tell which.

    Where nodes are `free` (N,), Z should be P Z. If it misses that by R, it is wrong by (I − P)⁻¹ R, and (I − P)⁻¹ ≥ 0.
    Rows of that sum to at most 1 / (1 − α), so that where R is small nothing need be solved to know.
    """
    missed = torch.where(free, (probability - step(walk, probability)).abs().sum(1), 0.0)
    most = missed.max() / torch.where(free, walk.killing / walk.rate, 1.0).min()
    if bool(SURE * most <= FAINTEST):
        return most.new_tensor(FAINTEST)
    flow = (walk.rate * missed)[:, None]
    error = dirichlet(walk, ~free, torch.zeros_like(flow), source=flow, solver=solver).squeeze(1)
    return (SURE * error).clamp(min=FAINTEST)


@opaque
def poisson_labels(
    walk: Walk,
    seeds: Tensor,
    num_labels: int | None = None,
    prior: Tensor | None = None,
    *,
    unreachable: Tensor | None = None,
    solver: Solver = Auto(),
) -> Tensor:
    """Label scores from sources and sinks at the seeds, which stay informative where harmonic labels go flat.

    Each seed j sends out what sets it apart from the mean seed, and u is the potential of that current:

        A u = Σ_j (y_j − ȳ) δ_j,   Σ_i d_i u_i = 0,   label of i = argmax_l u_il,   or of u_il q_l / ȳ_l with a prior

    where y_j is the one-hot label of seed j. A = D − W is singular; in each component one node is held at 0, and u then
    shifted to the constraint.

    Source: J. Calder, B. Cook, M. Thorpe, D. Slepčev, Poisson learning: graph based semi-supervised learning at very
    low label rates, ICML 2020, section 2: the equation's exact solution, which the paper's algorithm 1 iterates towards
    with a finite number of steps. The paper assumes a connected graph. Here each component is a problem of its own,
    with ȳ the mean over its own seeds (otherwise it has no solution). Where all seeds of a component carry one label
    nothing flows and all scores would be 0: there the score is 1 for this label and 0 for the others.

    Args:
        walk: on an undirected graph, without killing, which would drain what the seeds send out.
        seeds: (N,) int64, of torch or NumPy: the label of each seed, −1 elsewhere.
        num_labels: L; by default the largest seed + 1.
        prior: q, (L,) ≥ 0 of sum 1: the expected share of each label. Its scores are multiplied by q_l / ȳ_l, with ȳ
            the mean over all seeds (so that the seeds' own shares change nothing).
        unreachable: (L,) of sum 1, to give to nodes in components without a seed. Without it they are an error.
        solver: how to solve.

    Returns:
        (N, L) scores, of both signs, in inverse units of the weights: not probabilities. Differentiable in the weights
        to every order.

    Raises:
        SingularWalkError: if some component has no seed, and `unreachable` is not given.
        ValueError: for a directed graph, killing, wrong shapes, types or values, or a prior for a label without seed.

    >>> from graphrw import grid_graph, walk
    >>> line = walk(grid_graph((4,)), torch.ones(3, dtype=torch.float64))
    >>> poisson_labels(line, torch.tensor([0, -1, -1, 1]))[:, 1]
    tensor([-0.7500, -0.2500,  0.2500,  0.7500], dtype=torch.float64)
    """
    _check_walk(walk)
    seeds = as_tensor("seeds", seeds, f"({walk.graph.num_nodes},) int64")
    num_labels = count_labels(walk, seeds, num_labels)
    seeded = seeds >= 0
    target = one_hot(seeds, num_labels, walk.weight)
    unreachable = checked_unreachable(unreachable, target)
    grounded, held, component = ground(walk)
    counts = walk.weight.new_zeros(walk.graph.num_nodes, num_labels).index_add(0, component, target)[component]
    mean = counts / counts.sum(1, keepdim=True).clamp(min=1)
    source = torch.where(seeded[:, None] & ~held[:, None], target - mean, 0.0)
    potential = Factor.of(grounded, solver).solve(source)
    scores = _centred(walk, potential, component)
    # All seeds of the component carry one label: nothing flows, and the mean seed is that label.
    scores = torch.where(mean.amax(1, keepdim=True) == 1, mean, scores)
    if prior is not None:
        scores = scores * _prior_factor(prior, target)
    lost = counts.sum(1) == 0
    if not bool(lost.any()):
        return scores
    return torch.where(lost[:, None], fill_unreachable(walk, lost, unreachable), scores)


def _centred(walk: Walk, values: Tensor, component: Tensor) -> Tensor:
    """(N, L): `values` less their mean over each component, every node weighted with its degree."""
    rate = degree(walk.graph, walk.weight)[:, None]
    volume = torch.zeros_like(rate).index_add(0, component, rate)
    total = torch.zeros_like(values).index_add(0, component, rate * values)
    return values - (total / torch.where(volume > 0, volume, 1.0))[component]


def _prior_factor(prior: Tensor, target: Tensor) -> Tensor:
    """(L,): q_l / ȳ_l."""
    prior = check_distribution("prior", prior, target)
    count = target.sum(0)
    missing = ((prior > 0) & (count == 0)).nonzero()
    if len(missing):
        label = int(missing[0])
        raise ValueError(
            f"`prior` gives label {label} a share of {float(prior.detach()[label]):.3g}, but it has no seed. Add one, "
            "or give it the prior 0."
        )
    return prior * count.sum() / count.clamp(min=1)


def _check_mass(prior: Tensor, mass: Tensor, free: Tensor) -> None:
    """Raise `ValueError` if the caller's prior gives a share to a label that no unlabelled node can have."""
    empty = (prior > 0) & (mass.detach() == 0) & bool(free.any())
    if bool(empty.any()):
        label = int(empty.nonzero()[0])
        raise ValueError(
            f"`prior` gives label {label} a share of {float(prior.detach()[label]):.3g}, but no unlabelled node has "
            "any probability of it. Give it a seed, or the prior 0."
        )


def _seed_shares(seeds: Tensor, like: Tensor, pseudo_labels: float) -> Tensor:
    """(L,): the share of each label among the seeds, and as many more of each label."""
    count = seeds[seeds >= 0].bincount(minlength=like.shape[1]).to(like) + pseudo_labels
    if not bool(count.sum() > 0):
        raise ValueError("`seeds` are all −1, so that their labels have no shares: pass a `prior`.")
    return count / count.sum()


def _check_table(probability: Tensor, seeds: Tensor, pseudo_labels: float) -> None:
    check_not_negative("pseudo_labels", pseudo_labels)
    if probability.ndim != 2 or not probability.is_floating_point():
        got = f"{tuple(probability.shape)} {probability.dtype}"
        raise ValueError(f"`probability` must be (N, L) floats; got {got}.")
    check_rates("probability", probability)
    num_nodes, num_labels = probability.shape
    if seeds.shape != (num_nodes,) or seeds.dtype != torch.int64:
        got = f"{tuple(seeds.shape)} {seeds.dtype}.{cure_of(seeds)}"
        raise ValueError(f"`seeds` must be ({num_nodes},) int64; got {got}")
    wrong = seeds[(seeds < -1) | (seeds >= num_labels)]
    if len(wrong):
        raise ValueError(f"`seeds` must be labels from 0 to {num_labels - 1}, or −1; got {int(wrong[0])}.")


def _check_walk(walk: Walk) -> None:
    check_walk(walk)
    if walk.graph.directed:
        raise ValueError("`poisson_labels` is defined on undirected graphs only; got a directed one.")
    killed = (walk.killing.detach() > 0).nonzero()
    if len(killed):
        node = int(killed[0])
        raise ValueError(
            f"`poisson_labels` is defined without killing; got {float(walk.killing.detach()[node]):.3g} at node "
            f"{node}. Make the walk with `killing=0`."
        )
