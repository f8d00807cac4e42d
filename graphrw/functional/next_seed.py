"""Which node to ask about next: what one more seed there would bring."""

from collections.abc import Callable

import torch
from torch import Tensor

from graphrw.functional.seed_network import SeededAnswer
from graphrw.functional.uncertainty import entropy

COLUMNS_AT_ONCE = 64
Risk = Callable[[Tensor], Tensor]  # of probabilities (…, L): (…,)
Criterion = Callable[[SeededAnswer, Tensor, Tensor], Tensor]  # of candidates (C,), by the size (N,) of nodes: (C,)


def error(probability: Tensor) -> Tensor:
    """1 − max_l p_l: how probably the likeliest label is wrong."""
    return 1 - probability.amax(-1)


def entropy_there(answer: SeededAnswer, candidates: Tensor, size: Tensor) -> Tensor:
    """(C,): how undecided the candidates are, in nats. (Uncertainty sampling; Lewis & Gale 1994.)"""
    return entropy(answer.probability[candidates].clamp(0, 1))


def expected_change(answer: SeededAnswer, candidates: Tensor, size: Tensor) -> Tensor:
    """(C,): by how much probabilities are expected to move, Σ_i size_i Σ_l |difference|, once a candidate is labelled.

    With label l at node r the answer becomes Z + h_r (e_l − z_r)ᵀ; h_r = A⁻¹_·r / A⁻¹_rr is the probability of
    walkers to come by r. The label is l with probability z_rl: the sum is 2 Σ_l z_rl (1 − z_rl) Σ_i size_i h_ri.
    """
    z = answer.probability[candidates].clamp(0, 1)
    return torch.cat(
        [
            2 * (z[block] * (1 - z[block])).sum(1) * (size @ answer.visits(candidates[block]))
            for block in torch.arange(len(candidates)).split(COLUMNS_AT_ONCE)
        ]
    )


def expected_error_reduction(answer: SeededAnswer, candidates: Tensor, size: Tensor) -> Tensor:
    """(C,): by how much Σ_i size_i (1 − max_l z_il) is expected to fall (Zhu, Lafferty & Ghahramani 2003)."""
    return _expected_reduction(answer, candidates, size, error)


def expected_entropy_reduction(answer: SeededAnswer, candidates: Tensor, size: Tensor) -> Tensor:
    """(C,): by how much the sum of all entropies is expected to fall, in nats."""
    return _expected_reduction(answer, candidates, size, lambda probability: entropy(probability, -1))


def _expected_reduction(answer: SeededAnswer, candidates: Tensor, size: Tensor, risk: Risk) -> Tensor:
    """Of each candidate r: now − Σ_l z_rl Σ_i size_i risk(z_i + h_ri (e_l − z_r))."""
    z = answer.probability.clamp(0, 1)
    now, gains = size @ risk(z), []
    for block in candidates.split(COLUMNS_AT_ONCE):
        visits, there = answer.visits(block), z[block]
        after = now.new_zeros(len(block))
        for label, outcome in enumerate(torch.eye(z.shape[1], dtype=z.dtype)):
            moved = z[:, None] + visits[..., None] * (outcome - there)
            after = after + there[:, label] * (size @ risk(moved.clamp(0, 1)))
        gains.append(now - after)
    return torch.cat(gains)
