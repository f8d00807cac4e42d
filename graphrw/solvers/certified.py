"""Iterations on splittings of A whose residuals bound their errors, whatever the weights."""

import math
from abc import abstractmethod

import torch
from torch import Tensor

from graphrw.core.errors import ConvergenceError
from graphrw.core.walk import Walk
from graphrw.solvers import krylov
from graphrw.solvers.base import Equation
from graphrw.solvers.iterative import IterativeInverse, IterativeSolver
from graphrw.solvers.verdict import Verdict

ROUNDING = 4 * torch.finfo(torch.float64).eps  # of the largest term, what a residual of it may have lost
TRIES = 4  # from what is left each time, to find how many rounds walkers make


class CertifiedInverse(IterativeInverse):
    """BiCGStab, under a splitting A = M − N that counts the rounds of walkers.

    With no negative entry in M⁻¹ and N, K = M⁻¹N holds the chances of a round: with M the diagonal of A, of a step. An
    answer that leaves r = M⁻¹b − (I − K) x of its equation has the error (I − K)⁻¹ r, which is nowhere larger than
    max c · max |r| for any c with (I − K) c ≥ 1 (Berman & Plemmons 1994, chapter 6): for c = (I − K)⁻¹ 1, the mean
    number of rounds that walkers make. Likewise of Aᵀx = b: there y = Mᵀx has the equation (I − Kᵀ) y = b, and sums of
    absolute numbers take the place of the largest.
    """

    method = krylov.StabilisedBiconjugateGradients

    def __init__(self, walk: Walk, solver: IterativeSolver) -> None:
        super().__init__(walk, solver)
        self._rounds = math.inf  # max c, once judged

    @abstractmethod
    def without(self, x: Tensor, out: Tensor | None = None) -> Tensor:
        """(I − K) x, for `x` (N, K)."""

    @abstractmethod
    def left(self, b: Tensor, x: Tensor, transpose: bool) -> Tensor:
        """(K,): the largest number in M⁻¹b − (I − K) x over that in x, or the sum of b − (I − Kᵀ) y over that of y."""

    def at_rest(self, step: int, change: Tensor, x: Tensor, equation: Equation) -> bool:
        return super().at_rest(step, change, x, equation) and self.error_bound(equation, x) <= self.allowed_error

    def error_bound(self, equation: Equation, x: Tensor) -> float:
        parts = zip(*(each.split(self.columns_at_once, dim=1) for each in (equation.b, x)), strict=True)
        worst = max(float(self.left(b, place, equation.transpose).max()) for b, place in parts)
        return self._rounds * (ROUNDING + worst)

    def judge(self) -> Verdict:
        try:
            self._rounds = self._most_rounds()
        except ConvergenceError as failure:
            return Verdict(refusal=str(failure))
        if 2 * ROUNDING * self._rounds <= self.allowed_error:  # the other half is for what iterations leave
            return Verdict()
        return Verdict(
            refusal=f"{self.solver} cannot tell an answer from rounding: walkers make {self._rounds:.1e} rounds before "
            "they end, as in groups of nodes that they hardly ever leave. Try `solvers.Cholesky()` (undirected) or "
            "`solvers.LU()` (directed), raise the smallest weights, or add killing."
        )

    def _most_rounds(self) -> float:
        """A bound of max c, from some c that half solves its equation; infinite if rounding keeps it from that."""
        count = self.operator.num_nodes
        rounds = self.operator.walk.weight.new_zeros(count, 1)
        system = krylov.Uniform(self.without, lambda r: r)
        for _ in range(TRIES):
            left = 1 - self.without(rounds)
            surely = float((1 - left - ROUNDING * rounds.abs()).amin()) if count else 1.0
            if surely >= 0.25:
                return float(rounds.amax()) / surely if count else 0.0
            rounds += self._iterate(system, left, left.new_full((1,), 0.5))[0]
        return math.inf
