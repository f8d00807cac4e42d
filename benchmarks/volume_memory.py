"""What `segment` takes for each voxel of a volume: a bright ball in noise, float32, with two short strokes.

Claim: the peak for a voxel falls with the size, since parts of it (slabs, superpixels, the band) do not grow with it.
Peers: none; `benchmarks/masked_image.py` has the walk over pixels.
Run: pip install -e '.[image]', then OMP_NUM_THREADS=1 python benchmarks/volume_memory.py (Linux)
Last result: docs/segment.md.
"""

import argparse
import time

import child
import numpy as np
from numpy.typing import NDArray

import graphrw as rw


def ball(side: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    axes = np.ogrid[:side, :side, :side]
    inside = sum((axis - side / 2) ** 2 for axis in axes) < (side / 3) ** 2
    image = 0.1 * np.random.default_rng(0).standard_normal(inside.shape, dtype=np.float32) + inside
    labels, middle = np.zeros(image.shape, dtype=np.uint8), side // 2
    labels[middle, middle, middle - 5 : middle + 5], labels[2, 2, 5:-5] = 1, 2
    return image, labels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sides", type=int, nargs="+", default=[120, 215])
    options = parser.parse_args()
    print(child.machine())
    rw.segment(*ball(20))  # what is loaded at the first call does not count
    for side in options.sides:
        image, labels = ball(side)
        held, began = child.forget_peak(), time.process_time()
        wrong = ((rw.segment(image, labels) == 1) != (image > 0.5)).mean()
        seconds, peak = time.process_time() - began, (child.memory("VmHWM") - held) * 2**30
        each = f"{peak / side**3:.0f} bytes a voxel above image and labels"
        print(f"{side}³: {each}, {seconds:.0f} CPU s, {wrong:.2%} wrong", flush=True)


if __name__ == "__main__":
    main()
