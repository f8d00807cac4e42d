"""A first look at a spectrum: some steps of Lanczos' method tell where its ends are, and about how dense it is."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from graphrw.spectral.matrix import Symmetric
from graphrw.spectral.subspace import random_like

STEPS = 50  # of Lanczos' method: some percent of a search; at a million nodes they tell the lowest end within 0.07
RISK = 1e-8  # the probability that `lowest` is not a bound


@dataclass(frozen=True)
class Survey:
    """Ritz values of a random vector, by falling size, and the share of the spectrum that each stands for."""

    values: Tensor  # (m,) falling
    shares: Tensor  # (m,) about the fraction of all eigenvalues near each
    lowest: float  # no eigenvalue is less, but for a probability of `RISK`

    def leading(self, count: int, num_nodes: int) -> float:
        """About the `count`-th largest eigenvalue of `num_nodes`."""
        beyond = self.shares.cumsum(0) * num_nodes < count
        return float(self.values[min(int(beyond.sum()), len(self.values) - 1)])


def survey(matrix: Symmetric) -> Survey:
    """Lanczos' method from a random vector q; outside autograd.

    The squared first entries of the Ritz vectors are the weights of a Gauss rule for qᵀ f(S) q, whose mean is
    tr f(S) / N (Golub & Meurant 2010). After m steps the smallest Ritz value θ is within (λ_max − λ_min) e of λ_min
    but for a probability of 1.648 √N exp(−(2m − 1) √e) (Kuczyński & Woźniakowski, SIAM J. Matrix Anal. Appl. 1992,
    theorem 4.2).
    """
    count = matrix.num_nodes
    previous = torch.zeros(count, 1, dtype=torch.float64, device=matrix.device)
    current = random_like(previous, seed=7)
    current = current / torch.linalg.vector_norm(current)
    diagonal: list[float] = []
    beside = [0.0]
    for _ in range(min(STEPS, count)):
        following = matrix.matmul(current)
        diagonal.append(float((current * following).sum()))
        # Without reorthogonalisation Ritz values may repeat, which moves neither end and hardly the shares.
        following.add_(current, alpha=-diagonal[-1]).add_(previous, alpha=-beside[-1])
        beside.append(float(torch.linalg.vector_norm(following)))
        if beside[-1] < 1e-10:
            break
        previous, current = current, following.div_(beside[-1])
    return _survey(previous.new_tensor(diagonal), previous.new_tensor(beside[1:-1]), count)


def _survey(diagonal: Tensor, beside: Tensor, count: int) -> Survey:
    tridiagonal = torch.diag(diagonal) + torch.diag(beside, 1) + torch.diag(beside, -1)
    values, vectors = torch.linalg.eigh(tridiagonal)
    root = math.log(1.648 * math.sqrt(count) / RISK) / (2 * len(values) - 1)
    e = root * root
    lowest = (float(values[0]) - e) / (1 - e) if e < 1 else -1.0  # λ_max ≤ 1
    return Survey(values.flip(0), vectors[0].square().flip(0), max(lowest, -1.0))
