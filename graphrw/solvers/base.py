"""What every solver is, and the one loop in which its answers are refined until they can be trusted."""

from abc import ABC, abstractmethod
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple

import torch
from torch import Tensor
from typing_extensions import TypeVar

from graphrw.core.errors import ConvergenceError
from graphrw.core.graph import Graph
from graphrw.core.walk import Walk
from graphrw.core.whole import is_number
from graphrw.solvers.norms import column_norm, finite_norm, relative_to
from graphrw.solvers.operator import Operator
from graphrw.solvers.verdict import CLEAN, Verdict, distance_from_one, excepted_from_sum, sum_of_answers

Plan = TypeVar("Plan", default=Any)
# Of |A||x|: no float64 x has a residual that is surely below it. 100 covers the sums over a row's many entries.
ROUNDING = 100 * torch.finfo(torch.float64).eps
MARGIN = 0.1  # a sum of answers clears an inverse only if its error is this share of what a column of its own may have


class Solver(ABC, Generic[Plan]):
    """A way to solve A x = b, with its options. Subclasses are frozen dataclasses: they hold no state.

    Work is split where its inputs split: `plan` sees the structure (once per graph), `invert` the weights (once per
    walk), and the `solve` of what it makes the right-hand sides.
    """

    rtol: float

    def __post_init__(self) -> None:
        if not (is_number(self.rtol) and 0 < self.rtol < 1):
            raise ValueError(f"`rtol` must lie in (0, 1); got {self.rtol!r}.")

    @abstractmethod
    def plan(self, graph: Graph) -> Plan:
        """What depends on the structure alone, or `ValueError` for a graph that this solver cannot take."""

    @abstractmethod
    def invert(self, walk: Walk, plan: Plan) -> "Inverse":
        """Prepare this walk, whose tensors are float64 and outside autograd, for any number of right-hand sides.

        Raises:
            ConvergenceError: where that fails for want of digits; whatever else goes wrong stays what it is.
        """

    def refuse_directed(self, graph: Graph) -> None:
        """Raise `ValueError` for a directed graph; for the plans of solvers that need a symmetric A."""
        if graph.directed:
            name = type(self).__name__
            raise ValueError(f"`{name}` needs an undirected graph (a symmetric A); for a directed one use `LU`.")

    @property
    def plan_key(self) -> Hashable:
        """What plans are kept under: the type, and those options that shape the plan; by default none does."""
        return type(self)

    def plan_for(self, graph: Graph) -> Plan:
        """The plan of this solver for `graph`, which keeps it."""
        return graph.cached(self.plan_key, lambda: self.plan(graph))

    def inverse_of(self, walk: Walk) -> "Inverse":
        """The walk's operator, prepared; see `invert`."""
        return self.invert(walk, self.plan_for(walk.graph))


def check_solver(solver: object) -> None:
    """Raise `ValueError` unless `solver` is a `Solver`, not its name or its class."""
    if not isinstance(solver, Solver):
        got = f"the class `{solver.__name__}`: call it" if isinstance(solver, type) else repr(solver)
        raise ValueError(f"`solver` must be a solver, such as `Auto()` or `CG(rtol=1e-6)`; got {got}.")


@dataclass(frozen=True, eq=False)
class Solution:
    """An answer, and how it came about."""

    x: Tensor  # (N, K) float64
    solver: Solver  # that found it
    passes: int  # of the loop of refinement, from 1
    iterations: int  # of an iterative method, in all passes
    relative_residual: float  # the worst column's


@dataclass(frozen=True, eq=False)
class Equation:
    """A x = b, or Aᵀx = b, as the loop of refinement sees it."""

    b: Tensor  # (N, K)
    norm: Tensor  # (K,): residuals count relative to it
    transpose: bool = False
    excepted: Tensor | None = None  # (N,) bool: where x need not add up to 1, as it must elsewhere; None: nowhere


class Remainder(NamedTuple):
    """What x has left of a right-hand side."""

    residual: Tensor  # (N, K): b − A x
    relative: Tensor  # (K,): its norm over that of the equation


class Inverse(ABC):
    """What a solver makes of one walk: A⁻¹, applied with care. Everything here is float64 and outside autograd."""

    @abstractmethod
    def solve(self, b: Tensor, transpose: bool = False, start: Tensor | None = None) -> Solution:
        """x with A x = b (N, K), or Aᵀx = b, from `start` (N, K), or 0; the same whatever was solved before.

        Raises:
            ConvergenceError: if it cannot be had to the solver's tolerance.
            ValueError: if `b` holds NaN or infinite values.
        """


class RefinedInverse(Inverse):
    """An inverse whose answers are refined as its verdict asks. Subclasses apply it once, approximately, and judge it.

    The path of a right-hand side: `_refine` applies the inverse to what is left of it, pass by pass, until nothing is
    left that matters under the verdict, which `solve` sees to.
    """

    most_refinements: int  # passes after the first, unless the verdict asks for more; then a solve fails
    most_iterations: float  # in all passes, after which a solve fails
    largest_excused: float  # the relative residual up to which one at the rounding level of A x counts as settled
    sums_tell: bool  # whether a sum of answers sees the same error as a column of its own
    always_in_differences: bool  # whether every residual is taken so, not only where it decides

    def __init__(self, walk: Walk, solver: Solver) -> None:
        self.solver = solver
        self.operator = Operator(walk)
        self._verdict: Verdict | None = None

    def __repr__(self) -> str:
        return str(self.solver)

    @abstractmethod
    def apply(self, b: Tensor, target: Tensor, transpose: bool, step: int) -> tuple[Tensor, int]:
        """x with A x ≈ b (or Aᵀx ≈ b), and the number of iterations.

        Args:
            b: (N, K) float64.
            target: (K,) the residual norm at which an iterative method may stop.
            transpose: solve with Aᵀ; only ever true of a directed graph.
            step: how many passes there were before; 0 for a right-hand side itself.
        """

    @abstractmethod
    def judge(self) -> Verdict:
        """The verdict, by solving A x = killing as a column of its own."""

    @property
    @abstractmethod
    def allowed_error(self) -> float:
        """By how much the answer to A x = killing may miss 1 in a clean verdict."""

    def at_rest(self, step: int, change: Tensor, x: Tensor, excepted: Tensor | None) -> bool:
        """Whether x (N, K) after the pass `step`, which has added `change`, has an error as small as its residual says.

        `excepted` is that of the equation.
        """
        return True

    @property
    def verdict(self) -> Verdict:
        """How far this inverse can be trusted; found once."""
        if self._verdict is None:
            self._verdict = self.judge()
        return self._verdict

    def solve(self, b: Tensor, transpose: bool = False, start: Tensor | None = None) -> Solution:
        transpose = transpose and self.operator.walk.graph.directed
        norm = finite_norm(b)
        start = None if start is None else torch.where(norm > 0, start, 0.0)  # 0 is the answer where b is 0
        looks_at_sums = not transpose and (self._verdict is None or self.always_in_differences)
        # The right-hand sides must add up ten times better still than their answers are asked to.
        excepted = excepted_from_sum(self.operator, b, MARGIN * MARGIN * self.allowed_error) if looks_at_sums else None
        equation = Equation(b, norm, transpose, excepted)
        first = None
        if self._verdict is None and self.sums_tell and excepted is not None and start is None:  # a start may be right
            first = self._first_pass(equation, excepted)
        if self.verdict.refusal:
            raise ConvergenceError(self.verdict.refusal)
        return self._refine(equation, start, self.verdict, first)

    def _first_pass(self, equation: Equation, excepted: Tensor) -> tuple[Tensor, int]:
        """What every solve begins with; where its sum shows a clean verdict, no further column is solved for one.

        A sum of answers sees about the same error as a column of its own (`tests/test_direct.py` holds the two to a
        factor of ten). So it clears the inverse where it is ten times better than it needs to be; else the column
        decides.
        """
        x, iterations = self.apply(equation.b, self.solver.rtol * equation.norm, equation.transpose, 0)
        if distance_from_one(sum_of_answers(x, excepted)) <= MARGIN * self.allowed_error:
            self._verdict = CLEAN
        return x, iterations

    def _refine(
        self, equation: Equation, start: Tensor | None, verdict: Verdict, first: tuple[Tensor, int] | None = None
    ) -> Solution:
        """The only loop of refinement; `first` is what its first pass gives, where that is known."""
        b, transpose, rtol = equation.b, equation.transpose, verdict.sharpness * self.solver.rtol
        x, residual, iterations = start, b, 0
        if start is not None:
            residual = self.operator.residual(b, start, transpose, in_differences=True)
        for step in range(1 + max(self.most_refinements, verdict.refinements)):
            change, more = first or self.apply(residual, rtol * equation.norm, transpose, step)
            first = None
            x, iterations = change if x is None else x + change, iterations + more
            left = self._remainder(
                equation, x, rtol, in_differences=self.always_in_differences or step < verdict.refinements
            )
            enough = step >= verdict.refinements and self.at_rest(step, change, x, equation.excepted)
            if enough and self._settled(equation, x, rtol, left):
                return Solution(x, self.solver, step + 1, iterations, _worst(left.relative))
            if iterations >= self.most_iterations:
                break
            # Where rounding was all that the first pass saw, or an iteration has run away, 0 is the better start.
            lost = ~(left.relative < 1) if step == 0 else ~left.relative.isfinite()
            residual = left.residual
            if bool(lost.any()):
                x, residual = torch.where(lost, 0.0, x), torch.where(lost, b, residual)
        raise self._failure(left.relative, iterations, rtol)

    def _remainder(self, equation: Equation, x: Tensor, rtol: float, *, in_differences: bool) -> Remainder:
        """Free of cancellation where that is asked for, or where it decides."""
        residual = self.operator.residual(equation.b, x, equation.transpose, in_differences)
        relative = relative_to(column_norm(residual), equation.norm)
        if in_differences or bool((relative <= rtol).all()):
            return Remainder(residual, relative)
        return self._remainder(equation, x, rtol, in_differences=True)

    def _settled(self, equation: Equation, x: Tensor, rtol: float, left: Remainder) -> bool:
        """Within `rtol`, or at the rounding level of float64, below which no x can go."""
        missed = ~(left.relative <= rtol)
        if not bool(missed.any()):
            return True
        residual, x = left.residual[:, missed], x[:, missed]
        floor = ROUNDING * column_norm(self.operator.magnitude(x, equation.transpose))
        return bool(((column_norm(residual) <= floor) & (left.relative[missed] <= self.largest_excused)).all())

    def _failure(self, relative: Tensor, iterations: int, rtol: float) -> ConvergenceError:
        worst = _worst(relative)
        missed = f"asked was {rtol:.1e}" if worst > rtol else "that is little, but the answer is not at rest"
        return ConvergenceError(
            f"{self.solver} left a true relative residual of {worst:.1e} after {iterations} iterations; {missed}. "
            "Likely causes: weights that span too many orders of magnitude, or a component that hardly reaches any "
            "seed or killing. Try `solvers.Cholesky()` (undirected) or `solvers.LU()` (directed), or a larger `rtol`."
        )


def _worst(relative: Tensor) -> float:
    return float(relative.nan_to_num(torch.inf).max()) if relative.numel() else 0.0
