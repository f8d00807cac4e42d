"""The walk by blocks, on volumes from 10⁶ voxels to 3·10⁷: what it takes of the memory, the disk and the time.

A bright ball in noise, uint16, with two short strokes, from Zarr to Zarr. Each volume has a process of its own, whose
peak is all that it held, with Python, torch and Zarr.

Claim: the peak hardly grows with the volume.
Peer: the whole array, with `--whole`, for sizes that fit.
Run: pip install -e '.[volumes]', then OMP_NUM_THREADS=1 python benchmarks/larger_than_memory.py (Linux)
Last result: docs/larger_than_memory.md.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import child
import numpy as np
import zarr

import graphrw as rw
from graphrw.segmentation import random_walker_blocks

SIDES = (100, 196, 311)  # 10⁶, 7.5·10⁶ and 3·10⁷ voxels
CHUNK = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sides", type=int, nargs="+", default=SIDES)
    parser.add_argument("--block", type=int, default=48)
    parser.add_argument("--rtol", type=float, default=1e-6)
    parser.add_argument("--scratch", default=tempfile.gettempdir(), help="a folder with 400 bytes of room for a voxel")
    parser.add_argument("--hours", type=float, default=10.0, help="after which a volume is given up")
    parser.add_argument("--whole", action="store_true", help="the whole array, for comparison")
    options = parser.parse_args()
    print(child.machine())
    print("| voxels | mode | peak (GiB) | CPU s | wall s | iterations | disk (GB) | |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    for side in options.sides:
        for mode in (blocks, whole) if options.whole else (blocks,):
            print(row(side, mode, options), flush=True)


def row(side: int, mode: Any, options: argparse.Namespace) -> str:
    with tempfile.TemporaryDirectory(dir=options.scratch) as folder:
        arguments = (side, folder, options.block, options.rtol)
        told, end = child.run(mode, arguments, 3600 * options.hours)
    figures = [f"{told.get(name, float('nan')):.{digits}f}" for name, digits in (("peak", 2), ("cpu", 0), ("wall", 0))]
    counts = [f"{told.get('iterations', 0)}", f"{told.get('disk', 0.0):.1f}", end or "done"]
    return f"| {side**3:,} | {mode.__name__} | " + " | ".join([*figures, *counts]) + " |"


def written(side: int, folder: Path) -> tuple[Any, Any]:
    """The image and the seeds, written in slabs."""
    chunks = (min(CHUNK, side),) * 3
    image = zarr.create_array(folder / "image.zarr", shape=(side,) * 3, chunks=chunks, dtype="uint16")
    seeds = zarr.create_array(folder / "seeds.zarr", shape=(side,) * 3, chunks=chunks, dtype="uint8")
    square = (np.arange(side) - side / 2) ** 2
    for low in range(0, side, CHUNK):
        slab = square[low : low + CHUNK, None, None] + square[:, None] + square
        noise = 0.1 * np.random.default_rng(low).standard_normal(slab.shape, dtype=np.float32)
        values = 0.25 + 0.5 * ((slab < (side / 3) ** 2) + noise)
        image[low : low + CHUNK] = (values.clip(0, 1) * 65535).astype(np.uint16)
    middle = side // 2
    seeds[middle, middle, middle - 5 : middle + 5], seeds[2, 2, 5:-5] = 1, 2
    return image, seeds


def blocks(tell: child.Tell, side: int, folder: str, block: int, rtol: float) -> None:
    place = Path(folder)
    written(side, place)
    child.forget_peak()
    wall, cpu = time.perf_counter(), time.process_time()

    def listen(share: float, what: str) -> None:
        told = {"share": share, "peak": child.memory("VmHWM"), "cpu": time.process_time() - cpu}
        tell({**told, "wall": time.perf_counter() - wall})
        if what == "writing":
            files = [path for path in (place / "out.zarr.unfinished").rglob("*") if path.is_file()]
            tell({"disk": sum(512 * path.stat().st_blocks for path in files) / 1e9})

    report = random_walker_blocks(
        place / "image.zarr",
        place / "seeds.zarr",
        place / "out.zarr",
        block=block,
        rtol=rtol,
        progress=listen,
    )
    tell({"iterations": report.iterations})


def whole(tell: child.Tell, side: int, folder: str, block: int, rtol: float) -> None:
    image, seeds = (array[...] for array in written(side, Path(folder)))
    child.forget_peak()
    wall, cpu = time.perf_counter(), time.process_time()
    with rw.record_solves() as reports:
        rw.random_walker(image, seeds, solver=rw.solvers.Auto(rtol=rtol))
    tell({"peak": child.memory("VmHWM"), "cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall})
    tell({"iterations": sum(report.iterations for report in reports)})


if __name__ == "__main__":
    main()
