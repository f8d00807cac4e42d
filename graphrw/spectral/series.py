"""(s_j − S)⁻¹ by a Chebyshev series: for s of either sign, without any preconditioner."""

import math

import torch
from torch import Tensor

from graphrw.core.errors import ConvergenceError
from graphrw.spectral.eigenpairs import Leading
from graphrw.spectral.matrix import Symmetric

REDUCTION = 1e-5  # of the residual at a time: rounding errors along kept eigenvectors grow by its inverse
MAX_DEGREE = 20_000


def solve_by_series(found: Leading, first: int, shifts: Tensor, r: Tensor) -> Tensor:
    """(s_j − S)⁻¹ r_j up to `REDUCTION` for `r` (N, K) beside the `first` vectors; exact along guards that are exact.

    Beside all p vectors y(S) lies in [−1, 1], and Y_j = y(s_j) does not. With q = Y − √(Y² − 1), the root that has the
    sign of Y for Y < 0,
        1 / (Y − y) = (1 + 2 Σ_{n≥1} qⁿ T_n(y)) / √(Y² − 1),
    by the generating function of the Chebyshev polynomials. Memory does not depend on the number of terms.

    Raises:
        ConvergenceError: if it would take more than `MAX_DEGREE` terms.
    """
    degree = series_degree(found, shifts)
    bound = _bound(found, shifts)
    if degree > MAX_DEGREE:
        raise ConvergenceError(
            f"The derivative needs a series of {degree} terms, more than {MAX_DEGREE}: |λ| of the last eigenpair kept "
            f"({float(shifts.abs().min()):.9f}) hardly differs from that of the last guard ({bound:.9f}). Take a `k` "
            "at a gap of the spectrum."
        )
    root, q = _root(found, shifts)
    guards = found.vectors[:, first:]
    rest = r - guards @ (guards.T @ r)
    series = _sum(found.matrix, rest, bound, q, degree) * (found.matrix.slope(bound) / root)
    return along_guards(found, first, shifts, r) + series


def along_guards(found: Leading, first: int, shifts: Tensor, r: Tensor) -> Tensor:
    """(s_j − S)⁻¹ of what r_j is along the guards."""
    guards = found.vectors[:, first:]
    return guards @ ((guards.T @ r) / (shifts - found.values[first:, None]))


def series_degree(found: Leading, shifts: Tensor) -> int:
    """How many terms reduce the residual to `REDUCTION`."""
    slowest = float(_root(found, shifts)[1].abs().max())
    return math.ceil(math.log(REDUCTION) / math.log(slowest)) if slowest < 1 else MAX_DEGREE + 1


def _bound(found: Leading, shifts: Tensor) -> float:
    return max(found.bound, 1e-3 * float(shifts.abs().min()))


def _root(found: Leading, shifts: Tensor) -> tuple[Tensor, Tensor]:
    """√(Y² − 1), and q, (K,)."""
    y, above = found.matrix.position(shifts, _bound(found, shifts)), (shifts.abs() - _bound(found, shifts))
    root = (above * found.matrix.slope(_bound(found, shifts)) * (y.abs() + 1)).sqrt() * y.sign()
    return root, 1 / (y + root)


def _sum(matrix: Symmetric, r: Tensor, bound: float, q: Tensor, degree: int) -> Tensor:
    """(1 + 2 Σ qⁿ T_n(y(S))) r, to `degree`, computed in float32: there are rounds of refinement to come."""
    norm = torch.linalg.vector_norm(r, dim=0).clamp(min=1e-300)
    first = (r / norm).float()
    previous, current, power = first, matrix.chebyshev(first, bound, 1), 2 * q
    total = torch.addcmul(first, current, power.float())
    for _ in range(degree - 1):
        matrix.advance(previous, current, bound)
        previous, current, power = current, previous, power * q
        total.addcmul_(current, power.float())
    answer: Tensor = total * norm
    return answer
