"""Training steps on a GPU, forward and backward, that never leave the device.

Claim: on an H100 or H200, to a true relative residual of 1e-6, forward and backward take at most 40 ms at 1024² with 8
labels, and at most 150 ms at 128³ with 4 labels.
Peers: the same machine's CPU with `Auto`; and the floor, the time in which the memory of the device could move, once,
what one product with A must move (values and columns of A, all columns of x and of b).
Run: make gpu (or python benchmarks/gpu.py --device cpu --steps image-64, to try it without a GPU).
Last result: none yet; no machine with a GPU has run it.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import problems
import torch
from torch import Tensor

import graphrw as rw

RTOL = 1e-6
TRIAD = 50_000_000  # numbers; three arrays of them


@dataclass(frozen=True)
class Step:
    """What one step reads, and how it is taken: `run` gives a number to differentiate, `leaf` is where it starts."""

    leaf: Tensor
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


def walk_step(name: str, labels: int) -> Callable[[torch.device], Step]:
    """Hitting probabilities of all labels, and the gradient of a loss in every edge weight."""

    def make(device: torch.device) -> Step:
        case = problems.make(name)
        return _labelled(case.walk.graph, case.walk.weight, torch.from_numpy(case.labels(labels)), labels, device)

    return make


def batch_step(count: int, name: str, labels: int) -> Callable[[torch.device], Step]:
    """The same for `count` images at once."""

    def make(device: torch.device) -> Step:
        case = problems.make(name)
        graph = rw.Graph.batch([case.walk.graph] * count)
        weight, seeds = case.walk.weight.repeat(count), torch.from_numpy(case.labels(labels)).repeat(count)
        return _labelled(graph, weight, seeds, labels, device)

    return make


def _labelled(graph: rw.Graph, weight: Tensor, seeds: Tensor, labels: int, device: torch.device) -> Step:
    solver = rw.solvers.Auto(RTOL) if device.type == "cpu" else rw.solvers.Multigrid(RTOL)
    graph, leaf, seeds = graph.to(device), weight.to(device, copy=True).requires_grad_(), seeds.to(device)

    def run() -> Tensor:
        return rw.hitting_probabilities(rw.walk(graph, leaf), seeds, labels, solver=solver).square().mean()

    return Step(leaf, run, _product_bytes(graph, labels), type(solver).__name__)


def distance_step(side: int, radius: float, k: int) -> Callable[[torch.device], Step]:
    """Neural Diffusion Distance: features to all distances of a grid."""

    def make(device: torch.device) -> Step:
        generator = torch.Generator().manual_seed(0)
        graph = rw.grid_graph((side, side), radius=radius).to(device)
        leaf = torch.rand(graph.num_nodes, 16, generator=generator).to(device).requires_grad_()
        layer = rw.nn.DiffusionDistance(k).to(device)
        return Step(leaf, lambda: layer(leaf, graph).mean(), _product_bytes(graph, k), "DiffusionDistance")

    return make


def propagation_step(side: int, radius: float, columns: int, alpha: float) -> Callable[[torch.device], Step]:
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


STEPS: dict[str, Callable[[torch.device], Step]] = {
    "image-1024, 8 labels": walk_step("image-1024", 8),
    "volume-128, 4 labels": walk_step("volume-128", 4),
    "knn-50000, 8 labels": walk_step("knn-50000", 8),
    "power-200000, 8 labels": walk_step("power-200000", 8),
    "10 × image-256, 10 labels": batch_step(10, "image-256", 10),
    "NDD 41², radius 5, k = 50": distance_step(41, 5.0, 50),
    "RWN 128², radius 5, 21 columns": propagation_step(128, 5.0, 21, 0.5),
    # For a first look, and for tests:
    "image-64, 8 labels": walk_step("image-64", 8),
    "2 × image-32, 3 labels": batch_step(2, "image-32", 3),
    "NDD 12², radius 2, k = 8": distance_step(12, 2.0, 8),
    "RWN 16², radius 2, 3 columns": propagation_step(16, 2.0, 3, 0.5),
}
LARGE, SMALL = tuple(STEPS)[:7], tuple(STEPS)[7:]


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
    step.leaf.grad = None
    with rw.record_solves() as reports:
        start = now(device)
        loss = step.run()
        middle = now(device)
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
    floors = (timing.forward + timing.backward) * speed / step.floor
    return {"step": name, "device": str(device), "solver": step.solver, **asdict(timing), "floors": floors}
