"""Conjugate gradients under an approximate Cholesky factor: on every graph, at every contrast, the same every time."""

import dataclasses

import pytest
import torch
from hard_walks import wheel

import graphrw as rw
from graphrw.core.errors import MissingDependencyError
from graphrw.core.graph import unchecked
from graphrw.solvers import Cholesky
from graphrw.solvers.iterative import approximate_cholesky as module
from graphrw.solvers.iterative.approximate_cholesky import ApproximateCholesky
from graphrw.testing import dense_operator, sample_graphs, sample_walk

GRAPHS = {name: graph for name, graph in sample_graphs().items() if not graph.directed}
needs_package = pytest.mark.skipif(not module.AVAILABLE, reason="approx-chol is not installed")


def rough_walk(side, decades, seed=0):
    """A grid with weights spread evenly over so many powers of ten, and three seeds."""
    graph = rw.grid_graph((side, side))
    generator = torch.Generator().manual_seed(seed)
    weight = 10 ** (-decades * torch.rand(graph.num_edges, generator=generator, dtype=torch.float64))
    seeds = torch.full((graph.num_nodes,), -1)
    seeds[[0, graph.num_nodes // 2 + 17, graph.num_nodes - 1]] = torch.tensor([0, 1, 2])
    return rw.walk(graph, weight), seeds


@needs_package
def test_it_leaves_the_residual_asked_for():
    walk, seeds = rough_walk(20, 3)
    ended = rw.absorb(walk, (seeds >= 0).nonzero().squeeze(1))
    b = torch.randn(400, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for rtol in (1e-3, 1e-6, 1e-10):
        with rw.record_solves() as reports:
            x = rw.solve(ended, b, ApproximateCholesky(rtol=rtol))
        relative = torch.linalg.vector_norm(b - dense_operator(ended) @ x, dim=0) / torch.linalg.vector_norm(b, dim=0)
        assert relative.max() <= rtol
        assert reports[0].relative_residual == pytest.approx(float(relative.max()), rel=1e-2)


@needs_package
@pytest.mark.parametrize("side", [20, 60])
@pytest.mark.parametrize(("decades", "error"), [(0, 1e-11), (6, 1e-9), (10, 1e-8), (16, 1e-6)])
def test_it_agrees_with_cholesky_at_any_contrast(decades, error, side):
    walk, seeds = rough_walk(side, decades)
    z = rw.hitting_probabilities(walk, seeds, solver=ApproximateCholesky(rtol=1e-13))
    assert (z.sum(1) - 1).abs().max() < error
    assert (z - rw.hitting_probabilities(walk, seeds, solver=Cholesky(rtol=1e-13))).abs().max() < error


@needs_package
def test_iterations_stay_few_at_six_decades():
    walk, seeds = rough_walk(64, 6)
    with rw.record_solves() as reports:
        rw.hitting_probabilities(walk, seeds, solver=ApproximateCholesky(rtol=1e-6))
    assert 5 < reports[0].iterations <= 40


@needs_package
def test_the_same_walk_gives_the_same_answer_every_time():
    answers = []
    for _ in range(3):
        walk, seeds = rough_walk(30, 4)
        answers.append(rw.hitting_probabilities(walk, seeds, solver=ApproximateCholesky()))
    assert torch.equal(answers[0], answers[1])
    assert torch.equal(answers[0], answers[2])


@needs_package
def test_one_factor_solves_for_any_number_of_columns():
    walk = sample_walk(rw.grid_graph((9, 9)))
    factor = rw.factorize(walk, ApproximateCholesky(rtol=1e-12))
    generator = torch.Generator().manual_seed(0)
    for count in (1, 3, 17, 2):
        b = torch.randn(81, count, generator=generator, dtype=torch.float64)
        expected = torch.linalg.solve(dense_operator(walk), b)
        torch.testing.assert_close(factor.solve(b).detach(), expected, rtol=1e-9, atol=1e-9)


@needs_package
def test_a_batch_is_solved_as_its_parts_are():
    parts = [rw.grid_graph((5, 6)), GRAPHS["disconnected"], rw.grid_graph((30,))]
    walks = [sample_walk(part, seed) for seed, part in enumerate(parts)]
    weight, killing = (torch.cat([getattr(walk, name) for walk in walks]).detach() for name in ("weight", "killing"))
    whole = rw.walk(rw.Graph.batch(parts), weight, killing)
    b = torch.randn(len(killing), 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x = rw.solve(whole, b, ApproximateCholesky(rtol=1e-12))
    alone = [rw.solve(walk, block, Cholesky()) for walk, block in zip(walks, b.split([30, 5, 30]), strict=True)]
    torch.testing.assert_close(x, torch.cat(alone).detach(), rtol=1e-9, atol=1e-9)


@needs_package
def test_absorbed_and_isolated_nodes_keep_their_own_rows():
    path = rw.Graph(torch.tensor([[0, 1, 2, 3], [1, 2, 3, 4]]), 7)
    killing = torch.tensor([0, 0, 0, 0, 0, 2.0, 4.0], dtype=torch.float64)
    ended = rw.absorb(rw.walk(path, torch.ones(4, dtype=torch.float64), killing), torch.tensor([0, 4]))
    b = torch.tensor([[3.0], [1.0], [0.0], [0.0], [5.0], [1.0], [1.0]], dtype=torch.float64)
    x = rw.solve(ended, b, ApproximateCholesky(rtol=1e-12)).squeeze(1)
    expected = torch.tensor([3, 0.75, 0.5, 0.25, 5, 0.5, 0.25], dtype=torch.float64)
    torch.testing.assert_close(x, expected)


@needs_package
@pytest.mark.parametrize("least", [1e-4, 1e-9, 1e-11])
def test_a_component_that_is_hardly_killed_is_solved_beside_one_that_is(least):
    graph = rw.Graph.batch([rw.grid_graph((12, 12)), rw.grid_graph((12, 12))])
    killing = torch.zeros(288, dtype=torch.float64)
    killing[5], killing[200] = least, 1.0
    walk = rw.walk(graph, torch.ones(graph.num_edges, dtype=torch.float64), killing)
    b = torch.zeros(288, 2, dtype=torch.float64)
    b[70, 0], b[144:, 1] = least, 1.0
    x = rw.solve(walk, b, ApproximateCholesky(rtol=1e-12))
    exact = rw.solve(walk, b, Cholesky(rtol=1e-12))
    assert (x[:, 0] - exact[:, 0]).abs().max() < 1e-2
    torch.testing.assert_close(x[144:, 1], exact[144:, 1], rtol=1e-9, atol=1e-9)


@needs_package
@pytest.mark.parametrize("killing", [1e-6, 1e-10, 1e-20])
def test_killing_below_the_rounding_of_its_rate_leaves_a_regular_factor(killing):
    solver, walk = ApproximateCholesky(), wheel(killing)
    factor = solver.inverse_of(walk)
    x = factor.precondition(walk.killing[:, None] / killing)
    assert float(x.mean()) == pytest.approx(1 / max(killing, module.NOISE * 2001 * 2000), rel=0.3)


@needs_package
def test_a_walk_without_any_weight_left_is_its_own_diagonal():
    graph = rw.grid_graph((4, 4))
    walk = rw.walk(graph, torch.zeros(graph.num_edges), killing=2.0)
    torch.testing.assert_close(rw.solve(walk, torch.ones(16), ApproximateCholesky()), torch.full((16,), 0.5))


@needs_package
def test_too_few_iterations_raise_with_causes_and_cures():
    walk, seeds = rough_walk(30, 6)
    with pytest.raises(rw.ConvergenceError, match=r"ApproximateCholesky\(.*left a true relative residual"):
        rw.hitting_probabilities(walk, seeds, solver=ApproximateCholesky(max_iterations=1))


@needs_package
def test_a_matrix_that_the_package_refuses_is_an_error(monkeypatch):
    def refuse(*args, **options):
        raise ValueError("row 3 is not diagonally dominant")

    monkeypatch.setattr(module.approx_chol, "factorize_raw", refuse)
    with pytest.raises(rw.ConvergenceError, match=r"could not factorise A: row 3 is not"):
        rw.factorize(sample_walk(GRAPHS["grid"]), ApproximateCholesky()).solve(torch.ones(12))


@needs_package
def test_the_plan_is_made_once_per_graph(monkeypatch):
    calls = []
    rows = module._rows
    monkeypatch.setattr(module, "_rows", lambda graph: calls.append(1) or rows(graph))
    graph = rw.grid_graph((10, 10))
    for seed in range(3):
        rw.solve(sample_walk(graph, seed), torch.ones(100), ApproximateCholesky())
    assert calls == [1]


@needs_package
def test_versions_that_apply_to_a_block_get_all_columns_at_once(monkeypatch):
    factorize, shapes = module.approx_chol.factorize_raw, []

    class Block:
        def __init__(self, *args):
            self.factor = factorize(*args)

        def apply(self, b, out):
            shapes.append(b.shape)
            for column in range(b.shape[1]):
                out[:, column] = self.factor.solve(b[:, column].copy())
            return out

    walk, seeds = rough_walk(12, 2)
    alone = rw.hitting_probabilities(walk, seeds, solver=ApproximateCholesky(rtol=1e-12))
    monkeypatch.setattr(module.approx_chol, "factorize_raw", Block)
    together = rw.hitting_probabilities(walk, seeds, solver=ApproximateCholesky(rtol=1e-12))
    torch.testing.assert_close(together, alone, rtol=1e-9, atol=1e-9)
    assert alone.shape in shapes


@needs_package
def test_more_copies_of_the_edges_save_iterations():
    walk, seeds = rough_walk(64, 1)
    with rw.record_solves() as reports:
        for split in (1, 3):
            rw.hitting_probabilities(walk, seeds, solver=ApproximateCholesky(split=split))
    assert reports[1].iterations < 0.8 * reports[0].iterations


def test_a_missing_package_says_what_to_install(monkeypatch):
    monkeypatch.setattr(module, "AVAILABLE", False)
    with pytest.raises(MissingDependencyError, match="needs the package approx-chol: pip install approx-chol"):
        ApproximateCholesky().plan(GRAPHS["grid"])


def test_more_entries_than_can_be_counted_are_refused(monkeypatch):
    monkeypatch.setattr(module, "AVAILABLE", True)
    huge = unchecked(torch.empty(2, 0, dtype=torch.int64), 2**32)
    with pytest.raises(ValueError, match=r"counts in 32 bits.*4294967296 nodes, 0 edges.*Use `CG`"):
        ApproximateCholesky().plan(huge)


def test_a_split_without_meaning_is_refused():
    with pytest.raises(ValueError, match="`split` must be a whole number from 1; got 0"):
        ApproximateCholesky(split=0)


def test_it_is_a_value():
    assert dataclasses.replace(ApproximateCholesky()) == ApproximateCholesky()
    assert len({ApproximateCholesky(), ApproximateCholesky(rtol=1e-8), ApproximateCholesky(rtol=1e-6)}) == 2
