"""RWN's prediction, the limit of a walk on an image: as many digits as a segmentation needs, beside a solve.

Claim: at 321², radius 5 and 21 channels `functional.limit` takes at most half the time of `resolvent`, forward, and
forward and backward.
Peers: `nn.Propagation` with `Auto`, and with `CG(rtol=1e-4)`.
Run: python benchmarks/limit.py
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
from graphrw.functional import limit

CLASSES, RTOL = 21, 1e-4
Method = Callable[[rw.Graph, Tensor, Tensor, float], Tensor]


def by_products(graph: rw.Graph, weight: Tensor, f: Tensor, alpha: float) -> Tensor:
    return limit(rw.walk(graph, weight), f, alpha, rtol=RTOL)


def by(solver: rw.solvers.Solver) -> Method:
    return lambda graph, weight, f, alpha: rw.nn.Propagation(alpha, solver=solver)(f, graph, weight)


METHODS: dict[str, Method] = {
    "Propagation, Auto": by(rw.solvers.Auto()),
    f"Propagation, CG({RTOL:g})": by(rw.solvers.CG(RTOL)),
    f"limit, {RTOL:g}": by_products,
}


def report(alpha: float, options: argparse.Namespace) -> None:
    torch.manual_seed(0)
    graph = rw.grid_graph((options.side, options.side), radius=options.radius)
    image, f = torch.rand(graph.num_nodes, 3), torch.randn(graph.num_nodes, CLASSES, requires_grad=True)
    weight = rw.build.l1_affinity(graph, image, 1.0).requires_grad_()
    exact = rw.nn.Propagation(alpha, solver=rw.solvers.CG(1e-10))(f.double(), graph, weight.double()).detach()
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in METHODS}
    error = {}
    for run in range(options.runs + 1):  # the first plans, and does not count
        for name, method in METHODS.items():
            began = time.process_time()
            y = method(graph, weight, f, alpha)
            halfway = time.process_time()
            y.square().sum().backward()
            if run:
                seconds[name].append((halfway - began, time.process_time() - began))
            error[name] = float((y.detach() - exact).abs().max() / exact.abs().max())
    medians = {name: [statistics.median(times) for times in zip(*runs, strict=True)] for name, runs in seconds.items()}
    first = medians[next(iter(METHODS))]
    for name, (forward, both) in medians.items():
        ratios = f"{first[0] / forward:.1f} | {first[1] / both:.1f}"
        print(f"| {alpha} | {name} | {forward:.2f} | {both:.2f} | {ratios} | {error[name]:.0e} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=321)
    parser.add_argument("--radius", type=float, default=5.0)
    parser.add_argument("--alphas", nargs="+", type=float, default=[0.5, 0.9])
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{child.machine()}, one thread, medians of {options.runs} interleaved runs, processor seconds\n")
    print("| α | method | forward (s) | with backward (s) | Auto / this, forward | with backward | error |")
    print("|---:|---|---:|---:|---:|---:|---:|")
    for alpha in options.alphas:
        report(alpha, options)


if __name__ == "__main__":
    main()
