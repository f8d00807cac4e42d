"""Iterations on splittings of A whose residuals bound their errors, whatever the weights."""

import math
from abc import abstractmethod

import torch
from torch import Tensor

from graphrw.core.errors import ConvergenceError
from graphrw.core.graph import Graph
from graphrw.core.walk import Walk
from graphrw.solvers.base import Equation
from graphrw.solvers.iterative import krylov
from graphrw.solvers.iterative.base import IterativeInverse, IterativeSolver
from graphrw.solvers.verdict import Verdict

EPSILON = torch.finfo(torch.float64).eps
TRIES = 3  # from what is left each time, to find how many rounds walkers make
ADVICE = (
    "Try `solvers.Cholesky()` (undirected) or `solvers.LU()` (directed), raise the smallest weights, or add killing."
)


def operations_of_a_step(graph: Graph) -> Tensor:
    """(N,) float64: how many of arithmetic one from each node takes, or one to it: a sum over its edges, a few more."""
    return 4 + torch.bincount(graph.edges.reshape(-1), minlength=graph.num_nodes).double()


class CertifiedInverse(IterativeInverse):
    """BiCGStab, under a splitting A = M − N that counts the rounds of walkers.

    With no negative entry in M⁻¹ and N, K = M⁻¹N holds the chances of a round: with M the diagonal of A, of a step. An
    answer that leaves r = M⁻¹b − (I − K) x of its equation has the error (I − K)⁻¹ r, which is nowhere larger than
    max c · max |r| for any c with (I − K) c ≥ 1 (Berman & Plemmons 1994, chapter 6): for c = (I − K)⁻¹ 1, the mean
    number of rounds that walkers make. Rounding puts no more into r, relative to x, than ε for each operation of a
    round. Likewise of Aᵀx = b: there y = Mᵀx has the equation (I − Kᵀ) y = b, and sums of absolute numbers take the
    place of the largest.
    """

    method = krylov.StabilisedBiconjugateGradients

    def __init__(self, walk: Walk, solver: IterativeSolver) -> None:
        super().__init__(walk, solver)
        self._rounds = self._rounding = math.inf  # once judged: max c, and what rounding may take of an answer

    @abstractmethod
    def without(self, x: Tensor, out: Tensor | None = None) -> Tensor:
        """(I − K) x, for `x` (N, K)."""

    @abstractmethod
    def operations(self) -> Tensor:
        """(N, 1): how many operations of arithmetic a round from each node takes in the mean, ≥ 1."""

    @abstractmethod
    def left(self, b: Tensor, x: Tensor, transpose: bool) -> tuple[Tensor, Tensor]:
        """(K,) twice: what x (N, K), of Aᵀ y, leaves of its equation, and the terms that make up the answer; both
        relative to the answer.
        """

    def at_rest(self, step: int, change: Tensor, x: Tensor, equation: Equation) -> bool:
        return super().at_rest(step, change, x, equation) and self.error_bound(equation, x) <= self.allowed_error

    def error_bound(self, equation: Equation, x: Tensor) -> float:
        """Raises `ConvergenceError` where rounding alone may be too much."""
        parts = zip(*(each.split(self.columns_at_once, dim=1) for each in (equation.b, x)), strict=True)
        found = [self.left(b, place, equation.transpose) for b, place in parts]
        residual, terms = (torch.cat(each) for each in zip(*found, strict=True))
        lost = self._rounding * float(terms.max())
        if lost > self.allowed_error:
            raise ConvergenceError(
                f"{self.solver} cannot tell an answer from rounding, which may take {lost:.1e} of it: right-hand sides "
                "cancel where walkers stay for long."
            )
        return float((self._rounds * residual + self._rounding * terms).max())

    def judge(self) -> Verdict:
        try:
            self._rounds = self._most_rounds()
        except ConvergenceError as failure:
            return Verdict(refusal=str(failure))
        self._rounding = EPSILON * self._rounds * float(self.operations().max())
        if 2 * self._rounding <= self.allowed_error:  # the other half is for what iterations leave
            return Verdict()
        return Verdict(
            refusal=f"{self.solver} cannot tell an answer from rounding, which may take {self._rounding:.1e} of it: "
            f"walkers make {self._rounds:.1e} rounds before they end, as in groups of nodes that they hardly ever "
            f"leave. {ADVICE}"
        )

    def _most_rounds(self) -> float:
        """A bound of max c, from some c that half solves its equation, but for rounding."""
        system, rounds = krylov.Uniform(self.without, lambda r: r), torch.zeros_like(self.operator.degree[:, None])
        left = torch.ones_like(rounds)
        for _ in range(TRIES):
            rounds = rounds + self._iterate(system, left, left.new_full((1,), 0.5))[0]
            left = 1 - self.without(rounds)
            solved = float((1 - left).min())
            if solved >= 0.25:
                return float(rounds.max()) / solved
        raise ConvergenceError(
            f"{self.solver} found no bound of its errors within {TRIES} × {self._max_iterations} iterations: walkers "
            f"go on for too long, as in groups of nodes that they hardly ever leave. {ADVICE}"
        )
