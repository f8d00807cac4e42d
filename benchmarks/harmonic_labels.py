"""Seeded segmentation of an image: one training step, beside what people use today.

Claim: from the second step on, at 512² and 1024² with 8 labels, a step is at least 2.5 × faster than an adjoint around
SuperLU in symmetric mode with the embedded default (`Auto` without pypardiso, or `Cholesky`), and 4 × with `Pardiso`;
at 512² 6 × faster than around SciPy's default SuperLU. With the embedded default backward costs at most 1.25 × one bare
solve with the factor.
Peers: an adjoint written around SciPy's `splu` (symmetric mode; default), scikit-image's `random_walker` (cg_j, cg_mg,
bf; forward only: it has no gradient).
Run: pip install -e '.[benchmark]', then python benchmarks/harmonic_labels.py --sizes 128 512 1024 --labels 1 8 16
Last result: docs/benchmarks.md.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from scipy.sparse import coo_array, csc_array, diags_array
from scipy.sparse.linalg import splu
from skimage import data, segmentation, transform, util

import graphrw as rw

BETA = 130.0
Problem = tuple[np.ndarray, np.ndarray, rw.Graph, torch.Tensor, torch.Tensor]


def problem(size: int, labels: int) -> Problem:
    """scikit-image's `camera`, resized, with noise, and seeds on 0.05 % of the pixels (with 1 label: one of two)."""
    rng = np.random.default_rng(0)
    image = transform.resize(util.img_as_float(data.camera()), (size, size), anti_aliasing=True)
    image = np.clip(image + rng.normal(0, 0.04, image.shape), 0, 1)
    ids = max(labels, 2)
    chosen = rng.choice(size * size, max(2 * ids, size * size // 2000), replace=False)
    seeds = np.full(size * size, -1)
    seeds[chosen] = np.arange(len(chosen)) % ids
    graph = rw.grid_graph((size, size))
    pixels = torch.from_numpy(image).reshape(-1)
    weight = rw.gaussian_affinity(graph, pixels, BETA / (10 * image.std())) + 1e-10
    return image, seeds, graph, weight, torch.from_numpy(seeds)


def graphrw_step(case: Problem, labels: int, solver: rw.solvers.Solver) -> tuple[float, float]:
    _, _, graph, weight, seeds = case
    weight = weight.clone().requires_grad_()
    nodes = (seeds >= 0).nonzero().squeeze(1)
    values = torch.nn.functional.one_hot(seeds[nodes]).double()[:, :labels]
    start = time.perf_counter()
    z = rw.harmonic(rw.walk(graph, weight), nodes, values, solver)
    middle = time.perf_counter()
    z.backward(torch.ones_like(z) / z.numel())
    return middle - start, time.perf_counter() - middle


def superlu_step(case: Problem, labels: int, symmetric: bool) -> tuple[float, float]:
    """What one writes by hand: factorise A_UU, solve, solve again for the adjoint, gradient by differences."""
    _, seeds, graph, weight, _ = case
    tail, head, w = *graph.edges.numpy(), weight.numpy()
    start = time.perf_counter()
    count, free = len(seeds), np.flatnonzero(seeds < 0)
    coupling = coo_array((np.r_[w, w], (np.r_[tail, head], np.r_[head, tail])), shape=(count, count)).tocsr()
    laplacian = csc_array(diags_array(coupling.sum(1)) - coupling)
    z = np.eye(max(labels, 2))[seeds][:, :labels] * (seeds >= 0)[:, None]
    options = {"permc_spec": "MMD_AT_PLUS_A", "diag_pivot_thresh": 0.0, "options": {"SymmetricMode": True}}
    factor = splu(laplacian[free][:, free].tocsc(), **(options if symmetric else {}))
    z[free] = factor.solve(np.asfortranarray((coupling @ z)[free]))
    middle = time.perf_counter()
    adjoint = np.zeros_like(z)
    adjoint[free] = factor.solve(np.full_like(z[free], 1 / z.size, order="F"), trans="T")
    _ = -((adjoint[tail] - adjoint[head]) * (z[tail] - z[head])).sum(1)
    return middle - start, time.perf_counter() - middle


def skimage_forward(case: Problem, labels: int, mode: str) -> tuple[float, float]:
    image, seeds, *_ = case
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        segmentation.random_walker(image, seeds.reshape(image.shape) + 1, beta=BETA, mode=mode, return_full_prob=True)
    return time.perf_counter() - start, float("nan")


METHODS: dict[str, Callable[[Problem, int], tuple[float, float]]] = {
    "graphrw, Auto": lambda case, labels: graphrw_step(case, labels, rw.solvers.Auto()),
    "graphrw, Cholesky": lambda case, labels: graphrw_step(case, labels, rw.solvers.Cholesky()),
    "graphrw, SuperLU": lambda case, labels: graphrw_step(case, labels, rw.solvers.SuperLU()),
    "graphrw, Pardiso": lambda case, labels: graphrw_step(case, labels, rw.solvers.Pardiso()),
    "graphrw, CHOLMOD": lambda case, labels: graphrw_step(case, labels, rw.solvers.CHOLMOD()),
    "SuperLU symmetric, by hand": lambda case, labels: superlu_step(case, labels, symmetric=True),
    "SuperLU default, by hand": lambda case, labels: superlu_step(case, labels, symmetric=False),
    "scikit-image cg_j": lambda case, labels: skimage_forward(case, labels, "cg_j"),
    "scikit-image cg_mg": lambda case, labels: skimage_forward(case, labels, "cg_mg"),
    "scikit-image bf": lambda case, labels: skimage_forward(case, labels, "bf"),
}
OPTIONAL = ("graphrw, Cholesky", "graphrw, Pardiso", "graphrw, CHOLMOD")  # only if named
SLOW = ("SuperLU default, by hand", "scikit-image cg_j", "scikit-image bf")  # above 512² only if named


def fits(method: str, size: int, labels: int, named: bool) -> bool:
    chosen = named or (method not in OPTIONAL and (size <= 512 or method not in SLOW))
    return chosen and not ("scikit-image" in method and labels == 1)


def peak_memory(method: str, size: int, labels: int) -> float:
    """GiB above an idle process, in a process of its own."""
    command = [sys.executable, __file__, "--sizes", str(size), "--labels", str(labels), "--memory-of", method]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def print_memory(method: str, size: int, labels: int) -> None:
    case = problem(size, labels)
    before = memory("VmRSS")
    METHODS[method](case, labels)
    print((memory("VmHWM") - before) / 2**20)


def memory(field: str) -> int:
    """KiB of this process, now (VmRSS) or at its peak (VmHWM); Linux only."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))


def bare_solve(case: Problem, labels: int) -> float:
    """Seconds of one solve with the factor of the embedded solver, and nothing else."""
    _, _, graph, weight, seeds = case
    plain = rw.absorb(rw.walk(graph, weight), (seeds >= 0).nonzero().squeeze(1))
    inverse = rw.solvers.Cholesky().inverse_of(plain)
    b = torch.rand(graph.num_nodes, labels, dtype=torch.float64)
    start = time.perf_counter()
    inverse.substitute(b, transpose=False)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[128, 512])
    parser.add_argument("--labels", type=int, nargs="+", default=[1, 8, 16])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=None)
    parser.add_argument("--memory-of", choices=METHODS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(os.cpu_count() or 1)
    if options.memory_of:
        print_memory(options.memory_of, options.sizes[0], options.labels[0])
        return
    print(
        f"{platform.platform()}, {os.cpu_count()} cores, torch {torch.__version__}, {options.runs} interleaved runs\n"
    )
    print("| image | labels | method | first step (s) | forward (s) | forward + backward (s) | ratio | peak (GiB) |")
    print("|---|---|---|---|---|---|---|---|")
    for size in options.sizes:
        for labels in options.labels:
            report(size, labels, options.runs, options.methods)


def report(size: int, labels: int, runs: int, wanted: list[str] | None) -> None:
    case = problem(size, labels)
    methods = [method for method in wanted or METHODS if fits(method, size, labels, wanted is not None)]
    first = {method: sum(METHODS[method](case, labels)) for method in methods}
    timings: dict[str, list[tuple[float, float]]] = {method: [] for method in methods}
    bare = []
    for _ in range(runs):
        bare.append(bare_solve(case, labels))
        for method in methods:
            timings[method].append(METHODS[method](case, labels))
    forward = {method: statistics.median(run[0] for run in timings[method]) for method in methods}
    both = {method: statistics.median(sum(run) for run in timings[method]) for method in methods}
    for method in methods:
        comparable = forward if method.startswith("scikit") else both
        ratio = comparable[method] / comparable["graphrw, Auto"]
        memory = peak_memory(method, size, labels)
        row = f"{first[method]:.3f} | {forward[method]:.3f} | {both[method]:.3f} | {ratio:.2f} | {memory:.2f}"
        print(f"| {size}² | {labels} | {method} | {row} |".replace("nan", "–"), flush=True)
    backward = statistics.median(run[1] for run in timings["graphrw, Auto"])
    print(
        f"| {size}² | {labels} | *backward / bare solve* | | | | {backward / statistics.median(bare):.2f} | |",
        flush=True,
    )


if __name__ == "__main__":
    main()
