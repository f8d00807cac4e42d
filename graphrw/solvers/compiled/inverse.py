"""Conjugate gradients by compiled kernels, under a compiled cycle."""

from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from graphrw.core.walk import Walk
from graphrw.solvers.compiled import iteration
from graphrw.solvers.compiled.level import CompiledCycle
from graphrw.solvers.compiled.rows import Rows
from graphrw.solvers.iterative import krylov
from graphrw.solvers.iterative.base import IterativeInverse, IterativeSolver
from graphrw.solvers.norms import column_norm
from graphrw.solvers.operator import Operator


class CompiledOperator(Operator):
    """A of a walk on an undirected graph, with products in differences that need no memory for edges."""

    def __init__(self, walk: Walk, rows: Rows) -> None:
        super().__init__(walk)
        self.degree = rows.degree
        self.arrays: Any = rows.lower(torch.ones_like(rows.killing), torch.float64), rows.killing.numpy()

    def matmul_in_differences(self, x: Tensor, out: Tensor | None = None, *, transpose: bool = False) -> Tensor:
        x = x.contiguous()
        out = torch.empty_like(x) if out is None else out
        iteration.flow_out(self.arrays, (x.numpy(), out.numpy()))
        return out


@dataclass(frozen=True, eq=False)
class CompiledSystem:
    """A x = b and a cycle for it, as `CompiledConjugateGradients` asks for them; for all columns alike."""

    operator: CompiledOperator
    cycle: CompiledCycle

    def narrowed(self, place: Tensor) -> Self:
        return self


@dataclass(eq=False)
class CompiledConjugateGradients(krylov.Columns[CompiledSystem]):
    """`krylov.ConjugateGradients` in three passes over its vectors, with products in differences."""

    p: Tensor  # (N, K): the direction
    q: Tensor  # (N, K): A p
    curvature: Tensor  # (K,): pᵀA p

    def __post_init__(self) -> None:
        self._scaled: Tensor | None = None  # D⁻½ r, in the precision of the cycle

    @classmethod
    def start(cls, b: Tensor) -> Self:
        r, ones = b.clone(memory_format=torch.contiguous_format), b.new_ones(b.shape[1])
        x, p, q = (torch.zeros_like(r) for _ in range(3))
        return cls(torch.arange(b.shape[1]), x, r, column_norm(b), p, q, ones)

    def measure(self) -> None:
        """A step has done so."""

    def step(self, system: CompiledSystem) -> None:
        finest = system.cycle.levels[0]
        if self._scaled is None:
            self._scaled = finest.receive(self.r)
        cycle = finest.unroot.numpy(), system.cycle.run(self._scaled).numpy(), self._scaled.numpy()
        vectors = tuple(vector.numpy() for vector in (self.p, self.q, self.x, self.r))
        work = self.r.new_empty(4, self.r.shape[1])
        iteration.step(system.operator.arrays, cycle, vectors, (self.curvature.numpy(), work.numpy()))
        self.norm = work[3].sqrt()


class CompiledInverse(IterativeInverse):
    """Compiled conjugate gradients under a compiled cycle."""

    method = CompiledConjugateGradients
    operator: CompiledOperator

    def __init__(self, walk: Walk, solver: IterativeSolver, rows: Rows, cycle: CompiledCycle) -> None:
        super().__init__(walk, solver)
        self.operator = CompiledOperator(walk, rows)
        self._cycle = cycle

    def system(self, transpose: bool, step: int) -> CompiledSystem:
        return CompiledSystem(self.operator, self._cycle)

    def precondition(self, r: Tensor, transpose: bool = False) -> Tensor:
        return self._cycle.apply(r)
