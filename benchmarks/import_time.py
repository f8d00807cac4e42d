"""What it costs to import graphrw, and to ask it for a first answer.

Claim: `import graphrw` costs at most 1.15 times the CPU seconds of `import torch`, and whatever of graphrw's names is
then used first, or the command `graphrw`, at most two thirds of them more. (`nn.Propagation` loads PyG, as one of its
layers.)
Peers: torch itself.
Run: python benchmarks/import_time.py [--rounds 7]
Each line runs in processes of its own, in turns, so that a busy machine is busy for all of them; given are medians of
the CPU seconds, of user and system, that the process has used when it ends, less those of an empty one. Modules are
compiled once and kept, as pip does it, also where PYTHONDONTWRITEBYTECODE forbids it.
Last result: docs/benchmarks.md.
"""

import argparse
import os
import statistics
import subprocess
import sys

EMPTY, TORCH, GRAPHRW = "pass", "import torch", "import torch, graphrw"
SOLVE = """
import torch, graphrw as rw
rw.solve(rw.walk(rw.grid_graph((64, 64)), torch.ones(2 * 64 * 63), 0.1), torch.ones(64 * 64))
"""
SEGMENT = """
import numpy as np, torch, graphrw as rw
seeds = np.zeros((64, 64), dtype=int)
seeds[0, 0], seeds[-1, -1] = 1, 2
rw.random_walker(np.random.default_rng(0).random((64, 64)), seeds)
"""
PHOTOGRAPH = """
import numpy as np, torch, graphrw as rw
y, x = np.indices((320, 480))
noise = np.random.default_rng(0).random((320, 480, 3))
image = 0.6 * np.stack([np.hypot(y - 160, x - 200) < 90, np.sin(x / 40) > 0, y / 320], axis=-1) + 0.1 * noise
seeds = np.zeros((320, 480), dtype=int)
seeds[150:170, 180:220], seeds[20:25, 20:400] = 1, 2
rw.segment(image, seeds, channel_axis=-1)
"""
LAYER = "import torch, graphrw as rw\nrw.nn.HarmonicLabels"
MODEL = "import torch, graphrw as rw\nrw.models.LearnedRandomWalker"
COMMAND = "import sys\nfrom graphrw.__main__ import main\nsys.argv = ['graphrw', '--version']\nmain()"
COMPILED = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
LINES = {
    "nothing": EMPTY,
    "import torch": TORCH,
    "import graphrw": GRAPHRW,
    "first rw.solve": SOLVE,
    "first rw.random_walker": SEGMENT,
    "first rw.segment, of 480 × 320 colours": PHOTOGRAPH,
    "first layer": LAYER,
    "first model": MODEL,
    "graphrw --version": COMMAND,
}


def cpu_seconds(code: str) -> float:
    """User and system seconds of a fresh process that runs `code`."""
    before = os.times()
    subprocess.run([sys.executable, "-c", code], check=True, env=COMPILED, stdout=subprocess.DEVNULL)
    after = os.times()
    return after.children_user - before.children_user + after.children_system - before.children_system


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    taken: dict[str, list[float]] = {name: [] for name in LINES}
    for _ in range(rounds + 1):  # in the first, files are read from the disk
        for name, code in LINES.items():
            taken[name].append(cpu_seconds(code))
    median = {name: statistics.median(seconds[1:]) for name, seconds in taken.items()}
    base = median["import torch"] - median["nothing"]
    print("| a fresh process | CPU seconds | of torch's | more than torch |\n|---|---|---|---|")
    for name in list(LINES)[1:]:
        own = median[name] - median["nothing"]
        print(f"| {name} | {own:.2f} | {own / base:.2f} × | {own - base:+.2f} s |")


if __name__ == "__main__":
    main()
