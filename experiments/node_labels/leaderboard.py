"""Write the table of docs/leaderboard.md: rows of ours from `results/*.json`, those of others from `quoted.json`.

python experiments/node_labels/leaderboard.py
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))  # so that the file runs by its path

from experiments.node_labels.report import ROOT, cell, results
from experiments.node_labels.walks import WALKS
from experiments.shared.command import Script, parsed
from experiments.shared.results import table

PAGE, QUOTED = ROOT / "docs" / "leaderboard.md", Path(__file__).parent / "quoted.json"
BEGIN, END = "<!-- made by experiments/node_labels/leaderboard.py -->", "<!-- end -->"
GRAPHS = ("cora", "citeseer", "pubmed")
OF_FILES = {"pubmed_graph_only": "pubmed"}  # whose links and split these are, without the features
UNTUNED = {"largest class", "harmonic", "harmonic, class masses", "Poisson"}  # without options


def ours(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row for each method that has run here, with what it uses."""
    rows: dict[str, dict[str, Any]] = {}
    for result in found:
        for line in result["summary"]:
            graph = OF_FILES.get(line["graph"], line["graph"])
            if line["labels"] != "all" or graph not in GRAPHS:
                continue
            row = rows.setdefault(line["method"], {"method": line["method"], "runs": 0})
            row[graph] = cell(line)
            row["runs"] = max(row["runs"], line["runs"])
            row["features"] = "none" if line["method"] in WALKS else "bags of words"
            row["validation"] = "unused" if line["method"] in UNTUNED else "chooses"
            row["from"] = max(row.get("from", ""), f"run here, {result['date']}")  # the last of its numbers
    return list(rows.values())


def quoted(found: dict[str, Any]) -> list[dict[str, Any]]:
    """A row for each number that was read, with where it was."""
    return [
        {**row, "features": "bags of words", "from": f"[quoted]({row['source']}): {row['said']}"}
        for row in found["rows"]
    ]


def best_first(row: dict[str, Any]) -> float:
    said = re.match(r"[\d.]+", row.get("cora", ""))
    return -float(said[0]) if said else 0.0


def leaderboard(rows: list[dict[str, Any]]) -> str:
    columns = ("method", *GRAPHS, "features", "validation", "from")
    return table([{name: row.get(name, "") for name in columns} for row in sorted(rows, key=best_first)])


def main() -> None:
    parsed(Script, __doc__)
    numbers = json.loads(QUOTED.read_text(encoding="utf-8"))
    made = leaderboard(ours(results()) + quoted(numbers))
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    said = f"Numbers of others were read on {numbers['read']}."
    PAGE.write_text(f"{before}{BEGIN}\n\n{made}\n\n{said}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
