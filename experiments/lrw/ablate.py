"""What each part of the training of a Learned Random Walker is good for: it is trained again with one thing changed.

All begin with the same edges, but where the change concerns these too.

`experiments/README.md` says how to run this and which data it needs.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # so that the file runs by its path

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from experiments.data.tissue import Section
from experiments.lrw import train
from experiments.lrw.evaluate import scores
from experiments.lrw.methods import POWERS, learned
from experiments.lrw.sections import read
from experiments.shared.command import option, parsed
from experiments.shared.results import spread, table, write
from graphrw.models import LearnedRandomWalker

CHANGES: dict[str, dict[str, Any]] = {
    "as it is: the exact gradient": {},
    "gradient into 1024 edges": {"samples": 1024},
    "gradient into 250 edges": {"samples": 250},
    "gradient pruned to one label an edge": {"prune": True},
    "no gradient into edges at seeds": {"seed_edges": False},
    "no side loss beside the walk": {"side": 0.0},
    "side loss × 10": {"side": 1.0},
    "no exponent": {"contrast": 0.0},
    "full resolution": {"stride": 1},
    "a tenth of the labels": {"known": 0.1},
    "membrane given to segments": {"grown": True},
    "soft variation of information beside the loss": {"variation": 1.0},
    "the hardest of three draws of seeds": {"hardest": 3},
    "a section by itself": {"slices": 1},
    "half as wide": {"width": lambda config: config.width // 2},
    "squared error in place of the cross entropy": {"fit": "squared error"},
    "Dice in place of the cross entropy": {"fit": "Dice"},
}
# What these change the first stage does not see.
OF_THE_WALK = {"samples", "prune", "seed_edges", "side", "variation", "hardest", "fit"}
BEST = "LRW, the power that is best for the section"  # the truth chooses it: no power learned per image does better
WATERSHED = "seeded watershed"
MEASURES = ("VOI split", "VOI merge", "VOI", "ARAND")


@dataclass(frozen=True, kw_only=True)
class Config(train.Config):
    split: str = option("val", "of the sections that are scored")
    draws: int = option(2, "of seeds for each section")
    changes: tuple[str, ...] = option(tuple(CHANGES), "which", of=CHANGES)
    results: Path | None = option(None, "a JSON file for the results")


def changed(config: Config, name: str) -> Config:
    """The options with that change."""
    values = {key: value(config) if callable(value) else value for key, value in CHANGES[name].items()}
    return replace(config, **values)


def trained(config: Config, name: str) -> LearnedRandomWalker:
    """The model with that change, from the edges of the first one if they serve."""
    folder = config.out / str(list(CHANGES).index(name))
    edges = config.out / "0" / "edges.pt"
    if set(CHANGES[name]) <= OF_THE_WALK and edges.exists() and not (folder / "edges.pt").exists():
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(edges, folder / "edges.pt")
    train.train(replace(changed(config, name), out=folder))
    return LearnedRandomWalker.load(folder / "walk.safetensors")


def scored(config: Config, name: str) -> list[Section]:
    """The sections as the model with that change sees them."""
    return read(config.data, config.set, config.split, slices=changed(config, name).slices)


def figures(config: Config) -> Iterator[dict[str, Any]]:
    """A row for each change, method, section and draw of seeds."""
    for name in config.changes:
        model = trained(config, name)
        for section in scored(config, name):
            found = learned(model, model, model.as_input(section.image, section.channel_axis))
            for draw in range(config.draws):
                for method in ("LRW", WATERSHED):
                    yield {"change": name, "method": method, **scores(section, found, method, 1.0, draw)}
                powers = (scores(section, found, "LRW, power tuned", power, draw) for power in POWERS)
                yield {"change": name, "method": BEST, **min(powers, key=lambda row: row["VOI"])}


def summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A line for each change: means over sections and draws, of the walk, and of others on the same edges."""
    lines = []
    for name in dict.fromkeys(row["change"] for row in rows):
        of = {
            m: [r for r in rows if (r["change"], r["method"]) == (name, m)] for m in ("LRW", BEST, "seeded watershed")
        }
        line = {"change": name, **{key: spread([_mean(of["LRW"], key)]) for key in MEASURES}}
        others = {"best powers' VOI": BEST, "watershed's VOI": "seeded watershed"}
        lines.append({**line, **{title: spread([_mean(of[method], "VOI")]) for title, method in others.items()}})
    return lines


def _mean(rows: list[dict[str, Any]], key: str) -> float:
    return sum(row[key] for row in rows) / len(rows)


def main(arguments: list[str] | None = None) -> None:
    config = parsed(Config, __doc__, arguments)
    if config.out is None:
        raise SystemExit("Where do checkpoints and weights go? Give --out DIR, outside the repository.")
    rows = list(figures(config))
    print(f"{config.set} {config.split}: {config.draws} draws\n")
    print(table(summary(rows)))
    write(config.results, config, rows, summary=summary(rows))


if __name__ == "__main__":
    main()
