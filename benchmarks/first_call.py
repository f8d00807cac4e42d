"""What a fresh process pays for its first segmentation of an image, and for the second.

Claim: import and first call together take at most the whole process of scikit-image's `cg_mg` and torch's own import;
the second call takes at most 0.6 of `cg_mg`'s.
Peers: scikit-image's `random_walker`, mode "cg_mg", its default tolerance.
Run: pip install -e '.[benchmark]', then python benchmarks/first_call.py
Last result: docs/benchmarks.md.
Processes run in turns; given are medians of CPU seconds, user and system, one thread.
"""

import argparse
import os
import statistics
import subprocess
import sys

import child
import torch

IMAGE = """
import numpy as np
side = {side}
y, x = np.mgrid[:side, :side] / side
chance = np.random.default_rng(0)
image = 0.5 + 0.25 * np.sin(9 * x + 3 * y) + 0.25 * ((x - 0.5) ** 2 + (y - 0.5) ** 2 < 0.1)
image = image + 0.05 * chance.standard_normal(image.shape)
seeds = np.zeros(image.shape, dtype=int)
places = chance.choice(image.size, image.size // 2000, replace=False)
seeds.flat[places] = 1 + (image.flat[places] > 0.5)
import time
"""
CALLS = """
for _ in range({calls}):
    began = time.process_time()
    random_walker(image, seeds, beta=130, return_full_prob=True{mode})
    took = time.process_time() - began
print(took)
"""
OURS = "import torch\ntorch.set_num_threads(1)\nfrom graphrw import random_walker\n"
THEIRS = "from skimage.segmentation import random_walker\n"


def process(code: str) -> tuple[float, float]:
    """CPU seconds of a fresh process that runs `code`, and the number that it prints last."""
    before = os.times()
    said = subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, capture_output=True, text=True)
    after = os.times()
    seconds = after.children_user - before.children_user + after.children_system - before.children_system
    return seconds, float(said.stdout.split()[-1]) if said.stdout else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    image = IMAGE.format(side=options.side)
    codes = {"import torch": "import torch"}
    for name, start, mode in (("graphrw", OURS, ""), ("scikit-image cg_mg", THEIRS, ", mode='cg_mg'")):
        codes |= {f"{name}, {n} call{'s' * (n > 1)}": image + start + CALLS.format(calls=n, mode=mode) for n in (1, 2)}
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in codes}
    for _ in range(options.rounds):
        for name, code in codes.items():
            taken[name].append(process(code))
    print(f"{child.machine()}, {options.side}², two labels, medians of {options.rounds} interleaved processes\n")
    print("| a fresh process | CPU seconds, import included | of the last call |\n|---|---|---|")
    for name, runs in taken.items():
        whole, last = (statistics.median(column) for column in zip(*runs, strict=True))
        print(f"| {name} | {whole:.2f} | {f'{last:.2f}' if last else '–'} |")


if __name__ == "__main__":
    main()
