"""(λ_j − S) v_j = g_j beside the eigenvectors that are kept, for all columns j."""

import math

import torch
from torch import Tensor

from graphrw.errors import ConvergenceError
from graphrw.spectral.eigenpairs import Eigenpairs

COLUMNS_AT_ONCE = 16
REDUCTION = 1e-5  # of the residual in one round: rounding errors along kept eigenvectors grow by its inverse
MAX_ROUNDS = 12
MAX_DEGREE = 20_000  # of the series of one round
ROUNDING = 100 * torch.finfo(torch.float64).eps


def solve_beside(pairs: Eigenpairs, g: Tensor, tolerance: float) -> Tensor:
    """v (N, k), orthogonal to all kept eigenvectors, with (λ_j − S) v_j = g_j beside them.

    Along guards the inverse is known. Beside all p vectors S lies in [−a, a], a = |λ_p| < |λ_j|, where 1 / (λ_j − x) is
    a Chebyshev series that converges like q_jⁿ (see `_series`). Guards need not be exact: rounds of refinement with
    the true residual correct for them. Memory does not depend on the number of terms.

    Args:
        pairs: k kept eigenpairs and guards.
        g: (N, k) float64, the right-hand sides; what they have along kept eigenvectors is ignored.
        tolerance: of the true residual, relative to ‖g_j‖.

    Raises:
        ConvergenceError: if a column does not get there.
    """
    kept = pairs.vectors[:, : pairs.kept]
    residual, size = _beside(kept, g), torch.linalg.vector_norm(g, dim=0)
    target = tolerance * torch.linalg.vector_norm(residual, dim=0)
    v = torch.zeros_like(residual)
    for _ in range(MAX_ROUNDS):
        floor = ROUNDING * (size + torch.linalg.vector_norm(v, dim=0))  # ‖S‖ ≤ 1
        missed = torch.linalg.vector_norm(residual, dim=0) > torch.maximum(target, floor)
        if not bool(missed.any()):
            return v
        for columns in missed.nonzero().squeeze(1).split(COLUMNS_AT_ONCE):
            correction = _beside(kept, _approximate(pairs, columns, residual[:, columns]))
            change = pairs.values[columns] * correction - pairs.matrix.matmul(correction)
            residual[:, columns] -= _beside(kept, change)
            v[:, columns] += correction
    worst = float((torch.linalg.vector_norm(residual, dim=0) / target).nan_to_num(0).max()) * tolerance
    raise ConvergenceError(
        f"The derivative of the eigenvectors kept a relative residual of {worst:.1e} after {MAX_ROUNDS} rounds; "
        f"asked was {tolerance:.1e}. The eigenvalue after the k-th is too close to it in |λ|: take another `k`."
    )


def _approximate(pairs: Eigenpairs, columns: Tensor, r: Tensor) -> Tensor:
    """(λ_j − S)⁻¹ r_j, exact along guards that are exact."""
    values, guards = pairs.values[columns], pairs.vectors[:, pairs.kept :]
    along = guards.T @ r
    solved = guards @ (along / (values - pairs.values[pairs.kept :, None]))
    return solved if pairs.complete else solved + _series(pairs, values, r - guards @ along)


def _series(pairs: Eigenpairs, values: Tensor, r: Tensor) -> Tensor:
    """(λ_j − S)⁻¹ r_j where S lies in [−a, a], up to `REDUCTION`.

    With q = (λ − √(λ² − a²)) / a, the root that has the sign of λ for λ < 0,
        1 / (λ − x) = (1 + 2 Σ_{n≥1} qⁿ T_n(x / a)) / √(λ² − a²),
    by the generating function of the Chebyshev polynomials.
    """
    bound = max(pairs.bound, 1e-3 * float(values.abs().min()))
    root = (values - bound).mul(values + bound).sqrt() * values.sign()
    q = bound / (values + root)
    degree = math.ceil(math.log(REDUCTION) / float(q.abs().max().log()))
    if degree > MAX_DEGREE:
        raise ConvergenceError(
            f"The derivative needs a series of {degree} terms, more than {MAX_DEGREE}: |λ| of the last eigenpair kept "
            f"({float(values.abs().min()):.9f}) hardly differs from that of the last guard ({bound:.9f}). Take a `k` "
            "at a gap of the spectrum."
        )
    previous, current, power = r.clone(), pairs.matrix.matmul(r) / bound, 2 * q
    total = r + power * current
    for _ in range(degree - 1):
        pairs.matrix.advance(previous, current, bound)
        previous, current, power = current, previous, power * q
        total.addcmul_(current, power)
    return total / root


def _beside(kept: Tensor, block: Tensor) -> Tensor:
    return block - kept @ (kept.T @ block)
