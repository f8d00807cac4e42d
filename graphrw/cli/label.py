"""`graphrw label`: the nodes of a graph from the labels of a few."""

import csv
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, TextIO

import torch
import typer
from torch import Tensor

from graphrw.cli.graph_files import NamedGraph, read_graph, read_node_labels
from graphrw.cli.task import check_not_read
from graphrw.core.walk import walk
from graphrw.core.warn import warn
from graphrw.files import check_place, replacing
from graphrw.functional.labelling import by_expected_shares, first_met


def label(
    *,
    graph: Annotated[
        Path,
        typer.Argument(
            metavar="GRAPH",
            help="An edge list (`a b` or `a b weight` in each line, blanks, tabs or commas between them; .gz too), "
            "GraphML, or a matrix of SciPy's (.npz), whose nodes are 0, 1, … A larger weight joins nodes more closely. "
            "A first line such as `source target` is left out, unless it is an edge; so is what begins with # or %.",
        ),
    ],
    labels: Annotated[Path, typer.Argument(metavar="LABELS", help="What is known: `node label` in each line.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE", help="Where node,label,probability go as CSV: to the screen by default."
        ),
    ] = None,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Add a column for the probability of each label.")
    ] = False,
    directed: Annotated[
        bool, typer.Option("--directed", help="Edges are walked from the first node to the second only.")
    ] = False,
    class_mass: Annotated[
        bool,
        typer.Option(
            "--class-mass/--no-class-mass",
            help="Make up for labels that win everywhere because their few nodes are well connected, if ten nodes for "
            "each label are to be labelled, or more.",
        ),
    ] = True,
    alpha: Annotated[
        float | None,
        typer.Option(
            "--alpha",
            help="Between 0 and 1: a walk goes on with this probability at each step, so that near labels count more. "
            "0.9 gains much on some graphs and loses on others; by default it goes on until it meets a label.",
        ),
    ] = None,
) -> None:
    """Label every node of a graph: by which label a walk from it meets first, and how often each is expected.

    Nodes from which no walk comes to a label stay without one.

    For example: graphrw label friends.csv known.csv -o all.csv
    """
    if out is not None:
        check_place(out)
        check_not_read(out, (graph, labels))
    for path in (graph, labels):
        if not path.is_file():
            raise FileNotFoundError(f"There is no file `{path}`.")
    named = read_graph(graph, directed=directed)
    classes, seeds = _seeds(named, read_node_labels(labels, named.names), labels)
    table = _probabilities(named, seeds, len(classes), class_mass=class_mass, alpha=alpha)
    with ExitStack() as stack:
        file = sys.stdout
        if out is not None:
            unfinished = stack.enter_context(replacing(out))
            file = stack.enter_context(unfinished.open("w", encoding="utf-8", newline=""))
        _write(file, named.names, table, classes, every=probabilities)


def _seeds(named: NamedGraph, known: dict[str, str], path: Path) -> tuple[list[str], Tensor]:
    """The labels in their order, and of each node (N,) which it has; −1 where none is known."""
    place = {name: node for node, name in enumerate(named.names)}
    strange = [name for name in known if name not in place]
    if strange:
        more = f" ({len(strange)} such nodes)" if len(strange) > 1 else ""
        raise ValueError(f"`{path}` labels {strange[0]!r}, which is no node of the graph{more}.")
    classes = sorted(set(known.values()))
    seeds = torch.full((len(place),), -1)
    for name, label in known.items():
        seeds[place[name]] = classes.index(label)
    return classes, seeds


def _probabilities(named: NamedGraph, seeds: Tensor, count: int, *, class_mass: bool, alpha: float | None) -> Tensor:
    """(N, L), 0 where no walk comes to a label."""
    made_up = by_expected_shares if class_mass else lambda probability, seeds: probability
    table, lost = first_met(walk(named.graph, named.weight), seeds, count, alpha=alpha, made_up=made_up)
    if bool(lost.any()):
        first = named.names[int(lost.nonzero()[0])]
        hardly = "" if alpha is None else ", or hardly any walk from them comes to one with this --alpha"
        warn(f"{int(lost.sum())} nodes (first: {first!r}) lead to no labelled node{hardly}; their label is left empty.")
    return torch.where(lost[:, None], 0.0, table)


def _write(file: TextIO, names: list[str], table: Tensor, classes: list[str], *, every: bool) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["node", "label", "probability", *(classes if every else ())])
    best, place = table.max(1)
    for name, share, winner, row in zip(names, best.tolist(), place.tolist(), table.tolist(), strict=True):
        cells = [f"{value:.6g}" for value in row] if every else []
        writer.writerow([name, classes[winner] if share > 0 else "", f"{share:.6g}", *cells])
