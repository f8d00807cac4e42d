"""Parts of meshes from one seed in each: walks with learned and unlearned weights, and geodesic Voronoi cells.

Every person's parts are taken as the truth in turn, with a seed at the deepest face of each part (draw 0) or at a
random deep one. Learned weights never saw the category of the mesh on which they are scored: the categories are dealt
into folds, and the weights for one fold come from the train meshes of all others. Scores are shares of the area that
get the right part. Results are kept after each mesh; the same command goes on from those in `--out`.

`experiments/README.md` says how to run this and which data it needs.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # so that the file runs by its path

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from experiments.data.meshes import psb
from experiments.meshes.methods import METHODS, walked
from experiments.meshes.surfaces import Surface
from experiments.meshes.training import LEARNED, trained
from experiments.shared.command import Evaluation, option, parsed
from experiments.shared.results import paired_interval, read, table, write


@dataclass(frozen=True, kw_only=True)
class Config(Evaluation):
    methods: tuple[str, ...] = option((*METHODS, *LEARNED), "some of the methods", of=(*METHODS, *LEARNED))
    train_on: str = option("train", "the split whose meshes weights are learned from")
    train_data: Path | None = option(None, "the folder of sets with that split, if it is not --data", there=True)
    folds: int = option(0, "of categories; 0: as many as there are categories, which leaves one out at a time")
    runs: int = option(3, "trainings of each learned method, each with its own seed")
    steps: int = option(300, "of Adam in each")
    largest: int = option(16000, "faces; larger meshes are not trained on")
    people: int = option(0, "how many persons' parts of each mesh to score; 0: all")
    draws: int = option(2, "of the seeds: the deepest faces, then random deep ones")


Method = Callable[[Surface, Tensor], Tensor]


def by_model(model: nn.Module, surface: Surface, seeds: Tensor) -> Tensor:
    with torch.no_grad():
        return walked(surface, model(surface), seeds).argmax(1)


def to_learn_from(config: Config) -> list[Surface]:
    """The meshes that are small enough; none, with words, where the split is not there."""
    if not {*LEARNED} & {*config.methods}:
        return []
    data = config.train_data or config.data
    if not (data / "meshes_psb" / config.train_on).is_dir():
        print(
            f"Learned weights are left out: there is no `meshes_psb/{config.train_on}` to learn them from. Give "
            "--train-data DIR, a folder of sets that has it.",
            file=sys.stderr,
        )
        return []
    found = [Surface(mesh) for mesh in psb(data, config.train_on) if len(mesh.faces) <= config.largest]
    if not found:
        raise SystemExit(f"`{config.train_on}` has no mesh of at most {config.largest} faces: give a larger --largest.")
    return found


def learned(config: Config, others: list[Surface]) -> Iterator[tuple[str, int, Method]]:
    """Each learned method and run, as trained on the meshes of other categories."""
    if not others:
        raise SystemExit(
            f"`{config.train_on}` has no mesh of another category, of at most {config.largest} faces, to learn from: "
            "give a larger --largest, or more --folds."
        )
    for name in config.methods:
        for run in range(config.runs if name in LEARNED else 0):
            yield name, run, partial(by_model, trained(LEARNED[name], others, run, config.steps))


def scores(config: Config, surface: Surface, methods: list[tuple[str, int, Method]]) -> Iterator[dict[str, Any]]:
    """A row for each person, draw and method."""
    for person in surface.people(config.people):
        parts = surface.parts(person)
        for draw in range(config.draws):
            chance = torch.Generator().manual_seed(1000 * draw + person) if draw else None
            seeds = surface.seeds(parts, chance)
            for name, run, method in methods:
                began = time.process_time()
                accuracy = surface.accuracy(method(surface, seeds), parts)
                yield {
                    "mesh": surface.mesh.name,
                    "category": surface.mesh.category,
                    "person": person,
                    "draw": draw,
                    "method": name,
                    "run": run,
                    "accuracy": round(accuracy, 5),
                    "seconds": round(time.process_time() - began, 3),
                }


def folds(config: Config, categories: list[str]) -> list[set[str]]:
    """Which categories are left out together."""
    count = min(config.folds or len(categories), len(categories))
    return [set(categories[fold::count]) for fold in range(count)]


def summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A line for each method: per cent of the area, the mean over meshes, and its deviation over runs of training."""
    lines = []
    for method in dict.fromkeys(row["method"] for row in rows):
        mine = [row for row in rows if row["method"] == method]
        line: dict[str, Any] = {"method": method, "meshes": len({row["mesh"] for row in mine})}
        draws = {"deepest": [row for row in mine if not row["draw"]], "random": [row for row in mine if row["draw"]]}
        for name, chosen in draws.items():
            numbers = sorted({row["run"] for row in chosen})
            runs = [mean_of([row for row in chosen if row["run"] == run]) for run in numbers]
            line[name] = round(statistics.mean(runs), 2) if runs else None
            line[f"{name} ±"] = round(statistics.stdev(runs), 2) if len(runs) > 1 else None
        line["worst mesh"] = round(min(per_mesh(mine)), 2)
        line["seconds"] = round(statistics.mean(row["seconds"] for row in mine), 2)
        lines.append(line)
    return lines


def per_mesh(rows: list[dict[str, Any]]) -> list[float]:
    names = dict.fromkeys(row["mesh"] for row in rows)
    return [100 * statistics.mean(row["accuracy"] for row in rows if row["mesh"] == name) for name in names]


def ahead(rows: list[dict[str, Any]], first: str, second: str) -> Iterator[str]:
    """By how many per cent of the area one method is ahead of another: the mean, and 95 % of a bootstrap of meshes."""
    both = [[row for row in rows if row["method"] == method] for method in (first, second)]
    for name, random in (("deepest", False), ("random", True)):
        pair = [per_mesh([row for row in mine if bool(row["draw"]) == random]) for mine in both]
        if pair[0] and len(pair[0]) == len(pair[1]):
            low, high = paired_interval(*pair)
            mean = statistics.mean(pair[0]) - statistics.mean(pair[1])
            yield f"{first} − {second}, {name} seeds: {mean:.1f} ({low:.1f} to {high:.1f})"


def mean_of(rows: list[dict[str, Any]]) -> float:
    """Over persons and draws, then over meshes."""
    return statistics.mean(per_mesh(rows))


def main(arguments: list[str] | None = None) -> None:
    config = parsed(Config, __doc__, arguments)
    meshes, rows = psb(config.data, config.split), read(config.out, config)
    surfaces = to_learn_from(config)
    done = {row["mesh"] for row in rows}
    plain: list[tuple[str, int, Method]] = [(name, 0, METHODS[name]) for name in METHODS if name in config.methods]
    for out in folds(config, sorted({mesh.category for mesh in meshes})):
        left = [mesh for mesh in meshes if mesh.category in out and mesh.name not in done]
        others = [surface for surface in surfaces if surface.mesh.category not in out]
        methods = [*plain, *(learned(config, others) if left and surfaces else ())]
        for mesh in left:
            rows += scores(config, Surface(mesh), methods)
            print(f"{mesh.name}: {time.process_time():.0f} s of the processor", file=sys.stderr, flush=True)
            write(config.out, config, rows, summary=summary(rows))
    print(table(summary(rows), digits=2))
    print("\n".join(ahead(rows, "faces, learned factor", "faces, crease_weight")))


if __name__ == "__main__":
    main()
