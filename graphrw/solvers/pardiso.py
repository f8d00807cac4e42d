"""MKL Pardiso through pypardiso, where it is installed: LLᵀ for undirected graphs, LU for directed ones.

pypardiso's public `solve` and `factorize` order the matrix anew for every set of values. To keep the analysis, its
handle is called phase by phase through `_call_pardiso`; whoever updates pypardiso looks at that name first.
"""

import copy
import weakref
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor

from graphrw.core.errors import MissingDependencyError
from graphrw.core.graph import Graph
from graphrw.core.walk import Walk
from graphrw.solvers.base import Solver
from graphrw.solvers.direct import Analysis, DirectInverse, Speed, could_not_factorise
from graphrw.solvers.pattern import Pattern, lower_pattern, row_pattern

ANALYSE, FACTORISE, SOLVE = 11, 22, 33
SYMMETRIC, GENERAL = 2, 11
OWN_SETTINGS, TRANSPOSE, TWO_LEVEL = 1, 12, 24  # iparm, counted from 1; the rest stays 0: no matching, no scaling
ENTRIES, MEMORY = 18, (15, 16, 17)  # told by the analysis
ORDERING, PIVOT = (2, 3), (10, 13)  # nested dissection in parallel; a pivot below 1e-13 ‖A‖ is raised to that
SPEED = Speed(flop=1.6e-10, entry=1.4e-8, solve=1e-9)  # of flops counted low; see `PardisoPlan`
NO_MEMORY, BAD_PIVOT = -2, -4  # error codes


@dataclass(frozen=True)
class PardisoPlan(Analysis):
    """A Pardiso handle with the analysis of a pattern."""

    speed = SPEED
    handle: "_Handle"

    @property
    def flops(self) -> float:
        """The fewest floating-point operations of one factorisation that so many entries can mean."""
        return self.entries**2 / self.num_nodes

    @property
    def entries(self) -> int:
        return self.handle.setting(ENTRIES)

    @property
    def bytes(self) -> float:
        analysis, kept, numbers = (1024.0 * self.handle.setting(number) for number in MEMORY)
        return max(analysis, kept + numbers)


@dataclass(frozen=True)
class Pardiso(Solver[PardisoPlan]):
    """Sparse factors by the Pardiso of Intel's MKL (Schenk & Gärtner 2004), which is proprietary, free of charge.

    The analysis is made once per graph, and holds the numbers of one walk at a time. Where several walks on one graph
    are solved in turns (two forward passes, then both backward), it factorises again at each change of walk. Threads
    are MKL's: ``MKL_NUM_THREADS``, not `torch.set_num_threads`. Tensors on another device are solved on the CPU.

    Needs ``pip install pypardiso`` (x86-64; with MKL some 0.7 GB).

    Args:
        rtol: the largest relative residual that is accepted, and the relative error that refinement aims at.

    Raises:
        MissingDependencyError: when it plans, if pypardiso or its MKL is not there.
    """

    rtol: float = 1e-10

    def plan(self, graph: Graph) -> PardisoPlan:
        pattern = row_pattern(graph) if graph.directed else lower_pattern(graph)
        return PardisoPlan(pattern, _Handle(pattern, GENERAL if graph.directed else SYMMETRIC))

    def invert(self, walk: Walk, plan: PardisoPlan) -> "_PardisoInverse":
        return _PardisoInverse(walk, self, plan)


class _PardisoInverse(DirectInverse):
    """The matrix entries of a walk, and the handle that holds their factor, unless another walk has taken it since."""

    def __init__(self, walk: Walk, solver: Solver, plan: PardisoPlan) -> None:
        super().__init__(walk, solver)
        self._handle = plan.handle
        self._values: NDArray[np.float64] = plan.pattern.values(self.operator.diagonal, walk.weight).cpu().numpy()
        try:
            self._handle.factorise(self._values)
        except _pypardiso().pardiso_wrapper.PyPardisoError as error:
            if error.value == BAD_PIVOT:
                raise could_not_factorise(solver, f"a pivot is not positive. {error}") from error
            raise

    def substitute(self, b: Tensor, transpose: bool) -> Tensor:
        x = self._handle.solve(self._values, np.asfortranarray(b.cpu().numpy()), transpose)
        return torch.from_numpy(x).to(b.device)


class _Handle:
    """One Pardiso handle: the analysis of a matrix and the factor of one set of its values, known by identity."""

    def __init__(self, pattern: Pattern, matrix_type: int) -> None:
        indptr, indices = (part.to("cpu", torch.int32).numpy() for part in (pattern.indptr, pattern.indices))
        size = len(indptr) - 1
        self._matrix = csr_array((np.ones(len(indices)), indices, indptr), shape=(size, size))
        self._values: NDArray[np.float64] | None = None
        self._lock = Lock()  # a solve in another thread must not put its walk between factorising and solving
        self._pardiso = _new_pardiso(matrix_type)
        self._call(ANALYSE, np.empty((size, 1)))
        weakref.finalize(self, self._pardiso.free_memory, everything=True).atexit = False

    def setting(self, number: int) -> int:
        """iparm, counted from 1."""
        return int(self._pardiso.iparm[number - 1])

    def factorise(self, values: NDArray[np.float64]) -> None:
        """Hold the factor of the matrix with these values."""
        with self._lock:
            self._hold(values)

    def solve(self, values: NDArray[np.float64], b: NDArray[np.float64], transpose: bool) -> NDArray[np.float64]:
        """x with A x = b or Aᵀx = b for the A of these values; `b` (N, K) in columns."""
        with self._lock:
            self._hold(values)
            self._pardiso.set_iparm(TRANSPOSE, 2 if transpose else 0)
            return self._call(SOLVE, b)

    def _hold(self, values: NDArray[np.float64]) -> None:
        if self._values is values:
            return
        self._values = None
        self._matrix.data = values
        self._call(FACTORISE, np.empty((len(self._matrix.indptr) - 1, 1)))
        self._values = values

    def _call(self, phase: int, b: NDArray[np.float64]) -> NDArray[np.float64]:
        self._pardiso.set_phase(phase)
        try:
            x: NDArray[np.float64] = self._pardiso._call_pardiso(self._matrix, b)
        except _pypardiso().pardiso_wrapper.PyPardisoError as error:
            if error.value == NO_MEMORY:
                raise MemoryError(f"Pardiso has not enough memory: {error}") from error
            raise
        return x


def _new_pardiso(matrix_type: int) -> Any:
    """A fresh handle on the library that pypardiso has found; its constructor would search the disk for it again."""
    pardiso = copy.copy(_pypardiso().ps)
    pardiso.pt, pardiso.iparm = np.zeros_like(pardiso.pt), np.zeros_like(pardiso.iparm)
    pardiso.set_matrix_type(matrix_type)
    for setting in ((OWN_SETTINGS, 1), (TWO_LEVEL, 1), (ENTRIES, -1), ORDERING, PIVOT):
        pardiso.set_iparm(*setting)
    return pardiso


@cache
def available() -> bool:
    """Whether pypardiso and its MKL are there; looking loads them."""
    try:
        _pypardiso()
    except MissingDependencyError:
        return False
    return True


def _pypardiso() -> Any:
    try:
        import pypardiso  # noqa: PLC0415 (it loads MKL)
    except ImportError as error:
        raise MissingDependencyError(
            f"The solver `Pardiso` needs the package pypardiso and MKL: pip install pypardiso. ({error}) Without it, "
            "`solvers.Cholesky()` (undirected) and `solvers.LU()` do the same."
        ) from error
    return pypardiso
