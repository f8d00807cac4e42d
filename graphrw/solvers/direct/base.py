"""What direct solvers share: what an analysis tells, and how a factorisation is judged."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import ceil, inf, log
from typing import ClassVar

from torch import Tensor

from graphrw.core.errors import ConvergenceError
from graphrw.core.graph import Graph
from graphrw.solvers.base import RefinedInverse, Solver
from graphrw.solvers.pattern import Pattern
from graphrw.solvers.verdict import CLEAN, Verdict, distance_from_one

# Libraries hold, and keep, three to four times the right-hand sides that they are given: so many numbers at once, or so
# many columns. On 1024² eight columns at once are no slower than sixteen, four take a third longer, two twice as long.
AT_ONCE, COLUMNS_AT_ONCE = 2**23, 4
WORST_FACTOR = 0.1  # of a factor's error: each step of refinement still gains a digit


@dataclass(frozen=True)
class Speed:
    """Seconds of a direct solver, on two cores of 2026; see `cost`."""

    flop: float  # of a numeric factorisation
    entry: float  # of the factor, beside its flops
    solve: float  # for each column and entry of the factor


@dataclass(frozen=True)
class Analysis(ABC):
    """A plan that knows what a factorisation will take, of the graph or of the one part that a batch repeats."""

    speed: ClassVar[Speed]  # of the library
    pattern: Pattern  # where the numbers go

    @property
    def num_nodes(self) -> int:
        return len(self.pattern.indptr) - 1

    @property
    @abstractmethod
    def flops(self) -> float:
        """Predicted floating-point operations of one factorisation."""

    @property
    @abstractmethod
    def entries(self) -> int:
        """Predicted entries of the factor."""

    @property
    @abstractmethod
    def bytes(self) -> float:
        """Predicted peak memory of a factorisation and a solve."""


class DirectInverse(RefinedInverse):
    """Factors of A, which may have lost digits where weights differ by many orders of magnitude.

    How far their answer to A x = killing is from 1 tells how many steps of refinement each solve needs. Their residuals
    are taken as k ⊙ x + Σ_j w_ij (x_i − x_j), where nothing cancels, so that refinement reaches the accuracy that the
    weights themselves have (on diagonally dominant M-matrices parametrised by their row sums see Alfa, Xue & Ye 2002).
    """

    most_refinements = 4  # or as many as the verdict asks for
    most_iterations = inf
    largest_excused = inf  # a factor's error is known from its verdict, whatever rounding does to a residual
    sums_tell = True
    always_in_differences = False

    @abstractmethod
    def substitute(self, b: Tensor, transpose: bool) -> Tensor:
        """(N, K): A⁻¹ b, or A⁻ᵀ b, by the factors as they are."""

    def apply(self, b: Tensor, target: Tensor, transpose: bool, step: int) -> tuple[Tensor, int]:
        return self.substitute(b, transpose), 0

    @property
    def columns_at_once(self) -> int:
        return max(COLUMNS_AT_ONCE, AT_ONCE // max(1, self.operator.num_nodes))

    @property
    def allowed_error(self) -> float:
        return self.solver.rtol

    def judge(self) -> Verdict:
        """As many refinements that error^(1 + refinements) ≤ rtol."""
        error = distance_from_one(self.substitute(self.operator.walk.killing[:, None], transpose=False))
        if error <= self.allowed_error:
            return CLEAN
        if error <= WORST_FACTOR:
            return Verdict(refinements=ceil(log(self.solver.rtol) / log(error)) - 1)
        return Verdict(
            refusal=f"The factors by {self.solver} have a relative error of {error:.1e} on A 1 = killing: the weights "
            "span more orders of magnitude than float64 can eliminate. Raise the smallest weights, or add killing."
        )


def representative(graph: Graph) -> Graph:
    """The one part that a batch repeats, whose plan serves them all; else the graph itself."""
    repeated = graph.parts and all(part is graph.parts[0] for part in graph.parts)
    return graph.parts[0] if repeated else graph


def could_not_factorise(solver: Solver, error: Exception | str) -> ConvergenceError:
    """The error for what a library says where it finds a matrix singular, to be raised at the call that said it."""
    said = str(error).rstrip(".")
    return ConvergenceError(
        f"{solver} could not factorise A: {said}. Likely cause: walkers leave some group of nodes so rarely, less than "
        "once in 1e15 steps, that rounding loses how. Raise the smallest weights, or leave such a group out."
    )
