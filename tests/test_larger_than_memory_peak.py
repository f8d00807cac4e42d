"""What a walk by blocks holds at its peak, in processes of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import sys
from pathlib import Path
import numpy as np, zarr
from graphrw.segmentation import random_walker_blocks
from graphrw.solvers.streamed import coarsening, hierarchy
hierarchy.IN_MEMORY, coarsening.LEAST_PART = 2**12, 2**13
side, folder = int(sys.argv[1]), Path(sys.argv[2])
image = zarr.create_array(folder / "image.zarr", shape=(side,) * 3, chunks=(32,) * 3, dtype="uint16")
labels = zarr.create_array(folder / "labels.zarr", shape=(side,) * 3, chunks=(32,) * 3, dtype="uint8")
for low in range(0, side, 32):
    noise = np.random.default_rng(low).normal(20000, 4000, (32, side, side))
    noise[:, :, side // 2 :] += 20000
    image[low : low + 32] = noise.clip(0, 65535).astype(np.uint16)
labels[1, 1, :5], labels[-2, -2, -5:] = 1, 2
Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
random_walker_blocks(folder / "image.zarr", folder / "labels.zarr", folder / "out.zarr", block=32, rtol=1e-3)
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def peak(side: int, folder: Path) -> float:
    """MiB."""
    folder.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", PROGRAM, str(side), str(folder)]
    answer = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return int(answer.stdout) / 1024


@pytest.mark.nightly
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux")
def test_the_peak_does_not_grow_with_the_volume(tmp_path: Path) -> None:
    small, large = peak(64, tmp_path / "small"), peak(160, tmp_path / "large")  # 15 times as many voxels
    assert large < 1.1 * small + 32, f"{small:.0f} and {large:.0f} MiB"
