"""A whole training step beside the bare library's numeric factorisation and two solves.

Claim: from the second step on, everything around the direct solver (the system from the weights, tests of the factor,
true residuals, the adjoint, the gradient of every weight) costs about a quarter of what the library alone takes to
factorise once and solve twice.
Peers: rslab, Pardiso and CHOLMOD, each bare and under graphrw; what is not installed is left out, and said.
Run: pip install -e '.[benchmark]' and the libraries wanted, then python benchmarks/training_step.py
Last result: docs/benchmarks.md.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import child
import problems
import torch
from peers import PEERS
from problems import Problem

import graphrw as rw

LIBRARIES = {"rslab": rw.solvers.Cholesky(), "pypardiso": rw.solvers.Pardiso(), "scikit-sparse": rw.solvers.CHOLMOD()}
PROBLEMS = ("image-512", "image-1024", "mesh-200000")


def bare(library: str, case: Problem, labels: int) -> Callable[[], tuple[float, float]]:
    """Seconds of a numeric factorisation, and of two solves, from matrices that are there already."""
    steps = PEERS[library](case)
    plan, b = steps.analyse(), steps.load(labels)

    def run() -> tuple[float, float]:
        start = time.perf_counter()
        factor = steps.prepare(plan)
        middle = time.perf_counter()
        for _ in range(2):
            steps.solve(factor, b)
        return middle - start, time.perf_counter() - middle

    return run


def whole(solver: rw.solvers.Solver, case: Problem, labels: int) -> Callable[[], tuple[float, float]]:
    """Seconds forward and backward: weights to labels, and the gradient at the labels to that at the weights."""
    nodes = (case.seeds >= 0).nonzero().squeeze(1)
    values = torch.nn.functional.one_hot(torch.from_numpy(case.labels(labels))[nodes]).double()
    graph = case.walk.graph

    def run() -> tuple[float, float]:
        weight = case.walk.weight.clone().requires_grad_()
        start = time.perf_counter()
        z = rw.harmonic(rw.walk(graph, weight), nodes, values, solver)
        middle = time.perf_counter()
        z.backward(torch.full_like(z, 1 / z.numel()))
        return middle - start, time.perf_counter() - middle

    return run


def report(name: str, labels: int, runs: int) -> None:
    case = problems.make(name)
    for library, solver in LIBRARIES.items():
        try:
            sides = bare(library, case, labels), whole(solver, case, labels)
        except ImportError:
            print(f"{library} is not installed: left out")
            continue
        for side in sides:
            side()  # plans, and memory for the first time
        found: list[list[float]] = [[], [], [], []]
        for _ in range(runs):
            for times, seconds in zip(found, (part for side in sides for part in side()), strict=True):
                times.append(seconds)
        ratios = [(f + b) / (n + s) for n, s, f, b in zip(*found, strict=True)]
        cells = [*map(statistics.median, found), statistics.median(ratios)]
        print(f"| {name} | {library} | {' | '.join(f'{cell:.3f}' for cell in cells)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", nargs="+", default=list(PROBLEMS), help="KIND-SIZE, such as image-64")
    parser.add_argument("--labels", type=int, default=8)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    print(f"{child.machine()}, {options.labels} labels, medians of {options.runs} interleaved runs\n")
    print(
        "| problem | library | factorise, bare (s) | two solves, bare (s) | forward (s) | backward (s) | step / bare |"
    )
    print("|---|---|---|---|---|---|---|")
    for name in options.problems:
        report(name, options.labels, options.runs)


if __name__ == "__main__":
    main()
