"""What a stroke on the pixel walk costs beside a factorisation of its own, and how far the two answers differ.

Claim: after the first answer a stroke of 100 pixels takes at most 0.1 s at 512² and 0.35 s at 1024².
Peers: `random_walker` again with the new seeds; a solver of one's own in the session, which factorises at each stroke.
Run: pip install -e '.[image]', then python benchmarks/clicks.py
Last result: docs/benchmarks.md.
Sessions on the same photograph answer the same strokes in turns, so that a busy machine is busy for all of them.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import child
import numpy as np
import torch
from skimage import data, transform

import graphrw as rw

LENGTH = 100  # pixels of a stroke
METHODS = ("the factor changed", "a new factor", "random_walker again")


def measure(side: int, strokes: int, clock: Callable[[], float]) -> tuple[dict[str, list[float]], float]:
    """Seconds of the first answer and of each stroke, by method, and the largest difference of probabilities."""
    image = transform.resize(data.camera() / 255, (side, side), anti_aliasing=True)
    solvers = rw.solvers.Auto(1e-6), rw.solvers.Cholesky(1e-6)
    changed, anew = (rw.Session(image, superpixels=False, solver=solver) for solver in solvers)
    answers: dict[str, Callable[[], object]] = {
        METHODS[0]: lambda: changed.labels,
        METHODS[1]: lambda: anew.labels,
        METHODS[2]: lambda: rw.random_walker(image, changed.strokes),
    }
    taken: dict[str, list[float]] = {name: [] for name in METHODS}
    chance, along = np.random.default_rng(0), np.arange(LENGTH)
    places = [(side // 2, side // 2 + along), (5, 5 + along)]
    places += [(int(chance.integers(side)), chance.integers(side - LENGTH) + along) for _ in range(strokes)]
    for number, place in enumerate(places):
        for session in (changed, anew):
            session.paint(1 + number % 2, place)
        if number:
            for name, answer in answers.items():
                began = clock()
                answer()
                taken[name].append(clock() - began)
    exact = rw.random_walker(image, changed.strokes, return_full_prob=True)
    return taken, float(np.abs(changed.probabilities - exact).max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sides", type=int, nargs="+", default=[512, 1024])
    parser.add_argument("--strokes", type=int, default=8)
    parser.add_argument("--cpu", action="store_true", help="CPU seconds of one thread in place of those that pass")
    options = parser.parse_args()
    if options.cpu:
        torch.set_num_threads(1)
    clock = time.process_time if options.cpu else time.perf_counter
    unit = "CPU seconds" if options.cpu else "seconds"
    print(f"{child.machine()}, {unit}, {options.strokes} strokes of {LENGTH} pixels\n")
    print("| image | method | first answer | a stroke, median | the longest | largest difference |")
    print("|---|---|---|---|---|---|")
    for side in options.sides:
        taken, difference = measure(side, options.strokes, clock)
        for name, (first, *later) in taken.items():
            told = f"{difference:.0e}" if name == METHODS[0] else "–"
            print(
                f"| {side}² | {name} | {first:.2f} | {statistics.median(later):.3f} | {max(later):.2f} | {told} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
