"""What direct solvers share: what an analysis tells, and a test of factors on the one system whose answer is known."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from math import ceil, log
from typing import ClassVar

import torch
from torch import Tensor

from graphrw.core.errors import ConvergenceError
from graphrw.solvers.base import Factor
from graphrw.solvers.pattern import Pattern

WORST = 0.1
SAME = 1e-12  # right-hand sides add up to the killing as far as rounding lets them; their answers to 1 as nearly


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


class DirectFactor(Factor):
    """A factorisation of A, which may have lost digits where weights differ by many orders of magnitude.

    A small residual does not show that: with weights from 1 to 1e-10 residuals of 1e-14 were seen beside errors of
    5e-7. But A 1 = k: the solution for the killing rates is 1 at every node. How far the factor's answer is from 1
    tells how many steps of refinement each solve needs. Their residuals are taken as k ⊙ x + Σ_j w_ij (x_i − x_j),
    where nothing cancels, so that refinement reaches the accuracy that the weights themselves have (on diagonally
    dominant M-matrices parametrised by their row sums see Alfa, Xue & Ye 2002).

    The right-hand sides of hitting probabilities add up to k where nothing else kills: then their answers, which add up
    to 1, are a test for nothing. (In float32 they may be rounded too much for that.)
    """

    @abstractmethod
    def substitute(self, b: Tensor, transpose: bool) -> Tensor:
        """(N, K): A⁻¹ b, or A⁻ᵀ b, by the factor as it is."""

    def approximate(self, b: Tensor, target: Tensor, transpose: bool) -> tuple[Tensor, int]:
        x = self.substitute(b, transpose)
        if "error" not in vars(self) and not transpose:
            apart = self.operator.apart(b, SAME)
            if apart is not None:
                self.error = _error(torch.where(apart, 1.0, x.sum(1)))
        return x, 0

    @cached_property
    def error(self) -> float:
        """The factor's relative error, seen on A 1 = k."""
        return _error(self.substitute(self.operator.walk.killing[:, None], transpose=False))

    @property
    def refinements(self) -> int:
        """So many that error^(1 + refinements) ≤ rtol."""
        if self.error <= self.solver.rtol:
            return 0
        if self.error > WORST:
            raise ConvergenceError(
                f"The factors by {self.solver} have a relative error of {self.error:.1e} on A 1 = killing: the weights "
                "span more orders of magnitude than float64 can eliminate. Raise the smallest weights, or add killing."
            )
        return ceil(log(self.solver.rtol) / log(self.error)) - 1


def _error(ones: Tensor) -> float:
    """How far `ones` are from 1."""
    return float((ones - 1).abs().max().nan_to_num(float("inf")))
