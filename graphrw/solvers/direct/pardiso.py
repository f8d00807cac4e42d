"""MKL Pardiso through pypardiso, where it is installed: LLᵀ for undirected graphs, LU for directed ones.

pypardiso's public `solve` and `factorize` order the matrix anew for every set of values. To keep the analysis, its
handle is called phase by phase through `_call_pardiso`; whoever updates pypardiso looks at that name first.
"""

import copy
import weakref
from dataclasses import dataclass
from enum import IntEnum
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
from graphrw.solvers.direct.base import Analysis, DirectInverse, Speed, could_not_factorise
from graphrw.solvers.pattern import Pattern, lower_pattern, row_pattern


class Phase(IntEnum):
    """What a call does."""

    ANALYSE = 11
    FACTORISE = 22
    SOLVE = 33


class MatrixType(IntEnum):
    """Of mtype."""

    SYMMETRIC = 2  # positive definite
    GENERAL = 11


class Setting(IntEnum):
    """Places in iparm, counted from 1. What is not set stays 0: no matching, no scaling."""

    OWN_VALUES = 1
    ORDERING = 2
    PIVOT = 10
    TRANSPOSE = 12
    ANALYSIS_MEMORY = 15  # KiB, as the next two, told by the analysis
    KEPT_MEMORY = 16
    FACTOR_MEMORY = 17
    ENTRIES = 18  # of the factor; told, if it was −1
    TWO_LEVEL = 24


NESTED_DISSECTION_IN_PARALLEL = 3
LEAST_PIVOT = 13  # a pivot below 1e-13 ‖A‖ is raised to that
SETTINGS = (
    (Setting.OWN_VALUES, 1),
    (Setting.ORDERING, NESTED_DISSECTION_IN_PARALLEL),
    (Setting.PIVOT, LEAST_PIVOT),
    (Setting.ENTRIES, -1),
    (Setting.TWO_LEVEL, 1),
)
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
        return self.handle.setting(Setting.ENTRIES)

    @property
    def bytes(self) -> float:
        places = (Setting.ANALYSIS_MEMORY, Setting.KEPT_MEMORY, Setting.FACTOR_MEMORY)
        analysis, kept, numbers = (1024.0 * self.handle.setting(place) for place in places)
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
        return PardisoPlan(pattern, _Handle(pattern, MatrixType.GENERAL if graph.directed else MatrixType.SYMMETRIC))

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

    def __init__(self, pattern: Pattern, matrix_type: MatrixType) -> None:
        indptr, indices = (part.to("cpu", torch.int32).numpy() for part in (pattern.indptr, pattern.indices))
        size = len(indptr) - 1
        self._matrix = csr_array((np.ones(len(indices)), indices, indptr), shape=(size, size))
        self._values: NDArray[np.float64] | None = None
        self._lock = Lock()  # a solve in another thread must not put its walk between factorising and solving
        self._pardiso = _new_pardiso(matrix_type)
        self._call(Phase.ANALYSE, np.empty((size, 1)))
        weakref.finalize(self, self._pardiso.free_memory, everything=True).atexit = False

    def setting(self, place: Setting) -> int:
        """What iparm holds now."""
        return int(self._pardiso.iparm[place - 1])

    def factorise(self, values: NDArray[np.float64]) -> None:
        """Hold the factor of the matrix with these values."""
        with self._lock:
            self._hold(values)

    def solve(self, values: NDArray[np.float64], b: NDArray[np.float64], transpose: bool) -> NDArray[np.float64]:
        """x with A x = b or Aᵀx = b for the A of these values; `b` (N, K) in columns."""
        with self._lock:
            self._hold(values)
            self._pardiso.set_iparm(Setting.TRANSPOSE, 2 if transpose else 0)
            return self._call(Phase.SOLVE, b)

    def _hold(self, values: NDArray[np.float64]) -> None:
        if self._values is values:
            return
        self._values = None
        self._matrix.data = values
        self._call(Phase.FACTORISE, np.empty((len(self._matrix.indptr) - 1, 1)))
        self._values = values

    def _call(self, phase: Phase, b: NDArray[np.float64]) -> NDArray[np.float64]:
        self._pardiso.set_phase(phase)
        try:
            x: NDArray[np.float64] = self._pardiso._call_pardiso(self._matrix, b)
        except _pypardiso().pardiso_wrapper.PyPardisoError as error:
            if error.value == NO_MEMORY:
                raise MemoryError(f"Pardiso has not enough memory: {error}") from error
            raise
        return x


def _new_pardiso(matrix_type: MatrixType) -> Any:
    """A fresh handle on the library that pypardiso has found; its constructor would search the disk for it again."""
    pardiso = copy.copy(_pypardiso().ps)
    pardiso.pt, pardiso.iparm = np.zeros_like(pardiso.pt), np.zeros_like(pardiso.iparm)
    pardiso.set_matrix_type(matrix_type)
    for place, value in SETTINGS:
        pardiso.set_iparm(place, value)
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
