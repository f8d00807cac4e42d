"""Many labels on an image most of whose pixels are left out, as where nuclei are told apart on their foreground.

Claim: a call of `random_walker` costs what its active pixels ask for, and as many columns as the most labels that any
component of them holds: with 15 % active and 100 labels no more than 1.5 × scikit-image's direct mode, most often
less than it.
Peers: scikit-image's `random_walker`, modes `bf` and, with pyamg installed, `cg_mg`; else it is left out, and said.
Run: python benchmarks/masked_image.py [--sizes 256 512] [--runs 7] [--data DIR]
DIR holds images/NAME.png, of one channel or three, and labels/NAME.png: 0 is background, every nucleus has its id.
Last result: docs/benchmarks.md.
"""

import argparse
import importlib.util
import os
import platform
import statistics
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from skimage import filters, io, segmentation

import graphrw as rw

BETA, ACTIVE, DENSITY = 500.0, 0.15, 100 / 256**2  # 100 nuclei on 256², …
Array = NDArray[Any]


@dataclass(frozen=True)
class Case:
    """An image, and what `random_walker` takes as labels: one pixel for each nucleus, −1 on the background."""

    name: str
    image: Array
    labels: Array

    @property
    def row(self) -> str:
        pieces, count = ndimage.label(self.labels >= 0)
        most = max(len(np.unique(self.labels[(pieces == piece) & (self.labels > 0)])) for piece in range(1, count + 1))
        ids = len(np.unique(self.labels[self.labels > 0]))
        return f"| {self.name} | {(self.labels >= 0).mean():.0%} | {ids} | {count} | {most} |"


def generated(size: int, *, together: bool) -> Case:
    """Round nuclei of uneven brightness under noise, at random places; or `together`, in one square of tissue."""
    draw = np.random.default_rng(size)
    number, side = round(DENSITY * size**2), round(ACTIVE**0.5 * size) if together else size
    centres = (size - side) / 2 + draw.random((number, 2)) * side
    distance = np.linalg.norm(np.indices((size, size))[..., None] - centres.T[:, None, None], axis=0)
    radius = size * (ACTIVE / np.pi / number) ** 0.5 * draw.uniform(0.9, 1.3, number)
    inside = (distance < radius).any(-1)
    if together:
        inside[(size - side) // 2 : (size + side) // 2, (size - side) // 2 : (size + side) // 2] = True
    image = inside * draw.uniform(0.5, 1, number)[(distance / radius).argmin(-1)]
    image = image + 0.05 * draw.standard_normal(image.shape)
    labels = np.where(inside, 0, -1)
    labels[tuple(centres.astype(int).T)] = 1 + np.arange(number)
    return Case(f"{size}², {'one piece' if together else 'scattered'}", image, labels)


def real(folder: Path) -> Iterator[Case]:
    """Each image with the pixel deepest inside each nucleus as its seed, on what Otsu's threshold calls foreground."""
    for path in sorted((folder / "images").glob("*.png")):
        image = io.imread(path).astype(float)  # type: ignore[no-untyped-call]
        image = image if image.ndim == 2 else image[..., :3].mean(-1)
        image = (image - image.min()) / np.ptp(image)
        nuclei = io.imread(folder / "labels" / path.name).astype(np.int64)  # type: ignore[no-untyped-call]
        seeds = rw.partition.oracle_seeds(torch.from_numpy(nuclei), ignore_index=0).numpy()
        smooth = filters.gaussian(image, 1)
        bright = smooth > filters.threshold_otsu(smooth)
        bright = bright if bright.mean() < 0.5 else ~bright  # stained tissue is dark
        labels = np.where(seeds > 0, seeds, np.where(bright, 0, -1))
        pieces, _ = ndimage.label(labels >= 0)
        seeded = np.isin(pieces, np.unique(pieces[seeds > 0]))  # the others no walker leaves
        yield Case(path.stem, image, np.where(seeded, labels, -1))


def methods() -> dict[str, Callable[[Case], object]]:
    def peer(mode: str) -> Callable[[Case], object]:
        return lambda case: segmentation.random_walker(case.image, case.labels, beta=BETA, mode=mode)

    found = {"graphrw": lambda case: rw.random_walker(case.image, case.labels, beta=BETA), "`bf`": peer("bf")}
    if importlib.util.find_spec("pyamg") is None:
        print("pyamg is not installed: no `cg_mg`.\n")
        return found
    return {**found, "`cg_mg`": peer("cg_mg")}


def medians(case: Case, runs: int) -> list[float]:
    """Seconds of processor time of each method, run in turn after a call that warms up."""
    seconds: dict[str, list[float]] = {name: [] for name in METHODS}
    for run in range(runs + 1):
        for name, method in METHODS.items():
            start = time.process_time()
            method(case)
            if run:
                seconds[name].append(time.process_time() - start)
    return [statistics.median(values) for values in seconds.values()]


METHODS = methods()


def report(cases: Sequence[Case], runs: int) -> None:
    print(f"| image | active | labels | components | most labels in one | {' | '.join(METHODS)} | over `bf` |")
    print("|" + "---|" * (6 + len(METHODS)))
    ratios = []
    for case in cases:
        found = medians(case, runs)
        ratios.append(found[0] / found[1])
        print(f"{case.row} {' | '.join(f'{value:.3f}' for value in found)} | {ratios[-1]:.2f} |", flush=True)
    print(f"\nOver `bf`: median {statistics.median(ratios):.2f}, at most {max(ratios):.2f}, of {len(ratios)} images.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="*", default=[256, 512])
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--data", type=Path, help="the folder of images/ and labels/")
    given = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", module="skimage|pyamg|scipy")  # what they say of tolerances is not measured here
    print(f"{platform.platform()}, torch {torch.__version__}; seconds of one processor, medians of {given.runs} runs\n")
    cases = [generated(size, together=together) for size in given.sizes for together in (False, True)]
    report([*cases, *(real(given.data) if given.data else ())], given.runs)


if __name__ == "__main__":
    main()
