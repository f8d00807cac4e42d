"""The defaults of `crease_weight`: what a radian of bending inwards and outwards should cost, on train.

For each choice of numbers the share of the area that gets the right part from seeds at the deepest faces: its mean over
the smallest mesh of each category (or over all meshes), and the worst of them. Then the best choice runs on every mesh
of the split, to see that no weight is lost and every walk ends at a seed.

`experiments/README.md` says how to run this and which data it needs.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # so that the file runs by its path

import itertools
import statistics
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from torch import Tensor

from experiments.data.meshes import psb
from experiments.meshes.methods import walked
from experiments.meshes.surfaces import Surface
from experiments.shared.command import Evaluation, option, parsed
from experiments.shared.results import table, write
from graphrw.build import crease_weight


@dataclass(frozen=True, kw_only=True)
class Config(Evaluation):
    split: str = option("train", "whose meshes choose")
    concave: tuple[float, ...] = option((5.0, 10.0, 20.0, 40.0), "to try")
    convex: tuple[float, ...] = option((0.0, 1.0), "to try")
    floors: tuple[float, ...] = option((1e-6, 1e-3), "to try")
    all: bool = option(False, "choose by all meshes, not by the smallest of each category")


@dataclass(frozen=True, eq=False)
class Case:
    """A surface as the first person parted it, with a seed at the deepest face of each part."""

    surface: Surface

    @cached_property
    def parts(self) -> Tensor:
        return self.surface.parts(0)

    @cached_property
    def seeds(self) -> Tensor:
        return self.surface.seeds(self.parts, None)

    def scores(self, **options: float) -> dict[str, float]:
        """How well the weights do, and their range."""
        weight = crease_weight(self.surface.vertices, self.surface.faces, **options)
        answer = walked(self.surface, weight, self.seeds)
        return {
            "accuracy": 100 * self.surface.accuracy(answer.argmax(1), self.parts),
            "smallest weight": float(weight.min()),
            "lost": float(1 - answer.sum(1).min()),  # without killing every walk ends at a seed
        }


def smallest(cases: list[Case]) -> list[Case]:
    """One of each category."""
    found: dict[str, Case] = {}
    for case in sorted(cases, key=lambda case: len(case.surface.faces)):
        found.setdefault(case.surface.mesh.category, case)
    return list(found.values())


def trial(cases: list[Case], **options: float) -> dict[str, Any]:
    found = [case.scores(**options)["accuracy"] for case in cases]
    return {**options, "mean": statistics.mean(found), "worst": min(found), "meshes": len(found)}


def main(arguments: list[str] | None = None) -> None:
    config = parsed(Config, __doc__, arguments)
    cases = [Case(Surface(mesh)) for mesh in psb(config.data, config.split)]
    some = cases if config.all else smallest(cases)
    grid = itertools.product(config.concave, config.convex, config.floors)
    rows = [trial(some, concave=concave, convex=convex, floor=floor) for concave, convex, floor in grid]
    print(table(rows, digits=2), "\n")
    best = max(rows, key=lambda row: row["mean"])
    options = {name: best[name] for name in ("concave", "convex", "floor")}
    checks = [{"mesh": case.surface.mesh.name, **case.scores(**options)} for case in cases]
    worst = min(check["accuracy"] for check in checks)
    print(f"best: {options}; of all {len(checks)} meshes of {config.split}: mean", end=" ")
    print(f"{statistics.mean(check['accuracy'] for check in checks):.2f}, worst {worst:.2f}", end=", ")
    print(f"smallest weight {min(check['smallest weight'] for check in checks):.1e}", end=", ")
    print(f"walks lost at most {max(check['lost'] for check in checks):.1e}")
    write(config.out, config, rows, chosen=options, checks=checks)


if __name__ == "__main__":
    main()
