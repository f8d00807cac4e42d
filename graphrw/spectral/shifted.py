"""(s_j − S) x_j = r_j, a shift for each column, beside eigenvectors that are known: by a series, or by iterations."""

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from graphrw.core.errors import ConvergenceError
from graphrw.solvers.iterative.krylov import ConjugateGradients, iterate
from graphrw.spectral.eigenpairs import Leading
from graphrw.spectral.matrix import HEADROOM, MIN_BOUND, Symmetric, clear
from graphrw.spectral.route import MAX_SERIES, Route

REDUCTION = 1e-5  # of the residual by one series: about what float32 has to give, and rounds of refinement follow
MAX_ITERATIONS = 200  # of conjugate gradients: 3 to 20 where they come first, up to 100 where a series has failed


@dataclass(frozen=True, eq=False)
class Shifted:
    """The systems (s_j − S) x_j = r_j in the space beside the `first` of the vectors found.

    |s_j| is at least as large as every |λ| there, so that they are definite: positive or negative, as the sign of s_j.
    Along guards, the vectors found beyond the first ones, the answer is known; what is beside all of them is left.
    """

    found: Leading
    first: int
    shifts: Tensor  # (K,)

    def solve(self, route: Route, r: Tensor, target: Tensor) -> Tensor:
        """About x for `r` (N, K), beside the first vectors as r is.

        Args:
            route: how.
            r: (N, K)
            target: (K,) the residual norms asked of iterations; a series reduces each residual to `REDUCTION` of it.

        Raises:
            ConvergenceError: if a series would be too long.
        """
        if self.found.complete:
            return self._along_guards(r)
        return self._by_series(r) if route is Route.POLYNOMIAL else self._by_iterations(r, target)

    @cached_property
    def terms(self) -> int:
        """How many terms of a series reduce the residual to `REDUCTION`."""
        slowest = float(self._root[1].abs().max())
        return math.ceil(math.log(REDUCTION) / math.log(slowest)) if slowest < 1 else MAX_SERIES + 1

    @property
    def _guards(self) -> Tensor:
        return self.found.vectors[:, self.first :]

    def _along_guards(self, r: Tensor) -> Tensor:
        return self._guards @ ((self._guards.T @ r) / (self.shifts - self.found.values[self.first :, None]))

    # --- by a series ------------------------------------------------------------------------------------------------

    def _by_series(self, r: Tensor) -> Tensor:
        """Up to `REDUCTION`, and as exact along guards as they are.

        Beside all p vectors y(S) lies in [−1, 1], and Y_j = y(s_j) does not. With q = Y − √(Y² − 1), the root that has
        the sign of Y for Y < 0,
            1 / (Y − y) = (1 + 2 Σ_{n≥1} qⁿ T_n(y)) / √(Y² − 1),
        by the generating function of the Chebyshev polynomials. Memory does not depend on the number of terms.
        """
        if self.terms > MAX_SERIES:
            raise ConvergenceError(f"a series would need more than {MAX_SERIES} terms")
        root, q = self._root
        rest = r - self._guards @ (self._guards.T @ r)
        return self._along_guards(r) + self._sum(rest, q) * (self.found.matrix.slope(self._bound) / root)

    @cached_property
    def _bound(self) -> float:
        return max(self.found.bound, MIN_BOUND * float(self.shifts.abs().min()))

    @cached_property
    def _root(self) -> tuple[Tensor, Tensor]:
        """√(Y² − 1), and q, (K,)."""
        y, above = self.found.matrix.position(self.shifts, self._bound), self.shifts.abs() - self._bound
        root = (above * self.found.matrix.slope(self._bound) * (y.abs() + 1)).sqrt() * y.sign()
        return root, 1 / (y + root)

    def _sum(self, r: Tensor, q: Tensor) -> Tensor:
        """(1 + 2 Σ qⁿ T_n(y(S))) r, computed in float32: there are rounds of refinement to come."""
        matrix, bound, terms = self.found.matrix, self._bound, self.terms
        stride = self._stride(q)
        known = (self.found.vectors if stride <= terms else self.found.vectors[:, :0]).float()
        norm = torch.linalg.vector_norm(r, dim=0).clamp(min=1e-300)
        first = (r / norm).float()
        previous, current, power = first, matrix.chebyshev(first, bound, 1), 2 * q
        total = torch.addcmul(first, current, power.float())
        for term in range(2, terms + 1):
            matrix.advance(previous, current, bound)
            previous, current, power = current, previous, power * q
            if term % stride == 0:
                clear(known, previous, current)
            total.addcmul_(current, power.float())
        clear(known, total)
        answer: Tensor = total * norm
        return answer

    def _stride(self, q: Tensor) -> int:
        """After how many terms rounding along the vectors found has to be cleared away; more than all if never.

        The recurrence is meant to run beside them, but float32 leaves 6e-8 of a vector there, and that grows with
        T_n(y(λ)), as exp(n · arccosh y) at the largest |λ|; the answer takes it in with a weight of qⁿ. Where many
        eigenvalues lie near the largest, the two nearly cancel. But where that stands alone far above the others, as on
        graphs without any bottleneck, a series of 50 terms was seen to end at 1e15 times the answer.
        """
        top = self.found.matrix.position(float(self.found.values[0].abs()), self._bound)
        pace = math.acosh(max(1.0, top))
        if self.terms * (pace + math.log(float(q.abs().max()))) <= math.log(HEADROOM):
            return self.terms + 1
        return max(1, math.floor(math.log(HEADROOM) / pace))

    # --- by iterations ----------------------------------------------------------------------------------------------

    def _by_iterations(self, r: Tensor, target: Tensor) -> Tensor:
        """Conjugate gradients with the inverse, on s_j − S, or for s_j < 0 on |s_j| + S, whose answer is −x."""
        x, matrix, below = torch.empty_like(r), self.found.matrix, self.shifts < 0
        for sign, end, mask in ((1, matrix, ~below), (-1, matrix.mirrored, below)):
            columns = mask.nonzero().squeeze(1)
            if end is not None and len(columns):
                system = _AtOneEnd(end, self, sign, columns)
                right, goal = r[:, columns], target[columns]
                answer, _ = iterate(ConjugateGradients, system, right, goal, max_iterations=MAX_ITERATIONS)
                x[:, columns] = sign * answer
        return x


class _AtOneEnd:
    """The systems of shifts of one sign, positive definite, as Krylov methods see them.

    Args:
        end: S, or −S for negative shifts.
        systems: all of them.
        sign: of the shifts.
        columns: (K,) which of the systems, of that sign.
    """

    def __init__(self, end: Symmetric, systems: Shifted, sign: int, columns: Tensor) -> None:
        self._end, self._systems, self._sign, self._columns = end, systems, sign, columns
        self._vectors, self._first = systems.found.vectors, systems.first
        self._shifts = sign * systems.shifts[columns]
        self._values = sign * systems.found.values[systems.first :, None]  # of the guards

    def narrowed(self, place: Tensor) -> "_AtOneEnd":
        return _AtOneEnd(self._end, self._systems, self._sign, self._columns[place])

    def matmul(self, x: Tensor, out: Tensor) -> Tensor:
        """(s_j − S) x_j, kept beside the first vectors, where rounding would lead away from them."""
        kept = self._vectors[:, : self._first]
        torch.mul(x, self._shifts, out=out).sub_(self._end.matmul(x))
        return out.addmm_(kept, kept.T @ out, alpha=-1)

    def precondition(self, r: Tensor) -> Tensor:
        """T beside all vectors found, which near the end of the spectrum is about right for every s_j, and exactly
        1 / (s_j − θ) along each guard."""
        z = self._end.apply_inverse(r)
        along = self._vectors.T @ z
        along[self._first :] -= (self._vectors[:, self._first :].T @ r) / (self._shifts - self._values)
        return z.addmm_(self._vectors, along, alpha=-1)
