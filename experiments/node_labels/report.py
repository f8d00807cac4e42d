"""Write the tables of docs/node_labels.md from the results beside this file, `results/*.json`.

python experiments/node_labels/report.py
"""

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))  # so that the file runs by its path

from experiments.shared.command import Script, parsed
from experiments.shared.results import table

ROOT = Path(__file__).parents[2]
RESULTS = "experiments/node_labels/results"
PAGE = ROOT / "docs" / "node_labels.md"
MOSTLY = 0.5  # of the edges: homophily
OF_TWO_CLASSES = {"minesweeper", "tolokers"}  # scored by the area under the curve of ROC
BEGIN, END = "<!-- made by experiments/node_labels/report.py -->", "<!-- end -->"


def results() -> list[dict[str, Any]]:
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted((ROOT / RESULTS).glob("*.json"))]


def cell(line: dict[str, Any]) -> str:
    deviation = "" if line["deviation"] is None else f" ± {line['deviation']:.1f}"
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
    return table(list(rows.values()))


def name_of(line: dict[str, Any]) -> str:
    """Of its column."""
    return str(line["graph"]) if line["labels"] == "all" else f"{line['graph']}, {line['labels']} a class"


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
    """What each column was measured with."""
    lines = []
    for result in found:
        first, config, machine = result["figures"][0], result["config"], result["machine"]
        runs = max(line["runs"] for line in result["summary"])
        few = [str(n) for n in dict.fromkeys(line["labels"] for line in result["summary"]) if n != "all"]
        longest = max(row["seconds"] for row in result["figures"])
        methods = {line["method"] for line in result["summary"]}
        alone = f" ({methods.pop()} alone)" if len(methods) == 1 else ""
        lines.append(
            f"* {', '.join(dict.fromkeys(row['graph'] for row in result['figures']))}"
            f"{', ' * bool(few)}{', '.join(few)}{' labels a class' * bool(few)}{alone}: {first['splits']} split, "
            f"homophily {first['homophily']}, {runs} run{'s' * (runs > 1)}, {config['split']} nodes, a run takes up to "
            f"{longest:.0f} s of one core ({machine['processor']}, torch {machine['torch']}), {result['date']}."
        )
    return "\n".join(lines)


def main() -> None:
    parsed(Script, __doc__)
    found = results()
    if not found:
        raise SystemExit(f"There are no results in `{RESULTS}`: run experiments/node_labels/evaluate.py --out first.")
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    made = f"{BEGIN}\n\n{tables(found)}\n\n{about(found)}\n\n{END}"
    PAGE.write_text(before + made + after, encoding="utf-8")


if __name__ == "__main__":
    main()
