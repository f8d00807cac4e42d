"""Iterations whose residuals bound their errors: where walkers hardly leave, answers have their digits, or raise."""

import contextlib
from functools import partial

import numpy as np
import pytest
import torch
from test_block_gauss_seidel import crowd, one_way, walk_steps

import graphrw as rw
from graphrw.solvers import LU, BiCGStab, BlockGaussSeidel
from graphrw.solvers.elimination import differences_by_leaving, inverse_by_leaving

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
@pytest.mark.parametrize("size", [TOO_LARGE, 300])
def test_answers_and_gradients_of_a_crowd_are_as_good_as_asked_or_an_error(solver, size):
    answered = 0
    for rare in (1e-3, 1e-4, 1e-5, 1e-6, 1e-8, 1e-10):
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


@pytest.mark.parametrize("transpose", [False, True])
@pytest.mark.parametrize("rtol", [1e-3, 1e-8, 1e-12])
@pytest.mark.parametrize("solver", [BlockGaussSeidel, BiCGStab])
def test_no_error_is_larger_than_its_bound(solver, rtol, transpose):
    walk = rw.walk(one_way().graph, one_way().weight.clamp(max=1.0), one_way().killing)
    b = torch.rand(3000, 3, dtype=DOUBLE, generator=torch.manual_seed(0))
    with rw.record_solves() as reports:
        found = rw.solve(walk, b, solver(rtol), transpose)
    expected, size = rw.solve(walk, b, LU(), transpose), partial(torch.linalg.vector_norm, dim=0)
    off, size = (size(each, 1 if transpose else torch.inf) for each in (found - expected, expected))
    assert float((off / size).max()) <= reports[0].error_bound <= min(0.01, rtol**0.5)


@pytest.mark.parametrize("solver", [BlockGaussSeidel, BiCGStab])
def test_the_bound_of_rounds_is_the_mean_number_of_rounds(solver):
    walk = rw.walk(rw.grid_graph((7, 7)), torch.rand(84, dtype=DOUBLE, generator=torch.manual_seed(1)), killing=0.1)
    inverse = solver(1e-10).inverse_of(walk)
    assert not inverse.verdict.refusal
    returned = torch.eye(49, dtype=DOUBLE) - inverse.without(torch.eye(49, dtype=DOUBLE))
    mean = torch.linalg.inv(torch.eye(49, dtype=DOUBLE) - returned).sum(1).max()
    assert float(returned.min()) >= -1e-15
    assert 1.0 <= inverse._rounds / float(mean) <= 4.0
