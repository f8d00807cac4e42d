"""(λ_j − S) v_j = g_j beside the eigenvectors that are kept, for all columns j."""

import torch
from torch import Tensor

from graphrw.core.errors import ConvergenceError
from graphrw.spectral.conjugate import conjugate_gradients_beside
from graphrw.spectral.davidson import EQUAL
from graphrw.spectral.eigenpairs import Eigenpairs, Leading
from graphrw.spectral.series import along_guards, series_degree, solve_by_series

COLUMNS_AT_ONCE = 16
MAX_ROUNDS = 12
LONG = 250  # a series of so many terms takes more time than conjugate gradients with the inverse
ROUNDING = 100 * torch.finfo(torch.float64).eps


def solve_beside(pairs: Eigenpairs, g: Tensor, tolerance: float) -> Tensor:
    """v (N, k), orthogonal to all kept eigenvectors, with (λ_j − S) v_j = g_j beside them.

    Along guards the inverse is known. Beside them a Chebyshev series gives it or, where that would be long, conjugate
    gradients with T ≈ (σ − S)⁻¹ for λ_j > 0 and (σ + S)⁻¹ for λ_j < 0; on bipartite graphs λ² serves for both signs.
    Guards need not be exact: rounds of refinement with the true residual correct for them. Memory does not depend on
    the number of terms.

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
        limit = torch.maximum(target, floor)
        missed = torch.linalg.vector_norm(residual, dim=0) > limit
        if not bool(missed.any()):
            return v
        for columns in missed.nonzero().squeeze(1).split(COLUMNS_AT_ONCE):
            correction = _beside(kept, _approximate(pairs, columns, residual[:, columns], limit[columns]))
            change = pairs.values[columns] * correction - pairs.matrix.matmul(correction)
            residual[:, columns] -= _beside(kept, change)
            v[:, columns] += correction
    worst = float((torch.linalg.vector_norm(residual, dim=0) / target).nan_to_num(0).max()) * tolerance
    raise ConvergenceError(
        f"The derivative of the eigenvectors kept a relative residual of {worst:.1e} after {MAX_ROUNDS} rounds; "
        f"asked was {tolerance:.1e}. The eigenvalue after the k-th is too close to it in |λ|: take another `k`."
    )


def _approximate(pairs: Eigenpairs, columns: Tensor, r: Tensor, limit: Tensor) -> Tensor:
    """About (λ_j − S)⁻¹ r_j beside kept vectors; through B Bᵀ on bipartite graphs.

    There (λ² − B Bᵀ) a = λ r_u + B r_l on the upper nodes, and b = (r_l + Bᵀ a) / λ on the lower ones. Of the vectors
    that are kept on the upper nodes some may belong to guards, of the other sign or of equal |λ|.
    """
    values, half = pairs.values[columns], pairs.half
    if half is None:
        return solve_shifted(pairs, pairs.kept, values, r, limit / 2)
    first = int((half.values.sqrt() > float(pairs.values[pairs.kept - 1].abs()) - EQUAL).sum())
    others = slice(pairs.kept, 2 * first)
    along = pairs.vectors[:, others].T @ r
    solved = pairs.vectors[:, others] @ (along / (values - pairs.values[others, None]))
    rest = r - pairs.vectors[:, others] @ along
    fold, lower = half.matrix.fold, rest[half.matrix.fold.lower]
    right = _beside(half.vectors[:, :first], values * rest[fold.upper] + half.matrix.to_upper(lower))
    a = solve_shifted(half, first, values.square(), right, values.abs() * limit / 2)
    solved[fold.upper] += a
    solved[fold.lower] += (lower + half.matrix.to_lower(a)) / values
    return solved


def solve_shifted(found: Leading, first: int, shifts: Tensor, r: Tensor, target: Tensor) -> Tensor:
    """About (s_j − S)⁻¹ r_j for `r` (N, K) beside the `first` of the vectors found."""
    if found.complete:
        return along_guards(found, first, shifts, r)
    if series_degree(found, shifts) <= LONG or bool((shifts.abs() <= found.bound).any()):
        return solve_by_series(found, first, shifts, r)
    x, below = torch.empty_like(r), shifts < 0
    for sign, columns in ((1, ~below), (-1, below)):
        if bool(columns.any()):
            end = found if sign > 0 else found.mirrored
            x[:, columns] = sign * conjugate_gradients_beside(
                end, first, sign * shifts[columns], r[:, columns], target[columns]
            )
    return x


def _beside(kept: Tensor, block: Tensor) -> Tensor:
    return block - kept @ (kept.T @ block)
