"""Steps of a walk on an image: by the compressed matrix where nothing is differentiated, by edges where something is.

Claim: at 240 × 180, radius 5 and 11 channels eight steps without gradients take at most a fifth of the time with them,
the compressed matrix and its pattern included; later calls with the same graph a tenth.
Peers: the same steps recorded for autograd, and eight products of SciPy's with a matrix that is there already.
Run: python benchmarks/steps.py
Last result: docs/rwn.md.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import child
import torch
from torch import Tensor

import graphrw as rw

STEPS, CHANNELS, RADIUS = 8, 11, 5.0


def seconds(call: Callable[[], object]) -> float:
    """Of the processor."""
    began = time.process_time()
    call()
    return time.process_time() - began


def once(shape: tuple[int, int], weight: Tensor, f: Tensor) -> dict[str, float]:
    """One run of every way, on a graph that nothing is planned for."""
    old = rw.grid_graph(shape, radius=RADIUS)
    graph = rw.Graph(old.edges, old.num_nodes)
    walk, learned = rw.walk(graph, weight), rw.walk(graph, weight.clone().requires_grad_())
    matrix = rw.convert.to_scipy(graph, weight).tocsr()

    def by_scipy() -> None:
        y = f.numpy()
        for _ in range(STEPS):
            y = matrix @ y

    return {
        "recorded for gradients": seconds(lambda: rw.step(learned, f, STEPS)),
        "without, first": seconds(lambda: rw.step(walk, f, STEPS)),
        "without, later": seconds(lambda: rw.step(walk, f, STEPS)),
        "SciPy, products alone": seconds(by_scipy),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", nargs=2, type=int, default=[240, 180])
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    shape = (options.shape[0], options.shape[1])
    graph = rw.grid_graph(shape, radius=RADIUS)
    weight, f = torch.rand(graph.num_edges), torch.randn(graph.num_nodes, CHANNELS)
    runs = [once(shape, weight, f) for _ in range(options.runs)]
    print(f"{child.machine()}, one thread, medians of {options.runs} interleaved runs, processor seconds\n")
    print(f"| {STEPS} steps | s | of the first row |\n|---|---:|---:|")
    medians = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    for name, median in medians.items():
        print(f"| {name} | {median:.2f} | {median / medians['recorded for gradients']:.2f} |")


if __name__ == "__main__":
    main()
