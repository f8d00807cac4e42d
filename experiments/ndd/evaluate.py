"""Nested segmentations by diffusion distances and by normalised cuts, with learned weights and others, as in Sun & Xu.

How well segments cover those that people drew (Arbeláez et al. 2011), in two readings of the paper's MAX and AVR, which
its text leaves open. *best*: of all levels of the hierarchy that which covers one person's segments best, for that
person (MAX) and as a mean over people (AVR). *human*: for each person the level with as many segments as they drew, for
the best person, and the mean. Besides, the covering at one level for all photographs (ODS) and the best of each (OIS).

The numbers of the baselines and of what is done with learned weights are those of the best AVR (*best*) on training
photographs: `--split train --tune`. `experiments/README.md` says how to run this and which data it needs.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # so that the file runs by its path

import statistics
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor

from experiments.ndd.hierarchies import Score, coverings, score
from experiments.ndd.methods import Setting, hierarchy
from experiments.ndd.network import Segmenter
from experiments.ndd.scenes import Scene, read
from experiments.shared.command import Evaluation, option, parsed
from experiments.shared.results import paired_interval, table, write

COUNTS = tuple(range(2, 31))  # segments of each level
BETAS, TIMES = (30.0, 100.0, 300.0), (10.0, 100.0)  # of colours
SHARPNESSES, SPANS = (5.0, 10.0, 20.0), (3.0, 30.0)  # of pretrained features, and times of their walks
FACTORS = (0.5, 1.0, 2.0)  # of the learned time

CHOSEN = {
    "colours, normalised cuts": Setting("colours", "ncut", beta=300.0),
    "colours, diffusion distance": Setting("colours", "distance", beta=100.0, time=10.0),
    "pretrained features, normalised cuts": Setting("pretrained", "ncut", beta=10.0),
    "pretrained features, diffusion distance": Setting("pretrained", "distance", beta=5.0, time=3.0),
}
LEARNED = {
    "learned features, normalised cuts": Setting("learned", "ncut"),
    "learned features, diffusion distance": Setting("learned", "distance"),
}


@dataclass(frozen=True, kw_only=True)
class Config(Evaluation):
    models: tuple[Path, ...] = option(
        (), "weights that `train.py` has left, such as RUN/tuned.pt, of any stages and seeds", there=True
    )
    images: int = option(0, "at most so many photographs, spread evenly over the split; 0: all")
    k: int = option(50, "eigenpairs, as in training")
    tune: bool = option(False, "try all numbers of each method, and show the best")
    baselines: bool = option(True, "also what learns nothing")


@dataclass(frozen=True, eq=False)
class Method:
    """What is scored: a model and what is done with it."""

    name: str
    model: Segmenter
    setting: Setting


def load(path: Path, k: int) -> Segmenter:
    """A model that `train.py` has left, of so many eigenpairs."""
    model = Segmenter(k)
    model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return model.eval()


def methods(config: Config) -> list[Method]:
    """All that are asked for; with `tune` each with all of its numbers."""
    torch.manual_seed(0)
    blank, found = Segmenter(config.k).eval(), []
    if config.baselines:
        chosen = {**CHOSEN, "untrained network, diffusion distance": LEARNED["learned features, diffusion distance"]}
        found = [Method(name, blank, each) for name, setting in chosen.items() for each in tried(config, setting)]
    for path in config.models:
        model, stage = load(path, config.k), path.stem
        for name, setting in LEARNED.items():
            found += [Method(f"{stage}: {name}", model, each) for each in tried(config, setting)]
    return found


def tried(config: Config, setting: Setting) -> Iterator[Setting]:
    """The numbers chosen, or all."""
    if not config.tune:
        yield setting
        return
    betas = {"colours": BETAS, "pretrained": SHARPNESSES, "learned": (1.0,)}[setting.weights]
    times = {"colours": TIMES, "pretrained": SPANS, "learned": FACTORS}[setting.weights]
    for beta in betas:
        yield from (replace(setting, beta=beta, time=t) for t in (times if setting.cut == "distance" else (1.0,)))


@dataclass(eq=False)
class Found:
    """The coverings of all photographs so far by one method."""

    method: Method
    tables: list[Tensor]  # (L, A) each
    scores: list[Score]
    seconds: float = 0.0

    def add(self, scene: Scene) -> None:
        """Those of one more photograph."""
        began = time.process_time()
        made = hierarchy(scene, self.method.model, self.method.setting, COUNTS)
        self.seconds += time.process_time() - began
        self.tables.append(coverings(made, scene.segments))
        self.scores.append(score(self.tables[-1], COUNTS, scene.segments))

    def row(self) -> dict[str, Any]:
        """Means over photographs."""
        names = {
            "MAX (best)": "best_max",
            "AVR (best)": "best_mean",
            "MAX (human)": "human_max",
            "AVR (human)": "human_mean",
        }
        means = {name: statistics.mean(getattr(each, key) for each in self.scores) for name, key in names.items()}
        levels = torch.stack([each.mean(1) for each in self.tables])  # (M, L)
        scales = {"ODS": float(levels.mean(0).max()), "OIS": float(levels.amax(1).mean())}
        return {"method": self.method.name, **means, **scales, "seconds": self.seconds / len(self.scores)}


def best(found: list[Found]) -> list[Found]:
    """Of each method the numbers of the largest AVR."""
    names = dict.fromkeys((each.method.name, each.method.model) for each in found)
    groups = [[each for each in found if (each.method.name, each.method.model) == name] for name in names]
    return [max(group, key=lambda each: each.row()["AVR (best)"]) for group in groups]


def leads(found: list[Found]) -> Iterator[dict[str, Any]]:
    """By how much the last method is ahead of each other, over the same photographs, with 95 % of a bootstrap."""
    last = found[-1]
    for each in found[:-1]:
        row: dict[str, Any] = {"ahead of": each.method.name}
        for name, key in {"MAX (best)": "best_max", "AVR (best)": "best_mean", "AVR (human)": "human_mean"}.items():
            pairs = [[float(getattr(score, key)) for score in one.scores] for one in (last, each)]
            low, high = paired_interval(*pairs)
            row[name] = f"{statistics.mean(pairs[0]) - statistics.mean(pairs[1]):.3f} ({low:.3f} to {high:.3f})"
        yield row


def keep(config: Config, shown: list[Found], names: list[str]) -> None:
    """All that is known after some photographs."""
    settings = [asdict(each.method.setting) for each in shown]
    images = [{"method": each.method.name, "scores": [asdict(one) for one in each.scores]} for each in shown]
    write(config.out, config, [each.row() for each in shown], settings=settings, names=names, images=images)


def main(arguments: list[str] | None = None) -> None:
    config = parsed(Config, __doc__, arguments)
    found = [Found(method, [], []) for method in methods(config)]
    scenes = read(config.data, config.split, config.images or None)
    for index, scene in enumerate(scenes):
        for each in found:
            each.add(scene)
        scene.forget()
        keep(config, best(found), [one.name for one in scenes[: index + 1]])
    print(f"bsds500 {config.split}: {len(scenes)} photographs\n")
    print(table([each.row() for each in best(found)]))
    print(f"\n{best(found)[-1].method.name} is\n\n{table(list(leads(best(found))))}")
    for each in best(found) if config.tune else []:
        print(each.method.name, each.method.setting)


if __name__ == "__main__":
    main()
