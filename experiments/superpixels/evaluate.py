"""How much is lost, and how much time won, where a walk goes over superpixels, or squares, instead of pixels.

All walks see the same seeds and the same colours (or the same map of boundaries); times are those of the processor
for all that is done from an image and seeds to labels, superpixels included where they do not come with the data; they
are made of the image as it is, and of one of half its sides. The score is the share of the pixels with a known label
and without a seed that get it. β, and the size of superpixels, are those of the best mean score on images of
`--tune-on`, for each set and method, or the usual ones where there are none.

`experiments/README.md` says how to run this and which data it needs.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # so that the file runs by its path

import statistics
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from experiments.data.folders import if_there
from experiments.shared.command import Evaluation, option, parsed
from experiments.shared.results import table, write
from experiments.superpixels.methods import METHODS, OF_IMAGES, OF_VOLUMES, PIXELS, USUAL, USUAL_OF_VOLUMES, Option
from experiments.superpixels.scenes import SCENES, Scene, Some

# These have no splits, and medscribble may have none: nothing is chosen on what is scored.
TUNED_ON = dict.fromkeys(("medscribble, 0", "berkeley, clicks", "coco_mval, clicks"), "grabcut, robot")


TITLES = {"labels": "labels", "% right": "accuracy", "s": "seconds"}  # of columns, for what is in rows


@dataclass(frozen=True, kw_only=True)
class Config(Evaluation):
    sets: tuple[str, ...] = option(tuple(SCENES), "some", of=SCENES)
    images: int = option(0, "at most so many of each set, spread evenly; 0: all")
    tune_on: str = option("train", "the split on which β and sizes are chosen")
    tune_images: int = option(20, "so many of it")
    side: int = option(0, "take the middle of a volume where β is chosen, so many voxels along each axis; 0: all")


def score(scene: Scene, method: str, chosen: Option) -> dict[str, Any]:
    began = time.process_time()
    found = METHODS[method](scene, chosen)
    seconds = time.process_time() - began
    right = float((found == scene.truth)[scene.known].mean())
    labels = len(np.unique(scene.seeds)) - 1
    return {"image": scene.name, "labels": labels, "accuracy": 100 * right, "seconds": seconds}


def tuning(config: Config, name: str) -> list[Scene]:
    """Scenes on which numbers are chosen; none, and it says so, where the set has no such split."""
    reader, some = SCENES[TUNED_ON.get(name, name)], Some(config.tune_images, config.side)
    return if_there(
        lambda: reader(config.data, config.tune_on, some), "So β and the size of superpixels are the usual ones."
    )


def tuned(scenes: list[Scene], method: str, *, volumes: bool) -> Option:
    if not scenes:
        return (USUAL_OF_VOLUMES if volumes else USUAL)[method]
    options = _options(volumes)[method]
    return max(options, key=lambda each: statistics.mean(score(scene, method, each)["accuracy"] for scene in scenes))


def _options(volumes: bool) -> dict[str, list[Option]]:
    return OF_VOLUMES if volumes else OF_IMAGES


def figures(config: Config) -> Iterator[list[dict[str, Any]]]:
    """For each image a row for each method."""
    for name in config.sets:
        scenes = list(SCENES[name](config.data, config.split, Some(config.images)))
        known, volumes = tuning(config, name), scenes[0].supervoxels is not None
        chosen = {method: tuned(known, method, volumes=volumes) for method in _options(volumes)}
        for method, best in chosen.items():
            score((known or scenes)[0], method, best)  # what is loaded at the first call does not count
        for scene in scenes:
            yield [
                {"set": name, "method": method, **asdict(best), **score(scene, method, best)}
                for method, best in chosen.items()
            ]


def summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A line for each set and method: means over its images, and the ratio of the mean times."""
    lines = []
    for name in dict.fromkeys(row["set"] for row in rows):
        for method in METHODS:
            mine = [row for row in rows if (row["set"], row["method"]) == (name, method)]
            if mine:
                lines.append({"set": name, "method": method, **_means(mine)})
    seconds = {line["set"]: line["s"] for line in lines if line["method"] == PIXELS}
    return [{**line, "times as fast": round(seconds[line["set"]] / line["s"], 1)} for line in lines]


def _means(rows: list[dict[str, Any]]) -> dict[str, Any]:
    chosen = {"β": f"{rows[0]['beta']:g}", "pixels of a region": str(rows[0]["pixels"] or "")}
    chosen["compactness"] = f"{rows[0]['compactness']:g}" if rows[0]["compactness"] else ""
    means = {title: statistics.mean(row[key] for row in rows) for title, key in TITLES.items()}
    return {"images": len(rows), **means, **chosen}


def main(arguments: list[str] | None = None) -> None:
    config = parsed(Config, __doc__, arguments)
    rows: list[dict[str, Any]] = []
    for both in figures(config):
        rows += both
        write(config.out, config, rows, summary=summary(rows))
    print(f"split {config.split}\n\n{table(summary(rows))}")


if __name__ == "__main__":
    main()
