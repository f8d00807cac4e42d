"""How long a person waits after a stroke: `Session` on a colour photograph, over superpixels and over pixels.

Claim: none; the aim is 0.25 s at 512² and 1 s at 1024² on two cores.
Peers: none of the libraries at hand answers stroke by stroke; `experiments/interactive` compares whole answers.
Run: pip install -e '.[image]', then python benchmarks/strokes.py
Last result: docs/segment.md.
"""

import argparse
import statistics
import time

import child
import numpy as np
from skimage import data, transform

import graphrw as rw


def seconds_of_strokes(side: int, *, superpixels: bool, strokes: int) -> tuple[float, float]:
    """Of the first answer, and the median of those to further strokes, each an eighth of the image long."""
    image = (255 * transform.resize(data.coffee(), (side, side), anti_aliasing=True)).astype(np.uint8)
    session, random = rw.Session(image, channel_axis=-1, superpixels=superpixels), np.random.default_rng(0)
    length = np.arange(side // 8)
    session.paint(1, (side // 2, side // 2 + length))
    session.paint(2, (5, 5 + length))
    waited = [_wait(session)]
    for number in range(strokes):
        session.paint(1 + number % 2, (int(random.integers(side)), random.integers(side - len(length)) + length))
        waited.append(_wait(session))
    return waited[0], statistics.median(waited[1:])


def _wait(session: rw.Session) -> float:
    began = time.perf_counter()
    _ = session.labels
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sides", type=int, nargs="+", default=[512, 1024])
    parser.add_argument("--strokes", type=int, default=6)
    options = parser.parse_args()
    print(f"{child.machine()}, median of {options.strokes} strokes\n")
    print("| image | walk over | first answer (s) | a stroke (s) |\n|---|---|---|---|")
    for side in options.sides:
        for superpixels in (True, False):
            first, later = seconds_of_strokes(side, superpixels=superpixels, strokes=options.strokes)
            kind = "superpixels" if superpixels else "pixels"
            print(f"| {side}² | {kind} | {first:.2f} | {later:.2f} |", flush=True)


if __name__ == "__main__":
    main()
