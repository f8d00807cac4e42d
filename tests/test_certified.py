"""Iterations whose residuals bound their errors: where walkers hardly leave, answers have their digits, or raise."""

import contextlib
from fractions import Fraction

import numpy as np
import pytest
import torch
from test_block_gauss_seidel import crowd, one_way, walk_steps

import graphrw as rw
from graphrw.solvers import LU, BiCGStab, BlockGaussSeidel
from graphrw.solvers.directed.elimination import differences_by_leaving, inverse_by_leaving

DOUBLE = torch.float64
TOO_LARGE = 150  # nodes of a crowd in which no step is likely enough for the blocks of `BlockGaussSeidel`


def by_elimination(walk, size, ends):
    """Of the first `size` nodes: how probably walkers end at `ends`, and its gradient at node 2 times the weights.

    The inverse and the differences are those of `tests/test_block_gauss_seidel.py`, held there to fractions.
    """
    steps = np.array(walk_steps(walk))
    step, leave, source = steps[:size, :size], steps[:size, size:].sum(1), steps[:size, ends]
    inverse = inverse_by_leaving(step[None], leave[None])[0]
    x = inverse @ source
    apart = differences_by_leaving(step[None], leave[None], source[None, :, None], x[None, :, None])[0, :, :, 0]
    return torch.from_numpy(x), torch.from_numpy(-inverse[2][:, None] * apart * step)


@pytest.mark.parametrize("solver", [BlockGaussSeidel(1e-12), BlockGaussSeidel(1e-8), BiCGStab(1e-12), BiCGStab(1e-8)])
def test_answers_and_gradients_of_a_crowd_are_as_good_as_asked_or_an_error(solver):
    answered, size = 0, TOO_LARGE
    for rare in (1e-1, 1e-2, 1e-3, 1e-4, 1e-6, 1e-10):
        walk = crowd(size, rare)
        expected, gradient = by_elimination(walk, size, size)
        with contextlib.suppress(rw.ConvergenceError):
            found = rw.solve(walk, torch.eye(size + 2, dtype=DOUBLE)[size], solver)
            found[2].backward()
            assert float((found.detach()[:size] - expected).abs().max()) <= solver.rtol**0.5
            tail, head = walk.graph.edges[:, :-2]
            off = (walk.weight * walk.weight.grad)[:-2] - gradient[tail, head]
            assert float(off.detach().abs().max()) <= solver.rtol**0.5
            answered += 1
    assert 2 <= answered <= 5


@pytest.mark.parametrize("solver", [BlockGaussSeidel(1e-12), BiCGStab(1e-12)])
@pytest.mark.parametrize("transpose", [False, True])
def test_walkers_who_never_end_in_time_are_named(solver, transpose):
    walk = crowd(TOO_LARGE, 1e-10)
    with pytest.raises(rw.ConvergenceError, match=r"walkers make \d\.\de\+1\d rounds before they end"):
        rw.solve(walk, torch.ones(TOO_LARGE + 2, dtype=DOUBLE), solver, transpose)


def wrong_by(found, expected, walk, transpose):
    """What the bound is of."""
    size = walk.rate[:, None] if transpose else torch.ones(len(found), 1, dtype=DOUBLE)
    off, most = ((size * each.reshape(len(size), -1)).abs() for each in (found - expected, expected))
    return float((off.sum(0) / most.sum(0) if transpose else off.amax(0) / most.amax(0)).max())


@pytest.mark.parametrize("transpose", [False, True])
@pytest.mark.parametrize("rtol", [1e-3, 1e-8, 1e-12])
@pytest.mark.parametrize("solver", [BlockGaussSeidel, BiCGStab])
def test_no_error_is_larger_than_its_bound(solver, rtol, transpose):
    walk = one_way(1000)
    walk = rw.walk(walk.graph, walk.weight.clamp(max=1.0), walk.killing)
    b = torch.rand(1000, 3, dtype=DOUBLE, generator=torch.manual_seed(0))
    with rw.record_solves() as reports:
        found = rw.solve(walk, b, solver(rtol), transpose)
    expected = rw.solve(walk, b, LU(), transpose)
    assert wrong_by(found, expected, walk, transpose) <= reports[0].error_bound <= min(0.01, rtol**0.5)


def pairs_at_random(leak, seed):
    """300 pairs, left to three others so rarely; and whole numbers of both signs for their nodes."""
    random = np.random.default_rng(seed)
    first, to = np.repeat(2 * np.arange(300), 3), 2 * random.integers(0, 300, 900)
    ways = np.unique(np.stack([first, to])[:, first != to], axis=1)
    ends = np.concatenate([np.stack([first[::3], first[::3] + 1]), np.stack([first[::3] + 1, first[::3]]), ways], 1)
    weight = np.append(np.full(600, 3.0), leak * random.integers(1, 8, ways.shape[1]))
    killing = np.where(np.arange(600) % 20 == 0, leak, 0.0)
    walk = rw.walk(rw.Graph(torch.from_numpy(ends), 600, directed=True), *map(torch.from_numpy, (weight, killing)))
    return walk, torch.from_numpy(random.integers(1, 8, 600) * random.choice([-1.0, 1.0], 600))


def exactly(walk, x, transpose):
    """A x, or Aᵀx, which float64 holds."""
    x, b = list(map(Fraction, x.tolist())), [Fraction(0)] * len(x)
    for (i, j), weight in zip(walk.graph.edges.T.tolist(), map(Fraction, walk.weight.tolist()), strict=True):
        b[i] += weight * (x[i] if transpose else x[i] - x[j])
        b[j] -= weight * x[i] if transpose else 0
    b = [
        each + Fraction(killing) * x[i] for i, (each, killing) in enumerate(zip(b, walk.killing.tolist(), strict=True))
    ]
    assert all(Fraction(float(each)) == each for each in b)
    return torch.tensor(list(map(float, b)), dtype=DOUBLE)


@pytest.mark.parametrize("transpose", [False, True])
@pytest.mark.parametrize("solver", [BlockGaussSeidel, BiCGStab])
def test_what_cancels_in_wells_counts(solver, transpose):
    raised = 0
    for leak in (2.0**-12, 2.0**-16, 2.0**-24, 2.0**-30):
        walk, x = pairs_at_random(leak, 0)
        b = exactly(walk, x, transpose)
        for rtol in (1e-6, 1e-8, 1e-12):
            try:
                with rw.record_solves() as reports:
                    found = rw.solve(walk, b, solver(rtol), transpose)
            except rw.ConvergenceError:
                raised += 1
            else:
                assert wrong_by(found, x, walk, transpose) <= reports[0].error_bound <= rtol**0.5
    assert 1 <= raised <= 11


def test_rounding_along_the_way_counts():
    """On a line of nodes whose rates are no powers of two each step may lose ε, all of them in one direction."""
    count, line = 20_000, torch.arange(19_999)
    graph = rw.Graph(torch.stack([line, line + 1]), count, directed=True)
    killing = 49.0 * torch.nn.functional.one_hot(torch.tensor(count - 1), count).double()
    walk = rw.walk(graph, torch.full((count - 1,), 49.0, dtype=DOUBLE), killing)
    with rw.record_solves() as reports:
        found = rw.solve(walk, killing, BlockGaussSeidel())
    assert 1e-13 < float((found - 1).abs().max()) <= reports[0].error_bound <= 1e-9


@pytest.mark.parametrize("solver", [BlockGaussSeidel, BiCGStab])
def test_the_bound_of_rounds_is_the_mean_number_of_rounds(solver):
    walk = rw.walk(rw.grid_graph((7, 7)), torch.rand(84, dtype=DOUBLE, generator=torch.manual_seed(1)), killing=0.1)
    inverse = solver(1e-10).inverse_of(walk)
    assert not inverse.verdict.refusal
    returned = torch.eye(49, dtype=DOUBLE) - inverse.without(torch.eye(49, dtype=DOUBLE))
    mean = torch.linalg.inv(torch.eye(49, dtype=DOUBLE) - returned).sum(1).max()
    assert float(returned.min()) >= -1e-15
    assert 1.0 <= inverse._rounds / float(mean) <= 4.0
