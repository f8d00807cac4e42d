"""Graphs of superpixels, meshes and points, Poisson learning, and edge weights from networks: time and memory.

Claim: on 10⁵ nodes all of it takes seconds (but for exact neighbours in R¹⁶, where all pairs are compared), and a graph
is built no slower than by the peers, where there are any.
Peers: scikit-image's `rag_boundary`, and scikit-learn's `kneighbors_graph` on all cores (which leaves neighbours
unsymmetrised).
Run: python benchmarks/builders.py --nodes 10000 100000
Last result: docs/benchmarks.md.

Superpixels are cells of about 10 × 10 pixels with wavy borders, as SLIC makes them: 10⁴ of them are 10⁶ pixels. Meshes
are tori. A graph is new in every run, so that whatever is planned for it is in the time. Memory is what one run takes
on top of its inputs (Linux only).
"""

import argparse
import platform
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from harmonic_labels import memory
from skimage.graph import rag_boundary
from sklearn.neighbors import kneighbors_graph
from torch import Tensor
from torch_geometric.nn import GCNConv

import graphrw as rw

CELL, WAVE = 10, 3.0  # pixels: the side of a superpixel, and how far its borders swing
NEIGHBOURS, CLASSES, CHANNELS = 10, 10, 16


@dataclass(frozen=True)
class Case:
    """What is timed, with its inputs made before."""

    run: Callable[[], Tensor]
    inputs: tuple[Tensor, ...] = ()  # of the backward pass; none: forward alone
    peer: Callable[[], object] | None = None


def cells(nodes: int) -> Tensor:
    """(H, W) int64: about so many superpixels."""
    side = torch.arange(CELL * round(nodes**0.5), dtype=torch.float32)
    wave = WAVE * torch.sin(side / CELL * 2)
    row, column = ((side[:, None] + wave) / CELL).floor().long(), ((side + wave[:, None]) / CELL).floor().long()
    return (row + 1) * (len(side) // CELL + 2) + column + 1


def superpixels(nodes: int) -> Case:
    """The graph, and the mean of a boundary map along each of its edges: what `rag_boundary` returns."""
    segments = cells(nodes)
    boundary = torch.rand(segments.shape, generator=torch.Generator().manual_seed(0))

    def run() -> Tensor:
        _, length = rw.superpixel_graph(segments)
        return length + rw.build.pool_boundaries(boundary, segments)

    return Case(run, peer=lambda: rag_boundary(segments.numpy(), boundary.numpy(), connectivity=1))


def pooling(nodes: int) -> Case:
    """Colours of pixels pooled to regions, and back to the pixels."""
    segments = cells(nodes)
    image = torch.rand(3, *segments.shape, generator=torch.Generator().manual_seed(0)).requires_grad_()
    return Case(lambda: rw.build.project_regions(rw.build.pool_regions(image, segments), segments), (image,))


def torus(nodes: int) -> tuple[Tensor, Tensor]:
    """Vertices (V, 3) and faces (2V, 3), V about so many."""
    side = round(nodes**0.5)
    turn = torch.arange(side, dtype=torch.float64) / side * 2 * torch.pi
    u, v = (angle.flatten() for angle in torch.meshgrid(turn, turn, indexing="ij"))
    radius = 2 + torch.cos(v)
    number = torch.arange(side * side).reshape(side, side)
    corners = [number, number.roll(-1, 0), number.roll(-1, 1), number.roll((-1, -1), (0, 1))]
    a, b, c, d = (corner.flatten() for corner in corners)
    faces = torch.cat([torch.stack([a, b, c], 1), torch.stack([b, d, c], 1)])
    return torch.stack([radius * torch.cos(u), radius * torch.sin(u), torch.sin(v)], 1), faces


def mesh(nodes: int) -> Case:
    vertices, faces = torus(nodes)
    vertices.requires_grad_()
    return Case(lambda: rw.mesh_graph(vertices, faces)[1], (vertices,))


def mesh_dual(nodes: int) -> Case:
    vertices, faces = torus(nodes // 2)
    vertices.requires_grad_()
    return Case(lambda: rw.mesh_dual_graph(vertices, faces)[1], (vertices,))


def points(nodes: int, channels: int) -> Tensor:
    return torch.rand(nodes, channels, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def neighbours(channels: int) -> Callable[[int], Case]:
    def make(nodes: int) -> Case:
        cloud = points(nodes, channels)
        peer = lambda: kneighbors_graph(cloud.numpy(), NEIGHBOURS, mode="distance", n_jobs=-1)  # noqa: E731
        return Case(lambda: rw.knn_graph(cloud, NEIGHBOURS)[1], peer=peer)

    return make


def poisson(nodes: int) -> Case:
    """One seed for each class; a walk on the nearest neighbours of points in space."""
    graph, distance = rw.knn_graph(points(nodes, 3), NEIGHBOURS)
    weight = rw.build.self_tuning_affinity(graph, distance).requires_grad_()
    seeds = torch.full((nodes,), -1)
    seeds[:CLASSES] = torch.arange(CLASSES)  # points are in no order
    return Case(lambda: rw.poisson_labels(rw.walk(rw.Graph(graph.edges, nodes), weight), seeds), (weight,))


def cnn(nodes: int) -> Case:
    side = round(nodes**0.5)
    features = torch.rand(1, CHANNELS, side, side).requires_grad_()
    head = rw.nn.EdgeWeightsCNN(CHANNELS)
    return Case(lambda: head(features), (features, *head.parameters()))


def on_grid(make: Callable[[], torch.nn.Module]) -> Callable[[int], Case]:
    """A module that is called as ``module(x, graph)``, on a grid graph."""

    def case(nodes: int) -> Case:
        side, module = round(nodes**0.5), make()
        x = torch.rand(side * side, CHANNELS).requires_grad_()
        return Case(lambda: module(x, rw.grid_graph((side, side))), (x, *module.parameters()))

    return case


CASES: dict[str, Callable[[int], Case]] = {
    "superpixel graph, boundary means": superpixels,
    "pooling to regions, and back": pooling,
    "mesh, vertices": mesh,
    "mesh, faces": mesh_dual,
    f"{NEIGHBOURS} nearest in R³": neighbours(3),
    f"{NEIGHBOURS} nearest in R¹⁶": neighbours(16),
    f"Poisson learning, {CLASSES} classes": poisson,
    "EdgeWeightsCNN": cnn,
    "EdgeWeightsGNN": on_grid(lambda: rw.nn.EdgeWeightsGNN(GCNConv(CHANNELS, CHANNELS))),
    "EdgeWeightsMLP": on_grid(lambda: rw.nn.EdgeWeightsMLP(CHANNELS)),
    "EdgeWeightsGaussian": on_grid(lambda: rw.nn.EdgeWeightsGaussian(CHANNELS)),
}


def timed(case: Case) -> tuple[float, float]:
    """Seconds of forward and of backward."""
    start = time.perf_counter()
    answer = case.run()
    middle = time.perf_counter()
    if case.inputs:
        torch.autograd.grad(answer.square().sum(), case.inputs)
    return middle - start, time.perf_counter() - middle


def timed_peer(case: Case) -> float:
    start = time.perf_counter()
    if case.peer is not None:
        case.peer()
    return time.perf_counter() - start


def peak(name: str, nodes: int) -> float:
    """GiB that one run takes on top of its inputs, in a process of its own."""
    command = [sys.executable, __file__, "--nodes", str(nodes), "--memory-of", name]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def print_peak(name: str, nodes: int) -> None:
    case = CASES[name](nodes)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak counts from here
    before = memory("VmRSS")
    timed(case)
    print((memory("VmHWM") - before) / 2**20)


def compare(nodes: int, names: list[str], runs: int) -> None:
    cases = {name: CASES[name](nodes) for name in names}
    ours: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    theirs: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(runs):
        for name, case in cases.items():
            ours[name].append(timed(case))
            theirs[name].append(timed_peer(case))
    for name, case in cases.items():
        forward, backward = (statistics.median(column) for column in zip(*ours[name], strict=True))
        back = f"{backward:.3f}" if case.inputs else "–"
        peer = f"{statistics.median(theirs[name]):.3f}" if case.peer else "–"
        print(f"| {name} | {nodes:,} | {forward:.3f} | {back} | {peer} | {peak(name, nodes):.2f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--memory-of", choices=CASES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # of peers, of their own affairs
    if options.memory_of:
        print_peak(options.memory_of, options.nodes[0])
        return
    threads = torch.get_num_threads()
    print(f"{platform.platform()}, {threads} threads, torch {torch.__version__}, {options.runs} interleaved runs\n")
    print("| what | nodes | forward (s) | backward (s) | peer, forward (s) | memory (GiB) |\n|---|---|---|---|---|---|")
    for nodes in options.nodes:
        compare(nodes, options.cases, options.runs)


if __name__ == "__main__":
    main()
