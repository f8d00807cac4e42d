"""What conjugate gradients promise under every preconditioner."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from hard_walks import hitting_probabilities_without_subtraction, noise, wheel

import graphrw as rw
from graphrw.solvers import CG, ApproximateCholesky, Cholesky, Multigrid
from graphrw.solvers.iterative.approximate_cholesky import AVAILABLE
from graphrw.solvers.iterative.base import IterativeInverse
from graphrw.testing import dense_operator, sample_graphs

SOLVERS = [
    CG(),
    Multigrid(),
    pytest.param(ApproximateCholesky(), marks=pytest.mark.skipif(not AVAILABLE, reason="approx-chol is not installed")),
]
every_solver = pytest.mark.parametrize("solver", SOLVERS, ids=lambda solver: type(solver).__name__)


@every_solver
@pytest.mark.parametrize("killing", [1e-3, 1e-10, 1e-12, 1e-13, 1e-14])
@pytest.mark.parametrize("seed", [None, 0, 1, 2])
def test_killing_below_the_rounding_of_its_rate_still_counts(solver, killing, seed):
    walk = wheel(killing)
    if seed is not None:
        generator = torch.Generator().manual_seed(seed)
        weight = 0.5 + torch.rand(walk.graph.num_edges, generator=generator, dtype=torch.float64)
        walk = rw.walk(walk.graph, weight, walk.killing)
    x = rw.solve(walk, walk.killing, solver)
    assert (x - 1).abs().max() < 1e-5


@every_solver
@pytest.mark.parametrize(("decades", "error"), [(0, 1e-7), (6, 1e-5), (10, 1e-4)])
def test_rows_of_hitting_probabilities_sum_to_one_at_any_contrast(solver, decades, error):
    graph = rw.grid_graph((20, 20))
    generator = torch.Generator().manual_seed(0)
    weight = 10 ** (-decades * torch.rand(graph.num_edges, generator=generator, dtype=torch.float64))
    seeds = torch.full((400,), -1)
    seeds[[0, 217, 399]] = torch.tensor([0, 1, 2])
    z = rw.hitting_probabilities(rw.walk(graph, weight), seeds, solver=solver)
    assert (z.sum(1) - 1).abs().max() < error
    assert (z - rw.hitting_probabilities(rw.walk(graph, weight), seeds, solver=Cholesky())).abs().max() < error


@every_solver
def test_columns_of_every_size_are_solved_each_to_its_own_tolerance(solver):
    graph = rw.grid_graph((10, 10))
    generator = torch.Generator().manual_seed(0)
    walk = rw.walk(graph, torch.rand(180, generator=generator, dtype=torch.float64), killing=0.01)
    scale = torch.tensor([1.0, 0.0, 1e-150, 1e100, 1e-30], dtype=torch.float64)
    b = torch.randn(100, 5, generator=generator, dtype=torch.float64)
    x = rw.solve(walk, b * scale, solver)
    residual = torch.linalg.vector_norm(b - dense_operator(walk) @ (x / scale.clamp(min=1e-300)), dim=0)
    relative = residual / torch.linalg.vector_norm(b, dim=0)
    assert (x[:, 1] == 0).all()
    assert relative[scale > 0].max() <= 1e-8


@every_solver
def test_many_columns_go_block_by_block(solver):
    graph = rw.grid_graph((12, 12))
    walk = rw.walk(graph, torch.ones(graph.num_edges, dtype=torch.float64), killing=0.01)
    b = torch.randn(144, 19, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(rw.solve(walk, b, solver), rw.solve(walk, b, Cholesky()), rtol=1e-5, atol=1e-5)


@every_solver
@pytest.mark.parametrize("scale", [1e-170, 1e-300, 1e155])
def test_neither_tiny_nor_huge_numbers_are_lost(solver, scale):
    graph = rw.grid_graph((15, 15))
    walk = rw.walk(graph, torch.ones(graph.num_edges, dtype=torch.float64), killing=0.5)
    x = rw.solve(walk, torch.full((225, 2), scale, dtype=torch.float64), solver)
    torch.testing.assert_close(x / scale, torch.full((225, 2), 2.0, dtype=torch.float64), rtol=1e-6, atol=0)
    tiny = rw.walk(graph, torch.full((graph.num_edges,), scale, dtype=torch.float64))
    seeds = torch.full((225,), -1)
    seeds[0], seeds[-1] = 0, 1
    z = rw.hitting_probabilities(tiny, seeds, solver=solver)
    assert (z.sum(1) - 1).abs().max() < 1e-6
    assert z[112, 0] == pytest.approx(0.5, abs=1e-6)


@every_solver
def test_one_odd_node_that_nearly_hangs_loose_disturbs_nothing(solver):
    graph = rw.grid_graph((40, 40))
    weight = torch.ones(graph.num_edges, dtype=torch.float64)
    weight[(graph.edges == 820).any(0)] = 1e-57
    seeds = torch.full((1600,), -1)
    seeds[0], seeds[-1] = 0, 1
    z = rw.hitting_probabilities(rw.walk(graph, weight), seeds, solver=solver)
    assert (z.sum(1) - 1).abs().max() < 1e-5


@pytest.mark.parametrize("solver", SOLVERS[1:], ids=lambda solver: type(solver).__name__)
def test_preconditioned_iterations_keep_digits_that_direct_factors_lose(solver):
    walk, seeds = noise(34)
    with pytest.raises(rw.ConvergenceError, match=r"on A 1 = killing"):
        rw.hitting_probabilities(walk, seeds, solver=Cholesky())
    exact = hitting_probabilities_without_subtraction(walk, seeds)
    assert (exact.sum(1) - 1).abs().max() < 1e-14
    assert (rw.hitting_probabilities(walk, seeds, solver=solver) - exact).abs().max() < 1e-7
    sharp = dataclasses.replace(solver, rtol=1e-12)
    assert (rw.hitting_probabilities(walk, seeds, solver=sharp) - exact).abs().max() < 1e-11


@pytest.mark.parametrize("rtol", [1e-8, 1e-6])
@pytest.mark.parametrize("solver", SOLVERS[1:], ids=lambda solver: type(solver).__name__)
def test_answers_are_right_where_clusters_hide_errors_from_the_residual(solver, rtol):
    found = [error_of(size, dataclasses.replace(solver, rtol=rtol)) for size in range(12, 32, 2)]
    assert max(error for error in found if error is not None) < 0.05
    assert found.count(None) <= 2  # rounding, which is another on every machine, may leave nothing to go by


@pytest.mark.parametrize("size", [12, 26])
def test_plain_iterations_give_the_right_answer_there_or_an_error(size):
    error = error_of(size, CG())
    assert error is None or error < 0.05


def error_of(size: int, solver) -> float | None:
    """Of hitting probabilities on an image of noise; None where a `ConvergenceError` says that there is no answer."""
    walk, seeds = noise(size)
    try:
        found = rw.hitting_probabilities(walk, seeds, solver=solver)
    except rw.ConvergenceError:
        return None
    return float((found - hitting_probabilities_without_subtraction(walk, seeds)).abs().max())


def test_residuals_are_smaller_for_good_once_they_were_seen_to_hide_errors():
    walk, seeds = noise(12)
    absorbed = rw.absorb(walk, (seeds >= 0).nonzero().squeeze(1))
    factor = rw.factorize(absorbed, Multigrid(rtol=1e-6))
    for _ in range(3):  # the first solve alone looks at this column's answer
        assert (factor.solve(absorbed.killing) - 1).abs().max() < 0.01


@pytest.mark.parametrize("max_iterations", [1, 2])
def test_too_few_iterations_raise_with_the_residual_that_is_left(max_iterations):
    walk, seeds = noise(40)
    with pytest.raises(rw.ConvergenceError, match=r"Multigrid\(.*left a true relative residual of .*asked was 1.0e-08"):
        rw.hitting_probabilities(walk, seeds, solver=Multigrid(max_iterations=max_iterations))


def test_the_residual_that_is_told_is_that_of_columns_with_something_to_solve():
    walk = rw.walk(rw.grid_graph((15, 15)), torch.ones(420, dtype=torch.float64), 1e-9)
    b = torch.rand(225, 2, dtype=torch.float64)
    b[:, 1] = 0
    with pytest.raises(rw.ConvergenceError, match=r"left a true relative residual of \d"):
        rw.solve(walk, b, CG(max_iterations=3))


def test_a_small_residual_of_an_answer_that_still_moves_is_not_blamed(monkeypatch):
    monkeypatch.setattr(IterativeInverse, "at_rest", lambda *_: False)
    walk = rw.walk(rw.grid_graph((5, 5)), torch.ones(40, dtype=torch.float64), 1.0)
    with pytest.raises(rw.ConvergenceError, match="that is little, but the answer is not at rest"):
        CG(rtol=1e-6).inverse_of(walk).solve(torch.ones(25, 1, dtype=torch.float64))


@every_solver
def test_a_factor_made_in_inference_mode_serves_outside(solver):
    graph = rw.grid_graph((20, 20))
    factor = rw.factorize(rw.walk(graph, torch.ones(graph.num_edges, dtype=torch.float64), killing=0.1), solver)
    b = torch.ones(400, 2, dtype=torch.float64)
    with torch.inference_mode():
        inside = factor.solve(b)
    torch.testing.assert_close(factor.solve(b), inside.clone())


@every_solver
def test_threads_may_share_one_factor(solver):
    graph = rw.grid_graph((40, 40))
    factor = rw.factorize(rw.walk(graph, torch.ones(graph.num_edges, dtype=torch.float64), killing=0.01), solver)
    blocks = torch.randn(8, 1600, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    alone = [factor.solve(b) for b in blocks]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(factor.solve, blocks))
    for found, expected in zip(together, alone, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


@every_solver
def test_directed_graphs_are_refused(solver):
    with pytest.raises(ValueError, match=f"`{type(solver).__name__}` needs an undirected graph.*use `LU`"):
        solver.plan(sample_graphs()["directed"])


@pytest.mark.parametrize("kind", [CG, Multigrid, ApproximateCholesky])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rtol": 0.0}, r"`rtol` must lie in \(0, 1\); got 0.0"),
        ({"rtol": 1.0}, r"`rtol` must lie in \(0, 1\); got 1.0"),
        ({"max_iterations": 0}, "`max_iterations` must be a whole number from 1; got 0"),
    ],
)
def test_options_without_meaning_are_refused(kind, options, message):
    with pytest.raises(ValueError, match=message):
        kind(**options)
