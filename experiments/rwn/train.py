"""Train a coarse segmenter, and then once more with a walk behind it: learned, unlearned, or none.

In the first stage the network learns without a walk. In the second, which starts from there, it goes on to learn
through a walk (Bertasius et al., CVPR 2017): `--walk learned`, with the affinity branch and its loss; or through a walk
whose weights are not learned: `colours`, exp(−β · L1 distance of RGB), `gaussian` of the same, or `uniform`; each
through the limit that predicts, or with `--alpha 0` through one step, as in the paper. Or it goes on without any:
`none`, so that all have had the same steps.

`experiments/README.md` says how to run this and which data it needs.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # so that the file runs by its path

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

import graphrw as rw
from experiments.rwn.methods import UNLEARNED, unlearned
from experiments.rwn.scenes import SETS, Piece, Scene, drawn, made, piece, read
from experiments.shared.command import TrainingInSteps, device_of, larger, option, parsed
from experiments.shared.stages import stage
from graphrw.functional import limit, local_affinity_loss, local_step
from graphrw.models import RWN
from graphrw.models.training import Schedule

PREDICTING = 5.0  # pixels: the radius of walks that predict
WALKS = ("learned", *UNLEARNED, "none")


@dataclass(frozen=True, kw_only=True)
class Config(TrainingInSteps):
    set: str = option("camvid_subset", "which", of=SETS)
    train_on: str = option("train", "the split to learn from")
    reduce: int = option(2, "how many pixels along each axis of a photograph become one")
    walk: str = option("learned", "which", of=WALKS)
    steps: int = larger(400, 1600, "of the first stage, each on one photograph")
    walk_steps: int = larger(600, 2400, "of the second stage, each on one piece")
    crop: int = option(64, "pixels of a piece along each axis")
    radius: float = option(7.0, "of one step of the learned walk, in pixels, and of the loss of affinities")
    alpha: float = option(0.9, "learn through the limit with this α, within 5 pixels; 0: through one step")
    contrast: float = option(8.0, "the power of learned weights to start from; 0: none")
    side: float = option(0.1, "weight of the loss of affinities")
    learning_rate: float = option(3e-3, "of both stages")


def loss_of_scores(config: Config, model: RWN, scenes: list[Scene], step: int) -> Tensor:
    """Without a walk, on a whole photograph."""
    scene = drawn(scenes, model, torch.Generator().manual_seed(_chance(config, step)))
    return cross_entropy(scene.scores(model), scene.classes, ignore_index=-1)


def loss_of_walk(config: Config, model: RWN, scenes: list[Scene], step: int) -> Tensor:
    """Through a walk, on a piece."""
    part = piece(scenes, model, config.crop, _chance(config, step))
    f, target = part.f, part.classes
    if bool((target < 0).all()):
        return 0 * f.sum()
    if config.walk == "none":
        return cross_entropy(f, target, ignore_index=-1)
    fit = cross_entropy(walked(config, model, part), target, ignore_index=-1)
    if config.walk != "learned":
        return fit
    affinity = local_affinity_loss(part.features, model.affinity.coefficients, target, config.radius)
    return fit + config.side * affinity


def walked(config: Config, model: RWN, part: Piece) -> Tensor:
    """The scores after the walk, (1, L, H, W)."""
    features = model.contrast * part.features
    if config.walk == "learned" and not config.alpha:
        return local_step(part.f, features, model.affinity.coefficients, config.radius)
    graph, f = nearby(tuple(part.f.shape[2:]), part.f.device), part.f[0].flatten(1).T
    if config.walk == "learned":
        weight = rw.build.above(model.affinity(features, graph))
    else:
        weight = unlearned(graph, part.image, config.walk, UNLEARNED[config.walk])
    moves = rw.walk(graph, weight)
    y = limit(moves, f, config.alpha, rtol=1e-3) if config.alpha else rw.step(moves, f)
    return y.T.reshape(part.f.shape)


@cache
def nearby(shape: tuple[int, ...], device: torch.device) -> rw.Graph:
    """The graph on which walks predict, and all but one learned step train."""
    return rw.grid_graph(shape, radius=PREDICTING).to(device)


def train(config: Config) -> RWN:
    """Both stages; the models after each are in `config.out`."""
    torch.manual_seed(config.seed)
    model = made(SETS[config.set][1], training_radius=config.radius, contrast=config.contrast or None)
    model.to(device_of(config))
    scenes = read(config.data, config.set, config.train_on, config.reduce, mirrored=True)
    plans = {"fcn": (loss_of_scores, config.steps), config.walk: (loss_of_walk, config.walk_steps)}
    for name, (loss, steps) in plans.items():
        seconds = 60 * config.minutes * steps / (config.steps + config.walk_steps)
        schedule = Schedule(steps, seconds, learning_rate=config.learning_rate, clip=1.0)
        stage(name, model, lambda step, loss=loss: loss(config, model, scenes, step), command=config, schedule=schedule)
        model.save(config.out / f"{name}.safetensors")
    return model


def _chance(config: Config, step: int) -> int:
    return 1_000_003 * config.seed + step


def main(arguments: list[str] | None = None) -> None:
    train(parsed(Config, __doc__, arguments))


if __name__ == "__main__":
    main()
