"""Multigrid by compiled kernels beside torch's, set-up and solve, on images and volumes.

Claim: with numba (`pip install graphrw[fast]`) set-up and solve together take less than half as long, in about as many
iterations, to the same answer within the tolerance; on 1024² with 4 labels no longer than a direct solver.
Peers: the same levels and cycles by torch's operations; `Cholesky` (`--peers Cholesky`), whose set-up is the
factorisation.
Run: OMP_NUM_THREADS=1 RAYON_NUM_THREADS=1 python benchmarks/multigrid_kernels.py
Last result: docs/benchmarks.md.

What depends on the structure alone is not timed, nor is compiling, of which the head of the table tells. A solve
includes the verdict, a column of its own.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import child
import problems
import torch

import graphrw as rw
from graphrw.solvers import Cholesky, Multigrid, Solver
from graphrw.solvers.base import Solution
from graphrw.solvers.multigrid.engine import TORCH, Engine, engine_for
from graphrw.solvers.multigrid.solver import Plan

RTOL = 1e-6
LABELS = (4, 16)
Parts = tuple[float, float, float]  # seconds of a set-up, of a solve, and of both


def by(engine: Engine, case: problems.Problem) -> tuple[Solver, Any]:
    return Multigrid(RTOL), Plan(engine, engine.structure(case.walk.graph))


def directly(case: problems.Problem) -> tuple[Solver, Any]:
    solver = Cholesky(RTOL)
    return solver, solver.plan_for(case.walk.graph)


PREPARED: dict[str, Callable[[problems.Problem], tuple[Solver, Any]]] = {
    "compiled": lambda case: by(engine_for(case.walk.graph), case),
    "torch": lambda case: by(TORCH, case),
    "Cholesky": directly,
}


def timed(method: tuple[Solver, Any], walk: rw.Walk, b: torch.Tensor) -> tuple[Parts, Solution]:
    solver, plan = method
    moments = [time.process_time()]
    inverse = solver.invert(walk, plan)
    moments.append(time.process_time())
    solution = inverse.solve(b)
    moments.append(time.process_time())
    return (moments[1] - moments[0], moments[2] - moments[1], moments[2] - moments[0]), solution


def report(name: str, options: argparse.Namespace) -> None:
    case = problems.make(name)
    methods = {method: PREPARED[method](case) for method in ("compiled", *options.peers)}
    for count in options.labels:
        b = case.right_hand_side(count)
        runs: dict[str, list[Parts]] = {method: [] for method in methods}
        found: dict[str, Solution] = {}
        for _ in range(options.runs):
            for method, parts in methods.items():
                times, found[method] = timed(parts, case.absorbed, b)
                runs[method].append(times)
        whole = statistics.median(both for *_, both in runs["compiled"])
        for method, times in runs.items():
            medians = [statistics.median(part) for part in zip(*times, strict=True)]
            apart = float((found[method].x - found["compiled"].x).abs().max())
            numbers = " | ".join(f"{seconds:.2f}" for seconds in medians)
            counts = f"{medians[-1] / whole:.1f} | {found[method].iterations} | {apart:.0e}"
            print(f"| {name} | {count} | {method} | {numbers} | {counts} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = ["image-512", "image-1024", "volume-64", "volume-128"]
    parser.add_argument("--problems", nargs="+", default=names)
    parser.add_argument("--peers", nargs="+", default=["torch"], choices=["torch", "Cholesky"])
    parser.add_argument("--labels", nargs="+", type=int, default=LABELS)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    began = time.process_time()
    engine_for(rw.grid_graph((2, 2)))
    print(f"{child.machine()}; kernels loaded in {time.process_time() - began:.1f} CPU s\n")
    print("| problem | labels | method | set-up (s) | solve (s) | both | × compiled | iterations | apart |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name in options.problems:
        report(name, options)


if __name__ == "__main__":
    main()
