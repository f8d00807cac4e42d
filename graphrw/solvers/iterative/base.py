"""What iterative solvers share: options, and iterations that go on until a small residual means a small error."""

import math
from abc import abstractmethod
from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from typing import Any

import torch
from torch import Tensor

from graphrw.core.blocks import columns_at_once
from graphrw.core.errors import ConvergenceError
from graphrw.core.walk import Walk
from graphrw.core.whole import check_whole
from graphrw.solvers.base import Equation, Plan, RefinedInverse, Solver
from graphrw.solvers.gpu.playback import Recorder
from graphrw.solvers.iterative import krylov
from graphrw.solvers.norms import column_norm, largest
from graphrw.solvers.verdict import Verdict, distance_from_one, sum_of_answers

WORST_ANSWER = 0.01  # error on A 1 = killing with which an answer is still given: one per cent of a probability
SHARPENING = 0.01  # by how much residuals shrink from pass to pass and from try to try, where they hide errors
SHARPNESSES = (1.0, 1e-2, 1e-4, 1e-6, 1e-8)  # what is tried; beyond, residuals are rounding
LARGEST_EXCUSED = 1e-3  # where an iteration has run away, the rounding of A x grows with x, and excuses nothing


@dataclass(frozen=True)
class IterativeSolver(Solver[Plan]):
    """A Krylov method under some preconditioner.

    Args:
        rtol: the relative residual at which a column has converged, in (0, 1). A residual of 1e-6 is not an error of
            1e-6.
        max_iterations: of one pass, ≥ 1. Further passes, which look closer at the residual, may follow; after four
            times as many in all, a `ConvergenceError`.
        forecast_after: a `ConvergenceError` after so many iterations, ≥ 1, if `max_iterations` would not do at the pace
            so far; None to go on in any case.
    """

    rtol: float = 1e-8
    max_iterations: int = 1000
    forecast_after: int | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_whole("max_iterations", self.max_iterations, 1)
        if self.forecast_after is not None:
            check_whole("forecast_after", self.forecast_after, 1)


class IterativeInverse(RefinedInverse):
    """A preconditioner for one walk. Subclasses apply it; this class iterates under it.

    Where weights span many orders of magnitude, rounding in the ordinary product A x hides what x still lacks: answers
    off by 0.8 were seen beside residuals as small as float64 allows. So residuals are taken as
    k ⊙ x + Σ_j w_ij (x_i − x_j), where nothing cancels, and where one misses the target, the next pass iterates with
    this product, to a smaller target, until a pass hardly moves x.
    """

    most_refinements = 8  # the last one asks for residuals 1e-16 times smaller than the first
    largest_excused = LARGEST_EXCUSED
    sums_tell = False  # each column stops at a residual of its own size: 1 in the sum says little of the next columns
    always_in_differences = True
    method: type[krylov.Columns[Any]] = krylov.ConjugateGradients
    record: Recorder | None = None  # how to record its iterations

    def __init__(self, walk: Walk, solver: IterativeSolver) -> None:
        super().__init__(walk, solver)
        self.most_iterations = 4 * solver.max_iterations  # what never converges shall say so soon
        self._max_iterations, self._forecast_after = solver.max_iterations, solver.forecast_after
        self._working = Lock()  # one solve at a time: preconditioners work in memory of their own

    @abstractmethod
    def precondition(self, r: Tensor, transpose: bool = False) -> Tensor:
        """M⁻¹ r for `r` (N, K) float64, or M⁻ᵀ r where M is not symmetric; the next call may overwrite the answer."""

    @property
    def allowed_error(self) -> float:
        return min(WORST_ANSWER, math.sqrt(self.solver.rtol))

    def at_rest(self, step: int, change: Tensor, x: Tensor, equation: Equation) -> bool:
        """Passes after the first must hardly move x, and x must add up: as far as is asked, or in the end as it can."""
        most = self.allowed_error if step < self.most_refinements else WORST_ANSWER
        moved = float((change / largest(x).clamp(min=1e-300)).max()) if step else 0.0
        adds_up = equation.excepted is None or distance_from_one(sum_of_answers(x, equation.excepted)) <= most
        return moved <= most and adds_up

    def apply(self, b: Tensor, target: Tensor, transpose: bool, step: int) -> tuple[Tensor, int]:
        target = 0.5 * SHARPENING**step * target  # half: the true residual lags behind that of the recursion
        with self._working:
            return self._iterate(self.system(transpose, step), b, target)

    def system(self, transpose: bool, step: int) -> krylov.Narrowing:
        """What is iterated on, after so many passes."""
        product = self.operator.matmul_in_differences if step else self.operator.matmul
        return krylov.Uniform(*(partial(each, transpose=transpose) for each in (product, self.precondition)))

    @property
    def columns_at_once(self) -> int:
        return min(krylov.COLUMNS_AT_ONCE, columns_at_once(self.operator.num_nodes))

    def _iterate(self, system: krylov.Narrowing, b: Tensor, target: Tensor) -> tuple[Tensor, int]:
        """At the scale of 1: a preconditioner in float32 has no room for squares of tiny numbers."""
        norm = column_norm(b)
        norm = torch.where(norm > 0, norm, 1.0)
        x, iterations = krylov.iterate(
            self.method,
            system,
            b / norm,
            target / norm,
            max_iterations=self._max_iterations,
            forecast_after=self._forecast_after,
            record=self.record,
        )
        return x.mul_(norm), iterations

    def judge(self) -> Verdict:
        """Residuals shrink until the answer to A x = killing is right."""
        equation = Equation(self.operator.walk.killing[:, None], self._moving_norm())
        error, x, sharpness = math.inf, None, 1.0
        for sharpness in SHARPNESSES:
            try:
                x = self._refine(equation, x, Verdict(sharpness=sharpness)).x
            except ConvergenceError as failure:
                if error > WORST_ANSWER:
                    return Verdict(refusal=str(failure))
                break
            error = distance_from_one(x)
            if error <= self.allowed_error:
                break
        if error <= WORST_ANSWER:
            return Verdict(sharpness=sharpness)
        return Verdict(
            refusal=f"{self.solver} reached its residual, but with a relative error of {error:.1e} on A 1 = killing: "
            "some nodes hardly reach any seed or killing. Try `solvers.Cholesky()`, raise the smallest weights, or add "
            "killing."
        )

    def _moving_norm(self) -> Tensor:
        """(1,): of the killing, which counts up to the degree: seeds have much of it, and nobody moves there."""
        killing = self.operator.walk.killing[:, None]
        moving = column_norm(torch.minimum(killing, self.operator.degree[:, None]))
        return torch.where(moving > 0, moving, column_norm(killing))
