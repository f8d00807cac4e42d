"""Labels of the nodes of graphs: walks, and networks with and without walks, beside PyG's.

Every network is trained and tuned alike: nine combinations of options (with `--choices 2`, six) on the first split and
one seed, chosen by the validation nodes; then so many runs, each with its own seed and, where a graph has several, its
own split. Labels of validation nodes choose options and steps; they are never learned from, and never seeds. With
`--labels` runs learn from so many nodes of each class, with the options of the whole split. Results are kept after each
run; the same command goes on from those in `--out`.

`experiments/README.md` says how to run this and which data it needs.
"""

import itertools
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # so that the file runs by its path

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor

from experiments.data.graphs import SPLITS, NodeLabels, graph_names, read_graph
from experiments.node_labels.inputs import Task, task
from experiments.node_labels.networks import NETWORKS, Options
from experiments.node_labels.training import STEPS, smoothed, trained, tuned
from experiments.node_labels.walks import WALKS
from experiments.shared.command import Evaluation, option, parsed
from experiments.shared.results import read, table, write

TUNING = 1000  # the seed of tuning, which no run has


@dataclass(frozen=True, kw_only=True)
class Config(Evaluation):
    split: str = option("val", "whose nodes are scored", of=SPLITS)
    graphs: tuple[str, ...] = option((), "names of graphs; none: all there are")
    methods: tuple[str, ...] = option((*WALKS, *NETWORKS), "some of the methods", of=(*WALKS, *NETWORKS))
    runs: int = option(20, "random seeds")
    steps: int = option(STEPS, "of Adam at most, of every network")
    choices: int = option(3, "how many options of its own each network is tuned over", of=(1, 2, 3))
    labels: tuple[int, ...] = option((0,), "of each class to learn from; 0: all of the split")


def runs(config: Config, name: str, found: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """The rows of each run on a graph that are not among those `found` before: one for each method."""
    data = read_graph(config.data, name)
    about = {"graph": name, "splits": data.kind, "homophily": round(data.homophily, 3)}
    done = {(row["labels"], row["run"]) for row in found if row["graph"] == name}
    left = [pair for pair in itertools.product(config.labels, range(config.runs)) if pair not in done]
    chosen = _options(config, data, [row for row in found if row["graph"] == name]) if left else {}
    for labels, run in left:
        part = task(data, run, labels or None)
        made = (*_walks(config, part, run), *_networks(config, part, chosen, run))
        yield [{**about, "labels": labels, "run": run, **row} for row in made]


def _options(config: Config, data: NodeLabels, found: list[dict[str, Any]]) -> dict[str, Options]:
    """Those that runs before this one had, or else those that are best on the validation nodes."""
    known = {row["method"]: Options(row["decay"], row["own"], row["rate"]) for row in found if "decay" in row}
    first = task(data, 0, None)
    allowed = {"choices": config.choices, "steps": config.steps}
    return {
        name: known[name] if name in known else tuned(NETWORKS[name], first, TUNING, **allowed)
        for name in config.methods
        if name in NETWORKS and data.x is not None
    }


def _walks(config: Config, part: Task, run: int) -> Iterator[dict[str, Any]]:
    several = len(part.data.splits) > 1 or len(part.train) < len(part.data.splits[0].train)
    for name in config.methods if run == 0 or several else ():  # nothing else is random in them
        if name in WALKS:
            began = time.process_time()
            yield _row(config, part, name, WALKS[name](part), seconds=time.process_time() - began)


def _networks(config: Config, part: Task, chosen: dict[str, Options], run: int) -> Iterator[dict[str, Any]]:
    for name, options in chosen.items():
        done = trained(NETWORKS[name], part, options, run, steps=config.steps)
        more = {"seconds": done.seconds, "steps": done.steps, **asdict(options)}
        yield _row(config, part, name, done.scores, **more)
        if name == "MLP":
            yield _row(config, part, "MLP, PyG C&S", smoothed(part, done.scores), **more)


def _row(config: Config, part: Task, method: str, scores: Tensor, **more: Any) -> dict[str, Any]:
    quality = {name: part.quality(scores, getattr(part, name)) for name in dict.fromkeys(("val", config.split))}
    return {"method": method, **quality, **more}


def summary(found: list[dict[str, Any]], split: str) -> list[dict[str, Any]]:
    """A line for each graph, number of labels and method: mean ± deviation of `Task.quality` in per cent."""
    lines = []
    for graph, labels, method in dict.fromkeys((row["graph"], row["labels"], row["method"]) for row in found):
        mine = [row for row in found if (row["graph"], row["labels"], row["method"]) == (graph, labels, method)]
        values = [100 * row[split] for row in mine]
        line: dict[str, Any] = {"graph": graph, "labels": labels or "all", "method": method, "runs": len(mine)}
        line["mean"] = statistics.mean(values)
        line["deviation"] = statistics.stdev(values) if len(values) > 1 else None
        line["seconds"] = statistics.mean(row["seconds"] for row in mine)
        lines.append(line)
    return lines


def main(arguments: list[str] | None = None) -> None:
    config = parsed(Config, __doc__, arguments)
    found = read(config.out, config)
    for name in config.graphs or graph_names(config.data):
        for rows in runs(config, name, found):
            found += rows
            write(config.out, config, found, summary=summary(found, config.split))
        print(table(summary([row for row in found if row["graph"] == name], config.split)), "\n", flush=True)


if __name__ == "__main__":
    main()
