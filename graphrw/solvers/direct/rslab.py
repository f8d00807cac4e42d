"""The embedded sparse direct solver, rslab: LDLᵀ for undirected graphs, LU for directed ones.

rslab (MIT, pure Rust) has wheels for Linux, macOS and Windows, keeps the symbolic analysis of a pattern apart from the
numbers, predicts its memory, and solves all right-hand sides in one pass. `docs/solvers.md` holds the comparison.
"""

import itertools
import os
import re
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csc_array
from torch import Tensor

from graphrw.core.errors import MissingDependencyError
from graphrw.core.graph import Graph
from graphrw.core.memory import require_memory
from graphrw.core.threads import side_by_side, workers
from graphrw.core.walk import Walk
from graphrw.solvers.base import Solver
from graphrw.solvers.direct.base import Analysis, DirectInverse, Speed, could_not_factorise, representative
from graphrw.solvers.pattern import Pattern, column_pattern, lower_pattern

try:
    import rslab

    AVAILABLE = True
except ImportError:  # a platform without a wheel: `Auto` takes SuperLU there
    AVAILABLE = False

SPEED = Speed(flop=6e-11, entry=1.2e-8, solve=1e-9)
# rslab raises RuntimeError for this and for whatever else; these are its words for a pivot of 0.
SINGULAR = re.compile("rank-deficient|numerically singular")
POOLS: dict[int, set[int]] = {}  # the numbers of threads asked for, in this process and in those it was forked from
ANALYSIS = 300  # bytes for each entry of the pattern; 150 to 290 were seen at the peak, on images and volumes
ADVICE = "`solvers.Multigrid()` (undirected) or `solvers.BiCGStab()` (directed) need far less."
ORDERING = "amf"  # on images the cheapest sum of analysis, factor and solve of those that rslab offers


@dataclass(frozen=True)
class SparsePlan(Analysis):
    """A symbolic analysis by rslab."""

    speed = SPEED
    symbolic: Any

    @property
    def flops(self) -> float:
        return float(self._factor["factor_flops"])

    @property
    def entries(self) -> int:
        return int(self._factor["factor_nnz"])

    @cached_property  # rslab walks its whole analysis for it: 15 ms of a training step of 600 at 512²
    def bytes(self) -> float:
        return float(self.symbolic.memory_plan("float64")["peak_bytes"])

    @cached_property
    def _factor(self) -> dict[str, float]:
        estimate: dict[str, float] = self.symbolic.estimate_memory("float64")
        return estimate


@dataclass(frozen=True)
class Cholesky(Solver[SparsePlan]):
    """Sparse LDLᵀ factors of a symmetric A; undirected graphs only.

    The fill-reducing ordering and the symbolic analysis are made once per graph. Tensors on another device are
    solved on the CPU and brought back.

    Args:
        rtol: the largest relative residual that is accepted, and the relative error that refinement aims at.
    """

    rtol: float = 1e-10

    def plan(self, graph: Graph) -> SparsePlan:
        self.refuse_directed(graph)
        part = representative(graph)
        return _analyse(lower_pattern(graph), "ldlt") if part is graph else self.plan_for(part)

    def invert(self, walk: Walk, plan: SparsePlan) -> "_RslabInverse":
        return _RslabInverse(walk, self, plan)


@dataclass(frozen=True)
class LU(Solver[SparsePlan]):
    """Sparse LU factors of any A, directed graphs included; solves with Aᵀ on the same factors.

    Args:
        rtol: the largest relative residual that is accepted, and the relative error that refinement aims at.
    """

    rtol: float = 1e-10

    def plan(self, graph: Graph) -> SparsePlan:
        part = representative(graph)
        return _analyse(column_pattern(graph), "lu") if part is graph else self.plan_for(part)

    def invert(self, walk: Walk, plan: SparsePlan) -> "_RslabInverse":
        return _RslabInverse(walk, self, plan)


class _RslabInverse(DirectInverse):
    """Factors of each part of a batch of equal graphs, or of the one graph."""

    def __init__(self, walk: Walk, solver: Solver, plan: SparsePlan) -> None:
        super().__init__(walk, solver)
        self._symmetric, self._plan = isinstance(solver, Cholesky), plan
        copies = walk.graph.num_nodes // plan.num_nodes
        require_memory(copies * plan.bytes, f"Factorising by {solver}", ADVICE)  # rslab would end the process
        self._factorise()

    def _factorise(self) -> None:
        walk, plan, self._process = self.operator.walk, self._plan, os.getpid()
        copies = walk.graph.num_nodes // plan.num_nodes
        parts = zip(self.operator.diagonal.view(copies, -1), walk.weight.view(copies, -1), strict=True)
        values = [plan.pattern.values(*part).cpu().numpy() for part in parts]
        try:
            self._factors = side_by_side(partial(plan.symbolic.factor, **_threads(copies)), values)
        except RuntimeError as error:
            if SINGULAR.search(str(error)):
                raise could_not_factorise(self.solver, error) from error
            raise

    def substitute(self, b: Tensor, transpose: bool) -> Tensor:
        if self._process != os.getpid():  # forked since
            self._factorise()
        blocks = np.split(np.ascontiguousarray(b.cpu().numpy()), len(self._factors))
        x = side_by_side(lambda factor, block: self._solve(factor, block, transpose), self._factors, blocks)
        return torch.from_numpy(x[0] if len(x) == 1 else np.concatenate(x)).to(b.device)

    def _solve(self, factor: Any, b: NDArray[np.float64], transpose: bool) -> NDArray[np.float64]:
        if transpose and not self._symmetric:  # rslab transposes for one right-hand side at a time
            return np.stack([factor.solve_transpose(column) for column in b.T.copy()], axis=1)
        solution: NDArray[np.float64] = factor.solve_many(b)
        return solution


def _threads(copies: int = 1) -> dict[str, int]:
    """As many as torch takes; one for each of several factors, since for small ones rslab's own take twice the time of
    the processor. Its answers are the same, bit for bit, with any number.

    rslab keeps a pool of threads for each number. In a forked process those of its parent are gone, and whatever waits
    for them waits for ever: there the number is one that no parent has had.
    """
    mine = POOLS.setdefault(os.getpid(), set())
    gone = set[int]().union(*(numbers for process, numbers in tuple(POOLS.items()) if process != os.getpid()))
    wanted = workers() if copies == 1 else 1
    number = next(number for number in itertools.count(1) if number not in gone) if gone else wanted
    mine.add(number)
    return {"threads": number}


def _analyse(pattern: Pattern, path: str) -> SparsePlan:
    if not AVAILABLE:
        raise MissingDependencyError(
            "The solvers `Cholesky` and `LU` need the package rslab: pip install rslab. Where it has no wheel, "
            "`solvers.SuperLU()` does the same, more slowly."
        )
    indptr, indices = (part.cpu().numpy() for part in (pattern.indptr, pattern.indices))
    require_memory(ANALYSIS * len(indices), "The analysis of this graph by rslab", ADVICE)
    size = len(indptr) - 1
    dominant: NDArray[np.float64] = np.where(pattern.source.cpu().numpy() < size, float(size), -1.0)
    matrix = csc_array((dominant, indices, indptr), shape=(size, size))
    settings = {"matching": False} if path == "lu" else {}  # the diagonal of A dominates: no rows to be matched
    return SparsePlan(pattern, rslab.analyze(matrix, path=path, ordering=ORDERING, **settings, **_threads()))
