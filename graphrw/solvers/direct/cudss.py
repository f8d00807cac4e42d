"""NVIDIA's cuDSS through nvmath-python, where both are installed: LLᵀ for undirected graphs, LU for directed ones."""

import logging
import weakref
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from threading import Lock
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphrw.core.errors import MissingDependencyError
from graphrw.core.graph import Graph
from graphrw.core.walk import Walk
from graphrw.solvers.base import Solver
from graphrw.solvers.direct.base import DirectInverse, could_not_factorise
from graphrw.solvers.operator import csr
from graphrw.solvers.pattern import Pattern, column_pattern, lower_pattern, row_pattern

LOGGER = logging.getLogger(__name__)
LOGGER.addHandler(logging.NullHandler())  # of nvmath's messages, which would be printed where nobody asks for them
COLUMNS = 8  # of right-hand sides that cuDSS takes at once: their number is part of its analysis, and must not change


@dataclass(frozen=True, eq=False)
class CudssPlan:
    """cuDSS's analysis of A; and of Aᵀ, once a directed graph asks for that."""

    forward: "_Handle"
    columns: Pattern  # of A, the rows of Aᵀ

    @cached_property
    def transposed(self) -> "_Handle":
        """cuDSS solves with A alone: the factors of Aᵀ are others, unless they are the same."""
        return _Handle(self.columns, self.forward.device, directed=True) if self.forward.directed else self.forward


@dataclass(frozen=True)
class CuDSS(Solver[CudssPlan]):
    """Sparse factors on an NVIDIA GPU by cuDSS, which is proprietary, free of charge.

    The analysis is made once per graph, and holds the numbers of one walk at a time. Where several walks on one graph
    are solved in turns (two forward passes, then both backward), it factorises again at each change of walk; so it does
    where a directed graph is solved with A and Aᵀ, but for those two. Tensors on the CPU are solved on the GPU and
    brought back. Most of the analysis is done by the CPU, and faster where the environment variable
    ``CUDSS_THREADING_LIB`` names the file ``libcudss_mtlayer_gomp.so`` of cuDSS.

    Needs ``pip install graphrw[cudss]`` for CUDA 13, or ``pip install "nvmath-python[cu12]"`` for CUDA 12.

    Args:
        rtol: the largest relative residual that is accepted, and the relative error that refinement aims at.

    Raises:
        MissingDependencyError: when it plans, if nvmath-python or a GPU is not there.
    """

    rtol: float = 1e-10

    def plan(self, graph: Graph) -> CudssPlan:
        pattern = row_pattern(graph) if graph.directed else lower_pattern(graph)  # by columns: the upper one by rows
        return CudssPlan(_Handle(pattern, _gpu(graph.device), directed=graph.directed), column_pattern(graph))

    def invert(self, walk: Walk, plan: CudssPlan) -> "_CudssInverse":
        return _CudssInverse(walk, self, plan)


class _CudssInverse(DirectInverse):
    """The rates and weights of a walk, and the handles that hold its factors, unless another walk has taken them."""

    def __init__(self, walk: Walk, solver: Solver, plan: CudssPlan) -> None:
        super().__init__(walk, solver)
        self._plan = plan
        self._numbers = torch.cat([self.operator.diagonal, -walk.weight])
        self._plan.forward.factorise(self._numbers, solver)

    def substitute(self, b: Tensor, transpose: bool) -> Tensor:
        handle = self._plan.transposed if transpose else self._plan.forward
        return handle.solve(self._numbers, b, self.solver)


class _Handle:
    """One cuDSS object: the analysis of a matrix and the factor of one set of its numbers, known by identity.

    A new matrix would void the analysis, and other right-hand sides must look like the first: so the numbers of both
    are written into the memory that it knows.
    """

    def __init__(self, pattern: Pattern, device: torch.device, *, directed: bool) -> None:
        library, size = _nvmath(), len(pattern.indptr) - 1
        self.device, self.directed, self._source = device, directed, pattern.source
        self._lock = Lock()  # a solve in another thread must not put its walk between factorising and solving
        self._held: Tensor | None = None
        ones = torch.ones(len(pattern.indices), dtype=torch.float64, device=device)
        self._matrix = csr(pattern.indptr.to(device), pattern.indices.to(device), ones, (size, size))
        self._b = torch.zeros(COLUMNS, size, dtype=torch.float64, device=device).T  # column by column
        kind, view = library.DirectSolverMatrixType, library.DirectSolverMatrixViewType
        options = library.DirectSolverOptions(
            sparse_system_type=kind.GENERAL if directed else kind.SPD,
            sparse_system_view=view.FULL if directed else view.UPPER,
            logger=LOGGER,
        )
        self._solver = library.DirectSolver(self._matrix, self._b, options=options)
        weakref.finalize(self, self._solver.free).atexit = False
        self._solver.plan()

    def factorise(self, numbers: Tensor, solver: Solver) -> None:
        """Hold the factor of the matrix with these numbers, cat([rate, −weight])."""
        with self._lock:
            self._hold(numbers, solver)

    def solve(self, numbers: Tensor, b: Tensor, solver: Solver) -> Tensor:
        """x (N, K) with M x = `b` for the matrix M with these numbers."""
        with self._lock:
            self._hold(numbers, solver)
            return torch.cat([self._substitute(part) for part in b.split(COLUMNS, dim=1)], dim=1).to(b.device)

    def _hold(self, numbers: Tensor, solver: Solver) -> None:
        _introduce(self.device)
        if self._held is numbers:
            return
        self._held = None
        self._matrix.values().copy_(numbers[self._source])
        status = self._solver.factorize().info
        if status != 0:
            raise could_not_factorise(solver, f"a pivot is not positive, or exactly 0; cuDSS says {status}.")
        self._held = numbers

    def _substitute(self, b: Tensor) -> Tensor:
        self._b[:, : b.shape[1]] = b
        x: Tensor = self._solver.solve()
        return x[:, : b.shape[1]]


def _gpu(device: torch.device) -> torch.device:
    """Where a graph of that device is solved."""
    if device.type == "cuda":
        return device
    if torch.cuda.is_available():
        return torch.device("cuda")
    raise MissingDependencyError("The solver `CuDSS` needs an NVIDIA GPU, and torch for CUDA. Here, `Auto()` does.")


def _introduce(device: torch.device) -> None:
    """Make this thread known to nvmath-python 1.0, which serves only the one that has imported it: backward is another.

    cuda.core looks for a device of each thread, and what asks cuDSS for numbers for memory of each thread.
    """
    if device.type == "cuda":
        from cuda.core import Device  # noqa: PLC0415 (it comes with nvmath)

        Device(torch.cuda.current_device() if device.index is None else device.index).set_current()
        asking = import_module("nvmath.sparse._internal.cudss_data_ifc")
        if not hasattr(asking._tls, "size_written"):
            asking._tls.size_written = np.empty(1, dtype=np.uint64)


def _nvmath() -> Any:
    try:
        from nvmath.sparse import advanced  # noqa: PLC0415 (it loads CUDA's libraries)
    except ImportError as error:
        raise MissingDependencyError(
            "The solver `CuDSS` needs the packages nvmath-python and nvidia-cudss: pip install graphrw[cudss] for CUDA "
            f"13, or nvmath-python[cu12] for CUDA 12. ({error}) Without them, `solvers.Multigrid()` (undirected) and "
            "`solvers.BiCGStab()` run on a GPU."
        ) from error
    return advanced
