"""Solving with the operator of a walk whose rows lie on many processes, and the adjoint."""

import math
import time
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from graphrw.core.errors import ConvergenceError, SingularWalkError
from graphrw.core.transforms import outside_autograd
from graphrw.core.walk import Walk
from graphrw.distributed.graph import DistributedGraph, DistributedWalk
from graphrw.distributed.reach import stranded
from graphrw.solvers.gradients import weight_gradient
from graphrw.solvers.iterative.base import SHARPNESSES, WORST_ANSWER
from graphrw.solvers.iterative.petsc import PETSc, check_size, petsc, set_up
from graphrw.solvers.operator import Operator
from graphrw.solvers.pattern import row_pattern
from graphrw.solvers.record import SolveReport, recordings, report
from graphrw.solvers.verdict import distance_from_one

PASSES = 4  # of refinement: each but the first works on what the one before has left


def solve(walk: DistributedWalk, b: Tensor, solver: PETSc = PETSc()) -> Tensor:
    """x with A x = b, as `graphrw.solve`, differentiable to every order in weights, killing and b.

    Every process calls it with its own rows, and calls `backward` alike: the loss is the sum of theirs.

    Args:
        walk: from each of whose nodes some killing must be reachable.
        b: (owned, K) or (owned,), K right-hand sides.
        solver: how to solve.

    Returns:
        x, of the shape of `b`, float64.

    Raises:
        SingularWalkError, ConvergenceError: as `graphrw.solve`; in all processes.
        ValueError: for another shape of `b`.
    """
    return factorize(walk, solver).solve(b)


def factorize(walk: DistributedWalk, solver: PETSc = PETSc()) -> "DistributedFactor":
    """Set up the multigrid of a walk once, to solve with it many times; as `graphrw.factorize`.

    Raises:
        SingularWalkError: if some node can reach no killing.
    """
    lost = stranded(walk, walk.local.killing.detach() > 0)
    count = int(walk.graph.halo.total(lost.sum()[None]))
    if count:
        raise SingularWalkError(
            f"{count} of {walk.graph.num_nodes} nodes can reach no node with killing, so that A is singular. Give them "
            "some killing, or a seed."
        )
    return DistributedFactor(walk, solver)


class _Refined(NamedTuple):
    """An answer, the norms of what it leaves (K,), and the iterations of the slowest column in all passes."""

    x: Tensor
    left: Tensor
    iterations: int


@dataclass(frozen=True, eq=False)
class DistributedFactor:
    """The operator of a walk and its multigrid, for any number of right-hand sides."""

    walk: DistributedWalk
    solver: PETSc

    @property
    def graph(self) -> DistributedGraph:
        """That of the walk."""
        return self.walk.graph

    def solve(self, b: Tensor) -> Tensor:
        """As the function `solve`; gradients flow to the walk and to `b`."""
        if b.ndim not in (1, 2) or len(b) != self.graph.owned:
            raise ValueError(f"`b` must be (n, K) or (n,) with n = {self.graph.owned} own nodes; got {tuple(b.shape)}.")
        columns = b.double().reshape(len(b), b.shape[1] if b.ndim == 2 else 1)
        return _solved(self.walk.local.weight, self.walk.local.killing, columns, self).reshape(b.shape)

    @cached_property
    def operator(self) -> Operator:
        """Of the local part, outside autograd."""
        local = self.walk.local
        return Operator(Walk(local.graph, local.weight.detach(), local.killing.detach()))

    @cached_property
    def krylov(self) -> Any:
        """PETSc's conjugate gradients with the multigrid."""
        library = petsc()
        krylov = library.KSP().create(self.graph.comm)
        krylov.setType(library.KSP.Type.CG)
        krylov.setNormType(library.KSP.NormType.UNPRECONDITIONED)
        krylov.setOperators(assembled(self.graph, self.operator.diagonal, self.operator.walk.weight))
        set_up(krylov, self.solver)
        return krylov

    def residual(self, b: Tensor, x: Tensor) -> Tensor:
        """b − A x, where nothing cancels: as k ⊙ x + Σ_j w_ij (x_i − x_j)."""
        halo = self.graph.halo
        return b - halo.gathered(self.operator.matmul_in_differences(halo.spread(x)))

    def norms(self, columns: Tensor) -> Tensor:
        """(K,): of all processes' rows."""
        return self.graph.halo.total(columns.square().sum(0)).sqrt()

    @cached_property
    def sharpness(self) -> float:
        """By how much residuals have to shrink so that a small one means a small error: found once, by A 1 = killing,
        as `IterativeInverse.judge` does in one process.

        Raises:
            ConvergenceError: if none does, in all processes.
        """
        halo = self.graph.halo
        killing = halo.gathered(self.operator.walk.killing[:, None])
        target = self.solver.rtol * self.norms(killing)
        ones, error, reached = torch.zeros_like(killing), math.inf, 1.0
        for sharpness in SHARPNESSES:
            try:
                ones = self._refined(killing, sharpness * target, ones).x
            except ConvergenceError:
                if error > WORST_ANSWER:
                    raise
                break
            error, reached = halo.largest(distance_from_one(ones)), sharpness
            if error <= min(WORST_ANSWER, math.sqrt(self.solver.rtol)):
                break
        if error <= WORST_ANSWER:
            return reached
        raise ConvergenceError(
            f"{self.solver} reached its residual, but with a relative error of {error:.1e} on A 1 = killing: some "
            "nodes hardly reach any seed or killing. Raise the smallest weights, or add killing."
        )

    def solve_plain(self, b: Tensor) -> Tensor:
        """x for `b` (owned, K) float64, refined until its true residual is what was asked for, or less."""
        began, norm = time.perf_counter(), self.norms(b)
        found = self._refined(b, self.sharpness * self.solver.rtol * norm, torch.zeros_like(b))
        worst = float((found.left / norm.clamp(min=1e-300)).nan_to_num(torch.inf).max()) if len(norm) else 0.0
        nodes, seconds = self.graph.num_nodes, time.perf_counter() - began
        seen = (self.solver, nodes, b.shape[1], False, found.iterations, worst, seconds, 0.0)
        report(SolveReport(*seen), recordings())
        return found.x

    def _refined(self, b: Tensor, target: Tensor, x: Tensor) -> _Refined:
        """From `x` on, until what is left of each column is within `target` (K,)."""
        residual, iterations = self.residual(b, x), 0
        for step in range(PASSES):
            # Half: PETSc's residual is that of a recursion, behind which the true one lags.
            change, more = self._pass(residual, 0.5 * 0.1**step * target)
            x, iterations = x + change, iterations + more
            residual = self.residual(b, x)
            left = self.norms(residual)
            if bool((left <= target).all()):
                return _Refined(x, left, iterations)
        worst = float((left / self.norms(b).clamp(min=1e-300)).nan_to_num(torch.inf).max())
        raise ConvergenceError(
            f"{self.solver} left a true relative residual of {worst:.1e} after {iterations} iterations. Likely causes: "
            "weights that span too many orders of magnitude, or a component that hardly reaches any seed or killing. "
            "Ask for a larger `rtol`, or more `max_iterations`."
        )

    def _pass(self, b: Tensor, target: Tensor) -> tuple[Tensor, int]:
        """What PETSc finds, column by column, and the iterations of the slowest."""
        library, comm, size = petsc(), self.graph.comm, (self.graph.owned, self.graph.num_nodes)
        rows, iterations = b.T.contiguous().numpy(), 0
        answers = np.zeros(rows.shape)
        for right, answer, most in zip(rows, answers, target.tolist(), strict=True):
            self.krylov.setTolerances(rtol=0.0, atol=most, max_it=self.solver.max_iterations)
            vectors = (library.Vec().createWithArray(part, size=size, comm=comm) for part in (right, answer))
            self.krylov.solve(*vectors)
            iterations = max(iterations, self.krylov.getIterationNumber())
        return torch.from_numpy(answers).T.contiguous(), iterations


def assembled(graph: DistributedGraph, rate: Tensor, weight: Tensor) -> Any:
    """diag(`rate`) − W as PETSc's parallel matrix, each process with its own rows, from what each has of it."""
    library, local = petsc(), graph.local
    check_size(max(graph.num_nodes, local.num_nodes + 2 * local.num_edges))
    pattern, kind = row_pattern(local), library.IntType
    numbers = library.LGMap().create(graph.halo.ids.numpy().astype(kind), comm=graph.comm)
    size = (graph.owned, graph.num_nodes)
    parts = library.Mat().createIS((size, size), numbers, numbers, comm=graph.comm)
    rows = (pattern.indptr.numpy().astype(kind), pattern.indices.numpy().astype(kind))
    values = pattern.values(rate, weight).numpy()
    here = library.Mat().createAIJ((local.num_nodes,) * 2, csr=(*rows, values), comm=library.COMM_SELF)
    parts.setISLocalMat(here)
    parts.assemble()
    return parts.convert(library.Mat.Type.AIJ)


class _Solve(torch.autograd.Function):
    """x = A⁻¹ b with A = Σ Rᵀ A_local R over processes: the adjoint of `graphrw.solve`, term by term.

    Let g = ∂ℓ/∂x and λ = A⁻¹ g, both rows of all processes. ∂ℓ/∂A = −λ xᵀ, and a process's A_local stands in A between
    Rᵀ and R: its weights and its killing have the gradients of `graphrw.solve`, with R λ and R x for λ and x. R is a
    message, and linear; λ is itself a `_Solve`, so derivatives of every order follow.
    """

    @staticmethod
    def forward(weight: Tensor, killing: Tensor, b: Tensor, factor: DistributedFactor) -> Tensor:
        with outside_autograd():
            return factor.solve_plain(b)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        weight, killing, _, ctx.factor = inputs
        ctx.save_for_backward(weight, killing, output)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        weight, killing, x = ctx.saved_tensors
        adjoint = _solved(weight, killing, g, ctx.factor)
        left, right = (ctx.factor.graph.halo.spread(rows) for rows in (adjoint, x))
        return weight_gradient(ctx.factor.graph.local, left, right, None), -(left * right).sum(1), adjoint, None


def _solved(weight: Tensor, killing: Tensor, b: Tensor, factor: DistributedFactor) -> Tensor:
    x: Tensor = _Solve.apply(weight, killing, b, factor)  # type: ignore[no-untyped-call]
    return x
