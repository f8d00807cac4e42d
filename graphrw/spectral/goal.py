"""How exactly eigenpairs are wanted: those that are kept, and guards that may be rougher."""

from dataclasses import dataclass

import torch
from torch import Tensor

from graphrw.spectral.matrix import EQUAL


@dataclass(frozen=True)
class Goal:
    """The residual ‖S ψ − λ ψ‖ at which each eigenpair has converged.

    Args:
        residuals: (p,) float64, by falling |λ|.
        kept: how many of them nothing may be missing from; the rest are guards.
    """

    residuals: Tensor
    kept: int

    @property
    def count(self) -> int:
        """p."""
        return len(self.residuals)

    def wanted(self, values: Tensor, length: int) -> Tensor:
        """(length,): the residuals wanted of the leading pairs, of these values (m,); none beyond the last ever has it.

        Whichever of equal |λ| are kept in the end, they are good enough.
        """
        wanted = torch.nn.functional.pad(self.residuals, (0, length), value=-1.0)
        if len(values) >= self.kept:
            equal = values[: self.count].abs() >= float(values[self.kept - 1].abs()) - EQUAL
            wanted[: len(equal)] = torch.where(equal, self.residuals[0], wanted[: len(equal)])
        return wanted[:length]
