"""Encodings of small graphs, such as molecules, one by one and in batches.

Claim: 1,000 graphs of a size like ZINC's (9 to 37 atoms) per second on two cores.
Peers: PyG's AddRandomWalkPE with as many numbers for each node, and AddLaplacianEigenvectorPE, which is not safe
against signs.
Run: OMP_NUM_THREADS=1 python benchmarks/small_graphs.py
Last result: docs/benchmarks.md.
Graphs are random trees of bounded degree with some rings closed. Rates are graphs in each second of the processor, the
best of `--runs` in turns, on one thread; and graphs in each second of the clock by a DataLoader with two workers, which
encodes each graph as it is read. On a busy machine the clock tells little.
"""

import argparse
import time
from collections.abc import Callable

import child
import torch
from torch_geometric.data import Batch, Data
from torch_geometric.loader import DataLoader
from torch_geometric.transforms import AddLaplacianEigenvectorPE, AddRandomWalkPE, BaseTransform
from torch_geometric.utils import to_undirected

from graphrw.transforms import AddDiffusionDistance, AddDiffusionMap

LEAST, MOST, BACK, RING = 9, 37, 3, 6  # atoms; how far back a tree branches; how many atoms a ring has
TIMES = (1.0, 2.0, 4.0, 8.0)


def molecule(seed: int) -> Data:
    random = torch.Generator().manual_seed(seed)
    size = int(torch.randint(LEAST, MOST + 1, (1,), generator=random))
    nodes = torch.arange(1, size)
    parents = (nodes - torch.randint(1, BACK + 1, (size - 1,), generator=random)).clamp(min=0)
    first = torch.arange(0, size - RING + 1, 2 * RING)
    pairs = torch.cat([torch.stack([parents, nodes]), torch.stack([first, first + RING - 1])], 1)
    return Data(edge_index=to_undirected(pairs, num_nodes=size), num_nodes=size)


def one_by_one(transform: BaseTransform) -> Callable[[list[Data]], None]:
    def encode(graphs: list[Data]) -> None:
        for graph in graphs:
            transform(graph)

    return encode


def in_batches(transform: BaseTransform, size: int = 128) -> Callable[[list[Data]], None]:
    def encode(graphs: list[Data]) -> None:
        for start in range(0, len(graphs), size):
            transform(Batch.from_data_list(graphs[start : start + size]))

    return encode


METHODS = {
    "AddDiffusionMap, graph by graph": one_by_one(AddDiffusionMap(TIMES)),
    "AddDiffusionMap, batches of 128": in_batches(AddDiffusionMap(TIMES)),
    "AddDiffusionDistance, graph by graph": one_by_one(AddDiffusionDistance(TIMES)),
    "AddDiffusionDistance, batches of 128": in_batches(AddDiffusionDistance(TIMES)),
    "PyG AddRandomWalkPE, graph by graph": one_by_one(AddRandomWalkPE(len(TIMES), attr_name="pe")),
    "PyG AddLaplacianEigenvectorPE, graph by graph": one_by_one(AddLaplacianEigenvectorPE(4, attr_name="pe")),
}


class Read(torch.utils.data.Dataset):  # type: ignore[type-arg]
    """Graphs that are encoded whenever they are read."""

    def __init__(self, graphs: list[Data], transform: BaseTransform) -> None:
        self._graphs, self._transform = graphs, transform

    def __len__(self) -> int:
        return len(self._graphs)

    def __getitem__(self, index: int) -> Data:
        encoded: Data = self._transform(self._graphs[index])
        return encoded


def loaded(graphs: list[Data], workers: int) -> float:
    """Graphs a second of the clock, once the workers have read their first batches."""
    loader = DataLoader(Read(graphs, AddDiffusionMap(TIMES)), batch_size=64, num_workers=workers)
    batches, seen = iter(loader), 0
    next(batches)
    start = time.perf_counter()
    for batch in batches:
        seen += batch.num_graphs
    return seen / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--graphs", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    graphs = [molecule(seed) for seed in range(options.graphs)]
    rates: dict[str, list[float]] = {name: [] for name in METHODS}
    for encode in METHODS.values():
        encode(graphs[:10])
    for _ in range(options.runs):
        for name, encode in METHODS.items():
            start = time.process_time()
            encode(graphs)
            rates[name].append(len(graphs) / (time.process_time() - start))
    print(f"{child.machine()}, {len(graphs):,} graphs, best of {options.runs} runs in turns\n")
    print("| encoding | graphs per CPU second |")
    print("|---|---|")
    for name, measured in rates.items():
        print(f"| {name} | {max(measured):,.0f} |", flush=True)
    print(f"\nA DataLoader with two workers: {loaded(graphs, 2):,.0f} graphs a second of the clock.")


if __name__ == "__main__":
    main()
