"""`nvmath.sparse.advanced` without a GPU: what `solvers.CuDSS` uses of it, by dense factors, and as particular.

It refuses what nvmath-python 1.0 refuses or misreads when operands are on a GPU: there it keeps addresses, not copies.
"""

from dataclasses import dataclass
from enum import IntEnum
from types import ModuleType, SimpleNamespace
from typing import ClassVar

import torch

Kind = IntEnum("DirectSolverMatrixType", "GENERAL SYMMETRIC HERMITIAN SPD HPD", start=0)
View = IntEnum("DirectSolverMatrixViewType", "FULL LOWER UPPER", start=0)


@dataclass
class DirectSolverOptions:
    sparse_system_type: int = Kind.GENERAL
    sparse_system_view: int = View.FULL
    multithreading_lib: str | None = None
    logger: object = None
    blocking: object = "auto"
    handle: int | None = None


class InvalidDirectSolverState(Exception):  # noqa: N818 (its name there)
    pass


class DirectSolver:
    calls: ClassVar[list[str]] = []  # what all of them were asked to do, in order

    def __init__(self, a, b, *, options=None, execution=None, stream=None):
        self.options, self._freed = options or DirectSolverOptions(), False
        _check_matrix(a, self.options)
        _check_right_hand_side(a, b)
        self._a, self._b = a, b
        self._structure = a.crow_indices().clone(), a.col_indices().clone()
        self._planned, self._factor = False, None

    def plan(self, *, stream=None):
        self._note("plan")
        self._planned, self._factor = True, None
        return SimpleNamespace()

    def factorize(self, *, stream=None):
        self._note("factorize")
        if not self._planned:
            raise RuntimeError("Factorization cannot be performed before plan() has been called.")
        now = self._a.crow_indices(), self._a.col_indices()
        assert all(map(torch.equal, now, self._structure)), "the structure has changed since it was analysed"
        dense = self._a.to_dense()
        if self.options.sparse_system_type == Kind.SPD:
            self._factor, info = torch.linalg.cholesky_ex(dense + dense.triu(1).T)
        else:
            *self._factor, info = torch.linalg.lu_factor_ex(dense)
        return SimpleNamespace(info=int(info), lu_nnz=int((dense != 0).sum()), npivots=0)

    def solve(self, *, stream=None):
        self._note("solve")
        if self._factor is None:
            raise RuntimeError("Solve cannot be performed before factorize() has been called.")
        if self.options.sparse_system_type == Kind.SPD:
            return torch.cholesky_solve(self._b, self._factor).T.contiguous().T
        return torch.linalg.lu_solve(*self._factor, self._b).T.contiguous().T

    def free(self):
        if not self._freed:
            self._note("free")
        self._freed = True
        self._a = self._b = self._factor = None

    def _note(self, what):
        if self._freed:
            raise InvalidDirectSolverState("The DirectSolver object cannot be used after resources are free'd")
        self.calls.append(what)


def _check_matrix(a, options):
    if a.layout != torch.sparse_csr or a.dim() != 2 or a.shape[0] != a.shape[1]:
        raise TypeError("The LHS must be a CSR matrix of shape (N, N).")
    if {a.crow_indices().dtype, a.col_indices().dtype} != {torch.int32}:
        raise TypeError("PyTorch uses int64 for index buffers, whereas cuDSS currently requires int32.")
    row = torch.repeat_interleave(torch.arange(len(a)), a.crow_indices().diff())
    symmetric, upper = options.sparse_system_type == Kind.SPD, options.sparse_system_view == View.UPPER
    assert symmetric == upper, "the whole of a general matrix, and the upper triangle of a symmetric one"
    assert not symmetric or bool((a.col_indices() >= row).all()), "entries below the diagonal are not looked at"


def _check_right_hand_side(a, b):
    if b.dtype != a.values().dtype or b.device != a.device:
        raise TypeError("The LHS dtype or device ID does not match that of the RHS.")
    if b.stride(0) != 1 or (b.dim() == 2 and b.shape[1] > 1 and b.stride(1) != b.shape[0]):
        raise TypeError("The RHS must be a matrix or vector with col-major layout, without gaps.")
    if b.shape[0] != a.shape[0]:
        raise TypeError("The extent N is not consistent between the LHS and RHS.")


def modules():
    """What to put into `sys.modules`."""
    nvmath, sparse, advanced = (ModuleType(f"nvmath{name}") for name in ("", ".sparse", ".sparse.advanced"))
    nvmath.sparse, sparse.advanced = sparse, advanced
    advanced.DirectSolver, advanced.DirectSolverOptions = DirectSolver, DirectSolverOptions
    advanced.DirectSolverMatrixType, advanced.DirectSolverMatrixViewType = Kind, View
    return {module.__name__: module for module in (nvmath, sparse, advanced)}
