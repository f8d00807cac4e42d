"""Train the networks whose weights come with graphrw, and write the files that it ships.

Each is trained as `experiments/lrw/train.py` does it, with the options of `recipes.py`, and written in half precision:
NAME.safetensors in `--out`.

`experiments/README.md` says how to run this and which data it needs.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # so that the file runs by its path

from dataclasses import dataclass
from typing import Any

from experiments.lrw.train import Config as Recipe
from experiments.lrw.train import train
from experiments.pretrained.recipes import PEERS, RECIPES
from experiments.shared.command import Training, option, parsed


@dataclass(frozen=True, kw_only=True)
class Config(Training):
    name: str = option("em_membranes_2d", "which", of=(*RECIPES, *PEERS))
    train_on: str = option("train", "the split to learn from")
    choose_on: str = option("val", "the split whose pieces tell which weights are best")
    minutes: float = option(0.0, "for how long to train, in all; 0: as long as the recipe says")


def recipe_of(config: Config) -> Recipe:
    """The options of the training."""
    if config.out is None:
        raise SystemExit("Where do checkpoints and weights go? Give --out DIR, outside the repository.")
    chosen: dict[str, Any] = {**{**RECIPES, **PEERS}[config.name], "seed": config.seed}
    chosen["minutes"] = config.minutes or chosen["minutes"]
    place = {name: getattr(config, name) for name in ("data", "device", "threads", "train_on", "choose_on")}
    return Recipe(**place, out=config.out / config.name, **chosen)


def main(arguments: list[str] | None = None) -> None:
    config = parsed(Config, __doc__, arguments)
    recipe = recipe_of(config)
    train(recipe).half().save(recipe.out.parent / f"{config.name}.safetensors")


if __name__ == "__main__":
    main()
