"""Write the tables of docs/node_labels.md, and what they were measured with, from `results/*.json` beside this file.

python experiments/node_labels/report.py
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))  # so that the file runs by its path

from experiments.node_labels.networks import NETWORKS
from experiments.node_labels.walks import WALKS
from experiments.shared.command import Script, parsed
from experiments.shared.results import table

ROOT = Path(__file__).parents[2]
RESULTS = "experiments/node_labels/results"
PAGE = ROOT / "docs" / "node_labels.md"
MOSTLY = 0.5  # of the edges: homophily
METHODS = (*WALKS, "MLP", "MLP, PyG C&S", *NETWORKS)  # in this order
OF_TWO_CLASSES = {"minesweeper", "tolokers"}  # scored by the area under the curve of ROC
BEGIN, END = "<!-- made by experiments/node_labels/report.py -->", "<!-- end -->"
MADE = re.compile(f"(?<={BEGIN}\n\n).*?(?=\n\n{END})", re.DOTALL)  # the tables, and what they were measured with


def results() -> list[dict[str, Any]]:
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted((ROOT / RESULTS).glob("*.json"))]


def cell(line: dict[str, Any]) -> str:
    deviation = "" if line["deviation"] is None else f"\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}{line['deviation']:.1f}"
    return f"{line['mean']:.1f}{deviation}"


def qualities(lines: list[dict[str, Any]]) -> str:
    """A row for each method, a column for each graph and number of labels; the best in bold."""
    rows: dict[str, dict[str, str]] = {}
    for column in dict.fromkeys(name_of(line) for line in lines):
        mine = [line for line in lines if name_of(line) == column]
        best = max(line["mean"] for line in mine)
        for line in mine:
            shown = f"**{cell(line)}**" if line["mean"] == best else cell(line)
            rows.setdefault(line["method"], {"method": line["method"]})[column] = shown
    return table(sorted(rows.values(), key=lambda row: METHODS.index(row["method"])))


def name_of(line: dict[str, Any]) -> str:
    """Of its column."""
    return str(line["graph"]) if line["labels"] == "all" else f"{line['labels']} a class"


def tables(found: list[dict[str, Any]]) -> str:
    """Of graphs whose neighbours mostly agree, of others, and of two classes, with all labels; then of few labels."""
    agree = {row["graph"]: row["homophily"] >= MOSTLY for result in found for row in result["figures"]}
    titles = {
        graph: "Two classes, one of them rare: area under the curve of ROC"
        if graph in OF_TWO_CLASSES
        else f"Most neighbours have {'the same label' if agree[graph] else 'another one'}"
        for graph in sorted(agree, key=lambda graph: (graph in OF_TWO_CLASSES, not agree[graph], graph))
    }
    parts: dict[str, list[dict[str, Any]]] = {title: [] for title in titles.values()}
    for line in (line for result in found for line in result["summary"]):
        title = titles[line["graph"]] if line["labels"] == "all" else f"{line['graph']}, few labels"
        parts.setdefault(title, []).append(line)
    return "\n\n".join(f"{title}:\n\n{qualities(part)}" for title, part in parts.items() if part)


def about(found: list[dict[str, Any]]) -> str:
    """What each result was measured with."""
    return "\n".join(about_result(result["figures"], result["summary"], result) for result in found)


def about_result(figures: list[dict[str, Any]], lines: list[dict[str, Any]], result: dict[str, Any]) -> str:
    graphs = {row["graph"]: f"{row['graph']} ({row['splits']} split, homophily {row['homophily']})" for row in figures}
    few = [str(number) for number in dict.fromkeys(line["labels"] for line in lines) if number != "all"]
    methods, machine = {line["method"] for line in lines}, result["machine"]
    runs = max(line["runs"] for line in lines)
    return (
        f"* {', '.join(graphs.values())}{', ' * bool(few)}{', '.join(few)}{' labels a class' * bool(few)}"
        f"{f', {methods.pop()} alone' if len(methods) == 1 else ''}: {f'up to {runs} runs' if runs > 1 else 'one run'},"
        f" {result['config']['split']} nodes, a run takes up to {max(row['seconds'] for row in figures):.0f} s of one "
        f"core ({machine['processor']}, torch {machine['torch']}), {result['date']}."
    )


def main() -> None:
    parsed(Script, __doc__)
    found = results()
    if not found:
        raise SystemExit(f"There are no results in `{RESULTS}`: run experiments/node_labels/evaluate.py --out first.")
    parts = iter((tables(found), about(found)))
    PAGE.write_text(MADE.sub(lambda _: next(parts), PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
