"""How long it takes to build the graph of an image.

Claim: a million pixels take some milliseconds, less than with any peer.
Peers: scikit-learn's `grid_to_graph`, which returns a matrix (no list of edges).
Run: python benchmarks/grid_graph.py
Last result: docs/benchmarks.md.
"""

import os
import platform
import statistics
import time
from collections.abc import Callable

import torch
from sklearn.feature_extraction.image import grid_to_graph

import graphrw as rw

RUNS = 7


def seconds(make: Callable[[], object]) -> float:
    start = time.perf_counter()
    make()
    return time.perf_counter() - start


def main() -> None:
    print(
        f"{platform.platform()}, {os.cpu_count()} cores, torch {torch.__version__}, median of {RUNS} interleaved runs\n"
    )
    print("| shape | edges | graphrw (s) | scikit-learn (s) |")
    print("|---|---|---|---|")
    for shape in ((1000, 1000), (100, 100, 100), (2000, 2000)):
        ours, theirs = [], []
        for _ in range(RUNS):
            ours.append(seconds(lambda shape=shape: rw.grid_graph(shape)))
            theirs.append(seconds(lambda shape=shape: grid_to_graph(*shape)))
        edges = rw.grid_graph(shape).num_edges
        row = f"{statistics.median(ours):.3f} | {statistics.median(theirs):.3f}"
        print(f"| {' × '.join(map(str, shape))} | {edges:,} | {row} |", flush=True)


if __name__ == "__main__":
    main()
