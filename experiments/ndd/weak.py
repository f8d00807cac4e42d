"""Where the horses are, learned from which photographs hold one: weakly supervised segmentation as Sun & Xu.

A linear classifier of cells learns from whole photographs (`nn.RegionClassifier`): those of `weizmann_horses` hold a
horse, those of `bsds500` do not, but for those named below. The features of a cell are those of a pretrained network,
averaged over the cells that are similar to it: by a learned diffusion distance, by one of colours, or not at all.
Something else than a horse is in all photographs, so that only the score of the horse is learned from; and a map is
stretched to 0 and 1 in each photograph before it meets the threshold, as class activation maps are (Zhou et al. 2016).
Masks serve for that threshold, chosen on training photographs, and to score.

`experiments/README.md` says how to run this and which data it needs.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # so that the file runs by its path

from dataclasses import dataclass

import torch
from torch import Tensor

from experiments.data.folders import Missing
from experiments.data.photographs import Annotated, Labelled, bsds500, weizmann_horses
from experiments.ndd.evaluate import CHOSEN, load
from experiments.ndd.methods import Setting, walk_of
from experiments.ndd.network import STRIDE, Segmenter
from experiments.ndd.scenes import Scene, pixels
from experiments.shared.command import Evaluation, option, parsed
from experiments.shared.results import table, write
from graphrw.functional import ClassMaps, class_maps, diffusion_map, diffusion_similarity, region_pooling
from graphrw.losses import presence_loss
from graphrw.models.cells import cropped, upsampled
from graphrw.models.training import Schedule, fit
from graphrw.nn import RegionClassifier

HORSES = {"113009", "113016", "113044", "187003", "216041", "28075"}  # of bsds500, seen by looking at its train list
STAGES, CHANNELS = (16, 32), 432
ELSE, HORSE = 0, 1
THRESHOLDS = tuple(share / 20 for share in range(2, 19))
BATCH, RATE, DECAY = 16, 1e-2, 1.0  # of 0.3 and 1.0, on training photographs


@dataclass(frozen=True, kw_only=True)
class Config(Evaluation):
    model: Path | None = option(None, "weights that `train.py` has left", there=True)
    k: int = option(50, "eigenpairs, as in training")
    train_on: str = option("train", "the split of both sets to learn from")
    train_data: Path | None = option(None, "the folder of sets with that split, if it is not --data", there=True)
    images: int = option(60, "photographs to learn from, at most, of each set")
    steps: int = option(200, f"of {BATCH} photographs each")
    seeds: int = option(3, "trainings of the classifier")


@dataclass(frozen=True, eq=False)
class Cells:
    """The cells of one photograph."""

    x: dict[str, Tensor]  # (n, F) by how they were pooled
    shape: tuple[int, ...]  # (h, w)
    truth: Tensor | None  # (H, W) bool: the horse

    @property
    def present(self) -> bool:
        """Whether there is a horse."""
        return self.truth is not None


@torch.no_grad()
def cells_of(image: Tensor, model: Segmenter, ways: dict[str, Setting | None], truth: Tensor | None = None) -> Cells:
    """Features pooled by the similarity of each setting's diffusion distances; None: as they are."""
    early = model.network.early(image)
    x = cropped(model.network.hypercolumn(early, STAGES), early.cells)[0].flatten(1).T.contiguous()
    scene = Scene("", image, torch.empty(0))
    return Cells({name: pooled(x, scene, model, setting) for name, setting in ways.items()}, early.cells, truth)


def pooled(x: Tensor, scene: Scene, model: Segmenter, setting: Setting | None) -> Tensor:
    """(n, F)"""
    if setting is None:
        return x
    walk, _ = walk_of(scene, model, setting)
    time = setting.time * (float(model.ndd.time) if setting.weights == "learned" else 1.0)
    z = diffusion_map(walk, time, model.ndd.k, tolerance=1e-6)
    return region_pooling(x, diffusion_similarity(torch.cdist(z, z).square(), float(model.ndd.scale) / len(x)))


def photographs(config: Config) -> tuple[list[Labelled], list[Annotated], list[Labelled]]:
    """Those with a horse and those without, to learn from; and those that are scored."""
    data, split = config.train_data or config.data, config.train_on
    scored = weizmann_horses(config.data, config.split)
    try:
        with_horse, without = weizmann_horses(data, split)[: config.images], bsds500(data, split, config.images)
    except Missing as missing:
        raise SystemExit(f"{missing} Give --train-data DIR, a folder of sets to learn from, or --train-on.") from None
    return with_horse, [one for one in without if one.name not in HORSES], scored


def horses(found: list[Labelled], model: Segmenter, ways: dict[str, Setting | None]) -> list[Cells]:
    """Cells of photographs with a horse."""
    return [cells_of(pixels(one.image), model, ways, torch.from_numpy(one.classes) > 0) for one in found]


def fitted(config: Config, cells: list[Cells], way: str, seed: int) -> RegionClassifier:
    """From photographs and whether they hold a horse."""
    torch.manual_seed(seed)
    layer = RegionClassifier(CHANNELS, num_classes=2)

    def loss(step: int) -> Tensor:
        chosen = [cells[int(i)] for i in torch.randperm(len(cells))[:BATCH]]
        batch = torch.repeat_interleave(torch.tensor([len(one.x[way]) for one in chosen]))
        scores = maps_of(layer, torch.cat([one.x[way] for one in chosen]), batch).scores
        return presence_loss(scores[:, HORSE:], torch.tensor([[one.present] for one in chosen]))

    # Without a checkpoint: it takes seconds.
    optimizer = torch.optim.AdamW(layer.parameters(), RATE, weight_decay=DECAY)
    fit(layer, loss, schedule=Schedule(config.steps), optimizer=optimizer)
    return layer


def maps_of(layer: RegionClassifier, x: Tensor, batch: Tensor | None = None) -> ClassMaps:
    """As the layer does; but pooling is linear and its similarities are fixed, so that it was done once and for all."""
    return class_maps(layer.classifier(x), layer.log_sharpness.exp(), batch)


def stretched(layer: RegionClassifier, x: Tensor) -> Tensor:
    """(n,) in [0, 1]: how much more a cell looks like a horse than like something else, within one photograph."""
    logits = layer.classifier(x)
    gap = logits[:, HORSE] - logits[:, ELSE]
    return (gap - gap.min()) / (gap.max() - gap.min()).clamp(min=1e-12)


@torch.no_grad()
def overlaps(layer: RegionClassifier, cells: list[Cells], way: str) -> Tensor:
    """(M, T): intersection over union of what is above each threshold with the horse."""
    found = []
    for one in cells:
        assert one.truth is not None
        horse = stretched(layer, one.x[way]).view(1, 1, *one.shape)
        mask = upsampled(horse, STRIDE, one.truth.shape)[0, 0] > torch.tensor(THRESHOLDS)[:, None, None]
        found.append((mask & one.truth).sum((1, 2)) / (mask | one.truth).sum((1, 2)))
    return torch.stack(found)


def main(arguments: list[str] | None = None) -> None:
    config = parsed(Config, __doc__, arguments)
    torch.manual_seed(0)
    model = Segmenter(config.k).eval() if config.model is None else load(config.model, config.k)
    ways: dict[str, Setting | None] = {"no pooling": None, "colours": CHOSEN["colours, diffusion distance"]}
    if config.model is not None:
        ways["learned diffusion distance"] = Setting("learned", "distance")
    with_horse, without, asked = photographs(config)
    known, scored = horses(with_horse, model, ways), horses(asked, model, ways)
    training = [*known, *(cells_of(pixels(one.image), model, ways) for one in without)]
    rows = []
    for way in ways:
        for seed in range(config.seeds):
            layer = fitted(config, training, way, seed)
            best = int(overlaps(layer, known, way).mean(0).argmax())
            iou = float(overlaps(layer, scored, way)[:, best].mean())
            rows.append({"pooling": way, "seed": seed, "IoU": 100 * iou, "threshold": THRESHOLDS[best]})
    print(f"weizmann_horses {config.split}\n")
    print(table(rows, digits=2))
    write(config.out, config, rows)


if __name__ == "__main__":
    main()
