"""Which node to ask about next: what one more seed there would bring."""

from collections.abc import Callable

import torch
from torch import Tensor

from graphrw.functional.seed_network import SeededAnswer

COLUMNS_AT_ONCE = 64
Criterion = Callable[[SeededAnswer, Tensor, Tensor], Tensor]  # of candidates (C,), by the size (N,) of nodes: (C,)


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
    """(C,): by how much Σ_i size_i (1 − max_l z_il) is expected to fall (Zhu, Lafferty & Ghahramani 2003).

    With label l at r the largest probability of i is max_k (z_ik − h_ri z_rk), or that of l, z_il + h_ri (1 − z_rl).
    """
    z = answer.probability.clamp(0, 1)
    now, gains = size @ z.amax(1), []
    for block in candidates.split(COLUMNS_AT_ONCE):
        visits, there = answer.visits(block), z[block]
        others = torch.full_like(visits, -torch.inf)
        for here, share in zip(z.T, there.T, strict=True):
            others = torch.maximum(others, here[:, None] - visits * share)
        after = now.new_zeros(len(block))
        for here, share in zip(z.T, there.T, strict=True):
            after = after + share * (size @ torch.maximum(others, here[:, None] + visits * (1 - share)))
        gains.append(after - now)
    return torch.cat(gains)
