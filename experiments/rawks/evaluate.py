"""Segmenters that have learned from scribbles, by a walk or without, beside those that have learned from all pixels.

As Vernaza & Chandraker (CVPR 2017): the mean IoU of Q, which sees the image alone, for each kind of labels that it has
learned from; that of P, which sees scribbles too, where it answers everywhere and where it abstains; and that of the
best labels that superpixels can have.

`experiments/README.md` says how to run this and which data it needs.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # so that the file runs by its path

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from experiments.rawks.methods import heads, optimum, spread, unlearned
from experiments.rawks.scenes import SETS, SHARE, SIMULATED, STRIDE, Scene, kind_of, read
from experiments.rawks.train import ROWS
from experiments.shared.command import Evaluation, option, parsed
from experiments.shared.results import check_weights, table, write
from experiments.shared.results import spread as mean_and_deviation
from graphrw.functional import abstain, entropy
from graphrw.metrics import mean_iou
from graphrw.models import RAWKS
from graphrw.models.cells import padded
from graphrw.models.rawks import HEIGHT
from graphrw.nn import BoundaryLabels
from graphrw.segmentation import random_walker, segment

ABSTAINING = (0.0, 0.06)
GUESS_RATE = 0.1
BETAS = (1e3, 3e3, 1e4, 3e4, 1e5)
SUPERPIXELS = (100, 200, 400, 800)


@dataclass(frozen=True, kw_only=True)
class Config(Evaluation):
    set: str = option("camvid_subset", "as in training", of=SETS)
    strokes: str = option(SIMULATED, "as in training")
    share: float = option(SHARE, "how long simulated strokes are, of the longest path in the skeleton of a region")
    stride: int = option(STRIDE, "pixels of the reduced photographs for each cell")
    scratch: bool = option(False, "as in training")
    slope: bool = option(True, "as in training")
    models: tuple[Path, ...] = option((), "folders that `train.py` has left, one for each training seed", there=True)


def model_of(folder: Path, row: str, features: int, *, scratch: bool = False) -> RAWKS | None:
    """None where the row was not trained."""
    path = folder / f"{row}.safetensors"
    return RAWKS.load(path, **heads(features, scratch=scratch)) if path.exists() else None


def iou(answers: list[Tensor], scenes: list[Scene]) -> float:
    """In per cent, over all pixels of all scenes on which there is an answer."""
    answer = torch.cat([each.flatten() for each in answers])
    truth = torch.cat([scene.classes.flatten() for scene in scenes])
    return 100 * mean_iou(answer, torch.where(answer < 0, -1, truth), ignore_index=-1)


def of_superpixels(scenes: list[Scene], classes: int) -> Iterator[dict[str, Any]]:
    """What superpixels can reach, whatever labels them."""
    for count in SUPERPIXELS:
        for consistent, name in ((False, "SPOPT"), (True, "SPCON")):
            found = [optimum(scene, classes, count, consistent=consistent) for scene in scenes]
            yield {"model": 0, "method": f"{name}, {count} superpixels", "mean IoU": iou(found, scenes)}


def of_colours(scenes: list[Scene]) -> Iterator[dict[str, Any]]:
    """What others make of the same scribbles that have not learned what a boundary looks like."""

    for beta in BETAS:
        found = [unlearned(random_walker, scene, beta=beta) for scene in scenes]
        yield {"model": 0, "method": f"random walker, colours, β = {beta:.0f}", "mean IoU": iou(found, scenes)}
    yield {"model": 0, "method": "rw.segment", "mean IoU": iou([unlearned(segment, scene) for scene in scenes], scenes)}


def of_true_walls(scenes: list[Scene], classes: int) -> dict[str, Any]:
    """What P reaches at this resolution where walls stand on one side of every true boundary and nowhere else."""
    walk, found = BoundaryLabels(num_labels=classes), []
    for scene in scenes:
        stride, middle = scene.stride, slice(scene.stride // 2, None, scene.stride)
        cells = padded(scene.classes[None].float(), stride)[0, :, middle, middle]
        wall = torch.zeros_like(cells)
        wall[:, 1:][cells[:, 1:] != cells[:, :-1]] = HEIGHT
        wall[:, :, 1:][cells[:, :, 1:] != cells[:, :, :-1]] = HEIGHT
        found.append(scene.at_pixels(walk(wall[None], scene.seeds)).argmax(1))
    return {"model": 0, "method": "P, true walls", "mean IoU": iou(found, scenes)}


def of_models(config: Config, scenes: list[Scene]) -> Iterator[dict[str, Any]]:
    """One row for each model and for what it answers."""
    for index, folder in enumerate(config.models):
        for row in ROWS:
            model = model_of(folder, row, scenes[0].features.shape[1], scratch=config.scratch)
            if model is not None:
                found = [scene.at_pixels(model(scene.features)).argmax(1) for scene in scenes]
                yield {"model": index, "method": f"Q, {row}", "mean IoU": iou(found, scenes)}
            if model is not None and row in ("joint", "then_q"):
                found = [scene.at_pixels(spread(model, scene, GUESS_RATE)).argmax(1) for scene in scenes]
                yield {"model": index, "method": f"P with guesses of Q, {row}", "mean IoU": iou(found, scenes)}
            if model is not None and row == "joint":
                yield from ({"model": index, **line} for line in of_walk(model, scenes))


def of_walk(model: RAWKS, scenes: list[Scene]) -> Iterator[dict[str, Any]]:
    """P: where it answers everywhere, and where not; how sure it is, and how high walls are."""
    shares = [scene.at_pixels(spread(model, scene)) for scene in scenes]
    boundary = torch.cat([model.boundary(scene.features).flatten() for scene in scenes])
    unsure = torch.cat([entropy(each).flatten() for each in shares]).mean()
    for fraction in ABSTAINING:
        found = [abstain(each, fraction) for each in shares]
        told = {"entropy": float(unsure), "mean B": float(boundary.mean()), "highest B": float(boundary.max())}
        yield {"method": f"P, abstaining on {fraction:.0%}", "mean IoU": iou(found, scenes), **told}


def summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A line for each method: means over models."""
    keys = list(dict.fromkeys(key for row in rows for key in row if key not in ("model", "method")))
    lines = []
    for method in dict.fromkeys(row["method"] for row in rows):
        mine = [row for row in rows if row["method"] == method]
        shown = {key: mean_and_deviation([row[key] for row in mine], 2) if key in mine[0] else "" for key in keys}
        lines.append({"method": method, **shown})
    return lines


@torch.no_grad()
def main(arguments: list[str] | None = None) -> None:
    config = parsed(Config, __doc__, arguments)
    if not config.models:
        raise SystemExit("Which models? Give --models, as `experiments/rawks/train.py` has left them.")
    check_weights(config.models, ROWS)
    kind = kind_of(config.set, config.strokes)
    options = {"share": config.share, "stride": config.stride, "scratch": config.scratch, "slope": config.slope}
    scenes = read(config.data, config.set, config.split, config.strokes, **options)
    rows = [
        *of_models(config, scenes),
        of_true_walls(scenes, kind.classes),
        *of_colours(scenes),
        *of_superpixels(scenes, kind.classes),
    ]
    print(f"{config.set} {config.split}: {len(scenes)} scenes, {len(config.models)} models\n")
    print(table(summary(rows)))
    write(config.out, config, rows, summary=summary(rows))


if __name__ == "__main__":
    main()
