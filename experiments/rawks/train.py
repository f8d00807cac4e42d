"""Train segmenters Q on scribbles, on what a walk makes of them, and on dense labels, all alike and as long.

The rows of Vernaza & Chandraker (CVPR 2017): `sparse`, the cross entropy at the seeds; `joint`, P and Q from one loss;
`then_q`, a new Q that learns from P as `joint` has left it, which does not change any more; `dense`, from the truth;
`spopt` and `spcon`, from the best labels that superpixels can have, without and with regard to the seeds. And
`segment`, from the labels that `rw.segment` makes of the scribbles, by a walk that has learned nothing.

`experiments/README.md` says how to run this and which data it needs.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # so that the file runs by its path

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import nll_loss

from experiments.rawks.methods import Loss, dense_loss, made, optimum, sparse_loss, spread, unlearned
from experiments.rawks.scenes import SETS, SHARE, SIMULATED, STRIDE, Scene, kind_of, read
from experiments.shared.command import TrainingInSteps, device_of, larger, option, parsed
from experiments.shared.stages import stage
from graphrw.losses import propagation_loss
from graphrw.models import RAWKS, rawks
from graphrw.models.training import Schedule
from graphrw.segmentation import segment

ROWS = ("sparse", "joint", "then_q", "segment", "dense", "spopt", "spcon")


@dataclass(frozen=True, kw_only=True)
class Config(TrainingInSteps):
    set: str = option("camvid_subset", "which", of=SETS)
    strokes: str = option(SIMULATED, "whose: simulated; in grabcut: robot, human; in medscribble: 0, 1, 2")
    share: float = option(SHARE, "how long simulated strokes are, of the longest path in the skeleton of a region")
    stride: int = option(STRIDE, "pixels of the reduced photographs for each cell")
    scratch: bool = option(False, "U-Nets that learn from scratch, in place of heads on a frozen pretrained network")
    slope: bool = option(True, "whether the slope of colours is among the features of walls and labels")
    seeds: tuple[int, ...] = option((), "several in place of --seed; each has a folder of its own in --out")
    train_on: str = option("train", "the split to learn from")
    rows: tuple[str, ...] = option(ROWS, "what to train; `then_q` needs `joint`", of=ROWS)
    steps: int = larger(500, 2000, "of each row, each on one photograph")
    learning_rate: float = option(2e-3, "of all rows")
    superpixels: int = option(200, "of `spopt` and `spcon`")
    seed_weight: float = option(1.0, "of the cross entropy at the seeds, in all rows but `sparse`, which has no more")
    alpha: float = option(1.0, "in the losses with P: how much less uncertain labels count")
    detach_weight: bool = option(True, "in `joint`, whether its weights are held constant")
    alone: float = option(1 / 3, "for which share of `joint` the seeds are all that Q learns from, and P rests")
    entropy_weight: float = option(1.0, "in `joint`, of the entropy of P at first")
    last_entropy_weight: float = option(0.2, "and in the end; it falls like a line")
    guess_rate: float = option(0.0, "in `then_q`, how often walks of P end in guesses of Q; 0: the paper's P")
    temperature: bool = option(False, "in `joint`, let Q learn from P at a temperature that is learned, too")
    start: float = option(rawks.START, "where boundaries start, before the sigmoid")
    gain: float = option(rawks.GAIN, "of the head of the boundaries")


class Tempered(nn.Module):
    """A model, and the temperature at which its P teaches its Q: P^(1/T), with sums of 1 again."""

    def __init__(self, model: RAWKS) -> None:
        super().__init__()
        self.model, self.log_temperature = model, nn.Parameter(torch.zeros(()))

    def loss(self, image: Tensor, seeds: Tensor, *, entropy_weight: float, seed_weight: float, **given: Any) -> Tensor:
        """As `RAWKS.loss`, but for the first term; the entropy is that of P as it is, or T alone would lower it."""
        probability, log_q = self.model.propagate(image, seeds), torch.log_softmax(self.model(image), 1)
        log_p = probability.clamp(min=1e-7).log()
        tempered = torch.softmax(log_p * torch.exp(-self.log_temperature), 1)
        entropy = -(probability * log_p).sum(1).mean()
        fit = propagation_loss(tempered, log_q, entropy_weight=0.0, **given)
        return fit + entropy_weight * entropy + seed_weight * nll_loss(log_q, seeds, ignore_index=-1)


def joint_loss(config: Config, model: RAWKS | Tempered, scene: Scene, share: float) -> Tensor:
    """Of P and Q, after this share of the training."""
    if share < config.alone:  # walls would learn from a Q that knows nothing yet, and fall for good
        return sparse_loss(model.model if isinstance(model, Tempered) else model, scene)
    return model.loss(
        scene.features,
        scene.seeds,
        alpha=config.alpha,
        entropy_weight=config.entropy_weight + share * (config.last_entropy_weight - config.entropy_weight),
        detach_weight=config.detach_weight,
        seed_weight=config.seed_weight,
    )


def loss_of(config: Config, row: str) -> Loss:
    """What `row` minimises."""
    if row == "sparse":
        return lambda model, scene, share: sparse_loss(model, scene)
    if row == "joint":
        return partial(joint_loss, config)
    if row == "then_q":
        return lambda model, scene, share: (
            model.label_loss(scene.features, scene.target, alpha=config.alpha)
            + config.seed_weight * sparse_loss(model, scene)
        )
    return lambda model, scene, share: dense_loss(model, scene) + config.seed_weight * sparse_loss(model, scene)


def taught(config: Config, row: str, scenes: list[Scene], joint: RAWKS | None) -> list[Scene]:
    """The scenes with what `row` learns from beside the seeds, which is made once, since it does not learn."""
    if row in ("sparse", "joint"):
        return scenes
    if row != "then_q":
        return [replace(each, target=labels_of(config, row, each)) for each in scenes]
    if joint is None:
        raise SystemExit("`then_q` learns from `joint`: give both in --rows.")
    return [replace(each, target=spread(joint, each, config.guess_rate)) for each in scenes]


def labels_of(config: Config, row: str, scene: Scene) -> Tensor:
    """The labels (1, H, W) of all pixels from which `row` learns."""
    if row == "dense":
        return scene.classes
    if row == "segment":
        return unlearned(segment, scene)
    classes = kind_of(config.set, config.strokes).classes
    return optimum(scene, classes, config.superpixels, consistent=row == "spcon")


def begun(config: Config, scenes: list[Scene]) -> RAWKS:
    """The model before training."""
    torch.manual_seed(config.seed)
    classes = kind_of(config.set, config.strokes).classes
    model = made(scenes[0].features.shape[1], classes, scratch=config.scratch)
    nn.init.constant_(model.edges.bias, config.start / config.gain)
    return model


def trained(config: Config, row: str, model: RAWKS, scenes: list[Scene]) -> RAWKS:
    """The same model; whatever gain it was trained with is in the numbers of its head then, beside the library's."""
    device, done, more = device_of(config), [0.0], config.gain / rawks.GAIN
    scaled = model.edges.register_forward_hook(lambda head, given, scores: more * scores)

    def loss_of_step(step: int) -> Tensor:
        chance = torch.Generator().manual_seed(1_000_003 * config.seed + step)
        scene = scenes[int(torch.randint(len(scenes), (), generator=chance))]
        return loss_of(config, row)(learner, scene.to(device), done[0])

    learner = (Tempered(model) if config.temperature and row == "joint" else model).to(device)
    stage(
        row,
        learner,
        loss_of_step,
        command=config,
        schedule=Schedule(config.steps, seconds_of_row(config), learning_rate=config.learning_rate, clip=1.0),
        heard=partial(done.__setitem__, 0),
    )
    with torch.no_grad():
        for parameter in model.edges.parameters():
            parameter.mul_(more)
    scaled.remove()
    return model


def seconds_of_row(config: Config) -> float:
    """At most: an equal part of all."""
    return 60 * config.minutes / (len(config.rows) * max(1, len(config.seeds)))


def train(config: Config, scenes: list[Scene]) -> None:
    """All rows of one seed; the model of each is in `config.out`."""
    joint = None
    for row in sorted(config.rows, key=ROWS.index):
        model = trained(config, row, begun(config, scenes), taught(config, row, scenes, joint))
        if joint is not None and row == "then_q":  # it has learned no walls of its own
            model.boundary_trunk, model.edges = joint.boundary_trunk, joint.edges
        model.save(config.out / f"{row}.safetensors")
        joint = model if row == "joint" else joint


def main(arguments: list[str] | None = None) -> None:
    config = parsed(Config, __doc__, arguments)
    if config.out is None:
        raise SystemExit("Where do checkpoints and weights go? Give --out DIR, outside the repository.")
    scenes = read(
        config.data,
        config.set,
        config.train_on,
        config.strokes,
        share=config.share,
        stride=config.stride,
        mirrored=True,
        scratch=config.scratch,
        slope=config.slope,
    )
    for seed in config.seeds or (config.seed,):
        train(replace(config, seed=seed, out=config.out / str(seed)), scenes)


if __name__ == "__main__":
    main()
