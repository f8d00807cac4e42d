"""The leading eigenpairs of S with guards beside them: dense where the graph is small, iterative where it is not."""

from dataclasses import dataclass

import torch
from torch import Tensor

from graphrw.spectral.davidson import BLOCK, EXPANSIONS, Davidson
from graphrw.spectral.matrix import SymmetricMatrix

EQUAL = 1e-8  # eigenvalues that differ by less count as one
MIN_GUARDS = 16
GUARD_TOLERANCE = 1e-6  # guards serve as a deflation and need not be better


@dataclass(frozen=True, eq=False)
class Eigenpairs:
    """k eigenpairs of largest |λ|, followed by guards: more of them, which make the derivative cheap.

    All rows are in the order of ``matrix.layout``. What is beside all p vectors has |λ| ≤ `bound`.
    """

    matrix: SymmetricMatrix
    values: Tensor  # (p,) float64, by falling |λ|
    vectors: Tensor  # (N, p) float64
    kept: int  # k ≤ p

    @property
    def bound(self) -> float:
        return float(self.values[-1].abs())

    @property
    def complete(self) -> bool:
        """Whether there is nothing beside them."""
        return len(self.values) == self.matrix.num_nodes


def decompose(matrix: SymmetricMatrix, kept: int, tolerance: float) -> Eigenpairs:
    """The `kept` leading eigenpairs to a residual of `tolerance`, and guards.

    Raises:
        ConvergenceError: if they do not converge.
    """
    count = kept + max(kept // 2, MIN_GUARDS)
    if matrix.num_nodes <= 3 * (count + (1 + EXPANSIONS) * BLOCK):
        return _decompose_dense(matrix, kept)
    wanted = matrix.entries.new_full((count,), max(tolerance, GUARD_TOLERANCE))
    wanted[:kept] = tolerance
    return _in_order(matrix, *Davidson(matrix, wanted, kept).run(), kept)


def _decompose_dense(matrix: SymmetricMatrix, kept: int) -> Eigenpairs:
    values, vectors = torch.linalg.eigh(matrix.dense())
    order = values.abs().argsort(descending=True, stable=True)
    return _in_order(matrix, values[order], vectors[:, order], kept)


def _in_order(matrix: SymmetricMatrix, values: Tensor, vectors: Tensor, kept: int) -> Eigenpairs:
    """With λ before −λ: rounding shall not decide."""
    size = values.abs()
    cluster = (size[:-1] - size[1:] > EQUAL).cumsum(0)
    order = (3 * torch.cat([cluster.new_zeros(1), cluster]) - values).argsort(stable=True)
    return Eigenpairs(matrix, values[order], vectors[:, order], kept)
