"""The leading eigenpairs of a walk, with the gradient of distances: beside ARPACK and scikit-learn, without gradients.

Claim: with 16 to 64 eigenpairs on 100,000 nodes, the eigenpairs take less time than those of any peer at equal residual
(1e-8), and the gradient at most 1.5 × as long as they do. With threads: all take one, or as many as --threads says.
Peers: SciPy's `eigsh(S, k, which="LM")` (ARPACK, both ends of the spectrum, as ours); scikit-learn's
`spectral_embedding`, one end only, k vectors of the positive end: "arpack" (around a factorisation; left out where its
factor fills in) and "amg" (LOBPCG with pyamg, which stops after 20 iterations: the residual says how far it came). No
peer has a gradient.
Run: pip install -e '.[benchmark,test]', then python benchmarks/diffusion_map.py --nodes 10000 100000 --pairs 16 32 64
Graphs: "grid" is scikit-image's `camera` with noise, 4-connected, Gaussian weights; "knn" joins points of 27 Gaussian
clusters in space with their 10 nearest; "volume" is a cube, 6-connected, with random weights in [0.1, 1.1).
Last result: docs/benchmarks.md.
"""

import argparse
import itertools
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
from functools import partial
from pathlib import Path

import numpy as np
import torch
from scipy.sparse import coo_array, csr_array
from scipy.sparse.linalg import eigsh
from scipy.spatial import cKDTree
from skimage import data, transform, util
from sklearn.manifold import spectral_embedding
from threadpoolctl import threadpool_limits

import graphrw as rw
from graphrw.functional.diffusion import diffusion_distance
from graphrw.spectral import spectral_map

DISTANCES, TOLERANCE, TIME, BETA = 5000, 1e-8, 10.0, 130.0

Eigenpairs = Callable[[], tuple[np.ndarray, np.ndarray]] | None  # (N, k) and (k,), on demand
Result = tuple[float, float, Eigenpairs]  # seconds of forward and backward


@dataclass(frozen=True)
class Problem:
    graph: rw.Graph
    weight: torch.Tensor  # (E,)
    matrix: csr_array  # S, as the peers take it
    adjacency: csr_array  # W
    count: int  # k


def problem(kind: str, nodes: int, count: int) -> Problem:
    graph, weight = GRAPHS[kind](nodes)
    adjacency = symmetric(graph, weight.numpy())
    root = 1 / np.sqrt(adjacency.sum(1))
    tail, head = graph.edges.numpy()
    return Problem(graph, weight, symmetric(graph, weight.numpy() * root[tail] * root[head]), adjacency, count)


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


def volume(nodes: int) -> tuple[rw.Graph, torch.Tensor]:
    size = round(nodes ** (1 / 3))
    graph = rw.grid_graph((size, size, size))
    return graph, torch.from_numpy(0.1 + np.random.default_rng(0).random(graph.num_edges))


GRAPHS = {"grid": grid, "knn": nearest, "volume": volume}


def ours(case: Problem) -> Result:
    """The eigenpairs with distances of 5000 pairs, and the gradient in all weights."""
    graph = rw.Graph(case.graph.edges, case.graph.num_nodes)  # nothing is kept from the last run
    weight = case.weight.clone().requires_grad_()
    pairs = torch.randint(graph.num_nodes, (DISTANCES, 2), generator=torch.Generator().manual_seed(0))
    start = time.perf_counter()
    distance = diffusion_distance(rw.walk(graph, weight), TIME, case.count, pairs, tolerance=TOLERANCE)
    middle = time.perf_counter()
    distance.sum().backward()
    return middle - start, time.perf_counter() - middle, lambda: our_eigenpairs(case)


def our_eigenpairs(case: Problem) -> tuple[np.ndarray, np.ndarray]:
    vectors, values = spectral_map(rw.walk(case.graph, case.weight), 0.0, case.count, TOLERANCE)
    return vectors.numpy(), values.numpy()


def arpack(case: Problem) -> Result:
    start = time.perf_counter()
    values, vectors = eigsh(case.matrix, case.count, which="LM", tol=TOLERANCE, v0=np.ones(case.graph.num_nodes))
    return time.perf_counter() - start, math.nan, lambda: (vectors, values)


def scikit_learn(eigen_solver: str, case: Problem) -> Result:
    start = time.perf_counter()
    found = spectral_embedding(
        case.adjacency,
        n_components=case.count,
        eigen_solver=eigen_solver,
        eigen_tol=TOLERANCE,
        drop_first=False,
        random_state=0,
    )
    return time.perf_counter() - start, math.nan, lambda: eigenpairs_of_embedding(case, found)


def eigenpairs_of_embedding(case: Problem, found: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """scikit-learn divides eigenvectors by the root of the degree, and keeps no eigenvalues."""
    vectors = found * np.sqrt(case.adjacency.sum(1))[:, None]
    vectors /= np.linalg.norm(vectors, axis=0)
    return vectors, (vectors * (case.matrix @ vectors)).sum(0)


def residual(case: Problem, found: Eigenpairs) -> float:
    """The largest ‖S ψ − λ ψ‖."""
    if found is None:
        return math.nan
    vectors, values = found()
    return float(np.linalg.norm(case.matrix @ vectors - vectors * values, axis=0).max())


METHODS: dict[str, Callable[[Problem], Result]] = {
    "graphrw": ours,
    "ARPACK": arpack,
    "scikit-learn arpack": partial(scikit_learn, "arpack"),
    "scikit-learn amg": partial(scikit_learn, "amg"),
}


def fits(method: str, kind: str, nodes: int) -> bool:
    return not (method == "scikit-learn arpack" and kind != "grid" and nodes > 20_000)


def peak_memory(method: str, kind: str, nodes: int, count: int) -> float:
    """GiB above an idle process, in a process of its own."""
    options = ["--graphs", kind, "--nodes", str(nodes), "--pairs", str(count), "--memory-of", method]
    command = [sys.executable, __file__, *options]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def print_memory(method: str, kind: str, nodes: int, count: int) -> None:
    case = problem(kind, nodes, count)
    before = memory("VmRSS")
    METHODS[method](case)
    print((memory("VmHWM") - before) / 2**20)


def memory(field: str) -> int:
    """KiB of this process, now (VmRSS) or at its peak (VmHWM); Linux only."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--graphs", nargs="+", choices=GRAPHS, default=["grid", "knn"])
    parser.add_argument("--nodes", type=int, nargs="+", default=[10_000])
    parser.add_argument("--pairs", type=int, nargs="+", default=[32], help="how many eigenpairs, k")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--memory-of", choices=METHODS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # k is even, as grids ask; peers warn of their own affairs
    torch.set_num_threads(options.threads)
    with threadpool_limits(options.threads):  # of the BLAS that NumPy and SciPy call, and of OpenMP
        if options.memory_of:
            print_memory(options.memory_of, options.graphs[0], options.nodes[0], options.pairs[0])
        else:
            print_table(options)


def print_table(options: argparse.Namespace) -> None:
    print(f"{platform.platform()}, {os.cpu_count()} cores, {options.threads} used, torch {torch.__version__}, ", end="")
    print(f"residual {TOLERANCE:g}, {options.runs} interleaved runs\n")
    print("| graph | nodes | k | method | forward (s) | backward (s) | both / ARPACK | residual | peak (GiB) |")
    print("|---|---|---|---|---|---|---|---|---|")
    for nodes, kind, count in itertools.product(options.nodes, options.graphs, options.pairs):
        report(problem(kind, nodes, count), kind, nodes, options)


def report(case: Problem, kind: str, nodes: int, options: argparse.Namespace) -> None:
    methods = [method for method in options.methods if fits(method, kind, nodes)]
    timings: dict[str, list[Result]] = {method: [] for method in methods}
    for _ in range(options.runs):
        for method in methods:
            timings[method].append(METHODS[method](case))
    forward = {method: statistics.median(run[0] for run in timings[method]) for method in methods}
    backward = {method: statistics.median(run[1] for run in timings[method]) for method in methods}
    for method in methods:
        total = forward[method] + (backward[method] if backward[method] == backward[method] else 0)
        ratio = total / forward.get("ARPACK", math.nan)
        size, error = peak_memory(method, kind, nodes, case.count), residual(case, timings[method][-1][2])
        row = f"{forward[method]:.2f} | {backward[method]:.2f} | {ratio:.2f} | {error:.1e} | {size:.2f}"
        print(
            f"| {kind} | {case.graph.num_nodes:,} | {case.count} | {method} | {row} |".replace("nan", "–"), flush=True
        )


if __name__ == "__main__":
    main()
