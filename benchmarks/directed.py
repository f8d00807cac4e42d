"""Solving on directed graphs: citations, where a few nodes are cited by all, and one-sided nearest neighbours.

Claim: `Auto` solves them, and their transpose, within 2 × of the fastest method that is installed; on citations it
is tens of times faster than any factorisation.
Peers: SciPy's SuperLU (COLAMD), SciPy's BiCGStab and GMRES(20) with the Jacobi preconditioner, column by column; each
asked for a relative residual of 1e-8. Ours make a new factor and four solves with A, and four with Aᵀ; so do they.
Run: pip install -e '.[benchmark]', then python benchmarks/directed.py
What takes longer than `--limit` seconds is run once, and left out from then on.
Last result: docs/benchmarks.md.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial

import child
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array
from scipy.sparse.linalg import LinearOperator, bicgstab, gmres, splu
from scipy.spatial import cKDTree

import graphrw as rw

RTOL, LABELS, LINKS = 1e-8, 4, 5
Solve = Callable[[rw.Walk, NDArray[np.float64]], tuple[NDArray[np.float64], NDArray[np.float64]]]  # by A, and by Aᵀ


def citations(nodes: int) -> rw.Graph:
    """Each node points to five others, chosen with a bias to a few."""
    rng = np.random.default_rng(0)
    edges = np.stack([np.repeat(np.arange(nodes), LINKS), (nodes * rng.random(nodes * LINKS) ** 3).astype(np.int64)])
    return rw.Graph(torch.from_numpy(np.unique(edges[:, edges[0] != edges[1]], axis=1)), nodes, directed=True)


def neighbours(nodes: int) -> rw.Graph:
    """Each of the points in a cube points to its eight nearest."""
    points = np.random.default_rng(0).random((nodes, 3))
    index = cKDTree(points).query(points, 9)[1][:, 1:]
    return rw.Graph(torch.from_numpy(np.stack([np.repeat(np.arange(nodes), 8), index.ravel()])), nodes, directed=True)


GRAPHS = {"citations": citations, "neighbours": neighbours}


def walk(graph: rw.Graph, damping: float) -> rw.Walk:
    """Random weights within a decade; a walker goes on with the probability `damping`."""
    generator = torch.Generator().manual_seed(0)
    weight = 0.1 + 0.9 * torch.rand(graph.num_edges, generator=generator, dtype=torch.float64)
    degree = rw.walk(graph, weight).degree
    killing = torch.where(degree > 0, degree * (1 / damping - 1), 1.0)
    return rw.walk(graph, weight, killing)


def ours(solver: rw.solvers.Solver, case: rw.Walk, b: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    factor = rw.factorize(case, solver)
    return factor.solve(torch.from_numpy(b)).numpy(), factor.T.solve(torch.from_numpy(b)).numpy()


def superlu(case: rw.Walk, b: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    factor = splu(matrix(case).tocsc())
    return factor.solve(b), factor.solve(b, trans="T")


def krylov(method: Callable[..., tuple[NDArray[np.float64], int]], case: rw.Walk, b: NDArray[np.float64]) -> Iterator:
    """Each column by itself, as SciPy's methods take them."""
    forward = matrix(case)
    unrate = 1 / case.rate.numpy()
    jacobi = LinearOperator(forward.shape, matvec=lambda r: unrate * r.ravel())
    for one in (forward, forward.T.tocsr()):
        yield np.stack([method(one, column, rtol=RTOL, atol=0.0, M=jacobi)[0] for column in b.T], axis=1)


def matrix(case: rw.Walk) -> csr_array:
    """A."""
    tail, head = case.graph.edges.numpy()
    weight = csr_array((case.weight.numpy(), (tail, head)), shape=(case.graph.num_nodes,) * 2)
    return csr_array(diags_array(case.rate.numpy()) - weight)


METHODS: dict[str, Solve] = {
    "Auto": partial(ours, rw.solvers.Auto(RTOL)),
    "BiCGStab": partial(ours, rw.solvers.BiCGStab(RTOL)),
    "LU": partial(ours, rw.solvers.LU(RTOL)),
    "SuperLU": superlu,
    "SciPy BiCGStab": partial(krylov, bicgstab),
    "SciPy GMRES": partial(krylov, partial(gmres, restart=20)),
}


def worst_residual(case: rw.Walk, b: NDArray[np.float64], answers: tuple[NDArray[np.float64], ...]) -> float:
    sides = zip((matrix(case), matrix(case).T), answers, strict=True)
    relative = [np.linalg.norm(b - one @ x, axis=0) / np.linalg.norm(b, axis=0) for one, x in sides]
    return float(np.max(relative))


def report(name: str, nodes: int, damping: float, options: argparse.Namespace, slow: set[tuple[str, str]]) -> None:
    case = walk(GRAPHS[name](nodes), damping)
    b = np.random.default_rng(1).random((nodes, LABELS))
    chosen = [method for method in options.methods if (name, method) not in slow]
    seconds: dict[str, list[float]] = {method: [] for method in chosen}
    residual = dict.fromkeys(chosen, 0.0)
    for _ in range(options.runs):
        for method in chosen:
            if (name, method) in slow:
                continue
            start = time.perf_counter()
            answers = tuple(METHODS[method](case, b))
            seconds[method].append(time.perf_counter() - start)
            residual[method] = max(residual[method], worst_residual(case, b, answers))
            if seconds[method][-1] > options.limit:
                slow.add((name, method))
    median = {method: statistics.median(times) for method, times in seconds.items()}
    best = min(median.values())
    for method, time_taken in median.items():
        row = f"{method} | {time_taken:.3f} | {time_taken / best:.2f} | {residual[method]:.0e}"
        print(f"| {name} | {nodes:,} | {damping} | {row} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", nargs="+", type=int, default=[10_000, 200_000])
    parser.add_argument("--damping", nargs="+", type=float, default=[0.85, 0.99])
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--limit", type=float, default=5.0)
    options = parser.parse_args()
    print(
        f"{child.machine()}, {LABELS} columns each way, medians of {options.runs} interleaved runs, residual {RTOL:g}\n"
    )
    print("| graph | nodes | damping | method | factor and solves (s) | over the best | residual |")
    print("|---|---|---|---|---|---|---|")
    slow: set[tuple[str, str]] = set()
    for nodes in options.nodes:
        for name in GRAPHS:
            for damping in options.damping:
                report(name, nodes, damping, options, slow)


if __name__ == "__main__":
    main()
