"""Every solver on every kind of graph: set-up, solves of 1, 4 and 16 labels, memory, true residuals.

Claim: with four labels and more `Auto` is within 1.5 × of the best of all that is installed, on every row (medians of
interleaved runs).
Peers: SciPy's SuperLU in symmetric mode and CG, rslab, Pardiso, CHOLMOD and cholespy used bare, pyamg's classical and
smoothed-aggregation multigrid and approx-chol under that CG, apxchol, torch-sla, torchsparsegradutils, scikit-image's
three modes of `random_walker`; each asked for a relative residual of 1e-6. What is not installed is left out, and said.
Run: pip install -e '.[benchmark]' and the peers wanted, then python benchmarks/solver_landscape.py
Each run of a method is a process of its own, in turns with the others: import, loading and a rehearsal on a small grid
are not timed. One that takes longer than `--limit` is not repeated (*), and ended after twice as long.
Last result: docs/landscape.md.
"""

import argparse
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import child
import numpy as np
import problems
import torch
from peers import PEERS, RTOL, Steps, nothing
from problems import Problem

import graphrw as rw
from graphrw.core.errors import MissingDependencyError
from graphrw.solvers import Inverse
from graphrw.solvers.operator import divergence
from graphrw.solvers.pattern import row_pattern

ROWS = (
    "image-512",
    "image-1024",
    "image-2048",
    "volume-64",
    "volume-128",
    "contrast-512",
    "knn-50000",
    "power-200000",
    "mesh-200000",
)
OURS = ("Auto", "Cholesky", "CG", "Multigrid", "ApproximateCholesky", "Pardiso", "CHOLMOD", "Dense")
DENSE = 5000  # unknowns up to which the dense method is tried
PATIENCE = 2  # a child is ended after so many limits
START = 60.0  # seconds beside the limit for imports, loading and the rehearsal
CLOSE = 2 * RTOL  # the true residual of an answer that counts; peers watch a recursion that drifts
ABSENT = "left out, not installed"


def ours(name: str) -> Callable[[Problem], Steps]:
    """One of our solvers; all that depends on the structure alone is its analysis, and all checks are timed."""

    def steps(case: Problem) -> Steps:
        solver: rw.solvers.Solver = vars(rw.solvers)[name](rtol=RTOL)
        walk = case.absorbed

        def prepare(plan: Any) -> Inverse:
            inverse = solver.invert(walk, plan)
            inverse.solve(walk.killing[:, None])  # whatever is made at the first solve: its verdict, A for residuals
            return inverse

        def analyse() -> Any:
            row_pattern(walk.graph)
            divergence(walk.graph)
            return solver.plan_for(walk.graph)

        def solve(inverse: Inverse, b: torch.Tensor) -> tuple[torch.Tensor, int]:
            found = inverse.solve(b)
            return found.x, found.iterations + found.passes - 1

        return Steps(case.right_hand_side, analyse, prepare, solve)

    return steps


METHODS = {**{name: ours(name) for name in OURS}, **PEERS}


def measure(method: str, case: Problem, counts: list[int], tell: child.Tell) -> float:
    """Run a method once, and tell each part as it is done; GiB that were held before."""
    steps = METHODS[method](case)
    _ = case.matrix, case.absorbed
    held = child.forget_peak()
    plan, analysis = timed(steps.analyse)
    analysis = math.nan if steps.analyse is nothing else analysis
    factor, setup = timed(partial(steps.prepare, plan))
    peak = child.memory("VmHWM") - held
    tell({"analysis": analysis, "setup": setup, "peak": peak})
    for count in (count for count in counts if count >= steps.least):
        found, highest = solved(steps, factor, case, count)
        peak = max(peak, highest - held)
        tell({"peak": peak, **{key: {count: value} for key, value in found.items()}})
    return held


def solved(steps: Steps, factor: Any, case: Problem, count: int) -> tuple[dict[str, float], float]:
    """What one solve tells, and the most GiB that were held meanwhile."""
    b = steps.load(count)
    child.forget_peak()
    (x, iterations), seconds = timed(partial(steps.solve, factor, b))
    highest = child.memory("VmHWM")
    return {"solve": seconds, "iterations": iterations, "residual": true_residual(case, np.asarray(x), count)}, highest


def timed(make: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    made = make()
    return made, time.perf_counter() - start


def true_residual(case: Problem, x: np.ndarray, count: int) -> float:
    """The largest ‖b − A x‖ / ‖b‖ of any column, in float64."""
    x = x[case.free] if len(x) == len(case.free) else x
    b = case.right_hand_side(count).numpy()[case.free]
    return float((np.linalg.norm(b - case.matrix @ x[:, :count], axis=0) / np.linalg.norm(b, axis=0)).max())


def one_run(tell: child.Tell, method: str, file: Path, counts: list[int]) -> None:
    """What a child does."""
    try:
        measure(method, problems.make("image-24"), counts, lambda _: None)  # the rehearsal
    except (ImportError, MissingDependencyError):
        tell({"absent": ABSENT})
        return
    case = problems.load(file)
    measure(method, case, counts, tell)
    if method == "Auto":
        tell({"note": f"Auto took {rw.solvers.Auto(rtol=RTOL).explain(case.absorbed.graph)}"})


def fits(method: str, case: Problem) -> bool:
    if method.startswith("scikit-image"):
        return case.image is not None
    return method != "Dense" or len(case.seeds) <= DENSE


class Row:
    """What the runs of one method on one problem have told."""

    def __init__(self) -> None:
        self.runs: list[dict[str, Any]] = []
        self.end = ""
        self.latest = math.nan  # seconds of the last run

    @property
    def mark(self) -> str:
        return "*" if self.end and self.runs else ""

    def add(self, said: dict[str, Any], end: str, limit: float) -> None:
        if "absent" in said:
            self.end = said["absent"]
            return
        if "setup" in said:
            self.runs.append(said)
        seconds = [said.get("analysis", 0.0), said.get("setup", 0.0), *said.get("solve", {}).values()]
        self.latest = sum(value for value in seconds if value >= 0)
        self.end = end or (f"longer than {limit:.0f} s, one run" if self.latest > limit else "")

    def median(self, key: str, count: int | None = None) -> float:
        """Of all runs; NaN where none got so far."""
        found = [run.get(key, math.nan) if count is None else run.get(key, {}).get(count) for run in self.runs]
        found = [value for value in found if value is not None]
        return statistics.median(found) if found else math.nan

    def cost(self, count: int) -> float:
        """Seconds of set-up and solve; NaN if the answer is not one."""
        good = self.median("residual", count) <= CLOSE
        return self.median("setup") + self.median("solve", count) if good else math.nan


def best(rows: dict[str, Row], count: int) -> float:
    return min((cost for row in rows.values() if (cost := row.cost(count)) > 0), default=math.nan)


def run_all(name: str, options: argparse.Namespace, folder: Path) -> dict[str, Row]:
    """Each method in its turn, and again, in processes of their own."""
    case, file = problems.make(name), folder / f"{name}.npz"
    problems.save(case, file)
    print(f"\n**{name}**: {case.free.sum():,} unknowns, {case.walk.graph.num_edges:,} edges\n", flush=True)
    rows = {method: Row() for method in options.methods if fits(method, case)}
    del case
    for _ in range(options.runs):
        for method, row in rows.items():
            if row.end:
                continue
            said, end = child.run(one_run, (method, file, options.labels), PATIENCE * options.limit + START)
            row.add(said, end, options.limit)
            print(f"{name}, {method}: {row.latest:.1f} s {row.end}", file=sys.stderr)
    file.unlink()
    return rows


def report(rows: dict[str, Row], counts: list[int]) -> None:
    """The table of one problem, and what has to be said of its rows."""
    solves, ratios = (" | ".join(word.format(count) for count in counts) for word in ("solve {} (s)", "ratio {}"))
    print(f"| method | analysis (s) | set-up (s) | {solves} | iterations | residual | peak (GiB) | {ratios} |")
    print("|---" * (6 + 2 * len(counts)) + "|")
    fastest = {count: best(rows, count) for count in counts}
    for method, row in rows.items():
        if not row.runs:
            continue
        seconds = [row.median("analysis"), row.median("setup"), *(row.median("solve", count) for count in counts)]
        iterations, residual = (
            max((row.median(key, count) for count in counts if row.median(key, count) >= 0), default=math.nan)
            for key in ("iterations", "residual")
        )
        cells = [f"{value:.3f}" for value in seconds] + [f"{iterations:.0f}", f"{residual:.0e}"]
        cells += [f"{row.median('peak'):.2f}"] + [f"{row.cost(count) / fastest[count]:.2f}" for count in counts]
        print(f"| {method}{row.mark} | {' | '.join(cells)} |".replace("nan", "–"), flush=True)
    for end in sorted({row.end for row in rows.values()} - {""}):
        methods = (method + row.mark for method, row in rows.items() if row.end == end)
        print(f"\n{end[0].upper() + end[1:]}: {', '.join(methods)}.")
    for note in sorted({run["note"] for row in rows.values() for run in row.runs if "note" in run}):
        print(f"\n{note}.")


def conclude(found: dict[str, dict[str, Row]], counts: list[int]) -> None:
    """How far `Auto` is from the best of each row, and from the best of our own."""
    print("\n| problem | labels | best | Auto / best | best of graphrw's | Auto / best of graphrw's |")
    print("|---|---|---|---|---|---|")
    for name, rows in found.items():
        mine = {method: row for method, row in rows.items() if method in OURS}
        for count in counts:
            cells = [name, str(count)]
            for group in (rows, mine):
                least = best(group, count)
                winner = next((method for method, row in group.items() if row.cost(count) == least), "–")
                cells += [winner, f"{rows['Auto'].cost(count) / least:.2f}".replace("nan", "–")]
            print(f"| {' | '.join(cells)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", nargs="+", default=list(ROWS), help="KIND-SIZE, such as image-64 or volume-16")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--labels", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--limit", type=float, default=60.0, help="seconds of one run")
    options = parser.parse_args()
    print(f"{child.machine()}, medians of {options.runs} interleaved runs")
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in options.problems:
            found[name] = run_all(name, options, Path(folder))
            report(found[name], options.labels)
    if "Auto" in options.methods:
        conclude(found, options.labels)


if __name__ == "__main__":
    main()
