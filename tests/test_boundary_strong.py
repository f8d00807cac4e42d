"""`boundary_probabilities` where sums over paths vanish, against logarithms and extended precision."""

import math

import mpmath
import numpy as np
import pytest
import torch
from path_sums import (
    dense,
    labelled,
    normalised,
    numbers,
    transition,
)
from torch import Tensor

from graphrw import Graph, grid_graph, solvers
from graphrw.functional.boundary import boundary_probabilities, missing_neighbours

# --- strong boundaries ----------------------------------------------------------------------------------------------


def log_sums(log_step: float, shape: tuple[int, int], seeds: Tensor, label: int) -> np.ndarray:
    """log Z of one label on a grid by the plain iteration in logarithms; `log_step` is −B − log n on every node."""
    inside = np.full(shape, -np.inf)
    inside[(seeds == label).reshape(shape).numpy()] = 0.0
    free = (seeds < 0).reshape(shape).numpy()
    z, last = inside, None
    while last is None or not np.array_equal(z, last):
        padded = np.pad(z, 1, constant_values=-np.inf)
        around = np.stack([padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]])
        last, z = z, np.where(free, np.logaddexp.reduce(around) + log_step, inside)
    return z


@pytest.mark.parametrize("strength", [10.0, 50.0])
def test_far_seeds_behind_strong_boundaries_keep_their_shares(strength):
    shape = (64, 64)
    seeds = labelled(4096, {0: 0, 63: 1, 64 * 40 + 7: 2})
    scores = torch.full((4096,), strength, dtype=torch.float64)
    answer = boundary_probabilities(grid_graph(shape), scores, seeds, exits=missing_neighbours(shape))
    logs = np.stack([log_sums(-strength - math.log(4), shape, seeds, label) for label in range(3)])
    assert np.exp(logs.max(0)).min() < 1e-300
    assert bool(torch.isfinite(answer).all())
    assert (answer.sum(1) - 1).abs().max() < 1e-10
    expected = torch.from_numpy(np.exp(logs - np.logaddexp.reduce(logs))).reshape(3, -1).T
    torch.testing.assert_close(answer, expected, rtol=1e-7, atol=1e-9)
    assert 0.01 < float(answer[:, 0].mean()) < 0.6


@pytest.mark.parametrize("degree_normalised", [True, False], ids=["normalised", "printed"])
@pytest.mark.parametrize("strength", [2.0, 50.0, 400.0])
def test_they_are_right_against_extended_precision(strength, degree_normalised):
    shape, count = (4, 9), 36
    graph, seeds = grid_graph(shape), labelled(count, {0: 0, 8: 1, 9: 2})
    scores = numbers(count, 6, 0.9 * strength, 1.1 * strength)
    answer = boundary_probabilities(graph, scores, seeds, degree_normalised=degree_normalised)
    free = (seeds < 0).nonzero().flatten().tolist()
    with mpmath.workdps(60):
        steps = transition(graph, torch.zeros(count), degree_normalised=False)
        count_of = steps.sum(1).tolist() if degree_normalised else [1.0] * count
        rate = [mpmath.exp(-mpmath.mpf(float(score))) / int(n) for score, n in zip(scores, count_of, strict=True)]
        matrix = mpmath.matrix(len(free), len(free))
        inflow = mpmath.matrix(len(free), 3)
        for row, i in enumerate(free):
            matrix[row, row] += 1
            for j in steps[i].nonzero().flatten().tolist():
                if j in free:
                    matrix[row, free.index(j)] -= rate[i]
                else:
                    inflow[row, int(seeds[j])] += rate[i]
        z = [mpmath.lu_solve(matrix, inflow[:, label]) for label in range(3)]
        expected = [
            [float(z[label][row] / mpmath.fsum(z[m][row] for m in range(3))) for label in range(3)]
            for row in range(len(free))
        ]
    torch.testing.assert_close(answer[free], torch.tensor(expected, dtype=torch.float64), rtol=1e-10, atol=1e-13)


def test_a_closed_room_behind_a_strong_wall_is_right_inside():
    """Walkers come out of the room once, through one node of the wall: outside, wall and room follow one another."""
    scores = torch.zeros(15, 15, dtype=torch.float64)
    scores[3:12, 3], scores[3:12, 11], scores[3, 3:12], scores[11, 3:12] = 900.0, 900.0, 900.0, 901.0
    graph, seeds, wall = grid_graph((15, 15)), labelled(225, {0: 0, 224: 1}), scores.flatten() > 1
    inside = torch.zeros(15, 15, dtype=torch.bool)
    inside[4:11, 4:11] = True
    steps = transition(graph, torch.where(wall, math.inf, 0.0))
    z, _ = dense(steps, seeds)  # nobody passes the wall: right outside
    z[wall] = transition(graph, scores.flatten() - 900)[wall] @ torch.where((wall | inside.flatten())[:, None], 0.0, z)
    room = inside.flatten()
    free = torch.eye(49, dtype=torch.float64) - steps[room][:, room]
    z[room] = torch.linalg.solve(free, steps[room][:, wall] @ z[wall])
    answer = boundary_probabilities(graph, scores.flatten(), seeds)
    torch.testing.assert_close(answer, normalised(z), rtol=1e-9, atol=1e-12)
    assert 0.01 < float(answer[room].min()) < 0.1


def test_derivatives_through_strong_boundaries_are_those_of_finite_differences():
    graph, seeds = grid_graph((5, 9)), labelled(45, {0: 0, 8: 1})
    scores = numbers(45, 7, 45, 55).requires_grad_()

    def call(boundary):
        return boundary_probabilities(graph, boundary, seeds)

    assert torch.autograd.gradcheck(call, scores, fast_mode=True)
    assert torch.autograd.gradgradcheck(call, scores, fast_mode=True)


def test_a_batch_of_weak_and_strong_images_is_answered_like_its_parts():
    image = grid_graph((12, 12))
    batch, seeds = Graph.batch([image, image]), labelled(144, {0: 0, 143: 1})
    weak, strong = numbers(144, 8), numbers(144, 9, 100, 101)
    together = boundary_probabilities(batch, torch.cat([weak, strong]), seeds.repeat(2))
    apart = [boundary_probabilities(image, scores, seeds) for scores in (weak, strong)]
    torch.testing.assert_close(together, torch.cat(apart), rtol=0, atol=1e-10)


# --- solvers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("solver", [solvers.Dense(), solvers.LU(), solvers.SuperLU()], ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("strength", [1.0, 60.0])
def test_solvers_for_directed_graphs_serve_every_strength(solver, strength):
    graph, seeds = grid_graph((8, 9)), labelled(72, {0: 0, 71: 1})
    scores = numbers(72, 10, 0.9 * strength, strength)
    expected = boundary_probabilities(graph, scores, seeds)
    torch.testing.assert_close(boundary_probabilities(graph, scores, seeds, solver=solver), expected)


def test_an_answer_that_lost_its_digits_is_not_divided():
    graph, seeds = grid_graph((12, 12)), labelled(144, {0: 0, 13: 1})
    scores = torch.full((144,), 0.5, dtype=torch.float64)  # the farthest sums are near 1e-13
    weak = boundary_probabilities(graph, scores, seeds, solver=solvers.Cholesky())
    torch.testing.assert_close(weak, boundary_probabilities(graph, scores, seeds, solver=solvers.LU()))
    with pytest.raises(ValueError, match=r"too faint for CG\(.*\). P is then found on a directed graph"):
        boundary_probabilities(graph, scores, seeds, solver=solvers.CG())
    near = boundary_probabilities(graph, 0 * scores, seeds, solver=solvers.CG(rtol=1e-12))
    torch.testing.assert_close(near, boundary_probabilities(graph, 0 * scores, seeds), rtol=0, atol=1e-9)
