"""Algebraic multigrid of hypre's and PETSc's, through petsc4py, where it is installed.

On one process it is a solver like any other. The same options serve walks whose rows lie on many
(`graphrw.distributed`).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from graphrw.core.errors import MissingDependencyError
from graphrw.core.graph import Graph
from graphrw.core.walk import Walk
from graphrw.solvers.direct.base import could_not_factorise
from graphrw.solvers.iterative.amg import BoomerAMG, Preconditioner
from graphrw.solvers.iterative.base import IterativeInverse, IterativeSolver
from graphrw.solvers.pattern import row_pattern

HYPRE = BoomerAMG()
PREFIX = "graphrw_"  # of options in the environment variable PETSC_OPTIONS, which go before ours
SINGULAR = (71, 76)  # PETSc's codes for a zero pivot, and for what hypre does not like


@dataclass(frozen=True, eq=False)
class RowPlan:
    """The rows of A as PETSc takes them, but for their numbers."""

    indptr: NDArray[Any]  # (N + 1,) of PETSc's integers
    indices: NDArray[Any]  # (nnz,) likewise, sorted within each row
    source: Tensor  # (nnz,) int64: entry n is cat([rate, −weight])[source[n]]

    def values(self, walk: Walk) -> NDArray[np.float64]:
        """(nnz,)"""
        rate = walk.degree + walk.killing
        values: NDArray[np.float64] = torch.cat([rate, -walk.weight])[self.source].cpu().numpy()
        return values


@dataclass(frozen=True)
class PETSc(IterativeSolver[RowPlan]):
    """Conjugate gradients preconditioned by algebraic multigrid of hypre's or PETSc's; undirected graphs only.

    Memory and time grow linearly with the graph, as `Multigrid`'s do. What it is for is more than one process, each
    with its own rows: see `graphrw.distributed`. Tensors on another device stay there but for the preconditioner, which
    is applied on the CPU.

    Whoever knows PETSc can set any option of it in the environment, as ``PETSC_OPTIONS="-graphrw_pc_type gamg"``; it
    goes before ours.

    Needs petsc4py with PETSc; on Debian, ``.ci/petsc-debian`` installs both.

    Args:
        rtol: the relative residual at which a column has converged, in (0, 1). A residual of 1e-6 is not an error of
            1e-6.
        max_iterations: of one pass, ≥ 1; and four times as many in all passes before a `ConvergenceError`.
        forecast_after: raise after so many iterations, ≥ 1, if they will not do at the pace so far; None: never.
        preconditioner: `BoomerAMG`, for which PETSc must have been built with hypre (Debian's is), or `GAMG`.

    Raises:
        ValueError: when it plans, for a directed graph, or more entries than this PETSc can count.
        MissingDependencyError: when it plans, if petsc4py is not there.
    """

    rtol: float = 1e-8
    max_iterations: int = 200
    preconditioner: Preconditioner = HYPRE

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.preconditioner, Preconditioner):
            raise ValueError(f"`preconditioner` must be `BoomerAMG(…)` or `GAMG(…)`; got {self.preconditioner!r}.")

    def plan(self, graph: Graph) -> RowPlan:
        self.refuse_directed(graph)
        check_size(graph.num_nodes + 2 * graph.num_edges)
        pattern, kind = row_pattern(graph), petsc().IntType
        indptr, indices = (part.cpu().numpy().astype(kind) for part in (pattern.indptr, pattern.indices))
        return RowPlan(indptr, indices, pattern.source)

    def invert(self, walk: Walk, plan: RowPlan) -> "_PETScInverse":
        return _PETScInverse(walk, self, plan)


class _PETScInverse(IterativeInverse):
    def __init__(self, walk: Walk, solver: PETSc, plan: RowPlan) -> None:
        super().__init__(walk, solver)
        library, size = petsc(), walk.graph.num_nodes
        rows = (plan.indptr, plan.indices, plan.values(walk))
        matrix = library.Mat().createAIJ((size, size), csr=rows, comm=library.COMM_SELF)
        self._preconditioner = library.PC().create(library.COMM_SELF)
        self._preconditioner.setOperators(matrix)
        set_up(self._preconditioner, solver)

    def precondition(self, r: Tensor, transpose: bool = False) -> Tensor:
        library, right = petsc(), r.T.cpu().contiguous().numpy()
        answer = np.empty_like(right)
        for column, out in zip(right, answer, strict=True):
            vectors = (library.Vec().createWithArray(part, comm=library.COMM_SELF) for part in (column, out))
            self._preconditioner.apply(*vectors)
        return torch.from_numpy(answer).T.to(r.device).contiguous()


def petsc() -> Any:
    """petsc4py's module, which starts MPI when it loads: nobody shall who does not solve with it.

    Raises:
        MissingDependencyError: if it is not there.
    """
    try:
        import petsc4py.PETSc  # noqa: PLC0415
    except ImportError as error:
        raise MissingDependencyError(
            "The solver `PETSc` needs petsc4py and PETSc: `.ci/petsc-debian` installs them on Debian, and "
            "pip install 'graphrw[petsc]' builds them where there is MPI. Without them, `solvers.Multigrid()` serves "
            "on one machine."
        ) from error
    return petsc4py.PETSc


def check_size(entries: int) -> None:
    """Raise `ValueError` if there are more nodes or entries than PETSc has numbers for."""
    most = np.iinfo(petsc().IntType).max
    if entries > most:
        raise ValueError(
            f"This PETSc counts in {8 * petsc().IntType().itemsize} bits, up to {most}; got {entries}. Take one with "
            "64-bit integers (Debian: python3-petsc4py-64-real), or more processes where these are entries of one."
        )


def set_up(part: Any, solver: PETSc) -> None:
    """Set up a PC or KSP of PETSc's by the options of `solver`, where the environment does not say otherwise."""
    library = petsc()
    database = library.Options(PREFIX)
    ours = {name: value for name, value in solver.preconditioner.options.items() if not database.hasName(name)}
    for name, value in ours.items():
        database[name] = value
    part.setOptionsPrefix(PREFIX)
    try:
        part.setFromOptions()
        part.setUp()
    except library.Error as error:
        if error.ierr in SINGULAR:
            raise could_not_factorise(solver, str(error)) from error
        raise
    finally:
        for name in ours:
            database.delValue(name)
