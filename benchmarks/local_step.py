"""RWN's training step, affinities and A f, forward and backward: in blocks of rows beside a list of edges.

Claim: on grids `functional.local_step` is at least three times as fast as `FeatureAffinity` and `Propagation` on
``grid_graph(shape, radius=R)``, in at most half of the memory.
Peers: these two.
Run: python benchmarks/local_step.py
Last result: docs/rwn.md.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import child
import torch

import graphrw as rw
from graphrw.functional import local_step

CLASSES = 21
CASES = ((64, 40.0, 3), (64, 40.0, 35), (128, 10.0, 3), (128, 10.0, 35))  # side, radius, channels of features


def steps(side: int, radius: float, channels: int) -> dict[str, Callable[[], None]]:
    """One training step by each method; both start from the same numbers."""
    torch.manual_seed(0)
    features, f = (torch.randn(1, size, side, side, requires_grad=True) for size in (channels, CLASSES))
    upon = torch.randn_like(f)
    affinity, layer = rw.nn.FeatureAffinity(channels), rw.nn.Propagation(None, steps=1)

    def edges() -> None:
        graph = rw.grid_graph((side, side), radius=radius)  # which the library keeps
        walked = layer(f[0].flatten(1).T, graph, affinity(features, graph))
        (walked * upon[0].flatten(1).T).sum().backward()

    def blocks() -> None:
        (local_step(f, features, affinity.coefficients, radius) * upon).sum().backward()

    return {"edges": edges, "blocks": blocks}


def seconds(tell: child.Tell, case: tuple[int, float, int], runs: int) -> None:
    """Processor seconds, interleaved; the first run of each, which plans, does not count."""
    torch.set_num_threads(1)
    methods = steps(*case)
    taken: dict[str, list[float]] = {name: [] for name in methods}
    for run in range(runs + 1):
        for name, method in methods.items():
            began = time.process_time()
            method()
            if run:
                taken[name].append(time.process_time() - began)
    tell({"seconds": {name: statistics.median(values) for name, values in taken.items()}})


def peak(tell: child.Tell, case: tuple[int, float, int], name: str) -> None:
    """MiB above what the process held before."""
    torch.set_num_threads(1)
    method, before = steps(*case)[name], child.forget_peak()
    method()
    tell({"peak": 1024 * (child.memory("VmHWM") - before)})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    print(f"{child.machine()}, one thread, medians of {options.runs} interleaved runs\n")
    print("| side | radius | channels | edges (s) | blocks (s) | ratio | edges (MiB) | blocks (MiB) |")
    print("|---:|---:|---:|---:|---:|---:|---:|---:|")
    for case in CASES:
        took = child.run(seconds, (case, options.runs), 600)[0]["seconds"]
        held = {name: child.run(peak, (case, name), 300)[0]["peak"] for name in took}
        ratio = took["edges"] / took["blocks"]
        times = f"{took['edges']:.2f} | {took['blocks']:.2f} | {ratio:.1f}"
        row = [*(f"{number:g}" for number in case), times, *(f"{held[name]:.0f}" for name in took)]
        print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
