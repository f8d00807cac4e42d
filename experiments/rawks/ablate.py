"""What each part of the joint training is good for: it is trained again with one thing changed at a time.

`experiments/README.md` says how to run this and which data it needs.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # so that the file runs by its path

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch

from experiments.rawks import train
from experiments.rawks.evaluate import iou, model_of, of_walk, summary
from experiments.rawks.scenes import Scene, read
from experiments.shared.command import option, parsed
from experiments.shared.results import table, write

CHANGES: dict[str, dict[str, Any]] = {
    "as it is": {},
    "no cross entropy at the seeds beside P": {"seed_weight": 0.0},
    "Q not alone at first": {"alone": 0.0},
    "weights of the loss are differentiated": {"detach_weight": False},
    "gain 1": {"gain": 1.0},
    "start −4": {"start": -4.0},
    "entropy weight 1 to the end": {"last_entropy_weight": 1.0},
    "entropy weight 0.2 throughout": {"entropy_weight": 0.2},
    "α = 0": {"alpha": 0.0},
    "α = 3": {"alpha": 3.0},
    "a temperature of P is learned": {"temperature": True},
    "walls on cells of half the size": {"stride": 2},
    "no slope of colours among the features": {"slope": False},
}


@dataclass(frozen=True, kw_only=True)
class Config(train.Config):
    split: str = option("val", "of the scenes that are scored")
    changes: tuple[str, ...] = option(tuple(CHANGES), "which", of=CHANGES)
    results: Path | None = option(None, "a JSON file for the results")


def scenes_of(config: Config) -> tuple[list[Scene], list[Scene]]:
    """Those to learn from, and those that are scored."""

    def of(split: str, mirrored: bool) -> list[Scene]:
        options = {"share": config.share, "stride": config.stride, "slope": config.slope, "mirrored": mirrored}
        return read(config.data, config.set, split, config.strokes, **options)

    return of(config.train_on, True), of(config.split, False)


def scores(config: Config) -> Iterator[dict[str, Any]]:
    """A row for each change and seed."""
    for name in config.changes:
        changed = replace(config, rows=("joint",), **CHANGES[name])
        learned, asked = scenes_of(changed)
        for seed in config.seeds or (config.seed,):
            folder = config.out / str(list(CHANGES).index(name)) / str(seed)
            train.train(replace(changed, seed=seed, out=folder), learned)
            with torch.no_grad():
                model = model_of(folder, "joint", asked[0].features.shape[1])
                found = [scene.at_pixels(model(scene.features)).argmax(1) for scene in asked]
                walk = {key: value for key, value in next(of_walk(model, asked)).items() if key != "method"}
            yield {"model": seed, "method": name, "Q": iou(found, asked), "P": walk.pop("mean IoU"), **walk}


def main(arguments: list[str] | None = None) -> None:
    config = parsed(Config, __doc__, arguments)
    if config.out is None:
        raise SystemExit("Where do checkpoints and weights go? Give --out DIR, outside the repository.")
    rows = list(scores(config))
    print(f"{config.set} {config.split}\n")
    print(table(summary(rows)))
    write(config.results, config, rows, summary=summary(rows))


if __name__ == "__main__":
    main()
