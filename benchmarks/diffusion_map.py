"""The leading 32 eigenpairs of a walk, with the gradient of distances: beside SciPy's ARPACK, which has no gradient.

Claim: with 32 eigenpairs on 100,000 nodes, forward and backward together take at most 3 × ARPACK's time for the
eigenpairs alone, at equal residual (1e-8) and on one thread.
Peers: SciPy's `eigsh(S, 32, which="LM")` (ARPACK); scikit-learn's `spectral_embedding` (ARPACK around a factorisation:
one end of the spectrum only, 32 vectors of the positive end; left out where its factor fills in). No peer has a
gradient.
Run: pip install -e '.[benchmark,test]', then python benchmarks/diffusion_map.py --nodes 10000 100000
Graphs: "grid" is scikit-image's `camera` with noise, 4-connected, Gaussian weights; "knn" joins points of 27 Gaussian
clusters in space with their 10 nearest.
Last result: none on a quiet machine yet.
"""

import argparse
import math
import os
import platform
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.sparse import coo_array, csr_array
from scipy.sparse.linalg import eigsh
from scipy.spatial import cKDTree
from skimage import data, transform, util
from sklearn.manifold import spectral_embedding

import graphrw as rw
from graphrw.functional.diffusion import diffusion_distance
from graphrw.spectral import spectral_map

PAIRS, COUNT, TOLERANCE, TIME, BETA = 5000, 32, 1e-8, 10.0, 130.0

Eigenpairs = Callable[[], tuple[np.ndarray, np.ndarray]] | None  # (N, k) and (k,), on demand
Result = tuple[float, float, Eigenpairs]  # seconds of forward and backward


@dataclass(frozen=True)
class Problem:
    graph: rw.Graph
    weight: torch.Tensor  # (E,)
    matrix: csr_array  # S, as the peers take it
    adjacency: csr_array  # W


def problem(kind: str, nodes: int) -> Problem:
    graph, weight = {"grid": grid, "knn": nearest}[kind](nodes)
    adjacency = symmetric(graph, weight.numpy())
    root = 1 / np.sqrt(adjacency.sum(1))
    tail, head = graph.edges.numpy()
    return Problem(graph, weight, symmetric(graph, weight.numpy() * root[tail] * root[head]), adjacency)


def symmetric(graph: rw.Graph, values: np.ndarray) -> csr_array:
    tail, head = graph.edges.int().numpy()
    places = (np.r_[tail, head], np.r_[head, tail])
    return coo_array((np.r_[values, values], places), shape=(graph.num_nodes, graph.num_nodes)).tocsr()


def grid(nodes: int) -> tuple[rw.Graph, torch.Tensor]:
    size = round(math.sqrt(nodes))
    image = transform.resize(util.img_as_float(data.camera()), (size, size), anti_aliasing=True)
    image = np.clip(image + np.random.default_rng(0).normal(0, 0.02, image.shape), 0, 1)
    graph = rw.grid_graph((size, size))
    return graph, rw.gaussian_affinity(graph, torch.from_numpy(image).reshape(-1), BETA) + 1e-6


def nearest(nodes: int, count: int = 10) -> tuple[rw.Graph, torch.Tensor]:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(nodes, 3)) + 4 * rng.integers(0, 3, size=(nodes, 3))
    distance, index = cKDTree(points).query(points, count + 1)
    ends = np.stack([np.repeat(np.arange(nodes), count), index[:, 1:].ravel()])
    edges, first = np.unique(np.sort(ends, 0), axis=1, return_index=True)
    length = distance[:, 1:].ravel()
    return rw.Graph(torch.from_numpy(edges), nodes), torch.from_numpy(
        np.exp(-((length[first] / np.median(length)) ** 2) / 2)
    )


def ours(case: Problem) -> Result:
    """The eigenpairs with distances of 5000 pairs, and the gradient in all weights."""
    graph = rw.Graph(case.graph.edges, case.graph.num_nodes)  # nothing is kept from the last run
    weight = case.weight.clone().requires_grad_()
    pairs = torch.randint(graph.num_nodes, (PAIRS, 2), generator=torch.Generator().manual_seed(0))
    start = time.perf_counter()
    distance = diffusion_distance(rw.walk(graph, weight), TIME, COUNT, pairs, tolerance=TOLERANCE)
    middle = time.perf_counter()
    distance.sum().backward()
    return middle - start, time.perf_counter() - middle, lambda: our_eigenpairs(case)


def our_eigenpairs(case: Problem) -> tuple[np.ndarray, np.ndarray]:
    vectors, values = spectral_map(rw.walk(case.graph, case.weight), 0.0, COUNT, TOLERANCE)
    return vectors.numpy(), values.numpy()


def arpack(case: Problem) -> Result:
    start = time.perf_counter()
    values, vectors = eigsh(case.matrix, COUNT, which="LM", tol=TOLERANCE, v0=np.ones(case.graph.num_nodes))
    return time.perf_counter() - start, math.nan, lambda: (vectors, values)


def scikit_learn(case: Problem) -> Result:
    start = time.perf_counter()
    spectral_embedding(
        case.adjacency, n_components=COUNT, eigen_solver="arpack", eigen_tol=TOLERANCE, drop_first=False, random_state=0
    )
    return time.perf_counter() - start, math.nan, None


def residual(case: Problem, found: Eigenpairs) -> float:
    """The largest ‖S ψ − λ ψ‖."""
    if found is None:
        return math.nan
    vectors, values = found()
    return float(np.linalg.norm(case.matrix @ vectors - vectors * values, axis=0).max())


METHODS: dict[str, Callable[[Problem], Result]] = {
    "graphrw": ours,
    "ARPACK": arpack,
    "scikit-learn, one end": scikit_learn,
}


def fits(method: str, kind: str, nodes: int) -> bool:
    return not (method.startswith("scikit") and kind == "knn" and nodes > 20_000)


def peak_memory(method: str, kind: str, nodes: int) -> float:
    """GiB above an idle process, in a process of its own."""
    command = [sys.executable, __file__, "--graphs", kind, "--nodes", str(nodes), "--memory-of", method]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def print_memory(method: str, kind: str, nodes: int) -> None:
    case = problem(kind, nodes)
    before = memory("VmRSS")
    METHODS[method](case)
    print((memory("VmHWM") - before) / 2**20)


def memory(field: str) -> int:
    """KiB of this process, now (VmRSS) or at its peak (VmHWM); Linux only."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--graphs", nargs="+", choices=("grid", "knn"), default=["grid", "knn"])
    parser.add_argument("--nodes", type=int, nargs="+", default=[10_000])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--memory-of", choices=METHODS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # k = 32 is even, as grids ask; peers warn of their own affairs
    torch.set_num_threads(1)
    if options.memory_of:
        print_memory(options.memory_of, options.graphs[0], options.nodes[0])
        return
    print(f"{platform.platform()}, {os.cpu_count()} cores, one thread, torch {torch.__version__}, ", end="")
    print(f"k = {COUNT}, residual {TOLERANCE:g}, {options.runs} interleaved runs\n")
    print("| graph | nodes | method | forward (s) | backward (s) | both / ARPACK | residual | peak (GiB) |")
    print("|---|---|---|---|---|---|---|---|")
    for nodes in options.nodes:
        for kind in options.graphs:
            report(kind, nodes, options.runs, options.methods)


def report(kind: str, nodes: int, runs: int, wanted: list[str]) -> None:
    case = problem(kind, nodes)
    methods = [method for method in wanted if fits(method, kind, nodes)]
    timings: dict[str, list[Result]] = {method: [] for method in methods}
    for _ in range(runs):
        for method in methods:
            timings[method].append(METHODS[method](case))
    forward = {method: statistics.median(run[0] for run in timings[method]) for method in methods}
    backward = {method: statistics.median(run[1] for run in timings[method]) for method in methods}
    for method in methods:
        total = forward[method] + (backward[method] if backward[method] == backward[method] else 0)
        ratio = total / forward.get("ARPACK", math.nan)
        size, error = peak_memory(method, kind, nodes), residual(case, timings[method][-1][2])
        row = f"{forward[method]:.2f} | {backward[method]:.2f} | {ratio:.2f} | {error:.1e} | {size:.2f}"
        print(f"| {kind} | {case.graph.num_nodes:,} | {method} | {row} |".replace("nan", "–"), flush=True)


if __name__ == "__main__":
    main()
