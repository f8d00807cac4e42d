"""A training step on a batch of small images, beside the same step written by hand around SuperLU and around rslab.

Claim: with numba (`Simplicial`, which `Auto` takes) ahead of both; without it (`Cholesky`) 1.3 × the bare rslab in the
same loop; and, by the clock and on two free cores, no slower with two threads than with one. With `--busy 1`, one
other process computes meanwhile.
Peers: SciPy's `splu` (symmetric mode) and rslab's Cholesky, with loss, system and adjoint by NumPy, one image after
the other, and no check of any answer.
Run: OMP_NUM_THREADS=1 python benchmarks/batches.py, and with 2 threads
Last result: docs/benchmarks.md.
"""

import argparse
import multiprocessing
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import child
import numpy as np
import rslab
import torch
from numpy.typing import NDArray
from scipy.sparse import csc_array
from scipy.sparse.linalg import splu

import graphrw as rw

IMAGES, LABELS = 10, 10
SYMMETRIC = {"permc_spec": "MMD_AT_PLUS_A", "diag_pivot_thresh": 0.0, "options": {"SymmetricMode": True}}


class Batch:
    """Grids of one size, with float32 weights, scattered seeds and a label that is right at every pixel."""

    def __init__(self, side: int) -> None:
        chance = torch.Generator().manual_seed(0)
        self.part = rw.grid_graph((side, side))
        self.graph = rw.Graph.batch([self.part] * IMAGES)
        nodes = self.part.num_nodes
        self.weight = torch.rand(self.graph.num_edges, generator=chance).mul_(0.9).add_(0.05).requires_grad_()
        self.target = torch.randint(LABELS, (IMAGES, nodes), generator=chance)
        self.seeds = torch.full((IMAGES, nodes), -1)
        for image in self.seeds:
            image[torch.randperm(nodes, generator=chance)[: 4 * LABELS]] = torch.arange(4 * LABELS) % LABELS
        self.pattern = csc_pattern(self.part)

    def ours(self, solver: rw.solvers.Solver = rw.solvers.Auto()) -> torch.Tensor:
        walk, seeds, target = rw.walk(self.graph, self.weight), self.seeds.flatten(), self.target.flatten()
        z = rw.hitting_probabilities(walk, seeds, LABELS, solver=solver)
        loss = -z.gather(1, target[:, None]).clamp(min=1e-9).log().mean()
        return torch.autograd.grad(loss, self.weight)[0]

    def by_hand(self, factorise: Callable[[csc_array], Callable[[NDArray[Any]], NDArray[Any]]]) -> torch.Tensor:
        weights = self.weight.detach().double().view(IMAGES, -1).numpy()
        images = zip(weights, self.seeds.numpy(), self.target.numpy(), strict=True)
        return torch.from_numpy(np.concatenate([self._image(factorise, *image) for image in images])).float()

    def _image(self, factorise: Any, weight: NDArray[Any], seeds: NDArray[Any], target: NDArray[Any]) -> NDArray[Any]:
        """The gradient of one image's weights."""
        tail, head = self.part.edges.numpy()
        held, nodes = seeds >= 0, np.arange(len(seeds))
        one_hot = (seeds[:, None] == np.arange(LABELS)).astype(float)
        cut = np.where(held[tail] | held[head], 0.0, weight)
        degree = np.bincount(tail, weight, len(seeds)) + np.bincount(head, weight, len(seeds))
        b = np.zeros_like(one_hot)
        for one, other in ((tail, head), (head, tail)):
            across = held[other] & ~held[one]
            np.add.at(b, one[across], weight[across, None] * one_hot[other[across]])
        solve = factorise(self.pattern(degree, cut))
        z = np.where(held[:, None], one_hot, solve(b))
        g = np.zeros_like(z)
        right = z[nodes, target]
        g[nodes, target] = np.where((right > 1e-9) & ~held, -1 / (np.maximum(right, 1e-9) * len(seeds) * IMAGES), 0.0)
        adjoint = solve(g)
        return -((adjoint[tail] - adjoint[head]) * (z[tail] - z[head])).sum(1)


def csc_pattern(graph: rw.Graph) -> Callable[[NDArray[Any], NDArray[Any]], csc_array]:
    """What makes a symmetric matrix of a diagonal and weights, by one gather."""
    (tail, head), size, edges = graph.edges.numpy(), graph.num_nodes, graph.num_edges
    rows, columns = (np.r_[np.arange(size), one, other] for one, other in ((tail, head), (head, tail)))
    places = csc_array(
        (np.r_[np.arange(size), size + np.arange(edges), size + np.arange(edges)] + 1.0, (rows, columns))
    )
    places.sort_indices()
    order = places.data.astype(int) - 1
    return lambda diagonal, weight: csc_array(
        (np.r_[diagonal, -weight][order], places.indices, places.indptr), shape=(size, size)
    )


def by_superlu(matrix: csc_array) -> Callable[[NDArray[Any]], NDArray[Any]]:
    return splu(matrix, **SYMMETRIC).solve


def by_rslab(batch: Batch) -> Callable[[csc_array], Callable[[NDArray[Any]], NDArray[Any]]]:
    """With the analysis of all steps made once, as ours is; it takes the numbers of the lower triangle."""
    like = batch.pattern(np.full(batch.part.num_nodes, 9.0), np.ones(batch.part.num_edges))
    lower = like.indices >= np.repeat(np.arange(like.shape[1]), np.diff(like.indptr))
    analysis, threads = rslab.analyze(like, path="ldlt"), torch.get_num_threads()
    return lambda matrix: analysis.factor(matrix.data[lower], threads=threads).solve_many


def seconds(function: Callable[[], torch.Tensor]) -> tuple[float, float]:
    """Of the processor, and of the clock."""
    processor, clock = time.process_time(), time.perf_counter()
    function()
    return time.process_time() - processor, time.perf_counter() - clock


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sides", type=int, nargs="+", default=[32, 64])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--busy", type=int, default=0, help="processes that compute without end meanwhile")
    options = parser.parse_args()
    for _ in range(options.busy):
        multiprocessing.get_context("spawn").Process(target=compute_without_end, daemon=True).start()
    print(f"{child.machine()}\n\nms an image, of the processor (of the clock)\n")
    print(f"| {IMAGES} images, {LABELS} labels | graphrw | graphrw, Cholesky | SuperLU by hand | rslab by hand |")
    print("|---|---|---|---|---|")
    for side in options.sides:
        cells = [f"{processor:.2f} ({clock:.2f})" for processor, clock in compared(Batch(side), options.rounds)]
        print(f"| {side}² | {' | '.join(cells)} |", flush=True)


def compute_without_end() -> None:
    while True:
        pass


def compared(batch: Batch, rounds: int) -> list[list[float]]:
    """For each way, ms an image of the processor and of the clock, medians; all ways find the same gradient."""
    ours = [batch.ours, partial(batch.ours, rw.solvers.Cholesky())]
    ways = [*ours, partial(batch.by_hand, by_superlu), partial(batch.by_hand, by_rslab(batch))]
    for way in ways:
        torch.testing.assert_close(way(), batch.ours(), rtol=1e-3, atol=1e-7)
    times = [[seconds(way) for way in ways] for _ in range(rounds)]
    columns = (zip(*each, strict=True) for each in zip(*times, strict=True))
    return [[1e3 / IMAGES * statistics.median(column) for column in pair] for pair in columns]


if __name__ == "__main__":
    main()
