"""The four systems on one operator: how exact they are, how long they take, how much memory they need.

Claim: each system agrees with a dense computation of its own definition to the accuracy of its solver, and a training
step on 10⁵ nodes takes seconds and less than 2 GB.
Peers: dense linear algebra, on 400 nodes, for the error only.
Run: python benchmarks/systems.py --sides 100 316
Last result: docs/systems.md.
"""

import argparse
import math
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import torch
from harmonic_labels import memory
from torch import Tensor

import graphrw as rw

LABELS, EIGENPAIRS, TIME, ALPHA = 8, 32, 20.0, 0.9
BRANCH_SIDE = 64


def problem(side: int) -> tuple[rw.Graph, Tensor, Tensor, Tensor]:
    """A grid, weights e^(−3u), boundary scores 0.2u with u uniform in [0, 1], and seeds on 1 % of the pixels."""
    generator = torch.Generator().manual_seed(0)
    graph = rw.grid_graph((side, side))
    weight = torch.exp(-3 * torch.rand(graph.num_edges, generator=generator, dtype=torch.float64))
    boundary = 0.2 * torch.rand(graph.num_nodes, generator=generator, dtype=torch.float64)
    seeds = torch.full((graph.num_nodes,), -1)
    places = torch.randperm(graph.num_nodes, generator=generator)[: max(LABELS, graph.num_nodes // 100)]
    seeds[places] = torch.arange(len(places)) % LABELS
    return graph, weight, boundary, seeds


def harmonic_labels(side: int) -> tuple[Tensor, tuple[Tensor, ...]]:
    graph, weight, _, seeds = problem(side)
    return rw.hitting_probabilities(rw.walk(graph, weight.requires_grad_()), seeds), (weight,)


def boundary_labels(side: int) -> tuple[Tensor, tuple[Tensor, ...]]:
    graph, weight, boundary, seeds = problem(side)
    inputs = (boundary.requires_grad_(), weight.requires_grad_())
    return rw.boundary_probabilities(graph, boundary, seeds, weight=weight), inputs


def propagation(side: int) -> tuple[Tensor, tuple[Tensor, ...]]:
    graph, weight, _, seeds = problem(side)
    f = one_hot(seeds).requires_grad_()
    return rw.nn.Propagation(ALPHA)(f, graph, weight.requires_grad_()), (f, weight)


def diffusion_map(side: int) -> tuple[Tensor, tuple[Tensor, ...]]:
    graph, weight, _, _ = problem(side)
    return rw.diffusion_map(rw.walk(graph, weight.requires_grad_()), TIME, EIGENPAIRS), (weight,)


def one_hot(seeds: Tensor) -> Tensor:
    """(N, L): the rows of nodes without a seed are zero."""
    return torch.nn.functional.one_hot(seeds + 1, LABELS + 1)[:, 1:].double()


def dense_transitions(graph: rw.Graph, weight: Tensor) -> tuple[Tensor, Tensor]:
    """W (N, N) and its degrees, entry by entry."""
    tail, head = graph.edges
    matrix = torch.zeros(graph.num_nodes, graph.num_nodes, dtype=weight.dtype)
    matrix[tail, head] = matrix[head, tail] = weight
    return matrix, matrix.sum(1)


def dense_answer(system: str, side: int) -> Tensor:
    """The definition of each system, by dense linear algebra; of the diffusion map the distances."""
    graph, weight, boundary, seeds = problem(side)
    matrix, degree = dense_transitions(graph, weight)
    if system == "propagation":
        transition = matrix / degree[:, None]
        return (1 - ALPHA) * torch.linalg.solve(torch.eye(len(degree)).double() - ALPHA * transition, one_hot(seeds))
    if system == "diffusion_map":
        symmetric = matrix / (degree[:, None] * degree[None, :]).sqrt()
        values, vectors = torch.linalg.eigh(symmetric)
        kept = values.abs().argsort(descending=True)[:EIGENPAIRS]
        coordinates = vectors[:, kept] / degree[:, None].sqrt() * degree.sum().sqrt() * values[kept].abs() ** TIME
        return torch.cdist(coordinates, coordinates, compute_mode="donot_use_mm_for_euclid_dist").square()
    rate = degree * torch.exp(boundary) if system == "boundary_labels" else degree
    free, z = seeds < 0, one_hot(seeds)
    operator = (torch.diag(rate) - matrix)[free]
    z[free] = torch.linalg.solve(operator[:, free], -operator[:, ~free] @ z[~free])
    return z / z.sum(1, keepdim=True)


SYSTEMS: dict[str, Callable[[int], tuple[Tensor, tuple[Tensor, ...]]]] = {
    "harmonic_labels": harmonic_labels,
    "boundary_labels": boundary_labels,
    "propagation": propagation,
    "diffusion_map": diffusion_map,
}
AFFINITY = "affinity branch"
NAMES = {
    "harmonic_labels": f"LRW, {LABELS} labels",
    "boundary_labels": f"RAWKS, {LABELS} labels",
    "propagation": f"RWN, the limit, {LABELS} channels",
    "diffusion_map": f"NDD, {EIGENPAIRS} eigenpairs",
}


def affinity_branch(side: int) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Weights of all pairs within 40 pixels on `side`² from 131 channels, and their loss: the paper's training step."""
    generator = torch.Generator().manual_seed(0)
    graph = rw.grid_graph((side, side), radius=40)
    features = torch.rand(1, 131, side, side, generator=generator, requires_grad=True)
    branch = rw.nn.FeatureAffinity(131)
    truth = (torch.arange(side * side) % side >= side // 2).long()
    loss = rw.losses.affinity_loss(branch(features, graph), graph.edges, truth)
    return loss, (features, *branch.parameters())


def error(system: str) -> float:
    """The largest difference to the dense answer, relative to its largest entry, on 20 × 20 nodes."""
    answer, _ = SYSTEMS[system](20)
    answer = answer.detach()
    if system == "diffusion_map":
        answer = torch.cdist(answer, answer, compute_mode="donot_use_mm_for_euclid_dist").square()
    expected = dense_answer(system, 20)
    return float((answer - expected).abs().max() / expected.abs().max())


def timed_step(system: str, side: int) -> tuple[float, float]:
    """Seconds of forward and of backward, with a new graph: the symbolic analysis is in them."""
    start = time.perf_counter()
    answer, inputs = affinity_branch(side) if system == AFFINITY else SYSTEMS[system](side)
    middle = time.perf_counter()
    torch.autograd.grad(answer.square().sum(), inputs)
    return middle - start, time.perf_counter() - middle


def peak(system: str, side: int) -> float:
    """GiB of one step above an idle process, in a process of its own."""
    command = [sys.executable, __file__, "--sides", str(side), "--memory-of", system]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sides", type=int, nargs="+", default=[100, 316])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--memory-of", choices=[*SYSTEMS, AFFINITY], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory_of:
        before = memory("VmRSS")
        timed_step(options.memory_of, options.sides[0])
        print((memory("VmHWM") - before) / 2**20)
        return
    threads = torch.get_num_threads()
    print(f"{platform.platform()}, {threads} threads, torch {torch.__version__}, {options.runs} interleaved runs\n")
    print("| system | nodes | error | forward (s) | backward (s) | peak (GiB) |\n|---|---|---|---|---|---|")
    for side in options.sides:
        runs = {system: [] for system in SYSTEMS}
        for _ in range(options.runs):
            for system in SYSTEMS:
                runs[system].append(timed_step(system, side))
        for system, timings in runs.items():
            forward, backward = (statistics.median(column) for column in zip(*timings, strict=True))
            row = f"{error(system):.0e} | {forward:.2f} | {backward:.2f} | {peak(system, side):.2f}"
            print(f"| {NAMES[system]} | {math.prod((side, side)):,} | {row} |", flush=True)
    forward, backward = timed_step(AFFINITY, BRANCH_SIDE)
    print(
        f"\nThe affinity branch of RWN, 131 channels within 40 pixels on {BRANCH_SIDE}²: forward {forward:.1f} s, "
        f"backward {backward:.1f} s, {peak(AFFINITY, BRANCH_SIDE):.2f} GiB."
    )


if __name__ == "__main__":
    main()
