"""Answers of a simple model, corrected and smoothed along the walk: the limits of Correct and Smooth.

S = (D + s)^−½ (W + s) (D + s)^−½, and Y are the labels of the seeds, Z the answers. Source: Q. Huang, H. He, A. Singh,
S.-N. Lim, A. R. Benson, Combining Label Propagation and Simple Models Out-performs Graph Neural Networks, ICLR 2021.
"""

import torch
from torch import Tensor

from graphrw.core.arrays import as_tensor
from graphrw.core.finite import check_finite
from graphrw.core.opaque import opaque
from graphrw.core.walk import Walk, check_walk
from graphrw.core.whole import check_flag, check_not_negative
from graphrw.functional.harmonic import dirichlet
from graphrw.functional.propagation import check_alpha, damp, resolvent
from graphrw.functional.seeds import count_labels, one_hot
from graphrw.functional.transition import node_rows, prepared, rate_of
from graphrw.solvers import Auto, Solver

MOST_SCALED = 1000  # errors that arrive fainter are not scaled up, as in PyG: seeds are far away


@opaque
def correct(
    walk: Walk,
    probability: Tensor,
    seeds: Tensor,
    alpha: Tensor | float,
    *,
    autoscale: bool = True,
    scale: float = 1.0,
    self_loops: Tensor | float = 0.0,
    solver: Solver = Auto(),
) -> Tensor:
    """Answers less the errors that they make at seeds, which the walk carries to all nodes.

    With E = Y − Z at seeds and 0 elsewhere, and σ the mean of ‖E_i‖₁ over seeds,

        Ê = (1 − α) (I − αS)⁻¹ E,                      Z_i + σ Ê_i / ‖Ê_i‖₁   with `autoscale`;
        Ê_M = E_M,  (I − αS_UU) Ê_U = αS_UM E_M,       Z + scale Ê            without: errors are held at the seeds M.

    These are the limits of many layers of PyG's `CorrectAndSmooth`, which also cuts errors at −1 and 1 after each. The
    residual of each solve is checked.

    Args:
        walk: N nodes; nothing kills.
        probability: Z, (N, L) floats.
        seeds: (N,) int64, of torch or NumPy: the label of each seed, −1 elsewhere.
        alpha: α in (0, 1): the more, the farther errors are carried.
        autoscale: bring the errors at each node to the mean size of those at seeds.
        scale: ≥ 0, without `autoscale`.
        self_loops: s ≥ 0 in the units of weights, a number or (N,).
        solver: how to solve.

    Returns:
        (N, L), differentiable in the weights and `probability`. Entries may be negative, and rows miss a sum of 1.

    Raises:
        ConvergenceError: as `solve`.
        ValueError: for wrong shapes, types or values, or without any seed.

    >>> from graphrw import Graph, walk
    >>> path = walk(Graph(torch.tensor([[0, 1], [1, 2]]), num_nodes=3), torch.ones(2))
    >>> correct(path, torch.full((3, 2), 0.5), torch.tensor([0, -1, 1]), 0.5)
    tensor([[1.0000, 0.0000],
            [0.5000, 0.5000],
            [0.0000, 1.0000]])
    """
    check_flag("autoscale", autoscale)
    check_not_negative("scale", scale)
    alpha = check_alpha(alpha)
    seeds, given = _labels_and_answers(walk, probability, seeds)
    seeded = (seeds >= 0)[:, None]
    error = torch.where(seeded, one_hot(seeds, given.shape[1], given) - given, 0.0)
    if not autoscale:
        return given + scale * _held(walk, error, seeded[:, 0], alpha, self_loops=self_loops, solver=solver)
    ending = damp(walk, alpha, self_loops=self_loops)
    spread = (1 - alpha) * resolvent(ending, error, solver, self_loops=self_loops, symmetric=True)
    size = spread.abs().sum(1, keepdim=True)
    wanted = error.abs().sum() / seeded.sum()
    strong = size * MOST_SCALED >= wanted
    return given + torch.where(strong & (size > 0), wanted / torch.where(size > 0, size, 1.0), 1.0) * spread


@opaque
def smooth(
    walk: Walk,
    probability: Tensor,
    seeds: Tensor,
    alpha: Tensor | float,
    *,
    self_loops: Tensor | float = 0.0,
    solver: Solver = Auto(),
) -> Tensor:
    """Answers made alike between neighbours: (1 − α) (I − αS)⁻¹ G, with G = Y at seeds and Z elsewhere.

    The limit of many layers of PyG's `CorrectAndSmooth`, which also cuts answers at 0 and 1 after each.

    Args:
        walk: N nodes; nothing kills.
        probability: Z, (N, L) floats, as `correct` returns them.
        seeds: (N,) int64, of torch or NumPy: the label of each seed, −1 elsewhere.
        alpha: α in (0, 1): the more, the smoother.
        self_loops: s ≥ 0 in the units of weights, a number or (N,).
        solver: how to solve.

    Returns:
        (N, L), differentiable in the weights and `probability`: the largest entry of a row is the answer.

    Raises:
        ConvergenceError: as `solve`.
        ValueError: for wrong shapes, types or values, or without any seed.

    >>> from graphrw import Graph, walk
    >>> path = walk(Graph(torch.tensor([[0, 1], [1, 2]]), num_nodes=3), torch.ones(2))
    >>> smooth(path, torch.full((3, 2), 0.5), torch.tensor([0, -1, -1]), 0.5)[:, 0]
    tensor([0.7429, 0.6869, 0.4929])
    """
    alpha = check_alpha(alpha)
    seeds, given = _labels_and_answers(walk, probability, seeds)
    known = torch.where((seeds >= 0)[:, None], one_hot(seeds, given.shape[1], given), given)
    ending = damp(walk, alpha, self_loops=self_loops)
    return (1 - alpha) * resolvent(ending, known, solver, self_loops=self_loops, symmetric=True)


def _labels_and_answers(walk: Walk, probability: Tensor, seeds: Tensor) -> tuple[Tensor, Tensor]:
    check_walk(walk)
    probability = node_rows("probability", walk, probability)
    if probability.ndim != 2:
        raise ValueError(f"`probability` must be (N, L), a column for each label; got {tuple(probability.shape)}.")
    check_finite("probability", probability)
    seeds = as_tensor("seeds", seeds, f"({walk.graph.num_nodes},) int64")
    count_labels(walk, seeds, probability.shape[1])
    if not bool((seeds >= 0).any()):
        raise ValueError("`seeds` are all −1, so that nothing is known: label at least one node.")
    return seeds, probability


def _held(
    walk: Walk,
    error: Tensor,
    seeded: Tensor,
    alpha: Tensor | float,
    *,
    self_loops: Tensor | float,
    solver: Solver,
) -> Tensor:
    """Ê (N, L) with the errors held at seeds: with Ê = (D + s)^½ g, g is harmonic for the walk that α damps."""
    walk, error, loops, unit = prepared(walk, error, self_loops)
    rate, dead = rate_of(walk, loops)
    killing = torch.where(dead, rate, damp(walk, alpha, self_loops=loops).killing)
    root = rate.sqrt()[:, None]
    carried = root * dirichlet(Walk(walk.graph, walk.weight, killing), seeded, error / root, solver=solver)
    return carried if unit is None else carried * unit
