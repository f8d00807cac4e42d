"""The leading eigenpairs of a walk by all routes that were tried, each by itself.

Claim: the 50 largest |λ| of a 41² grid (4-connected, and within radius 5 as in `models.NDD`) take at most 1.2 × as long
as ARPACK's, the 32 largest of a nearest-neighbour graph at most half as long; and no other route here is faster.
Peers: SciPy's `eigsh(S, k, which="LM")` (ARPACK, both ends of the spectrum, as ours), the same around a factorisation,
SciPy's LOBPCG with our multigrid cycle, torch's dense `eigh`. Both methods that see one end alone are told for nothing
how many eigenvalues to look for at each.
Routes of our own: "graphrw" is what the library does, the derivative's guards and the search for missed eigenvectors
included, on a graph that it has seen; "new graph" is the same on one it has not. Beside it, bare: "Davidson" with an
approximate inverse, which the library keeps for what lies close to ±1; "thick restart" (Wu & Simon 2000) with single
vectors and with blocks; "block Krylov" from a wide random block (Musco & Musco 2015).
All to a residual ‖S ψ − λ ψ‖ of 1e-8, the true one printed. CPU seconds on one thread, medians of interleaved runs.
Run: pip install -e '.[benchmark,test]', then python benchmarks/eigenpairs.py, and for 10⁵ nodes (some minutes)
python benchmarks/eigenpairs.py --problems knn-100000 --runs 1
Last result: docs/benchmarks.md.
"""

import argparse
import os
import platform
import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from diffusion_map import nearest, symmetric
from scipy.sparse import csr_array
from scipy.sparse.linalg import eigsh, lobpcg
from skimage import data, transform, util
from threadpoolctl import threadpool_limits

import graphrw as rw
from graphrw.core.errors import ConvergenceError
from graphrw.core.walk import Walk
from graphrw.solvers.multigrid.cycle import Cycle
from graphrw.solvers.multigrid.rows import structure
from graphrw.spectral import spectral_map
from graphrw.spectral.davidson import Davidson
from graphrw.spectral.goal import Goal
from graphrw.spectral.inverse import SHIFT, shift_invert
from graphrw.spectral.layout import double_cover
from graphrw.spectral.matrix import SymmetricMatrix, column_norms, symmetric_weight
from graphrw.spectral.subspace import Subspace, random_like
from graphrw.spectral.survey import survey

TOLERANCE, SIZE, MU, RESTARTS = 1e-8, 41, 30.0, 200

Pairs = tuple[np.ndarray, np.ndarray]  # (k,) and (N, k)


@dataclass(frozen=True)
class Problem:
    graph: rw.Graph
    weight: torch.Tensor  # (E,)
    count: int  # k
    matrix: csr_array  # S, as the peers take it
    ours: SymmetricMatrix  # S, as our bare routes take it; its rows are in another order
    ends: tuple[int, int]  # how many of the k largest |λ| are at the upper and at the lower end

    @property
    def nodes(self) -> int:
        return self.graph.num_nodes


def problem(graph: rw.Graph, weight: torch.Tensor, count: int) -> Problem:
    root = 1 / np.sqrt(symmetric(graph, weight.numpy()).sum(1))
    tail, head = graph.edges.numpy()
    walk = rw.walk(graph, weight)
    values = spectral_map(walk, 0.0, count, TOLERANCE)[1]
    ours = SymmetricMatrix(graph, symmetric_weight(walk), shift_invert(walk))
    matrix = symmetric(graph, weight.numpy() * root[tail] * root[head])
    return Problem(graph, weight, count, matrix, ours, (int((values > 0).sum()), int((values <= 0).sum())))


def cells(radius: int) -> Problem:
    """A photograph at the resolution and with the weights of Neural Diffusion Distance, k = 50."""
    image = transform.resize(util.img_as_float(data.astronaut()), (SIZE, SIZE), anti_aliasing=True)
    graph = rw.grid_graph((SIZE, SIZE)) if radius == 1 else rw.grid_graph((SIZE, SIZE), radius=float(radius))
    return problem(graph, rw.gaussian_affinity(graph, torch.from_numpy(image).reshape(-1, 3), MU) + 1e-6, 50)


PROBLEMS: dict[str, Callable[[], Problem]] = {
    "grid-radius-1": lambda: cells(1),
    "grid-radius-5": lambda: cells(5),
    "knn-10000": lambda: problem(*nearest(10_000), 32),
    "knn-100000": lambda: problem(*nearest(100_000), 32),
}


# --- what ships, and peers ------------------------------------------------------------------------------------------


def graphrw(case: Problem) -> Pairs:
    vectors, values = spectral_map(rw.walk(case.graph, case.weight), 0.0, case.count, TOLERANCE)
    return values.numpy(), vectors.numpy()


def new_graph(case: Problem) -> Pairs:
    walk = rw.walk(rw.Graph(case.graph.edges, case.nodes), case.weight)
    vectors, values = spectral_map(walk, 0.0, case.count, TOLERANCE)
    return values.numpy(), vectors.numpy()


def arpack(case: Problem) -> Pairs:
    values, vectors = eigsh(case.matrix, case.count, which="LM", tol=TOLERANCE, v0=np.ones(case.nodes))
    return values, vectors


def at_both_ends(case: Problem, one_end: Callable[[int, int], Pairs]) -> Pairs:
    """What `one_end` finds of ±S for a sign and a number, put together."""
    found = [(sign, one_end(sign, count)) for sign, count in zip((1, -1), case.ends, strict=True) if count]
    values = np.concatenate([sign * pairs[0] for sign, pairs in found])
    return values, np.concatenate([pairs[1] for _, pairs in found], 1)


def shift_inverted_arpack(case: Problem) -> Pairs:
    def one_end(sign: int, count: int) -> Pairs:
        values, vectors = eigsh(sign * case.matrix, count, sigma=1 + 1e-6, tol=1e-12, v0=np.ones(case.nodes))
        return values, vectors

    return at_both_ends(case, one_end)


def multigrid_lobpcg(case: Problem) -> Pairs:
    def one_end(sign: int, count: int) -> Pairs:
        start = random_like(torch.empty(case.nodes, count), seed=0).numpy()
        inverse = cycle(case.graph, case.weight) if sign > 0 else mirrored_cycle(case)
        found = lobpcg(sign * case.matrix, start, M=inverse, tol=TOLERANCE, maxiter=100, largest=True)
        return found[0], found[1]

    return at_both_ends(case, one_end)


def cycle(graph: rw.Graph, weight: torch.Tensor) -> Callable[[np.ndarray], np.ndarray]:
    """About (1 − S)⁻¹."""
    rate = rw.walk(graph, weight).rate
    inner, root = Cycle(structure(graph).rows(Walk(graph, weight, SHIFT * rate))), rate.sqrt()[:, None]

    def apply(r: np.ndarray) -> np.ndarray:
        answer: np.ndarray = (inner.apply(torch.from_numpy(r) * root) * root / rate.max()).numpy()
        return answer

    return apply


def mirrored_cycle(case: Problem) -> Callable[[np.ndarray], np.ndarray]:
    """About (1 + S)⁻¹, by the walk on the double cover."""
    cover = rw.Graph(double_cover(case.graph.edges, case.nodes), 2 * case.nodes)
    inverse = cycle(cover, case.weight.repeat(2))

    def apply(r: np.ndarray) -> np.ndarray:
        upper, lower = np.split(inverse(np.concatenate([r, -r])), 2)
        return (upper - lower) / 2

    return apply


def dense(case: Problem) -> Pairs:
    values, vectors = torch.linalg.eigh(case.ours.dense())
    leading = values.abs().argsort(descending=True)[: case.count]
    return values[leading].numpy(), vectors[:, leading].numpy()


# --- our own routes, bare -------------------------------------------------------------------------------------------


def davidson(case: Problem) -> Pairs:
    seen = survey(case.ours)
    goal = Goal(torch.full((case.count,), TOLERANCE, dtype=torch.float64), case.count)
    fresh = shift_invert(rw.walk(case.graph, case.weight))
    matrix = SymmetricMatrix(case.graph, case.ours.values, fresh)
    values, vectors = Davidson(matrix, goal, seen.lowest, seen.leading(case.count, case.nodes)).run()
    return values.numpy(), vectors.numpy()


def restarted(case: Problem, block: int, capacity: int) -> Pairs:
    """Block Lanczos with a basis that is kept orthonormal, and thinned to its leading Ritz vectors when it is full."""
    matrix, kept = case.ours, case.count + max(block, 8)
    space = Subspace(matrix, capacity, torch.empty(0, case.nodes, dtype=torch.float64))
    product = space.expand(random_like(torch.empty(case.nodes, block), seed=0))
    for _ in range(RESTARTS):
        while space.fits(block):
            product = space.expand(product)
        values, vectors = space.ritz(by_size=True)
        found = space.combine(vectors[:, : case.count])
        residual = matrix.matmul(found) - found * values[: case.count]
        rough = column_norms(residual) > TOLERANCE
        if not bool(rough.any()):
            return values[: case.count].numpy(), found.numpy()
        space.compress(values[:kept], vectors[:, :kept])
        product = residual[:, rough][:, :block]  # whatever residuals: they all lie in the span of the next block
    raise ConvergenceError(f"{RESTARTS} restarts were too few.")


def thick_restart(case: Problem) -> Pairs:
    return restarted(case, 1, 2 * case.count + 8)


def thick_block_restart(case: Problem) -> Pairs:
    return restarted(case, 16, 2 * case.count + 64)


def block_krylov(case: Problem) -> Pairs:
    """Four blocks of k + 16 columns; the basis starts again from its leading ones where that was not enough."""
    return restarted(case, case.count + 16, 5 * (case.count + 16))


METHODS: dict[str, Callable[[Problem], Pairs]] = {
    "graphrw": graphrw,
    "graphrw, new graph": new_graph,
    "ARPACK": arpack,
    "ARPACK, shift-invert": shift_inverted_arpack,
    "LOBPCG, multigrid": multigrid_lobpcg,
    "Davidson, inverse": davidson,
    "thick restart": thick_restart,
    "thick restart, blocks of 16": thick_block_restart,
    "block Krylov": block_krylov,
    "dense": dense,
}
OWN_ORDER = {"Davidson, inverse", "thick restart", "thick restart, blocks of 16", "block Krylov", "dense"}


def fits(method: str, nodes: int) -> bool:
    return not ((method == "dense" and nodes > 2000) or (method == "ARPACK, shift-invert" and nodes > 20_000))


def residual(case: Problem, method: str, found: Pairs) -> float:
    values, vectors = found
    if method in OWN_ORDER:
        vectors = vectors[case.ours.layout.rank.numpy()]
    vectors = vectors / np.linalg.norm(vectors, axis=0)
    return float(np.linalg.norm(case.matrix @ vectors - vectors * values, axis=0).max())


def missed(found: Pairs, reference: np.ndarray) -> int:
    """How many of the leading |λ| are not among those found."""
    sizes = np.sort(np.abs(found[0]))[::-1]
    return int((np.abs(sizes - reference) > 10 * TOLERANCE).sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--problems", nargs="+", choices=PROBLEMS, default=["grid-radius-1", "grid-radius-5", "knn-10000"]
    )
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # peers warn of their own affairs
    torch.set_num_threads(1)
    print(f"{platform.platform()}, {os.cpu_count()} cores, one used, torch {torch.__version__}, {options.runs} runs\n")
    print("| problem | nodes | entries | k | route | CPU seconds | / ARPACK | residual | not found |")
    print("|---|---|---|---|---|---|---|---|---|")
    with threadpool_limits(1):
        for name in options.problems:
            report(name, PROBLEMS[name](), options.methods, options.runs)


def report(name: str, case: Problem, methods: list[str], runs: int) -> None:
    methods = [method for method in methods if fits(method, case.nodes)]
    seconds: dict[str, list[float]] = {method: [] for method in methods}
    found: dict[str, Pairs] = {}
    for _ in range(runs):
        for method in methods:
            start = time.process_time()
            found[method] = METHODS[method](case)
            seconds[method].append(time.process_time() - start)
    reference = np.sort(np.abs(arpack(case)[0] if "ARPACK" not in found else found["ARPACK"][0]))[::-1]
    for method in methods:
        median = statistics.median(seconds[method])
        ratio = median / statistics.median(seconds.get("ARPACK", [float("nan")]))
        error, lost = residual(case, method, found[method]), missed(found[method], reference)
        size = f"{case.nodes:,} | {case.matrix.nnz:,} | {case.count}"
        print(f"| {name} | {size} | {method} | {median:.3f} | {ratio:.2f} | {error:.1e} | {lost} |", flush=True)


if __name__ == "__main__":
    main()
