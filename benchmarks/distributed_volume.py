"""A volume that no direct solver here can factorise, labelled by several processes, against one process's answer.

Claim: `graphrw walk --engine petsc` gives the probabilities of the library's own solvers to 1e-8. The volume, of noisy
blobs, and its seeds are written to Zarr; the processes read, solve and write their blocks as the command does; process
0 then solves all of it by `Multigrid`, to a residual of 1e-12.

    mpirun -n 4 python benchmarks/distributed_volume.py --size 128

Last result: docs/scale.md.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from mpi4py import MPI

import graphrw as rw
from graphrw.cli.engine import SOLVER
from graphrw.core.memory import available_memory
from graphrw.distributed import Volume
from graphrw.files import read_image, write_image
from graphrw.files.image_file import ImageFile
from graphrw.solvers import Cholesky, Multigrid

GIB = 2**30
WORLD = MPI.COMM_WORLD


def blobs(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Noisy blobs, and a seed in one of 4,000 voxels: label 3 in blobs, 7 elsewhere."""
    chance, (z, y, x) = np.random.default_rng(0), np.indices((size,) * 3, sparse=True)
    inside = np.sin(z / 7) + np.sin(y / 9) + np.sin(x / 8) > 0
    image = (0.5 * inside + 0.3 * chance.random((size,) * 3)).astype(np.float32)
    seeds = np.where(chance.random((size,) * 3) < 1 / 4000, np.where(inside, 3, 7), 0).astype(np.uint8)
    return image, seeds


def main() -> None:
    command = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    command.add_argument("--size", type=int, default=128, help="of each edge, in voxels")
    size = command.parse_args().size
    folder = Path(WORLD.bcast(tempfile.mkdtemp() if WORLD.rank == 0 else None))
    paths = [folder / f"{name}.zarr" for name in ("volume", "seeds", "labels")]
    if WORLD.rank == 0:
        for path, values in zip(paths, blobs(size), strict=False):
            write_image(path, ImageFile(values, axes="zyx"))
    WORLD.Barrier()
    began, wall = time.process_time(), time.perf_counter()
    volume = Volume(*paths[:2])
    with rw.record_solves() as reports:
        probability = volume.probabilities(SOLVER)
    volume.write(paths[2], volume.answer(probability).numpy().astype(np.uint8))
    spent = WORLD.allgather((time.process_time() - began, volume.graph.owned))
    parts = WORLD.gather((volume.graph.block, probability))
    if WORLD.rank:
        return
    seconds = ", ".join(f"{cpu:.0f}" for cpu, _ in spent)
    print(
        f"{WORLD.size} processes of {[owned for _, owned in spent]} voxels: {reports[0].iterations} iterations, CPU "
        f"seconds {seconds} (waiting counts); {time.perf_counter() - wall:.0f} s in all",
        flush=True,
    )
    compare(size, parts, read_image(paths[2]).values)


def compare(size: int, parts: list, labels: np.ndarray) -> None:
    """Process 0 alone."""
    image, seeds = blobs(size)
    plan = Cholesky().plan_for(rw.grid_graph(image.shape))
    print(
        f"Cholesky: {plan.entries:.2e} entries, {plan.bytes / GIB:.0f} GiB; "
        f"{available_memory() / GIB:.0f} GiB are free",
        flush=True,
    )
    began = time.process_time()
    expected = rw.random_walker(image, seeds.astype(np.int64), return_full_prob=True, solver=Multigrid(rtol=1e-12))
    worst = max(
        float((torch.from_numpy(expected[:, *block]).reshape(len(expected), -1).T - part).abs().max())
        for block, part in parts
    )
    apart = int((labels != np.unique(seeds[seeds > 0])[expected.argmax(0)]).sum())
    print(
        f"Multigrid in one process: {time.process_time() - began:.0f} CPU seconds; largest difference of a "
        f"probability {worst:.1e}, labels that differ: {apart}",
        flush=True,
    )


if __name__ == "__main__":
    main()
