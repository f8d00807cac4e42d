"""Training steps on a GPU, forward and backward, that never leave the device.

Claim: on an H100 or H200, to a true relative residual of 1e-6, forward and backward take at most 40 ms at 1024² with 8
labels, and at most 150 ms at 128³ with 4 labels; and one right-hand side on a weighted grid takes no longer than what
torch-sla's README (0.2.0) gives on an H200 for Poisson's equation with constant coefficients: with 10⁶ unknowns 0.19 s
by CG, 7.3 s by cuDSS.
Peers: the same machine's CPU with `Auto`; the same cycles launched step by step, and without kernels in Triton; and the
floor, the time in which the memory of the device could move, once, what one product with A must move (values and
columns of A, all columns of x and of b).
Run: make gpu (or python benchmarks/gpu.py --device cpu --steps image-64, to try it without a GPU).
Last result (NVIDIA H200, torch 2.11, 2026-11-27), in milliseconds: 1024² with 8 labels 110 (MISSED; 505 when it first
ran), 128³ with 4 labels 124 (821); grids of 10⁴, 10⁵, 10⁶, 2·10⁶ and 1.6·10⁷ nodes 25 (MISSED), 33, 51, 79 and 302 by
multigrid, 60, 159, 851 and 1729 by CG (all MISSED), 3.6, 7.9, 45 and 83 by cuDSS. More in docs/how_to/gpu.md.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import problems
import torch
from torch import Tensor

import graphrw as rw
from graphrw.solvers import CG, CuDSS, Multigrid, Solver

RTOL = 1e-6
MULTIGRID, PLAIN = Multigrid(RTOL), CG(RTOL, max_iterations=50_000)
# Milliseconds by the side of the square, on an H200, from the README of torch-sla 0.2.0: 10K, 100K, 1M, 2M and 16M
# unknowns, to a tolerance of 1e-6; and by cuDSS.
TORCH_SLA_CG = {100: 20.0, 316: 43.0, 1000: 190.0, 1414: 418.0, 4000: 7300.0}
TORCH_SLA_CUDSS = {100: 128.0, 316: 630.0, 1000: 7300.0, 1414: 15600.0}
TRIAD = 50_000_000  # numbers; three arrays of them


@dataclass(frozen=True)
class Step:
    """What one step reads, and how it is taken: `run` gives a number to differentiate down to `leaf`."""

    leaf: Tensor | None  # None: nothing is differentiated
    run: Callable[[], Tensor]
    floor: int  # bytes
    solver: str


@dataclass(frozen=True)
class Timing:
    """Seconds from the second step on, and what `record_solves` saw."""

    forward: float
    backward: float
    iterations: int
    residual: float | None  # the largest; None where nothing was solved
    peak: float | None  # GiB of the GPU


Make = Callable[[torch.device], Step]
problem = cache(problems.make)


def walk_step(name: str, labels: int, on_gpu: Solver = MULTIGRID) -> Make:
    """Hitting probabilities of all labels, and the gradient of a loss in every edge weight."""

    def make(device: torch.device) -> Step:
        case = problem(name)
        walk = rw.walk(case.walk.graph.to(device), case.walk.weight.to(device))
        solver = rw.solvers.Auto(RTOL) if device.type == "cpu" else on_gpu
        return _labelled(walk, torch.from_numpy(case.labels(labels)), labels, solver)

    return make


def batch_step(count: int, name: str, labels: int) -> Make:
    """The same for `count` images at once."""

    def make(device: torch.device) -> Step:
        case = problem(name)
        graph, weight = rw.Graph.batch([case.walk.graph] * count).to(device), case.walk.weight.repeat(count).to(device)
        seeds = torch.from_numpy(case.labels(labels)).repeat(count)
        solver = rw.solvers.Auto(RTOL) if device.type == "cpu" else MULTIGRID
        return _labelled(rw.walk(graph, weight), seeds, labels, solver)

    return make


def _labelled(walk: rw.Walk, seeds: Tensor, labels: int, solver: Solver) -> Step:
    graph, leaf, seeds = walk.graph, walk.weight.clone().requires_grad_(), seeds.to(walk.weight.device)

    def run() -> Tensor:
        return rw.hitting_probabilities(rw.walk(graph, leaf), seeds, labels, solver=solver).square().mean()

    return Step(leaf, run, _product_bytes(graph, labels), str(solver))


def grid_step(side: int, solver: Solver) -> Make:
    """One random right-hand side on a grid with weights from 0.01 to 1, left at its border, too; no gradient."""

    def make(device: torch.device) -> Step:
        generator = torch.Generator().manual_seed(0)
        graph = rw.grid_graph((side, side)).to(device)
        weight = (100 ** -torch.rand(graph.num_edges, generator=generator, dtype=torch.float64)).to(device)
        b = torch.randn(graph.num_nodes, 1, generator=generator, dtype=torch.float64).to(device)
        inner = torch.ones(graph.num_edges, device=device)
        killing = (4 - rw.walk(graph, inner).degree).double()  # as many as there are neighbours outside
        walk = rw.walk(graph, weight, killing)
        return Step(None, lambda: rw.solve(walk, b, solver).square().mean(), _product_bytes(graph, 1), str(solver))

    return make


def distance_step(side: int, radius: float, k: int) -> Make:
    """Neural Diffusion Distance: features to all distances of a grid."""

    def make(device: torch.device) -> Step:
        generator = torch.Generator().manual_seed(0)
        graph = rw.grid_graph((side, side), radius=radius).to(device)
        leaf = torch.rand(graph.num_nodes, 16, generator=generator).to(device).requires_grad_()
        layer = rw.nn.DiffusionDistance(k).to(device)
        return Step(leaf, lambda: layer(leaf, graph).mean(), _product_bytes(graph, k), "DiffusionDistance")

    return make


def propagation_step(side: int, radius: float, columns: int, alpha: float) -> Make:
    """Convolutional Random Walk Networks: features to an affinity, and the limit of the walk."""

    def make(device: torch.device) -> Step:
        generator = torch.Generator().manual_seed(0)
        graph = rw.grid_graph((side, side), radius=radius).to(device)
        leaf = torch.rand(graph.num_nodes, 16, generator=generator).to(device).requires_grad_()
        f = torch.rand(graph.num_nodes, columns, generator=generator).to(device)
        affinity, layer = rw.nn.FeatureAffinity(16).to(device), rw.nn.Propagation(alpha).to(device)

        def run() -> Tensor:
            return layer(f, graph, affinity(leaf, graph)).square().mean()

        return Step(leaf, run, _product_bytes(graph, columns), "Propagation")

    return make


LARGE: dict[str, Make] = {
    "image-1024, 8 labels": walk_step("image-1024", 8),
    "volume-128, 4 labels": walk_step("volume-128", 4),
    "knn-50000, 8 labels": walk_step("knn-50000", 8),
    "power-200000, 8 labels": walk_step("power-200000", 8),
    "10 × image-256, 10 labels": batch_step(10, "image-256", 10),
    "NDD 41², radius 5, k = 50": distance_step(41, 5.0, 50),
    "RWN 128², radius 5, 21 columns": propagation_step(128, 5.0, 21, 0.5),
}
ON_GPU: dict[str, Make] = {  # and not on the CPU beside it
    "image-1024, step by step": walk_step("image-1024", 8, Multigrid(RTOL, capture=False)),
    "image-1024, cuSPARSE": walk_step("image-1024", 8, Multigrid(RTOL, triton=False)),
    "volume-128, cuSPARSE": walk_step("volume-128", 4, Multigrid(RTOL, triton=False)),
    "image-1024, cuDSS": walk_step("image-1024", 8, CuDSS(RTOL)),
    **{f"grid {side}²": grid_step(side, MULTIGRID) for side in (100, 316, 1000, 1414, 4000)},
    **{f"grid {side}², CG": grid_step(side, PLAIN) for side in (100, 316, 1000, 1414)},
    **{f"grid {side}², cuDSS": grid_step(side, CuDSS(RTOL)) for side in (100, 316, 1000, 1414)},
}
SMALL: dict[str, Make] = {  # for a first look, and for tests
    "image-64, 8 labels": walk_step("image-64", 8),
    "2 × image-32, 3 labels": batch_step(2, "image-32", 3),
    "NDD 12², radius 2, k = 8": distance_step(12, 2.0, 8),
    "RWN 16², radius 2, 3 columns": propagation_step(16, 2.0, 3, 0.5),
    "grid 20²": grid_step(20, MULTIGRID),
    "grid 20², CG": grid_step(20, PLAIN),
}
STEPS = LARGE | ON_GPU | SMALL

# Milliseconds, forward and backward; of grids, forward alone: the best that torch-sla publishes, and its cuDSS.
TARGETS = {
    **dict.fromkeys(("image-1024, 8 labels", "image-1024, step by step", "image-1024, cuSPARSE"), 40.0),
    **dict.fromkeys(("volume-128, 4 labels", "volume-128, cuSPARSE"), 150.0),
    **{f"grid {side}²": best for side, best in TORCH_SLA_CG.items()},
    **{f"grid {side}², CG": best for side, best in TORCH_SLA_CG.items() if side < 4000},
    **{f"grid {side}², cuDSS": best for side, best in TORCH_SLA_CUDSS.items()},
}


def _product_bytes(graph: rw.Graph, columns: int) -> int:
    """Of one product with A in float64: each entry with an index of four bytes, x and b."""
    return 12 * (graph.num_nodes + 2 * graph.num_edges) + 16 * columns * graph.num_nodes


def now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def timed(step: Step, device: torch.device) -> Timing:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    if step.leaf is not None:
        step.leaf.grad = None
    with rw.record_solves() as reports:
        start = now(device)
        loss = step.run()
        middle = now(device)
        if step.leaf is not None:
            loss.backward()
        end = now(device)
    peak = torch.cuda.max_memory_allocated(device) / 2**30 if device.type == "cuda" else None
    worst = max((report.relative_residual for report in reports), default=None)
    iterations = max((report.iterations for report in reports), default=0)
    return Timing(middle - start, end - middle, iterations, worst, peak)


def medians(steps: list[Timing]) -> Timing:
    forward, backward = (statistics.median(getattr(one, name) for one in steps) for name in ("forward", "backward"))
    return Timing(forward, backward, steps[0].iterations, steps[0].residual, steps[0].peak)


def bandwidth(device: torch.device) -> float:
    """Bytes per second of a ← b + s c, the best of ten."""
    a, b, c = (torch.ones(TRIAD, dtype=torch.float64, device=device) for _ in range(3))
    best = float("inf")
    for _ in range(10):
        start = now(device)
        torch.add(b, c, alpha=3.0, out=a)
        best = min(best, now(device) - start)
    return 3 * 8 * TRIAD / best


def measured(name: str, device: torch.device, runs: int, speed: float) -> dict[str, Any]:
    """One step on one device: the first is not counted; `speed` is its memory's, in bytes per second."""
    step = STEPS[name](device)
    timing = medians([timed(step, device) for _ in range(runs + 1)][1:])
    target = TARGETS.get(name) if device.type == "cuda" else None
    row = {"step": name, "device": str(device), "solver": step.solver, "floor": step.floor / speed, "target": target}
    return row | asdict(timing)
