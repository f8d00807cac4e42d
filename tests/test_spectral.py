"""The leading eigenpairs, converged and by power iteration: against SciPy and dense matrices."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from scipy.sparse.linalg import eigsh
from spectral_walks import LARGE, SMALL, dense_matrix, leading_sizes, random_walk, random_weight, ring, union
from torch import Tensor

from graphrw import Graph, Walk, grid_graph, walk
from graphrw.spectral import power_iteration, power_iteration_as_published, spectral_map
from graphrw.spectral.filtered import FilteredSubspace, width


@pytest.mark.parametrize("moved", SMALL.values(), ids=list(SMALL))
def test_all_eigenpairs_of_a_small_graph_make_up_its_matrix(moved: Walk) -> None:
    count, matrix = moved.graph.num_nodes, dense_matrix(moved)
    vectors, values = spectral_map(moved, 0.0, count)
    torch.testing.assert_close(vectors * values @ vectors.T, matrix)
    torch.testing.assert_close(vectors.T @ vectors, torch.eye(count, dtype=torch.float64))
    torch.testing.assert_close(values.abs(), leading_sizes(moved, count))
    z, _ = spectral_map(moved, 1.5, count)
    torch.testing.assert_close(z @ z.T, vectors * values.abs() ** 3 @ vectors.T)


@pytest.mark.parametrize("moved", LARGE.values(), ids=list(LARGE))
def test_iterated_eigenpairs_are_those_of_scipy(moved: Walk) -> None:
    k = 12
    start = np.random.default_rng(0).random(moved.graph.num_nodes)
    expected = eigsh(csr_array(dense_matrix(moved).numpy()), k, which="LM", v0=start)[0]
    vectors, values = spectral_map(moved, 0.0, k)
    torch.testing.assert_close(values.sort().values, torch.from_numpy(expected).sort().values, rtol=0, atol=1e-12)
    residual = torch.linalg.vector_norm(dense_matrix(moved) @ vectors - vectors * values, dim=0)
    assert float(residual.max()) <= 1.01e-10
    torch.testing.assert_close(vectors.T @ vectors, torch.eye(k, dtype=torch.float64))


def test_iterations_run_on_large_graphs_and_dense_matrices_on_small_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    run = FilteredSubspace.run
    monkeypatch.setattr(
        FilteredSubspace, "run", lambda self, *rest: calls.append(self.matrix.num_nodes) or run(self, *rest)
    )
    for moved in (LARGE["grid"], SMALL["grid"]):
        spectral_map(moved, 1.0, 4)
    assert calls == [300]  # one colour of a bipartite graph


def test_an_eigenvalue_repeated_as_often_as_eigenpairs_are_wanted_is_found_whole() -> None:
    """The next one is repeated more often than the block has columns left."""
    copies = random_walk(union(*[ring(13)] * 40))
    assert width(56, 520) < 40 + 80
    _, values = spectral_map(walk(copies.graph, torch.ones(520, dtype=torch.float64)), 0.0, 40)
    torch.testing.assert_close(values, torch.ones(40, dtype=torch.float64))


def test_a_large_matrix_of_low_rank_has_its_eigenpairs() -> None:
    hub = Graph(torch.stack([torch.zeros(599, dtype=torch.int64), torch.arange(1, 600)]), 600)
    for moved in (random_walk(hub), random_walk(Graph(torch.empty(2, 0, dtype=torch.int64), 600))):
        _, values = spectral_map(moved, 1.0, 4)
        torch.testing.assert_close(values.abs(), leading_sizes(moved, 4), rtol=0, atol=1e-12)


def test_grids_have_eigenvalues_in_pairs_of_both_signs_the_positive_first() -> None:
    for shape in ((5, 6), (20, 30)):
        _, values = spectral_map(random_walk(grid_graph(shape)), 0.0, 8)
        torch.testing.assert_close(values[::2], -values[1::2])
        assert bool((values[::2] > 0).all())


def test_results_repeat_to_the_bit() -> None:
    torch.manual_seed(0)
    first = spectral_map(LARGE["grid"], 1.0, 6)
    torch.manual_seed(1)
    again = spectral_map(LARGE["grid"], 1.0, 6)
    assert all(torch.equal(*pair) for pair in zip(first, again, strict=True))


@pytest.mark.parametrize("shape", [(5, 6), (20, 30)])
def test_float32_is_computed_in_float64_and_returned_in_float32(shape: tuple[int, int]) -> None:
    graph = grid_graph(shape)
    weight = random_weight(graph, dtype=torch.float32).requires_grad_()
    z, values = spectral_map(walk(graph, weight), 2.0, 6)
    exact, _ = spectral_map(walk(graph, weight.double()), 2.0, 6)
    assert z.dtype == values.dtype == torch.float32
    torch.testing.assert_close(z @ z.T, (exact @ exact.T).float(), rtol=1e-4, atol=1e-5)
    (slope,) = torch.autograd.grad((z @ z.T).square().sum(), weight)
    (expected,) = torch.autograd.grad((exact @ exact.T).square().sum(), weight)
    torch.testing.assert_close(slope, expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max()))


# --- the published method -------------------------------------------------------------------------------------------


def test_power_iteration_tends_to_the_leading_eigenpairs() -> None:
    moved = random_walk(grid_graph((3, 4), connectivity=2))
    vectors, values = spectral_map(moved, 0.0, 3)
    sizes, columns = power_iteration(moved, 3, rounds=300, steps=2)
    torch.testing.assert_close(sizes, values.abs())
    torch.testing.assert_close(columns @ columns.T, vectors @ vectors.T)


def test_power_iteration_on_p_gives_schur_vectors() -> None:
    moved = random_walk(grid_graph((3, 4), connectivity=2))
    transition = torch.zeros(12, 12, dtype=torch.float64)
    tail, head = moved.graph.edges
    transition[tail, head] = transition[head, tail] = moved.weight
    transition /= moved.rate[:, None]
    sizes, columns = power_iteration_as_published(moved, 3, rounds=300, steps=2)
    triangle = columns.T @ transition @ transition @ columns
    torch.testing.assert_close(triangle.tril(-1), torch.zeros(3, 3, dtype=torch.float64))
    torch.testing.assert_close(triangle.diagonal().sqrt(), sizes)
    torch.testing.assert_close(sizes, leading_sizes(moved, 3))
    leak = transition @ columns - columns @ (columns.T @ transition @ columns)
    assert float(leak.abs().max()) < 1e-10
    assert (
        float((columns.T @ transition @ columns).triu(1).abs().max()) > 1e-3
    )  # columns after the first are no eigenvectors


@pytest.mark.parametrize("iterate", [power_iteration, power_iteration_as_published])
def test_the_unrolled_method_is_differentiated_by_plain_autograd(iterate: Callable[..., Any]) -> None:
    graph = grid_graph((2, 3), connectivity=2)
    weight = random_weight(graph).requires_grad_()

    def run(weight: Tensor) -> tuple[Tensor, Tensor]:
        sizes, columns = iterate(walk(graph, weight), 2, steps=3)
        return sizes, columns

    assert torch.autograd.gradcheck(run, weight)
    assert torch.autograd.gradgradcheck(run, weight)
