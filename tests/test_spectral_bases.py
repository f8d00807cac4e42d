"""Bases of the subspaces in which eigenpairs are searched for."""

import pytest
import torch

from graphrw.core.errors import ConvergenceError
from graphrw.spectral.subspace import orthonormal_beside


def test_rows_are_made_orthonormal_however_dependent_they_are() -> None:
    generator = torch.Generator().manual_seed(0)
    rows = torch.linalg.qr(torch.randn(200, 5, generator=generator, dtype=torch.float64)).Q.T
    block = torch.randn(4, 200, generator=generator, dtype=torch.float64)
    for dependent in (block, block[:1] + 1e-9 * block, rows[:4] + 1e-7 * block, rows[:4], torch.zeros_like(block)):
        both = torch.cat([rows, orthonormal_beside(rows, dependent)])
        torch.testing.assert_close(both @ both.T, torch.eye(9, dtype=torch.float64), rtol=0, atol=1e-13)


def test_a_basis_of_what_is_not_finite_is_an_error() -> None:
    with pytest.raises(ConvergenceError, match=r"No orthonormal basis was found in 20 passes. .* not finite"):
        orthonormal_beside(torch.zeros(0, 9, dtype=torch.float64), torch.full((2, 9), torch.nan, dtype=torch.float64))
