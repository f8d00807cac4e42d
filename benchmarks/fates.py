"""Fate probabilities of 10⁵ cells with 15 neighbours each, and three terminal states.

Claim: rows sum to 1 and no entry is negative, or an error; within 15 CPU seconds, however strongly directed.
Peers: CellRank itself on the same matrices, where it is installed (`pip install cellrank`), by its defaults, so with
GMRES at 1e-6, by PETSc if petsc4py is there and by SciPy if not; SciPy's sparse solver (SuperLU), its BiCGStab, and its
GMRES with an incomplete LU, as CellRank asks of PETSc; each on I − T_UU, one column for each terminal state. The
incomplete LU is a cheap one, close to the diagonal: with drop_tol=1e-2 and fill_factor=2 all took 70 CPU seconds.
Run: OMP_NUM_THREADS=1 python benchmarks/fates.py
Last result: docs/benchmarks.md.
Cells lie along a trunk that parts into three arms, in `--dimensions`, with noise; T are Gaussian weights of the nearest
neighbours in either direction, steps back in time made rarer by the logistic function of the step times a bias, as in
CellRank's pseudotime kernel, each row divided by its sum. The gradient is that of the summed fates of the first arm;
rows of T ⊙ ∂/∂T must have sums of 0, since a factor of a row changes no fate. Each method has a process of its own for
each run, the runs in turns, and is ended after `--limit` seconds or at 85 % of the memory.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import child
import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, bicgstab, gmres, spilu, spsolve
from scipy.spatial import cKDTree

import graphrw as rw

try:
    import cellrank
    from anndata import AnnData
except ImportError:
    cellrank = None

ARMS, LENGTH, NOISE = 3, 10.0, 0.7
NEIGHBOURS, END = 15, 0.97  # of an arm: what comes after it is a terminal state
BIASES = {"hardly directed": 0.1, "weakly directed": 1.0, "directed": 10.0}
Fates = NDArray[np.float64]


def cells(count: int, dimensions: int) -> tuple[Fates, Fates, NDArray[np.int64]]:
    """Places, times from 0 to 2, and terminal states, −1 for none."""
    random = np.random.default_rng(0)
    time_of, arm = 2 * random.random(count), random.integers(ARMS, size=count)
    corners = LENGTH * np.eye(dimensions)[: ARMS + 1]
    along_trunk, along_arm = time_of.clip(max=1)[:, None], (time_of - 1).clip(min=0)[:, None]
    places = along_trunk * corners[0] + along_arm * corners[1 + arm]
    places += NOISE * random.standard_normal(places.shape)
    return places, time_of, np.where(time_of > 1 + END, arm, -1)


def transitions(count: int, dimensions: int, bias: float) -> tuple[sparse.csr_array, NDArray[np.int64]]:
    places, time_of, states = cells(count, dimensions)
    distance, index = cKDTree(places).query(places, NEIGHBOURS + 1)
    weight = np.exp(-0.5 * (distance[:, 1:] / distance[:, 1:].mean()) ** 2).ravel()
    tail, head = np.repeat(np.arange(count), NEIGHBOURS), index[:, 1:].ravel()
    either = sparse.csr_array((weight, (tail, head)), shape=(count, count))
    either = sparse.coo_array(either.maximum(either.T))
    forward = 1 / (1 + np.exp(-bias * (time_of[either.col] - time_of[either.row]) * LENGTH))
    matrix = sparse.csr_array((either.data * forward, (either.row, either.col)), shape=either.shape)
    return sparse.csr_array(sparse.diags_array(1 / matrix.sum(1)) @ matrix), states


def ours(matrix: sparse.csr_array, states: NDArray[np.int64], solver: rw.solvers.Solver) -> Fates:
    return rw.fate_probabilities(matrix, states, solver=solver).numpy()


def with_gradient(matrix: sparse.csr_array, states: NDArray[np.int64]) -> Fates:
    leaf = torch.sparse_csr_tensor(matrix.indptr, matrix.indices, torch.from_numpy(matrix.data), matrix.shape)
    found = rw.fate_probabilities(leaf.requires_grad_(), states)
    found[:, 0].sum().backward()
    change = leaf.grad.values().numpy() * matrix.data
    row = np.repeat(np.arange(len(states)), np.diff(matrix.indptr))
    moved = (matrix.indices != row) & (states[row] < 0)
    total, size = (np.bincount(row[moved], each[moved], minlength=len(states)) for each in (change, np.abs(change)))
    if not np.abs(total).max() <= 1e-9 * size.max():
        raise RuntimeError(f"rows of T ⊙ ∂/∂T have sums up to {np.abs(total).max():.1e}")
    return found.detach().numpy()


def system(matrix: sparse.csr_array, states: NDArray[np.int64]) -> tuple[sparse.csc_array, Fates, NDArray[np.bool_]]:
    """A = I − T_UU, b = T_UM F_M, and U."""
    free = states < 0
    rows = matrix[free]
    ends = (states[~free, None] == np.arange(ARMS)).astype(float)
    return sparse.csc_array(sparse.eye_array(int(free.sum())) - rows[:, free]), rows[:, ~free] @ ends, free


def filled(free: NDArray[np.bool_], found: Fates, states: NDArray[np.int64]) -> Fates:
    fates = (states[:, None] == np.arange(ARMS)).astype(float)
    fates[free] = found
    return fates


def superlu(matrix: sparse.csr_array, states: NDArray[np.int64]) -> Fates:
    a, b, free = system(matrix, states)
    return filled(free, spsolve(a, b), states)


def columns(solve: Callable[..., tuple[Fates, int]], a: sparse.csr_array, b: Fates) -> Fates:
    """One by one, as SciPy's iterations take them."""
    answers = [solve(a, column, atol=0.0) for column in b.T]
    if any(failed for _, failed in answers):
        raise RuntimeError("not converged")
    return np.stack([found for found, _ in answers], 1)


def stabilised(matrix: sparse.csr_array, states: NDArray[np.int64]) -> Fates:
    a, b, free = system(matrix, states)
    return filled(free, columns(partial(bicgstab, rtol=1e-10), sparse.csr_array(a), b), states)


def gmres_ilu(matrix: sparse.csr_array, states: NDArray[np.int64]) -> Fates:
    a, b, free = system(matrix, states)
    incomplete = spilu(a, permc_spec="NATURAL", drop_tol=0.1, fill_factor=1.5)
    solve = partial(gmres, rtol=1e-6, restart=30, maxiter=1000, M=LinearOperator(a.shape, matvec=incomplete.solve))
    return filled(free, columns(solve, sparse.csr_array(a), b), states)


def by_cellrank(matrix: sparse.csr_array, states: NDArray[np.int64]) -> Fates:
    named = AnnData(sparse.csr_matrix((matrix.shape[0], 1)))
    estimator = cellrank.estimators.GPCCA(cellrank.kernels.PrecomputedKernel(sparse.csr_matrix(matrix), adata=named))
    estimator.set_terminal_states({str(arm): list(named.obs_names[states == arm]) for arm in range(ARMS)})
    estimator.compute_fate_probabilities(n_jobs=1, show_progress_bar=False)
    return np.asarray(estimator.fate_probabilities.X)


METHODS: dict[str, Callable[..., Fates]] = {
    "graphrw": partial(ours, solver=rw.solvers.BlockGaussSeidel(1e-12)),
    "graphrw, with gradient": with_gradient,
    "graphrw, BiCGStab": partial(ours, solver=rw.solvers.BiCGStab(1e-12)),
    **({"CellRank": by_cellrank} if cellrank else {}),
    "SciPy BiCGStab, 1e-10": stabilised,
    "SciPy GMRES + ILU, 1e-6": gmres_ilu,
    "SciPy spsolve": superlu,
}


def measure(tell: child.Tell, name: str, folder: Path) -> None:
    matrix, states = sparse.load_npz(folder / "matrix.npz"), np.load(folder / "states.npy")
    torch.set_num_threads(1)
    start = time.process_time()
    with rw.record_solves() as reports:
        found = METHODS[name](matrix, states)
    tell({"seconds": time.process_time() - start})
    bounds = [seen.error_bound for seen in reports if not seen.transpose and seen.error_bound is not None]
    tell({"bound": f"{max(bounds):.0e}" if bounds else ""})
    exact = np.load(folder / "exact.npy")
    tell({"sums": float(np.abs(found.sum(1) - 1).max()), "least": float(found.min())})
    tell({"off": float(np.abs(found - exact).max()), "peak": child.memory("VmHWM")})


def report(kind: str, options: argparse.Namespace, folder: Path) -> None:
    matrix, states = transitions(options.cells, options.dimensions, BIASES[kind])
    sparse.save_npz(folder / "matrix.npz", matrix)
    np.save(folder / "states.npy", states)
    np.save(folder / "exact.npy", ours(matrix, states, rw.solvers.BlockGaussSeidel(1e-13)))
    taken: dict[str, list[float]] = {name: [] for name in options.methods}
    told, ended = {}, {}
    for _ in range(options.runs):
        for name in options.methods:
            if not ended.get(name):
                told[name], ended[name] = child.run(measure, (name, folder), options.limit)
                taken[name].append(told[name].get("seconds", float("nan")))
    for name in options.methods:
        said = told[name]
        if ended[name]:
            print(f"| {kind} | {name} | {ended[name]} | | | | | |", flush=True)
        else:
            numbers = f"{said['sums']:.0e} | {said['least']:.0e} | {said['off']:.0e} | {said['bound']}"
            print(
                f"| {kind} | {name} | {statistics.median(taken[name]):.1f} | {numbers} | {said['peak']:.2f} |",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=100_000)
    parser.add_argument("--dimensions", type=int, default=10, help="4 at least")
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--kinds", nargs="+", default=list(BIASES), choices=list(BIASES))
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--limit", type=float, default=240.0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    said = f"{options.cells:,} cells, CPU seconds, medians of {options.runs} runs in turns"
    print(f"{child.machine()}, {said}\n", flush=True)
    columns = (
        "transitions | method | CPU seconds | sums of rows off by | least entry | largest error | bound | peak (GiB)"
    )
    print(f"| {columns} |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for kind in options.kinds:
            report(kind, options, Path(folder))


if __name__ == "__main__":
    main()
