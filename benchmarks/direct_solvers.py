"""Direct solvers for the walk's matrix: what one must wait for, step by step.

Claim: of the direct solvers with a clean licence and wheels for every platform, rslab with the ordering `amf` is the
best default for images: its analysis is made once per graph, and a numeric factorisation plus a solve is at least twice
as fast as SuperLU's in symmetric mode.
Peers: rslab's other orderings; SciPy's SuperLU in symmetric mode and by default; Pardiso and CHOLMOD where installed.
Run: python benchmarks/direct_solvers.py --sizes 512 1024 --labels 8
Last result: docs/solvers.md.
"""

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from harmonic_labels import problem
from scipy.sparse import csc_array
from scipy.sparse.linalg import splu

import graphrw as rw
from graphrw.core.errors import MissingDependencyError
from graphrw.solvers.base import Solver
from graphrw.solvers.direct import rslab as embedded

Timing = tuple[float, float, float]


def timed(make: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    made = make()
    return made, time.perf_counter() - start


def of_solver(solver: Solver, walk: rw.Walk, b: torch.Tensor) -> Timing:
    """Analysis, numeric factorisation, solve: of one of our solvers, conversions included."""
    graph = rw.Graph(walk.graph.edges, walk.graph.num_nodes)
    plan, analysis = timed(lambda: solver.plan_for(graph))
    inverse, numeric = timed(lambda: solver.invert(walk, plan))
    _, solving = timed(lambda: inverse.apply(b, b.new_zeros(b.shape[1]), transpose=False, step=0))
    return analysis, numeric, solving


def of_ordering(ordering: str, walk: rw.Walk, b: torch.Tensor) -> Timing:
    default, embedded.ORDERING = embedded.ORDERING, ordering
    try:
        return of_solver(rw.solvers.Cholesky(), walk, b)
    finally:
        embedded.ORDERING = default


def of_default_superlu(walk: rw.Walk, b: torch.Tensor) -> Timing:
    pattern = rw.solvers.SuperLU().plan_for(walk.graph)
    arrays = pattern.values(walk.rate, walk.weight).numpy(), pattern.indices.numpy(), pattern.indptr.numpy()
    matrix = csc_array(arrays, shape=(walk.graph.num_nodes,) * 2)
    factor, numeric = timed(lambda: splu(matrix))
    _, solving = timed(lambda: factor.solve(np.asfortranarray(b.numpy())))
    return 0.0, numeric, solving


def methods(size: int) -> dict[str, Callable[[rw.Walk, torch.Tensor], Timing]]:
    table: dict[str, Callable[[rw.Walk, torch.Tensor], Timing]] = {
        f"rslab, {ordering}": lambda walk, b, ordering=ordering: of_ordering(ordering, walk, b)  # type: ignore[misc]
        for ordering in ("amf", "amd", "metis")
    }
    table["SuperLU, symmetric mode"] = lambda walk, b: of_solver(rw.solvers.SuperLU(), walk, b)
    if size <= 512:
        table["SuperLU, SciPy's default"] = of_default_superlu
    for name in ("Pardiso", "CHOLMOD"):
        solver: Solver = getattr(rw.solvers, name)()
        try:
            solver.plan(rw.grid_graph((2, 2)))
        except MissingDependencyError as error:
            print(f"{name} left out: {error}")
            continue
        table[name] = lambda walk, b, solver=solver: of_solver(solver, walk, b)  # type: ignore[misc]
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 512])
    parser.add_argument("--labels", type=int, default=8)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(os.cpu_count() or 1)
    print(
        f"{platform.platform()}, {os.cpu_count()} cores, torch {torch.__version__}, {options.runs} interleaved runs\n"
    )
    print("| image | method | analysis (s) | numeric (s) | solve, 8 labels (s) |".replace("8", str(options.labels)))
    print("|---|---|---|---|---|")
    for size in options.sizes:
        _, _, graph, weight, seeds = problem(size, options.labels)
        walk = rw.absorb(rw.walk(graph, weight), (seeds >= 0).nonzero().squeeze(1))
        b = torch.rand(graph.num_nodes, options.labels, dtype=torch.float64)
        table = methods(size)
        runs: dict[str, list[Timing]] = {name: [] for name in table}
        for _ in range(options.runs):
            for name, method in table.items():
                runs[name].append(method(walk, b))
        for name, timings in runs.items():
            row = " | ".join(f"{statistics.median(column):.3f}" for column in zip(*timings, strict=True))
            print(f"| {size}² | {name} | {row} |", flush=True)


if __name__ == "__main__":
    main()
