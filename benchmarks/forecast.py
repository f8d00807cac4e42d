"""What `Session.forecast` says beside what an answer then takes (Linux only).

Claim: none; the constants of `graphrw/segmentation/session/forecast.py` are chosen from what this prints.
Peers: none.
Run: pip install -e '.[image]', then python benchmarks/forecast.py [--shapes 512x512 48x96x96] [--labels 2 10]
Each line is a process of its own, with an answer on a small image before it, so that libraries are loaded. Bytes are
the peak of the process less what it held before; seconds are of the processor, which with a single thread
(OMP_NUM_THREADS=1) hang little on what else the machine does.
Last result: docs/benchmarks.md.
"""

import argparse
import time
from collections.abc import Sequence

import child
import numpy as np
from skimage import data, transform

import graphrw as rw

MIB = 2**20
PATIENCE = 500  # seconds for a line


def picture(shape: Sequence[int]) -> np.ndarray:
    """A photograph, or a volume of waves and noise."""
    if len(shape) == 2:
        return transform.resize(data.astronaut(), shape, anti_aliasing=True).mean(-1)
    waves = sum(np.sin(index / (7 + 2 * axis)) for axis, index in enumerate(np.indices(shape)))
    return waves + 0.2 * np.random.default_rng(0).random(shape)


def session(shape: Sequence[int], labels: int, *, superpixels: bool) -> rw.Session:
    """One with a stroke of each label, an eighth of the image long."""
    made, random = rw.Session(picture(shape), superpixels=superpixels), np.random.default_rng(1)
    length = np.arange(shape[-1] // 8)
    for label in range(1, labels + 1):
        place = [np.full(len(length), random.integers(size)) for size in shape[:-1]]
        made.paint(label, (*place, random.integers(shape[-1] - len(length)) + length))
    return made


def measure(tell: child.Tell, shape: Sequence[int], labels: int, superpixels: bool) -> None:
    """Seconds and MiB of the first answer and of one after a further stroke, as said and as they are."""
    _ = session([40] * len(shape), 2, superpixels=superpixels).labels
    made = session(shape, labels, superpixels=superpixels)
    for name in ("first", "stroke"):
        said = made.forecast()
        held, begin = child.forget_peak(), time.process_time()
        _ = made.labels
        taken = time.process_time() - begin
        peak = 1024 * (child.memory("VmHWM") - held)
        tell({name: [said.seconds, taken, said.bytes / MIB, peak]})
        made.paint(1, tuple([size // 2] for size in shape))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", nargs="+", default=["256x256", "512x512", "1024x1024", "48x96x96"])
    parser.add_argument("--labels", type=int, nargs="+", default=[2, 10])
    options = parser.parse_args()
    print(f"{child.machine()}\n")
    print("| image | labels | walk over | answer | seconds, said | and taken | MiB, said | and taken |")
    print("|---|---|---|---|---|---|---|---|")
    for words in options.shapes:
        shape = [int(word) for word in words.split("x")]
        for labels in options.labels:
            for kind in ("superpixels", "pixels"):
                told, end = child.run(measure, (shape, labels, kind == "superpixels"), PATIENCE)
                for name, (said, taken, room, peak) in told.items():
                    size = words.replace("x", " × ")
                    print(
                        f"| {size} | {labels} | {kind} | {name} | {said:.2g} | {taken:.2g} | {room:.0f} | {peak:.0f} |",
                        flush=True,
                    )
                if end:
                    print(f"| {words} | {labels} | {kind} | {end} | | | | |")


if __name__ == "__main__":
    main()
