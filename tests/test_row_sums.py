"""What the README promises of every answer: rows of hitting probabilities sum to 1, and are not forced to."""

import math

import pytest
import torch
from hard_walks import noise, wheel

import graphrw as rw
from graphrw.solvers import CG, LU, Auto, BiCGStab, Cholesky, Dense, Multigrid, Pardiso, SuperLU
from graphrw.solvers.direct import pardiso
from graphrw.solvers.iterative.base import IterativeSolver


def directed(walk):
    edges = walk.graph.edges
    both = rw.Graph(torch.cat([edges, edges.flip(0)], dim=1), walk.graph.num_nodes, directed=True)
    return rw.walk(both, walk.weight.repeat(2))


def hub_and_rim():
    seeds = torch.full((2001,), -1)
    seeds[0], seeds[1000] = 0, 1
    return wheel(0.0), seeds


def decades(count, size=30):
    graph = rw.grid_graph((size, size))
    draw = torch.rand(graph.num_edges, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    seeds = torch.full((size * size,), -1)
    seeds[[0, size * size // 2, -1]] = torch.tensor([0, 1, 2])
    return rw.walk(graph, 10 ** (-count * draw)), seeds


HARD = {
    "wheel": hub_and_rim,
    **{f"noise {size}": lambda size=size: noise(size) for size in (11, 12, 20, 34)},
    **{f"{count} decades": lambda count=count: decades(count) for count in (0, 6, 12, 16)},
}
# Those that `Auto` may choose, at its tolerance; iterations are cut short where they would only be refused later.
CHOICES = [Dense(), Cholesky(), LU(), SuperLU(), Multigrid(1e-10), CG(1e-10, 80, 16), BiCGStab(1e-10, 50)]
CHOICES += [Pardiso()] if pardiso.available() else []
every_hard_walk = pytest.mark.parametrize("hard", HARD.values(), ids=list(HARD))


def promised(solver):
    return math.sqrt(solver.rtol) if isinstance(solver, IterativeSolver) else 1e-10


@every_hard_walk
@pytest.mark.parametrize("solver", CHOICES, ids=lambda solver: type(solver).__name__)
def test_rows_sum_to_one_as_promised_or_the_solver_refuses(hard, solver):
    walk, seeds = hard()
    if isinstance(solver, BiCGStab):  # only ever chosen for directed graphs
        walk = directed(walk)
    try:
        z = rw.hitting_probabilities(walk, seeds, solver=solver)
    except rw.ConvergenceError:
        return
    assert (z.sum(1) - 1).abs().max() < promised(solver)


@every_hard_walk
def test_auto_always_answers_and_rows_sum_to_one_as_its_choice_promises(hard):
    with rw.record_solves() as reports:
        z = rw.hitting_probabilities(*hard(), solver=Auto())
    assert (z.sum(1) - 1).abs().max() < promised(reports[-1].solver)
