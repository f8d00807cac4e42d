"""Train a Learned Random Walker on sections of tissue: edges first, then through the walk.

In the first stage the network learns which edges join two pixels of one segment (the side loss alone; no walk). In the
second it learns through the walk, with the side loss beside it and an exponent of the weights that is learned too. With
`--walk-share 0` all time goes into the first: the boundary detector that the baselines stand on.

`experiments/README.md` says how to run this and which data it needs.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # so that the file runs by its path

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from experiments.data.tissue import SETS
from experiments.lrw.gradients import WithoutSeedEdges, partly_labelled
from experiments.lrw.leaks import hardest
from experiments.lrw.sections import DARK_AND_BRIGHT, examples, fitted_scale, read, varied
from experiments.shared.command import Training, device_of, larger, option, parsed
from experiments.shared.stages import schedule_of, stage
from graphrw.losses import cross_entropy, dice, mean_squared_error
from graphrw.models import LearnedRandomWalker
from graphrw.models.examples import CLOSED, Example, Piece, piece, step_loss, validation_pieces
from graphrw.nn import HarmonicLabels

FITS = {"cross entropy": cross_entropy, "squared error": mean_squared_error, "Dice": dice}


@dataclass(frozen=True, kw_only=True)
class Config(Training):
    set: str = option("em_isbi2012", "which", of=SETS)
    train_on: str = option("train", "the split to learn from")
    choose_on: str = option("val", "the split whose pieces tell which weights are best")
    width: int = larger(32, 64, "of the trunk")
    stride: int = option(2, "pixels for each node of the walk: 1 is full resolution")
    crop: int = option(160, "pixels of a piece to learn from, along each axis")
    walk_crop: int = option(0, "the same where it learns through the walk; 0: as `crop`")
    slices: int = option(1, "sections of a stack that are seen at once, odd; the one in their middle is segmented")
    contrast: float = option(4.0, "the exponent of the weights to start from; 0: none")
    side: float = option(0.1, "weight of the side loss beside that of the walk")
    stretch: bool = option(False, "read images in grey, and bring their own percentiles 1 and 99.8 to 0 and 1")
    zooms: tuple[float, ...] = option((1.0,), "magnifications of the images to learn from")
    vary: bool = option(False, "learn from pieces of varied contrast, brightness and noise")
    grown: bool = option(False, "give membrane to the nearest segments, instead of closing it")
    walled: bool = option(False, "close the pixels on both sides of a border between segments that touch")
    known: float = option(1.0, "share of the blocks of 16 pixels whose labels are known")
    samples: int = option(0, "edges that a gradient through the walk flows into, drawn anew at each step; 0: all")
    prune: bool = option(False, "let it flow into each edge through one label alone")
    fit: str = option("cross entropy", "the loss of the labels", of=FITS)
    variation: float = option(0.0, "weight of the soft variation of information beside the loss of the walk")
    hardest: int = option(1, "draws of seeds for a piece, of which it learns from those that the walk fails most")
    seed_edges: bool = option(True, "let it flow into edges that touch a seed; the authors' code does not")
    walk_share: float = option(0.5, "of the time that is spent on learning through the walk")
    learning_rate: float = option(1e-3, "of the first stage")
    walk_rate: float = option(5e-4, "learning rate of the second stage")
    clip: float = option(1.0, "the largest norm of a gradient")
    validations: int = option(20, "in each stage")
    patience: int = option(0, "validations without a better one, after which a stage ends; 0: never")
    judged: int = option(2, "pieces of each validation image")


def edge_loss(model: LearnedRandomWalker, part: Piece) -> Tensor:
    device = next(model.parameters()).device
    return model.edge_loss(part.image.to(device), part.target.to(device), closed_index=CLOSED)


def mean_loss(loss: Callable[[Piece], Tensor], parts: list[Piece]) -> Tensor:
    return torch.stack([loss(part) for part in parts]).mean()


def train(config: Config) -> LearnedRandomWalker:
    """Both stages; the models after each are in `config.out`."""
    sections, chosen = (
        read(config.data, config.set, split, grey=config.stretch, slices=config.slices)
        for split in (config.train_on, config.choose_on)
    )
    torch.manual_seed(config.seed)
    channels, axes = (sections[0].image.shape[-1] if sections[0].channel_axis else 1), sections[0].segments.ndim
    model = LearnedRandomWalker(
        channels,
        config.width,
        stride=config.stride,
        axes=axes,
        contrast=config.contrast or None,
        input_scale=fitted_scale(sections, DARK_AND_BRIGHT if config.stretch else None),
    ).to(device_of(config))
    if config.samples or config.prune or not config.seed_edges:
        layer = HarmonicLabels if config.seed_edges else WithoutSeedEdges
        model.walk = layer(num_samples=config.samples or None, prune=config.prune)
    made = partial(examples, config.set, scale=model.input_scale, grown=config.grown, walled=config.walled)
    learned, judged = made(sections, zooms=config.zooms), made(chosen)
    _both(config, model, learned, judged)
    return model


def _both(config: Config, model: LearnedRandomWalker, learned: list[Example], judged: list[Example]) -> None:
    minutes = {"edges": (1 - config.walk_share) * config.minutes, "walk": config.walk_share * config.minutes}
    of_walk = partial(step_loss, model, fit=FITS[config.fit], side=config.side, variation=config.variation)
    losses = {"edges": partial(edge_loss, model), "walk": of_walk}
    judges = {"edges": losses["edges"], "walk": partial(step_loss, model, side=0)}
    rates = {"edges": config.learning_rate, "walk": config.walk_rate}
    for name in ("edges", "walk") if config.walk_share else ("edges",):
        crop = config.walk_crop or config.crop if name == "walk" else config.crop
        drawn = partial(_drawn, config, learned, crop=crop, walker=model if name == "walk" else None)
        cut = partial(validation_pieces, judged, crop=crop, stride=config.stride)
        parts = [part for draw in range(config.judged) for part in cut(seed=draw)]
        stage(
            name,
            model,
            lambda step, loss=losses[name], drawn=drawn: loss(drawn(step)),
            command=config,
            schedule=schedule_of(
                minutes[name],
                learning_rate=rates[name],
                clip=config.clip,
                patience=config.patience or None,
                validations=config.validations,
            ),
            validate=partial(mean_loss, judges[name], parts),
        )
        model.save(config.out / f"{name}.safetensors")


def _drawn(
    config: Config, learned: list[Example], step: int, *, crop: int, walker: LearnedRandomWalker | None
) -> Piece:
    """The piece of a step; for a `walker` with the seeds that it fails most, if several are to be drawn."""
    part = piece(learned, step, crop=crop, stride=config.stride, seed=config.seed)
    if config.known < 1:
        part = partly_labelled(part, config.known, step, config.seed)
    if config.vary:
        part = varied(part, step, config.seed)
    return part if walker is None else hardest(walker, part, config.hardest, step, config.seed)


if __name__ == "__main__":
    train(parsed(Config, __doc__))
