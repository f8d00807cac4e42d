"""What every solver is, and the one loop in which its answers are refined until they can be trusted."""

from abc import ABC, abstractmethod
from collections.abc import Hashable
from dataclasses import dataclass
from math import ceil
from typing import Any, Generic, NamedTuple

import torch
from torch import Tensor
from typing_extensions import TypeVar

from graphrw.core.errors import ConvergenceError
from graphrw.core.graph import Graph
from graphrw.core.walk import Walk
from graphrw.core.whole import is_number
from graphrw.solvers.differences import Differences
from graphrw.solvers.gpu.operator import operator_of
from graphrw.solvers.norms import column_norm, finite_norm, largest, relative_to
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
    error_bound: float | None = None  # where one is known: the worst column's, relative to its largest number


@dataclass(frozen=True, eq=False)
class Equation:
    """A x = b, or Aᵀx = b, as the loop of refinement sees it."""

    b: Tensor  # (N, K)
    norm: Tensor  # (K,): residuals count relative to it
    transpose: bool = False
    excepted: Tensor | None = None  # (N,) bool: where x need not add up to 1, as it must elsewhere; None: nowhere


class Pass(NamedTuple):
    """What one more application of an inverse has come to."""

    x: Tensor  # (N, K): the answer so far
    moved: Tensor  # (K,): the largest change in each column; nothing that counts in the first pass
    iterations: int


class Inverse(ABC):
    """What a solver makes of one walk: A⁻¹, applied with care. Everything here is float64 and outside autograd."""

    differences: Differences | None = None  # where those of x along edges have digits that x has not
    may_tell_differences = False  # whether there may be some later

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
        self.operator = operator_of(walk)
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
    def columns_at_once(self) -> int:
        """How many columns `apply` is given, at most."""

    @property
    @abstractmethod
    def allowed_error(self) -> float:
        """By how much the answer to A x = killing may miss 1 in a clean verdict."""

    def at_rest(self, step: int, change: Tensor, x: Tensor, equation: Equation) -> bool:
        """Whether x (N, K) after the pass `step`, which has moved it by at most `change` (K,), has an error as small as
        its residual says.
        """
        return True

    def error_bound(self, equation: Equation, x: Tensor) -> float | None:
        """That of its `Solution`."""
        return None

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

    def _first_pass(self, equation: Equation, excepted: Tensor) -> Pass:
        """What every solve begins with; where its sum shows a clean verdict, no further column is solved for one.

        A sum of answers sees about the same error as a column of its own (`tests/test_direct.py` holds the two to a
        factor of ten). So it clears the inverse where it is ten times better than it needs to be; else the column
        decides.
        """
        first = self._pass(equation, self.solver.rtol, None, 0)
        if distance_from_one(sum_of_answers(first.x, excepted)) <= MARGIN * self.allowed_error:
            self._verdict = CLEAN
        return first

    def _pass(self, equation: Equation, rtol: float, x: Tensor | None, step: int) -> Pass:
        """One more application, to what `x` (N, K) has left, which is changed in place; None: to the right-hand side.

        A few columns at a time, since methods hold several times what they are given.
        """
        begins, parts = x is None, ceil(equation.b.shape[1] / self.columns_at_once)
        if begins and parts == 1:
            change, iterations = self.apply(equation.b, rtol * equation.norm, equation.transpose, step)
            return Pass(change, equation.norm, iterations)
        x, moved, most = torch.zeros_like(equation.b) if x is None else x, [equation.norm[:0]], 0
        blocks = zip(*(given.tensor_split(parts, dim=-1) for given in (x, equation.b, equation.norm)), strict=True)
        for place, b, norm in blocks:
            left = b if begins else self._left(Equation(b, norm, equation.transpose), place, step)
            change, iterations = self.apply(left, rtol * norm, equation.transpose, step)
            place.add_(change)
            moved, most = [*moved, largest(change) if step else norm], max(most, iterations)
        return Pass(x, torch.cat(moved), most)

    def _left(self, equation: Equation, x: Tensor, step: int) -> Tensor:
        """(N, K): b − A x, free of cancellation; where x (N, K) is no good, it is set to 0, in place, and b is left."""
        residual = self.operator.residual(equation.b, x, equation.transpose, in_differences=True)
        relative = relative_to(column_norm(residual), equation.norm)
        # Where rounding was all that the first pass saw, or an iteration has run away, 0 is the better start.
        lost = ~(relative < 1) if step == 1 else ~relative.isfinite()
        if step and bool(lost.any()):
            x[:, lost] = 0.0
            residual = torch.where(lost, equation.b, residual)
        return residual

    def _refine(
        self, equation: Equation, start: Tensor | None, verdict: Verdict, first: Pass | None = None
    ) -> Solution:
        """The only loop of refinement; `first` is what its first pass gives, where that is known."""
        x, rtol, iterations = start, verdict.sharpness * self.solver.rtol, 0
        for step in range(1 + max(self.most_refinements, verdict.refinements)):
            x, moved, more = first or self._pass(equation, rtol, x, step)
            first, iterations = None, iterations + more
            if step < verdict.refinements:
                continue
            relative = self._remainder(equation, x, rtol)
            if self.at_rest(step, moved, x, equation) and self._settled(equation, x, rtol, relative):
                bound = self.error_bound(equation, x)
                return Solution(x, self.solver, step + 1, iterations, _worst(relative), bound)
            if iterations >= self.most_iterations:
                break
        raise self._failure(relative, iterations, rtol)

    def _remainder(self, equation: Equation, x: Tensor, rtol: float) -> Tensor:
        """(K,): the norms of b − A x relative to those of the equation, free of cancellation where it decides."""
        in_differences = self.always_in_differences
        relative = self._residual_norm(equation, x, in_differences=in_differences)
        if in_differences or bool((relative <= rtol).all()):
            return relative
        return self._residual_norm(equation, x, in_differences=True)

    def _residual_norm(self, equation: Equation, x: Tensor, *, in_differences: bool) -> Tensor:
        """(K,), from a few columns of the residual at a time: all of it would be as large as x."""
        at_once = self.columns_at_once
        norms = [
            column_norm(self.operator.residual(*columns, equation.transpose, in_differences))
            for columns in zip(equation.b.split(at_once, dim=1), x.split(at_once, dim=1), strict=True)
        ]
        return relative_to(torch.cat(norms), equation.norm)

    def _settled(self, equation: Equation, x: Tensor, rtol: float, relative: Tensor) -> bool:
        """Within `rtol`, or at the rounding level of float64, below which no x can go."""
        missed = ~(relative <= rtol)
        if not bool(missed.any()):
            return True
        relative, norm = relative[missed], equation.norm[missed]
        floor = ROUNDING * column_norm(self.operator.magnitude(x[:, missed], equation.transpose))
        return bool(((relative <= relative_to(floor, norm)) & (relative <= self.largest_excused)).all())

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
