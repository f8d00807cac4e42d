"""A training step on a GPU: the walk's solve, forward and backward, without leaving the device.

Claim: on an H100 or H200, to a true relative residual of 1e-6, forward and backward take at most 40 ms at 1024² with 8
labels, and at most 150 ms at 128³ with 4 labels.
Peers: the same machine's CPU with `Auto`; and the floor, the time in which the memory of the device could move, once,
what one product with A must move (values and columns of A, all columns of x and of b).
Run: pip install -e '.[benchmark]', then python benchmarks/gpu_solvers.py
Without a GPU it can be tried by --device cpu --problems image-64.
Last result: none yet; no machine with a GPU has run it.
"""

import argparse
import platform
import statistics
import time
from dataclasses import dataclass

import problems
import torch
from torch import Tensor

import graphrw as rw

RTOL = 1e-6
STEPS = (("image-1024", 8), ("volume-128", 4), ("knn-50000", 8), ("power-200000", 8))
TRIAD = 50_000_000  # numbers; three arrays of them


@dataclass(frozen=True)
class Timing:
    """Seconds from the second step on, and what `record_solves` saw."""

    forward: float
    backward: float
    iterations: int
    residual: float
    peak: float  # GiB


def now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def step(graph: rw.Graph, weight: Tensor, seeds: Tensor, solver: rw.solvers.Solver) -> Timing:
    """Hitting probabilities of all labels, and the gradient of a loss in every edge weight."""
    device, weight = graph.device, weight.clone().requires_grad_()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    with rw.record_solves() as reports:
        start = now(device)
        z = rw.hitting_probabilities(rw.walk(graph, weight), seeds, solver=solver)
        middle = now(device)
        z.square().mean().backward()
        end = now(device)
    peak = torch.cuda.max_memory_allocated(device) / 2**30 if device.type == "cuda" else float("nan")
    worst = max(report.relative_residual for report in reports)
    return Timing(middle - start, end - middle, max(report.iterations for report in reports), worst, peak)


def medians(steps: list[Timing]) -> Timing:
    forward, backward = (statistics.median(getattr(one, name) for one in steps) for name in ("forward", "backward"))
    return Timing(forward, backward, steps[0].iterations, max(one.residual for one in steps), steps[0].peak)


def bandwidth(device: torch.device) -> float:
    """Bytes per second of a ← b + s c, the best of ten."""
    a, b, c = (torch.ones(TRIAD, dtype=torch.float64, device=device) for _ in range(3))
    best = float("inf")
    for _ in range(10):
        start = now(device)
        torch.add(b, c, alpha=3.0, out=a)
        best = min(best, now(device) - start)
    return 3 * 8 * TRIAD / best


def floor_bytes(graph: rw.Graph, columns: int) -> int:
    """Of one product with A in float64: each entry with an index of four bytes, x and b."""
    return 12 * (graph.num_nodes + 2 * graph.num_edges) + 16 * columns * graph.num_nodes


def report(name: str, labels: int, device: torch.device, runs: int) -> None:
    case = problems.make(name)
    seeds = torch.from_numpy(case.labels(labels))
    floor = floor_bytes(case.walk.graph, labels) / bandwidth(device)
    places = {str(device): rw.solvers.Multigrid(RTOL), "cpu": rw.solvers.Auto(RTOL)}
    for place, solver in places.items():
        graph, weight = case.walk.graph.to(place), case.walk.weight.to(place)
        timing = medians([step(graph, weight, seeds.to(place), solver) for _ in range(runs + 1)][1:])
        both = timing.forward + timing.backward
        row = f"{timing.forward * 1e3:.1f} | {timing.backward * 1e3:.1f} | {both * 1e3:.1f} | {both / floor:.0f}"
        row += f" | {timing.iterations} | {timing.residual:.1e} | {timing.peak:.2f}"
        print(f"| {name} | {labels} | {type(solver).__name__}, {place} | {row} |".replace("nan", "–"), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", nargs="+", default=[name for name, _ in STEPS])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    device = torch.device(options.device)
    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else "no GPU"
    print(f"{gpu}, {platform.platform()}, torch {torch.__version__}, residual {RTOL:g}, medians of {options.runs} runs")
    print(f"memory of {device}: {bandwidth(device) / 1e9:.0f} GB/s\n")
    print("| problem | labels | solver | forward (ms) | backward (ms) | both (ms) | floors | steps | residual | GiB |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name in options.problems:
        report(name, dict(STEPS).get(name, 8), device, options.runs)


if __name__ == "__main__":
    main()
