"""What other libraries have for the same systems, each in the steps that are timed.

Each function takes a `Problem` and raises `ImportError` where its package is not installed. Iterative methods are asked
for a relative residual of `RTOL`; block methods get all right-hand sides at once, the others one after another.
"""
# ruff: noqa: PLC0415 (every package here is optional)

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from problems import BETA, Problem
from scipy.sparse import csr_array, csr_matrix, tril, triu
from scipy.sparse.linalg import LinearOperator, cg, splu

RTOL = 1e-6
GIVE_UP = 20_000  # iterations
Columns = NDArray[np.float64]  # (F, K)


@dataclass(frozen=True)
class Steps:
    """A method on one problem, cut where its inputs are: the structure, the weights, the right-hand sides."""

    load: Callable[[int], Any]  # K → what `solve` takes; not timed
    analyse: Callable[[], Any]  # once per graph
    prepare: Callable[[Any], Any]  # from the analysis; once per set of weights
    solve: Callable[[Any, Any], tuple[Any, float]]  # x for all nodes or for the free ones, and iterations
    least: int = 1  # labels that it can do with


def nothing() -> None:
    """No analysis that could be kept."""


def free_columns(case: Problem) -> Callable[[int], Columns]:
    return lambda count: np.ascontiguousarray(case.right_hand_side(count).numpy()[case.free])


def direct(
    case: Problem, prepare: Callable[[Any], Any], solve: Callable[[Any, Columns], Columns], analyse: Any = nothing
) -> Steps:
    return Steps(free_columns(case), analyse, prepare, lambda factor, b: (solve(factor, b), 0))


def preconditioned(case: Problem, precondition: Callable[[csr_array], Any]) -> Steps:
    """SciPy's CG under a preconditioner, column by column."""
    matrix = case.matrix
    return Steps(
        free_columns(case), nothing, lambda _: precondition(matrix), lambda inverse, b: by_columns(matrix, inverse, b)
    )


def by_columns(matrix: csr_array, inverse: LinearOperator, b: Columns) -> tuple[Columns, int]:
    """x, and the iterations of the slowest column."""
    x, most = np.empty_like(b, order="F"), 0
    for column in range(b.shape[1]):
        steps: list[int] = [0]
        options: dict[str, Any] = {"rtol": RTOL, "maxiter": GIVE_UP, "M": inverse, "callback": counter(steps)}
        x[:, column], _ = cg(matrix, b[:, column], **options)
        most = max(most, steps[0])
    return x, most


def counter(steps: list[int]) -> Callable[[Any], None]:
    def count(_: Any) -> None:
        steps[0] += 1

    return count


def jacobi(case: Problem) -> Steps:
    def inverse(matrix: csr_array) -> LinearOperator:
        diagonal = matrix.diagonal()
        return LinearOperator(matrix.shape, lambda r: r.ravel() / diagonal, dtype=np.float64)

    return preconditioned(case, inverse)


def superlu(case: Problem) -> Steps:
    options: dict[str, Any] = {
        "permc_spec": "MMD_AT_PLUS_A",
        "diag_pivot_thresh": 0.0,
        "options": {"SymmetricMode": True},
    }
    return direct(
        case, lambda _: splu(case.matrix.tocsc(), **options), lambda factor, b: factor.solve(np.asfortranarray(b))
    )


def ruge_stuben(case: Problem) -> Steps:
    import pyamg

    return preconditioned(case, lambda matrix: pyamg.ruge_stuben_solver(csr_matrix(matrix)).aspreconditioner())


def smoothed_aggregation(case: Problem) -> Steps:
    import pyamg

    def inverse(matrix: csr_array) -> LinearOperator:
        return pyamg.smoothed_aggregation_solver(csr_matrix(matrix), symmetry="symmetric").aspreconditioner()

    return preconditioned(case, inverse)


def pardiso(case: Problem) -> Steps:
    """Pardiso's own settings; phase by phase, since pypardiso's `factorize` would repeat the analysis."""
    import pypardiso

    solver = pypardiso.PyPardisoSolver(mtype=2)  # symmetric positive definite: the upper triangle
    upper = csr_matrix(triu(case.matrix))
    none = np.zeros((upper.shape[0], 1))

    def call(phase: int, b: Columns) -> Columns:
        solver.set_phase(phase)
        return solver._call_pardiso(upper, np.asfortranarray(b))

    return direct(case, lambda _: call(22, none), lambda _, b: call(33, b), lambda: call(11, none))


def cholmod(case: Problem) -> Steps:
    from sksparse.cholmod import CholeskyFactor

    lower = tril(case.matrix, format="csc")
    return direct(
        case,
        lambda symbolic: symbolic.copy().factorize(lower),
        lambda factor, b: factor.solve(np.asfortranarray(b)),
        lambda: CholeskyFactor(lower, lower=True, order="amd"),
    )


def cholespy(case: Problem) -> Steps:
    from cholespy import CholeskySolverD, MatrixType

    size, b_of = case.matrix.shape[0], free_columns(case)

    def prepare(_: None) -> Any:
        matrix = case.matrix
        return CholeskySolverD(size, matrix.indptr, matrix.indices, matrix.data, MatrixType.CSR)

    def solve(factor: Any, b: Columns) -> tuple[Columns, int]:
        x = np.empty_like(b)
        factor.solve(b, x)
        return x, 0

    return Steps(b_of, nothing, prepare, solve)


def rslab(case: Problem) -> Steps:
    import rslab as package

    lower = tril(case.matrix, format="csc")
    return direct(
        case,
        lambda symbolic: symbolic.factor(lower.data, threads=torch.get_num_threads()),
        lambda factor, b: factor.solve_many(b),
        lambda: package.analyze(lower, path="ldlt", ordering="amf"),
    )


def apxchol(case: Problem) -> Steps:
    """With its own PCG, one right-hand side after another."""
    import apxchol as package

    def solve(factor: Any, b: Columns) -> tuple[Columns, int]:
        answers = [factor.solve(np.ascontiguousarray(column), rtol=RTOL, maxiter=GIVE_UP) for column in b.T]
        return np.stack([answer.x for answer in answers], axis=1), max(answer.iters for answer in answers)

    return Steps(free_columns(case), nothing, lambda _: package.factorize(csr_matrix(case.matrix)), solve)


def approx_chol(case: Problem) -> Steps:
    """Under SciPy's CG."""
    import approx_chol as package

    return preconditioned(case, package.factorize)


def torch_sla(case: Problem) -> Steps:
    """As it comes: on the CPU SciPy's `spsolve`, factorised anew at every call."""
    from torch_sla import spsolve

    return whole(case, lambda parts, shape, b: spsolve(*parts, shape, b, is_spd=True))


def torch_sla_cg(case: Problem) -> Steps:
    """Its Jacobi-preconditioned CG in torch, which has only an absolute tolerance (its relative one is 1e-10).

    Column by column: with several at once its preconditioner fails (version 0.4.0).
    """
    from torch_sla import spsolve

    options = {"backend": "pytorch", "method": "cg", "maxiter": GIVE_UP, "is_spd": True}

    def solve(parts: Any, shape: tuple[int, int], b: torch.Tensor) -> torch.Tensor:
        columns = b.reshape(len(b), -1).unbind(1)
        return torch.stack([spsolve(*parts, shape, c, atol=RTOL * float(c.norm()), **options) for c in columns], dim=1)

    return whole(case, solve)


def whole(case: Problem, solve: Callable[..., torch.Tensor]) -> Steps:
    """A function of values, rows, columns, shape and b, which keeps nothing; it says nothing of its iterations."""

    def prepare(_: None) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        matrix = case.matrix.tocoo()
        row, column = (torch.from_numpy(index).long() for index in matrix.coords)
        return torch.from_numpy(matrix.data), row, column

    def answer(parts: Any, b: torch.Tensor) -> tuple[torch.Tensor, float]:
        x = solve(parts, case.matrix.shape, b.squeeze(1))  # with a single column in two dimensions both fail
        return x.reshape(b.shape), math.nan

    return Steps(free_tensor(case), nothing, prepare, answer)


def torch_sparse_grad_utils(case: Problem) -> Steps:
    """Its block CG in torch, given a Jacobi preconditioner."""
    from torchsparsegradutils.utils import linear_cg

    def prepare(_: None) -> tuple[torch.Tensor, torch.Tensor]:
        matrix = case.matrix
        indptr, indices, values = (torch.from_numpy(part) for part in (matrix.indptr, matrix.indices, matrix.data))
        return torch.sparse_csr_tensor(indptr, indices, values, matrix.shape), torch.from_numpy(matrix.diagonal())[
            :, None
        ]

    def solve(prepared: tuple[torch.Tensor, torch.Tensor], b: torch.Tensor) -> tuple[torch.Tensor, int]:
        matrix, diagonal = prepared
        options = {"tolerance": RTOL, "max_iter": GIVE_UP, "return_info": True}
        x, info = linear_cg(matrix, b, preconditioner=lambda r: r / diagonal, **options)
        return x, info.iterations

    return Steps(free_tensor(case), nothing, prepare, solve)


def free_tensor(case: Problem) -> Callable[[int], torch.Tensor]:
    return lambda count: torch.from_numpy(free_columns(case)(count))


def scikit_image(mode: str) -> Callable[[Problem], Steps]:
    """The whole of `random_walker`, which does not part set-up from solve; its residual is that of what it returns."""

    def steps(case: Problem) -> Steps:
        from skimage.segmentation import random_walker

        def solve(_: None, labels: NDArray[np.int64]) -> tuple[Columns, float]:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # where it gives up, the residual tells
                shares = random_walker(case.image, labels, beta=BETA, mode=mode, tol=RTOL, return_full_prob=True)
            return shares.reshape(len(shares), -1).T, math.nan

        return Steps(lambda count: case.labels(count).reshape(case.shape) + 1, nothing, lambda _: None, solve, 2)

    return steps


PEERS: dict[str, Callable[[Problem], Steps]] = {
    "SuperLU": superlu,
    "rslab": rslab,
    "pypardiso": pardiso,
    "scikit-sparse": cholmod,
    "cholespy": cholespy,
    "SciPy CG, Jacobi": jacobi,
    "pyamg RS": ruge_stuben,
    "pyamg SA": smoothed_aggregation,
    "apxchol": apxchol,
    "approx-chol": approx_chol,
    "torch-sla": torch_sla,
    "torch-sla CG": torch_sla_cg,
    "torchsparsegradutils CG": torch_sparse_grad_utils,
    "scikit-image cg_j": scikit_image("cg_j"),
    "scikit-image cg_mg": scikit_image("cg_mg"),
    "scikit-image bf": scikit_image("bf"),
}
