"""What a walk on many processes costs: bytes, messages, iterations and seconds of `graphrw.distributed`.

Claim: memory and work of a process grow with its own voxels alone, messages with their border, and iterations hardly at
all. The problem: a noisy volume of blobs, β = 130, two labels, a seed for every 4,000 voxels, hitting probabilities to
1e-10. Each run prints a line of JSON; `--fit FILE` makes the table and the model of `docs/scale.md` from such lines.

    for n in 1 2 4; do mpirun -n $n python benchmarks/scale.py --size 64 >> scale.jsonl; done
    python benchmarks/scale.py --fit scale.jsonl

With `--against` the same volume is solved by `Multigrid` in process 0 as well, and the largest difference printed. Last
result: docs/scale.md.
"""

import argparse
import json
import resource
import time
from pathlib import Path

import numpy as np
import torch

import graphrw as rw
from graphrw.solvers import GAMG, BoomerAMG, Cholesky, Multigrid

COLUMNS = ("processes", "nodes", "iterations", "bytes_a_node", "setup", "solve", "messages", "message_bytes", "ghosts")
BYTES = 8  # of a number
GIB = 2**30


def slab(size: int, start: int, stop: int) -> np.ndarray:
    """The layers from `start` to `stop` of a volume of size³: blobs, and noise that hangs on the layer alone."""
    z, y, x = np.meshgrid(np.arange(start, stop), np.arange(size), np.arange(size), indexing="ij")
    blobs = np.sin(z / 7) + np.sin(y / 9) + np.sin(x / 8) > 0
    noise = np.stack([np.random.default_rng(layer).random((size, size)) for layer in range(start, stop)])
    return 0.5 * blobs + 0.3 * noise


def seeds_of(size: int, start: int, stop: int) -> np.ndarray:
    """One seed of the 4,000th part of all voxels: of label 1 in blobs, of label 0 elsewhere."""
    marks = np.full((stop - start, size, size), -1)
    for layer in range(start, stop):
        chosen = np.random.default_rng([layer, 1]).random((size, size)) < 1 / 4000
        marks[layer - start][chosen] = (slab(size, layer, layer + 1)[0] > 0.4)[chosen]
    return marks


def weight_of(graph: rw.Graph, pixels: torch.Tensor) -> torch.Tensor:
    return rw.gaussian_affinity(graph, pixels, 130 / (10 * 0.27)) + 1e-10


def run(size: int, preconditioner, against: bool) -> dict[str, float] | None:
    from petsc4py import PETSc  # noqa: PLC0415 - only where processes solve

    from graphrw import distributed  # noqa: PLC0415

    PETSc.Log.begin()
    before, began = resident(), time.process_time()
    graph = distributed.grid_graph((size,) * 3)
    layers, *rest = graph.block
    image, marks = (
        part[:, *rest] for part in (slab(size, layers.start, layers.stop), seeds_of(size, layers.start, layers.stop))
    )
    pixels = torch.from_numpy(np.ascontiguousarray(image)).reshape(-1, 1)
    walk = distributed.walk(graph, weight_of(graph.local, graph.halo.spread(pixels)))
    seeds = torch.from_numpy(np.ascontiguousarray(marks)).reshape(-1)
    built = time.process_time()
    solver = rw.solvers.PETSc(rtol=1e-10, preconditioner=preconditioner)
    with rw.record_solves() as reports:
        probability = distributed.hitting_probabilities(walk, seeds, 2, solver=solver)
    ended = time.process_time()
    solves = PETSc.Log.Event("KSPSolve").getPerfInfo()
    world = graph.comm.tompi4py()
    mine = [
        built - began,
        ended - built,
        solves["time"],
        solves["numMessages"],
        solves["messageLength"],
        resident() - before,
    ]
    mine += [len(graph.halo.ids) - graph.owned, graph.owned]
    every = np.array(world.allgather(mine))
    if against:
        check(size, graph, probability)
    if graph.comm.rank:
        return None
    build, solve, wall, messages, length, memory, ghosts, owned = every.max(0)
    iterations = reports[0].iterations
    return {
        "preconditioner": type(preconditioner).__name__,
        "processes": graph.comm.size,
        "nodes": graph.num_nodes,
        "iterations": iterations,
        "bytes_a_node": memory / owned,
        "setup": build,
        "solve": solve,
        "petsc_seconds": wall,
        "messages": messages / (2 * iterations),
        "message_bytes": length / (2 * iterations),
        "ghosts": ghosts,
    }


def resident() -> float:
    """The most bytes that this process has held."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def check(size: int, graph, probability: torch.Tensor) -> None:
    """The same by one process alone, as the library solves it without PETSc."""
    parts = graph.comm.tompi4py().gather((graph.block, probability))
    if graph.comm.rank:
        return
    found = torch.zeros(size, size, size, 2, dtype=torch.float64)
    for block, part in parts:
        found[block] = part.reshape(found[block].shape)
    whole = rw.grid_graph((size,) * 3)
    plan = Cholesky().plan_for(whole)
    print(f"# Cholesky would take {plan.bytes / GIB:.0f} GiB and {plan.flops:.1e} flops", flush=True)
    pixels, seeds = torch.from_numpy(slab(size, 0, size)).reshape(-1, 1), torch.from_numpy(seeds_of(size, 0, size))
    walk = rw.walk(whole, weight_of(whole, pixels))
    began = time.process_time()
    expected = rw.hitting_probabilities(walk, seeds.reshape(-1), 2, solver=Multigrid(rtol=1e-12))
    error = float((found.reshape(-1, 2) - expected).abs().max())
    print(
        f"# largest difference from Multigrid in one process: {error:.1e} ({time.process_time() - began:.0f} s)",
        flush=True,
    )


def fit(path: Path) -> None:
    """The table, and what it says of 10⁹ to 10¹¹ nodes."""
    runs = [json.loads(line) for line in path.read_text().splitlines() if line.startswith("{")]
    print("| preconditioner | " + " | ".join(COLUMNS) + " |\n" + "|---" * (len(COLUMNS) + 1) + "|")
    for found in runs:
        print(f"| {found['preconditioner']} | " + " | ".join(f"{found[name]:.4g}" for name in COLUMNS) + " |")
    hypre = [found for found in runs if found["preconditioner"] == "BoomerAMG"]
    alone = [found for found in hypre if found["processes"] == 1]
    nodes = np.array([found["nodes"] for found in hypre])
    slope, start = np.polyfit(np.log10(nodes), [found["iterations"] for found in hypre], 1)
    largest = max(alone, key=lambda found: found["nodes"])
    memory, small = largest["bytes_a_node"], min(alone, key=lambda found: found["nodes"])
    if small is not largest:  # less what every process loads, whatever it solves
        bytes_of = [found["bytes_a_node"] * found["nodes"] for found in (small, largest)]
        memory = (bytes_of[1] - bytes_of[0]) / (largest["nodes"] - small["nodes"])
    cost = largest["solve"] / (largest["nodes"] * 2 * largest["iterations"])
    print(f"\niterations = {start:.1f} + {slope:.1f} log10(nodes); {memory:.0f} bytes a node;")
    print(f"{cost:.2e} s of a core for a node, a column and an iteration, setup and all")
    for found in runs:
        if found["processes"] > 1:
            border = found["message_bytes"] / (BYTES * max(found["ghosts"], 1))
            print(
                f"{found['preconditioner']}, {found['processes']} processes, {found['nodes']} nodes: "
                f"{border:.1f} borders in {found['messages']:.0f} messages an iteration"
            )
    for goal in (1e9, 1e10, 1e11):
        steps = start + slope * np.log10(goal)
        hours = goal * 2 * steps * cost / 3600
        print(f"| {goal:.0e} | {goal * memory / 2**40:.2f} TiB | {steps:.0f} | {hours:.1f} core-hours, two labels |")


def main() -> None:
    command = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    command.add_argument("--size", type=int, default=64, help="of each edge, in voxels")
    command.add_argument("--gamg", action="store_true", help="in place of hypre, whose own messages nobody counts")
    command.add_argument("--against", action="store_true")
    command.add_argument("--fit", type=Path)
    given = command.parse_args()
    if given.fit is not None:
        fit(given.fit)
    elif (found := run(given.size, GAMG() if given.gamg else BoomerAMG(), given.against)) is not None:
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
