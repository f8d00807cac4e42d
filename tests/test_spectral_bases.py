"""Bases of the subspaces in which eigenpairs are searched for."""

import math

import pytest
import torch
from spectral_walks import LARGE, random_walk
from torch import Tensor

from graphrw import Walk, grid_graph
from graphrw.core.errors import ConvergenceError
from graphrw.spectral.filtered import rayleigh_ritz, width
from graphrw.spectral.goal import Goal
from graphrw.spectral.layout import fold
from graphrw.spectral.matrix import ChebyshevMatrix, Folded, SymmetricMatrix, symmetric_weight
from graphrw.spectral.subspace import orthonormal_beside

BIPARTITE, OTHER = LARGE["grid"], random_walk(grid_graph((20, 30), connectivity=2))


def chebyshev_matrix(moved: Walk) -> tuple[ChebyshevMatrix, Tensor]:
    """S, or B Bᵀ where there are two colours; and the same as a dense matrix."""
    whole = SymmetricMatrix(moved.graph, symmetric_weight(moved))
    parts = fold(moved.graph, whole.values)
    matrix: ChebyshevMatrix = whole if parts is None else Folded(whole, parts)
    return matrix, matrix.matmul(torch.eye(matrix.num_nodes, dtype=torch.float64))


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


@pytest.mark.parametrize("degree", [1, 2, 7])
@pytest.mark.parametrize("moved", [OTHER, BIPARTITE], ids=["whole", "folded"])
def test_a_chebyshev_polynomial_of_a_matrix_has_the_degree_asked_for(moved: Walk, degree: int) -> None:
    matrix, dense = chebyshev_matrix(moved)
    x = torch.randn(matrix.num_nodes, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    eigenvalues, eigenvectors = torch.linalg.eigh(dense)
    polynomial = torch.special.chebyshev_polynomial_t(matrix.position(eigenvalues, 0.8), degree)
    expected = eigenvectors @ (polynomial[:, None] * (eigenvectors.T @ x))
    torch.testing.assert_close(matrix.chebyshev(x, 0.8, degree), expected)


@pytest.mark.parametrize("moved", [OTHER, BIPARTITE], ids=["whole", "folded"])
def test_a_filter_of_residuals_is_the_filter_divided_by_what_it_does_to_the_ritz_value(moved: Walk) -> None:
    matrix, dense = chebyshev_matrix(moved)
    bound, degree = 0.8, 7
    eigenvalues, eigenvectors = torch.linalg.eigh(dense)
    x = eigenvectors[:, -6:] + 0.05 * eigenvectors[:, 40:46]
    values = (x * (dense @ x)).sum(0) / x.square().sum(0)
    change = matrix.correction(dense @ x - x * values, values, bound, degree, known=x[:, :0].float(), stride=degree)

    def polynomial(at: Tensor) -> Tensor:
        return torch.special.chebyshev_polynomial_t(matrix.position(at, bound), degree)

    expected = eigenvectors * polynomial(eigenvalues) @ eigenvectors.T @ x / polynomial(values) - x
    torch.testing.assert_close(change, expected, rtol=0, atol=1e-6)
    x = eigenvectors[:, 100:103] + 0.05 * eigenvectors[:, 40:43]
    values = (x * (dense @ x)).sum(0) / x.square().sum(0)
    change = matrix.correction(dense @ x - x * values, values, bound, degree, known=x[:, :0].float(), stride=degree)
    expected = eigenvectors * polynomial(eigenvalues) @ eigenvectors.T @ x - polynomial(values) * x
    torch.testing.assert_close(change, expected, rtol=0, atol=1e-6)  # where it is small it is not divided by


@pytest.mark.parametrize("moved", [OTHER, BIPARTITE], ids=["whole", "folded"])
def test_ritz_pairs_of_a_block_whose_columns_depend_on_each_other_are_orthonormal(moved: Walk) -> None:
    matrix, dense = chebyshev_matrix(moved)
    block = torch.randn(matrix.num_nodes, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for spoiled in (block, torch.cat([block[:, :4], block[:, :4]], 1), torch.zeros_like(block)):
        ritz = rayleigh_ritz(matrix, spoiled.clone())
        torch.testing.assert_close(ritz.block.T @ ritz.block, torch.eye(8, dtype=torch.float64))
        torch.testing.assert_close(ritz.block.T @ dense @ ritz.block, torch.diag(ritz.values))
        torch.testing.assert_close(ritz.residual, dense @ ritz.block - ritz.block * ritz.values)
        assert bool((ritz.values.abs().diff() <= 0).all())


def test_guards_of_the_size_of_the_last_that_is_kept_must_be_as_exact() -> None:
    goal = Goal(torch.tensor([1e-8, 1e-8, 1e-6, 1e-6], dtype=torch.float64), kept=2)
    values = torch.tensor([1.0, 0.5, -0.5, 0.4, 0.3], dtype=torch.float64)
    assert goal.wanted(values, 5).tolist() == [1e-8, 1e-8, 1e-8, 1e-6, -1.0]
    assert goal.wanted(values[:1], 4).tolist() == [1e-8, 1e-8, 1e-6, 1e-6]
    one = Goal(torch.tensor([1e-8, 1e-6, 1e-6], dtype=torch.float64), kept=1)
    assert one.wanted(values[1:], 3).tolist() == [1e-8, 1e-8, 1e-6]


def test_a_block_is_wider_than_what_is_wanted_and_about_twice_that_on_large_graphs() -> None:
    for count, num_nodes in ((22, 600), (66, 1681), (48, 10_000), (200, 3000)):
        columns = width(count, num_nodes)
        assert columns % 32 == 0
        assert count + 16 <= columns <= max(2 * count + 16, count + 47)
        assert columns <= math.ceil(num_nodes / 3)
    assert width(48, 10**6) == 96
