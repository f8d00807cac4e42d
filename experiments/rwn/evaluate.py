"""Scenes segmented by a coarse network, alone and with walks behind it whose weights are learned or not.

As Bertasius et al. (CVPR 2017): mean and overall intersection over union, errors in bands along true boundaries of
growing width (trimaps), and F-scores of boundaries, of A f and of the limit (1 − α)(I − αA)⁻¹ f. The numbers of each
method, α among them, are those of the best mean IoU on the split `--tune-on`. A dense CRF stands beside them where
pydensecrf is installed.

`experiments/README.md` says how to run this and which data it needs.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # so that the file runs by its path

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from experiments.data.folders import if_there
from experiments.rwn.methods import (
    AS_LEARNED,
    KERNELS,
    STEPS,
    DenseCRF2D,
    Kernel,
    Scored,
    Setting,
    crf,
    settings,
    walked,
)
from experiments.rwn.scenes import SETS, CoarseNetwork, FineNetwork, Scene, read
from experiments.shared.command import Evaluation, option, parsed
from experiments.shared.results import check_weights, spread, table, told, write
from graphrw.metrics import boundary_f_score, mean_iou, trimap_error
from graphrw.models import RWN

WIDTHS = (1, 2, 4, 8, 16)  # of the bands, in pixels of the reduced photographs
BOUNDARY_TOLERANCE = 0.0075
CHOSEN: dict[str, Any] = {  # about what was best on val
    "learned": AS_LEARNED,
    "uniform": Setting("uniform", 1.0, 0.2),
    "gaussian": Setting("gaussian", 0.03, 0.5),
    "colours": Setting("colours", 100.0, 0.5),
    "crf": Kernel(3.0, 20.0, 5.0),
}
RADII = (2.0, 5.0, 10.0)
ABLATED_ALPHAS = (0.01, 0.1, 0.5, 0.8, 0.9, 0.95, 0.99)

Method = Callable[[Scored], Tensor]


@dataclass(frozen=True, kw_only=True)
class Config(Evaluation):
    set: str = option("camvid_subset", "which", of=SETS)
    models: tuple[Path, ...] = option((), "folders that `train.py` has left, one for each training seed", there=True)
    tune_on: str = option("val", "the split on which numbers are chosen")
    tune_scenes: int = option(3, "how many of it")
    reduce: int = option(2, "as in training")
    radius: float = option(5.0, "of the walk")
    ablate: bool = option(False, "steps, radius and α of the learned walk, on the first model alone")


# What a row of the table is: the stage whose weights are taken, and the weights of the walk.
ROWS = {
    "network alone": ("none", None),
    "learned walk": ("learned", "as learned"),
    "learned walk, power and α chosen": ("learned", "learned"),
    "scores of the learned walk, without it": ("learned", None),
    "unlearned: uniform": ("none", "uniform"),
    "unlearned: Gaussian of colours": ("none", "gaussian"),
    "unlearned: L1 of colours": ("none", "colours"),
    "unlearned: uniform, trained through it": ("uniform", "uniform"),
    "unlearned: Gaussian of colours, trained through it": ("gaussian", "gaussian"),
    "unlearned: L1 of colours, trained through it": ("colours", "colours"),
    "dense CRF": ("none", "crf"),
}


def model_of(config: Config, folder: Path, stage: str) -> RWN | None:
    """None where the stage was not trained."""
    path = folder / f"{stage}.safetensors"
    return RWN.load(path, trunk=CoarseNetwork(), affinity_trunk=FineNetwork()) if path.exists() else None


def candidates(weights: str | None) -> list[tuple[Any, Method]]:
    """All numbers of a method, with what it does."""
    if weights is None:
        return [(None, lambda scored: scored.f)]
    if weights == "crf":
        return [(kernel, partial(crf, kernel=kernel)) for kernel in KERNELS] if DenseCRF2D is not None else []
    return [(setting, partial(walked, setting=setting)) for setting in settings(weights)]


def iou(found: list[Tensor], scenes: list[Scene]) -> float:
    """Over all pixels of all scenes."""
    truth = torch.cat([scene.classes.flatten() for scene in scenes])
    return 100 * mean_iou(torch.cat([each.flatten() for each in found]), truth, ignore_index=-1)


def scores(found: list[Tensor], scenes: list[Scene]) -> dict[str, float]:
    """All figures, in per cent."""
    truth = torch.cat([scene.classes.flatten() for scene in scenes])
    answer = torch.cat([each.flatten() for each in found])
    known = truth >= 0
    hits, total = float((answer == truth)[known].double().sum()), float(known.double().sum())
    figures = {"mean IoU": iou(found, scenes), "overall IoU": 100 * hits / (2 * total - hits)}
    for width in WIDTHS:
        errors = [
            trimap_error(a[0], scene.classes[0], width, ignore_index=-1) for a, scene in zip(found, scenes, strict=True)
        ]
        figures[f"trimap {width}"] = 100 * statistics.mean(errors)
    pairs = zip(found, scenes, strict=True)
    lines = [boundary_f_score(a[0], scene.classes[0], BOUNDARY_TOLERANCE) for a, scene in pairs]
    return {**figures, "boundary F": 100 * statistics.mean(lines)}


def best(tried: list[tuple[Any, Method]], scored: list[Scored]) -> tuple[Any, Method]:
    """That of the largest mean IoU; without scenes to try them on, the usual one."""
    if len(tried) == 1:
        return tried[0]
    if not scored:
        return next(pair for pair in tried if pair[0] in CHOSEN.values())
    scenes = [each.scene for each in scored]
    return max(tried, key=lambda pair: iou([each.classes(pair[1](each)) for each in scored], scenes))


def tuning(config: Config) -> list[Scene]:
    """Scenes on which numbers are chosen; none, and it says so, where the set has no such split."""
    found = if_there(
        lambda: read(config.data, config.set, config.tune_on, config.reduce),
        "So free numbers are those that were best on camvid_subset.",
    )
    return found[: config.tune_scenes]


def figures(config: Config, scenes: list[Scene], known: list[Scene]) -> Iterator[dict[str, Any]]:
    """One row for each model and method."""
    for index, folder in enumerate(config.models):
        for name, (stage, weights) in ROWS.items():
            model = model_of(config, folder, stage)
            tried = candidates(weights)
            if model is None or not tried:
                continue
            chosen, method = best(tried, [Scored(scene, model, config.radius) for scene in known])
            found, seconds = [], 0.0
            for scene in scenes:
                scored = Scored(scene, model, config.radius)
                began = time.process_time()
                found.append(scored.classes(method(scored)))
                seconds += time.process_time() - began
            row = {"model": index, "method": name, "chosen": str(chosen), **scores(found, scenes)}
            yield {**row, "seconds": seconds / len(scenes)}


def ablations(config: Config, scenes: list[Scene]) -> Iterator[dict[str, Any]]:
    """The learned walk of the first model with other numbers of steps, radii and α."""
    model = model_of(config, config.models[0], "learned")
    assert model is not None
    plain = Setting("learned")
    for radius in RADII:
        changes = [replace(plain, steps=steps) for steps in STEPS] if radius == config.radius else [plain]
        alphas = ABLATED_ALPHAS if radius == config.radius else (0.5, 0.9)
        changes += [replace(plain, alpha=alpha) for alpha in alphas]
        scored = [Scored(scene, model, radius) for scene in scenes]
        for setting in changes:
            found = [each.classes(walked(each, setting)) for each in scored]
            shown = {key: value for key, value in asdict(setting).items() if key in ("alpha", "steps")}
            yield {"radius": radius, **shown, **scores(found, scenes)}


def summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A line for each method: means over models."""
    keys = [key for key in rows[0] if key not in ("model", "method", "chosen")]
    lines = []
    for method in dict.fromkeys(row["method"] for row in rows):
        mine = [row for row in rows if row["method"] == method]
        lines.append({"method": method, **{key: spread([row[key] for row in mine], 2) for key in keys}})
    return lines


@torch.no_grad()
def main(arguments: list[str] | None = None) -> None:
    config = parsed(Config, __doc__, arguments)
    if not config.models:
        raise SystemExit("Which models? Give --models, as `experiments/rwn/train.py` has left them.")
    check_weights(config.models, {stage for stage, _ in ROWS.values()})
    scenes = read(config.data, config.set, config.split, config.reduce)
    if DenseCRF2D is None:
        print("pydensecrf is not installed: the dense CRF is left out.\n")
    rows = told(figures(config, scenes, tuning(config)))
    print(f"{config.set} {config.split}: {len(scenes)} scenes, {len(config.models)} models\n")
    print(table(summary(rows)))
    ablated = list(ablations(config, scenes)) if config.ablate else []
    if ablated:
        print("\n" + table(ablated, digits=2))
    write(config.out, config, rows, summary=summary(rows), ablations=ablated)


if __name__ == "__main__":
    main()
