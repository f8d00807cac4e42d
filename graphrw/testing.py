"""Graphs and solvers to try everything on, and `check_solver`: what every solver must do on every graph.

For the tests of this library and of solvers written elsewhere; nothing in the library imports it.
"""

from dataclasses import dataclass
from importlib.util import find_spec
from unittest.mock import patch

import torch
from torch import Tensor

from graphrw.build import grid_graph
from graphrw.core.errors import ConvergenceError
from graphrw.core.graph import Graph
from graphrw.core.walk import Walk, walk
from graphrw.solve import solve
from graphrw.solvers import (
    CG,
    CHOLMOD,
    LU,
    ApproximateCholesky,
    Auto,
    BiCGStab,
    BlockGaussSeidel,
    Cholesky,
    CuDSS,
    Dense,
    Multigrid,
    Pardiso,
    PETSc,
    Simplicial,
    Solver,
    SuperLU,
)
from graphrw.solvers.operator import Operator


@dataclass(frozen=True)
class Traits:
    """A solver, and what tests must know of it."""

    solver: Solver
    directed: bool  # takes directed graphs; if not, it refuses them when it plans
    iterative: bool  # stops at a residual, where a direct solver stops at rounding
    needs: str | None = None  # the module of an optional package
    on_gpu: bool = False  # needs a CUDA device, too

    @property
    def installed(self) -> bool:
        there = self.needs is None or find_spec(self.needs) is not None
        return there and (not self.on_gpu or torch.cuda.is_available())

    def __str__(self) -> str:
        return type(self.solver).__name__


SOLVERS = (
    Traits(Dense(), directed=True, iterative=False),
    Traits(Cholesky(), directed=False, iterative=False),
    Traits(LU(), directed=True, iterative=False),
    Traits(SuperLU(), directed=True, iterative=False),
    Traits(Simplicial(), directed=False, iterative=False, needs="numba"),
    Traits(CG(rtol=1e-12), directed=False, iterative=True),
    Traits(BiCGStab(rtol=1e-12), directed=True, iterative=True),
    Traits(BlockGaussSeidel(rtol=1e-12), directed=True, iterative=True),
    Traits(Multigrid(rtol=1e-12), directed=False, iterative=True),
    Traits(Auto(), directed=True, iterative=False),
    Traits(Pardiso(), directed=True, iterative=False, needs="pypardiso"),
    Traits(CHOLMOD(), directed=False, iterative=False, needs="sksparse"),
    Traits(ApproximateCholesky(rtol=1e-12), directed=False, iterative=True, needs="approx_chol"),
    Traits(PETSc(rtol=1e-12), directed=False, iterative=True, needs="petsc4py"),
    Traits(CuDSS(), directed=True, iterative=False, needs="nvmath", on_gpu=True),
)


def sample_graphs() -> dict[str, Graph]:
    """One graph of every kind that has ever made trouble, each small enough for finite differences."""
    triangle = Graph(torch.tensor([[0, 1, 0], [1, 2, 2]]), 3)
    ring = torch.arange(6)
    return {
        "grid": grid_graph((3, 4)),
        "directed": Graph(torch.tensor([[0, 1, 2, 3, 0, 3], [1, 2, 0, 4, 3, 1]]), 5, directed=True),
        "disconnected": Graph(torch.tensor([[0, 1, 3], [1, 2, 4]]), 5),
        "batched": Graph.batch([triangle, grid_graph((2, 2))]),
        "batch of equals": Graph.batch([triangle] * 3),
        "repeated eigenvalues": Graph(torch.stack([ring, (ring + 1) % 6]), 6),
        "one node": Graph(torch.empty(2, 0, dtype=torch.int64), 1),
        "no edge": Graph(torch.empty(2, 0, dtype=torch.int64), 3),
        "isolated nodes": Graph(torch.tensor([[1], [3]]), 5),
    }


def sample_walk(graph: Graph, seed: int = 0, dtype: torch.dtype = torch.float64) -> Walk:
    """A walk with weights and killing in [0.5, 1.5) that require gradients."""
    generator = torch.Generator().manual_seed(seed)
    weight, killing = (
        (0.5 + torch.rand(size, generator=generator, dtype=torch.float64)).to(graph.device, dtype).requires_grad_()
        for size in (graph.num_edges, graph.num_nodes)
    )
    return walk(graph, weight, killing)


def dense_operator(walk: Walk) -> Tensor:
    """A of a walk, entry by entry as its definition says: diag(degree + killing) − W."""
    matrix = torch.diag(walk.killing.detach().double().cpu())
    for (tail, head), weight in zip(walk.graph.edges.T.tolist(), walk.weight.tolist(), strict=True):
        for i, j in [(tail, head)] if walk.graph.directed else [(tail, head), (head, tail)]:
            matrix[i, i] += weight
            matrix[i, j] -= weight
    return matrix


def check_solver(solver: Solver, graph: Graph) -> None:
    """Raise `AssertionError` unless `solver` is right on `graph`: values, both transposes, all derivatives, failure.

    >>> check_solver(Dense(), sample_graphs()["directed"])
    """
    _check_values(solver, graph)
    _check_derivatives(solver, graph)
    _check_failure(solver, graph)


def _right_hand_side(graph: Graph, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(graph.num_nodes, 2, generator=generator, dtype=torch.float64).to(graph.device, dtype)


def _check_values(solver: Solver, graph: Graph) -> None:
    for dtype, tolerance in ((torch.float64, 1e-9), (torch.float32, 1e-5)):
        moved, b = sample_walk(graph, dtype=dtype), _right_hand_side(graph, dtype)
        matrix = dense_operator(moved)
        for transpose in (False, True):
            x = solve(moved, b, solver, transpose)
            expected = torch.linalg.solve(matrix.T if transpose else matrix, b.cpu().double())
            torch.testing.assert_close(x.detach().cpu().double(), expected, rtol=tolerance, atol=tolerance)
            assert x.dtype == dtype


def _check_derivatives(solver: Solver, graph: Graph) -> None:
    sample = sample_walk(graph)
    inputs = (sample.weight.detach(), sample.killing.detach(), _right_hand_side(graph))
    for transpose in (False, True):

        def run(weight: Tensor, killing: Tensor, b: Tensor, transpose: bool = transpose) -> Tensor:
            return solve(walk(graph, weight, killing), b, solver, transpose)

        leaves = tuple(value.clone().requires_grad_() for value in inputs)
        # On a GPU, sums and cuDSS's factors round as chance has it.
        chance = 1e-9 if graph.device.type == "cuda" else 0.0
        assert torch.autograd.gradcheck(run, leaves, check_forward_ad=True, nondet_tol=chance)
        assert torch.autograd.gradgradcheck(run, leaves, fast_mode=True, nondet_tol=chance)
        jacobians = torch.func.jacrev(run, argnums=(0, 1, 2))(*inputs)
        torch.testing.assert_close(jacobians, torch.autograd.functional.jacobian(run, leaves))


def _check_failure(solver: Solver, graph: Graph) -> None:
    """With residuals that never shrink there is no answer."""
    sample = sample_walk(graph)
    with patch.object(Operator, "residual", lambda self, b, x, transpose, in_differences: b.expand_as(x).clone()):
        try:
            solve(sample, _right_hand_side(graph), solver)
        except ConvergenceError:
            return
    raise AssertionError(f"{solver} returned an answer that does not solve its system.")
