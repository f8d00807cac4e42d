"""Train Neural Diffusion Distance on photographs that several people segmented, as Sun & Xu (NeurIPS 2019).

Three stages, each of which starts from the one before: `affinity`, in which the weights of the walk learn alone which
near cells one person put into one segment; `distance`, through the eigenpairs, with the pretrained layers as they are;
`tuned`, in which their late ones learn too. Each step takes one photograph, perhaps mirrored, and one person.

`experiments/README.md` says how to run this and which data it needs.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # so that the file runs by its path

from dataclasses import dataclass

import torch
from torch import Tensor

import graphrw as rw
from experiments.ndd.network import STRIDE, Segmenter, Window
from experiments.ndd.scenes import Scene, read
from experiments.shared.command import TrainingInSteps, device_of, larger, option, parsed
from experiments.shared.stages import stage
from graphrw.losses import kernel_matching, segment_matching
from graphrw.models.training import Schedule

SHARES = {"affinity": 0.2, "distance": 0.5, "tuned": 0.3}  # of the time, if that is what ends a stage


@dataclass(frozen=True, kw_only=True)
class Config(TrainingInSteps):
    train_on: str = option("train", "the split to learn from")
    images: int = option(0, "how many of it; 0: all")
    k: int = option(50, "eigenpairs")
    affinity_steps: int = larger(400, 1600, "of the first stage, each on one photograph")
    distance_steps: int = larger(500, 2000, "of the second")
    tuned_steps: int = larger(500, 2000, "of the third; 0: leave it out")
    high: float = option(1.0, "weight of the loss at high resolution; 0: none")
    rows: int = option(20, "cells whose rows of the similarity are compared at high resolution")
    window: int = option(20, "cells along each axis of the piece of the photograph in which they are")
    learning_rate: float = option(1e-3, "of the first two stages")
    tuned_rate: float = option(2e-4, "of the third")


@dataclass(frozen=True)
class Draw:
    """What a step takes."""

    scene: Scene
    mirrored: bool
    person: int
    generator: torch.Generator

    def below(self, count: int) -> int:
        """A whole number from 0 to `count` − 1."""
        return int(torch.randint(count, (), generator=self.generator))

    def truth(self, stride: int, place: Tensor) -> Tensor:
        """(⌈H / stride⌉, ⌈W / stride⌉): the person's segments in the middles of cells, where `place` is."""
        return self.scene.truth(stride, self.mirrored)[self.person].to(place.device)


def draw(config: Config, scenes: list[Scene], step: int) -> Draw:
    """All photographs before any comes again; all chance is in the seed and the step."""
    generator = torch.Generator().manual_seed(1_000_003 * config.seed + step)
    turn, place = divmod(step, len(scenes))
    order = torch.randperm(len(scenes), generator=torch.Generator().manual_seed(1_000_003 * config.seed + turn))
    scene = scenes[int(order[place])]
    person, mirrored = (int(torch.randint(n, (), generator=generator)) for n in (len(scene.segments), 2))
    return Draw(scene, bool(mirrored), person, generator)


def affinity_loss(config: Config, model: Segmenter, drawn: Draw) -> Tensor:
    """Balanced cross entropy of the weights between near cells."""
    features = model.network.late(drawn.scene.early(model.network, drawn.mirrored))
    labels = drawn.truth(STRIDE, features).flatten()
    graph = rw.grid_graph(tuple(features.shape[2:]), radius=model.ndd.radius).to(features.device)
    weight = rw.gaussian_affinity(graph, features[0].flatten(1).T, model.ndd.mu).clamp(1e-6, 1 - 1e-6)
    same = labels[graph.edges[0]] == labels[graph.edges[1]]
    parts = [-torch.log(weight[same]), -torch.log1p(-weight[~same])]
    return torch.stack([part.mean() for part in parts if len(part)]).mean()


def distance_loss(config: Config, model: Segmenter, drawn: Draw) -> Tensor:
    """Kernel matching at the cells, and segment matching of some of their rows at stride 2."""
    early = drawn.scene.early(model.network, drawn.mirrored)
    similarity = model.ndd.similarity(model.network.late(early))[0]
    low = kernel_matching(similarity, drawn.truth(STRIDE, similarity).flatten())
    if config.high == 0:
        return low
    return low + config.high * high_loss(config, model, drawn, similarity)


def high_loss(config: Config, model: Segmenter, drawn: Draw, similarity: Tensor) -> Tensor:
    """Rows of some cells in a window of the photograph, both drawn anew."""
    early = drawn.scene.early(model.network, drawn.mirrored)
    height, width = early.cells
    sides = [min(config.window, side) for side in early.cells]
    row, column = (drawn.below(side - size + 1) for side, size in zip(early.cells, sides, strict=True))
    window = Window(row, column, *sides)
    cells = window.cut(torch.arange(height * width).view(height, width)).flatten()
    cells = cells[torch.randint(len(cells), (config.rows,), generator=drawn.generator)].to(similarity.device)
    rows = model.raised(similarity[cells].view(1, -1, height, width), early, window)[0]
    # The window may reach beyond the photograph, whose last cells are not whole.
    truth = window.cut(drawn.truth(2, rows), STRIDE // 2)
    rows = rows[:, : truth.shape[0], : truth.shape[1]]
    middle = [4 * (cells // width - row) + 2, 4 * (cells % width - column) + 2]
    middle = [place.clamp(max=side - 1) for place, side in zip(middle, truth.shape, strict=True)]
    pixels = middle[0] * truth.shape[1] + middle[1]
    return segment_matching(rows.flatten(1).clamp(0, 1), truth.flatten(), pixels)


def train(config: Config) -> Segmenter:
    """All stages; the weights after each are in `config.out`."""
    torch.manual_seed(config.seed)
    model = Segmenter(config.k).to(device_of(config))
    scenes = read(config.data, config.train_on, config.images or None)
    plans = {
        "affinity": (affinity_loss, config.affinity_steps, config.learning_rate),
        "distance": (distance_loss, config.distance_steps, config.learning_rate),
        "tuned": (distance_loss, config.tuned_steps, config.tuned_rate),
    }
    for name, (loss, steps, rate) in plans.items():
        if steps == 0:
            continue
        model.network.tune(name == "tuned")
        schedule = Schedule(steps, 60 * config.minutes * SHARES[name], learning_rate=rate, clip=1.0)
        stage(
            name,
            model,
            lambda step, loss=loss: loss(config, model, draw(config, scenes, step)),
            command=config,
            schedule=schedule,
        )
    return model


if __name__ == "__main__":
    train(parsed(Config, __doc__))
