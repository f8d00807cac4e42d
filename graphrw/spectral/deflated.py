"""(λ_j − S) v_j = g_j beside the eigenvectors that are kept, for all columns j."""

import torch
from torch import Tensor

from graphrw.core.errors import ConvergenceError
from graphrw.solvers.base import ROUNDING
from graphrw.solvers.iterative.krylov import COLUMNS_AT_ONCE
from graphrw.spectral.eigenpairs import GUARD_TOLERANCE, Eigenpairs
from graphrw.spectral.matrix import EQUAL
from graphrw.spectral.route import LONG_SERIES, Route, in_order, in_turn
from graphrw.spectral.shifted import Shifted

MAX_ROUNDS = 12  # of refinement, by each route; three of a series or one of iterations are enough
SHRINKS = 0.5  # a round that leaves more of the residual leads nowhere: the other route is next
# Guards are known to a residual of `GUARD_TOLERANCE`. Where the gap after the k-th eigenvalue is not well above it,
# they are mixed with what is kept, and no refinement can be counted on.
CLUSTER = 10 * GUARD_TOLERANCE


def solve_beside(pairs: Eigenpairs, g: Tensor, tolerance: float) -> Tensor:
    """v (N, k), orthogonal to all kept eigenvectors, with (λ_j − S) v_j = g_j beside them.

    Along guards the inverse is known. Beside them a Chebyshev series gives it or, where that would be long or has
    failed, conjugate gradients with T ≈ (σ − S)⁻¹ for λ_j > 0 and (σ + S)⁻¹ for λ_j < 0; on bipartite graphs λ² serves
    for both signs. Guards need not be exact: rounds of refinement with the true residual correct for them. Memory does
    not depend on the number of terms.

    Args:
        pairs: k kept eigenpairs and guards.
        g: (N, k) float64, the right-hand sides; what they have along kept eigenvectors is ignored.
        tolerance: of the true residual, relative to ‖g_j‖.

    Raises:
        ConvergenceError: if a column gets there by neither route.
    """
    v = torch.zeros_like(g)
    for columns in torch.arange(pairs.kept, device=g.device).split(COLUMNS_AT_ONCE):
        v[:, columns] = _Refinement(pairs, columns, g[:, columns], tolerance).run()
    return v


class _Refinement:
    """Some columns of v, refined until their true residuals are small.

    Args:
        pairs, tolerance: as in `solve_beside`.
        columns: (K,) int64, the eigenpairs that they belong to.
        g: (N, K), their right-hand sides.
    """

    def __init__(self, pairs: Eigenpairs, columns: Tensor, g: Tensor, tolerance: float) -> None:
        self.pairs, self.values, self.tolerance = pairs, pairs.values[columns], tolerance
        self.kept = pairs.vectors[:, : pairs.kept]
        self.residual, self.size = _beside(self.kept, g), torch.linalg.vector_norm(g, dim=0)
        self.norm = torch.linalg.vector_norm(self.residual, dim=0)
        self.target = tolerance * self.norm
        self.v = torch.zeros_like(g)

    def run(self) -> Tensor:
        missed, _ = self._missed()
        if len(missed) == 0:
            return self.v
        routes = in_order(_systems(self.pairs, self.values[missed]).terms, LONG_SERIES)
        what = f"The derivative of the eigenvectors did not get to a relative residual of {self.tolerance:.1e}"
        return in_turn(routes, self._refine, what, self._cause)

    def _refine(self, route: Route, last: bool) -> Tensor:
        """Rounds by this route, from the v that is there, for the columns that are not there yet."""
        for _ in range(MAX_ROUNDS):
            missed, limit = self._missed()
            if len(missed) == 0:
                return self.v
            if not self._round(route, missed, limit):
                break
        raise ConvergenceError(f"a relative residual of {self._left():.1e} was left")

    def _round(self, route: Route, missed: Tensor, limit: Tensor) -> bool:
        """One correction of the columns `missed`, taken where it helps; whether it has helped all of them."""
        r, before = self.residual[:, missed], self.norm[missed]
        correction = _beside(self.kept, self._approximate(missed, r, limit, route))
        change = self.values[missed] * correction - self.pairs.matrix.matmul(correction)
        rest = r - _beside(self.kept, change)
        after = torch.linalg.vector_norm(rest, dim=0)
        better = after < before  # false for NaN: what has overflowed is left behind
        if not bool(better.all()):
            correction, rest = torch.where(better, correction, 0.0), torch.where(better, rest, r)
        self.v[:, missed] += correction
        self.residual[:, missed], self.norm[missed] = rest, torch.where(better, after, before)
        helped: Tensor = (after <= SHRINKS * before) | (after <= limit)
        return bool(helped.all())

    def _approximate(self, missed: Tensor, r: Tensor, limit: Tensor, route: Route) -> Tensor:
        """About (λ_j − S)⁻¹ r_j beside kept vectors, for the columns `missed`; through B Bᵀ on bipartite graphs.

        There (λ² − B Bᵀ) a = λ r_u + B r_l on the upper nodes, and b = (r_l + Bᵀ a) / λ on the lower ones.
        """
        values, pairs = self.values[missed], self.pairs
        systems, half = _systems(pairs, values), pairs.half
        if half is None:
            return systems.solve(route, r, limit / 2)  # half: the true residual lags behind that of the iterations
        others = slice(pairs.kept, 2 * systems.first)
        along = pairs.vectors[:, others].T @ r
        solved = pairs.vectors[:, others] @ (along / (values - pairs.values[others, None]))
        rest = r - pairs.vectors[:, others] @ along
        fold, lower = half.matrix.fold, rest[half.matrix.fold.lower]
        right = _beside(half.vectors[:, : systems.first], values * rest[fold.upper] + half.matrix.to_upper(lower))
        a = systems.solve(route, right, values.abs() * limit / 2)
        solved[fold.upper] += a
        solved[fold.lower] += (lower + half.matrix.to_lower(a)) / values
        return solved

    def _missed(self) -> tuple[Tensor, Tensor]:
        """(K',) int64: the columns that are not there yet; and where they have to get, (K',).

        That is the residual asked for, or what rounding allows: ‖S‖ ≤ 1 and |λ| ≤ 1.
        """
        limit = torch.maximum(self.target, ROUNDING * (self.size + torch.linalg.vector_norm(self.v, dim=0)))
        missed = (~(self.norm <= limit)).nonzero().squeeze(1)
        return missed, limit[missed]

    def _left(self) -> float:
        """The largest relative residual."""
        return float((self.norm / self.target).nan_to_num(0).max()) * self.tolerance

    def _cause(self) -> str:
        last, *after = self.pairs.values[self.pairs.kept - 1 :].abs().tolist()
        if after and last - after[0] <= CLUSTER:
            return (
                f"`k` = {self.pairs.kept} cuts a cluster of eigenvalues: |λ| of the k-th is {last:.9f}, of the next "
                f"{after[0]:.9f}. Take another `k`, at a gap of the spectrum."
            )
        return (
            "Likely cause: weights that span too many orders of magnitude, or a `tolerance` that float64 cannot reach."
        )


def _systems(pairs: Eigenpairs, values: Tensor) -> Shifted:
    """What is to be solved for these λ, (K,): shifted by λ itself, or on bipartite graphs by λ² with half the nodes.

    Of the vectors that are kept on half the nodes some may belong to guards, of the other sign or of equal |λ|.
    """
    half = pairs.half
    if half is None:
        return Shifted(pairs, pairs.kept, values)
    last = float(pairs.values[pairs.kept - 1].abs())
    return Shifted(half, int((half.values.sqrt() > last - EQUAL).sum()), values.square())


def _beside(kept: Tensor, block: Tensor) -> Tensor:
    return block - kept @ (kept.T @ block)
