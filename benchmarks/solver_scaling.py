"""How time and memory of our solvers grow with the graph, from 10⁴ to 10⁷ nodes, on images and on volumes.

Claim: with `Auto`, time and memory grow almost in proportion to the size, and 7.5 million voxels fit into 24 GB.
Peers: none but the machine: beside each solve stands the time in which its memory could move, once, what one product
with A must move (values and columns of A, four columns of x and of b).
Run: pip install -e '.[benchmark]', then python benchmarks/solver_scaling.py --plot scaling.png
`--data DIR` adds a block of electron microscopy, raw grey values and one seed per neuron: DIR/em_fib25/train.npz with
`raw` and `labels` (120, 250, 250), converted from FlyEM's FIB-25 (janelia-flyem/neuroproof_examples, CC BY 3.0).
Each run is a process of its own; a solver that fails or takes longer than `--limit` is not taken any further.
Last result: docs/landscape.md.
"""

import argparse
import math
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import child
import numpy as np
import problems
import torch
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import TABLEAU_COLORS
from peers import RTOL
from problems import Problem
from solver_landscape import OURS, PATIENCE, START, Row, measure

import graphrw as rw

SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000)
SOLVERS = ("Auto", "Multigrid", "ApproximateCholesky", "Cholesky", "CG")
KINDS = {"2D": "image", "3D": "volume"}
MICROSCOPY = "EM"
LABELS = 4
MEASURES = {"set-up": "setup", "solve": "solve", "training step": "step", "peak of a step": "step_peak"}


@dataclass(frozen=True)
class Point:
    """One solver at one size."""

    kind: str
    shape: str
    solver: str
    nodes: int
    row: Row
    floor: float  # seconds

    def value(self, measure: str) -> float:
        return self.row.median(measure, LABELS if measure in ("solve", "iterations", "residual") else None)


def one_run(tell: child.Tell, solver: str, file: Path) -> None:
    """What a child does: the parts of a solve, then a training step on the plan that they left."""
    measure(solver, problems.make("image-24"), [LABELS], lambda _: None)  # a rehearsal
    case = problems.load(file)
    held = measure(solver, case, [LABELS], tell)
    tell(training_step(vars(rw.solvers)[solver](rtol=RTOL), case, held))


def training_step(solver: rw.solvers.Solver, case: Problem, held: float) -> dict[str, float]:
    """From weights to the gradient of every weight, from the second step on; the plan counts as memory, not as time."""
    labels = torch.from_numpy(case.labels(LABELS))
    nodes = (labels >= 0).nonzero().squeeze(1)
    values = torch.nn.functional.one_hot(labels[nodes], LABELS).double()
    weight = case.walk.weight.clone().requires_grad_()
    child.forget_peak()
    start = time.perf_counter()
    z = rw.harmonic(rw.walk(case.walk.graph, weight), nodes, values, solver)
    forward = time.perf_counter() - start
    z.square().mean().backward()
    step = time.perf_counter() - start
    return {"forward": forward, "step": step, "step_peak": child.memory("VmHWM") - held}


def triad(length: int = 2**25) -> float:
    """Bytes per second of a ← b + 3 c in float64, the best of 5 (McCalpin's STREAM: two reads and a write)."""
    a, b, c = (torch.ones(length, dtype=torch.float64) for _ in range(3))
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        torch.add(b, c, alpha=3, out=a)
        seconds.append(time.perf_counter() - start)
    return 3 * 8 * length / min(seconds)


def bytes_moved(graph: rw.Graph) -> int:
    """By one product A x: values (8 bytes), columns (4) and row starts of A, and `LABELS` columns of x and of A x."""
    nodes, entries = graph.num_nodes, graph.num_nodes + 2 * graph.num_edges
    return 12 * entries + 4 * (nodes + 1) + 2 * 8 * nodes * LABELS


def electron_microscopy(folder: Path) -> Problem:
    """The block's raw grey values, and one seed in each segment of its ground truth."""
    with np.load(folder / "em_fib25" / "train.npz") as stored:
        raw, segments = stored["raw"], stored["labels"].astype(np.int64)
    case = problems.from_image(raw / 255.0)
    seeds = rw.partition.oracle_seeds(torch.from_numpy(segments), ignore_index=0)
    return Problem(case.walk, seeds.flatten(), case.shape, case.image)


def climb(kind: str, options: argparse.Namespace, bandwidth: float, file: Path) -> list[Point]:
    """All sizes of one kind, each solver as far as it gets."""
    points, running = [], list(options.solvers)
    for size in sorted(options.sizes):
        side = round(size ** (1 / int(kind[0])))
        case = problems.make(f"{KINDS[kind]}-{side}")
        found = at_size(kind, case, running, options, bandwidth, file)
        points += found
        running = [point.solver for point in found if not point.row.end]
    return points


def at_size(
    kind: str, case: Problem, solvers: list[str], options: argparse.Namespace, bandwidth: float, file: Path
) -> list[Point]:
    """The solvers in turns on one problem, and their rows of the table."""
    problems.save(case, file)
    nodes, floor = case.walk.graph.num_nodes, bytes_moved(case.walk.graph) / bandwidth
    shape = " × ".join(map(str, case.shape))
    del case
    points = [Point(kind, shape, solver, nodes, Row(), floor) for solver in solvers]
    for _ in range(options.runs):
        for point in (point for point in points if not point.row.end):
            point.row.add(
                *child.run(one_run, (point.solver, file), 2 * PATIENCE * options.limit + START), options.limit
            )
            print(f"{shape}, {point.solver}: {point.row.latest:.1f} s {point.row.end}", file=sys.stderr)
    for point in points:
        print_row(point)
    return points


def print_head(runs: int, bandwidth: float) -> None:
    print(f"{child.machine()}, medians of {runs} interleaved runs, {LABELS} labels, residual {RTOL:g}; ", end="")
    print(f"memory triad {bandwidth / 1e9:.1f} GB/s\n")
    print(
        "| shape | solver | analysis (s) | set-up (s) | solve (s) | forward (s) | forward + backward (s) | peak (GiB) ",
        end="",
    )
    print("| peak of a step (GiB) | iterations | residual | floor (ms) | solve / floor |")
    print("|---" * 13 + "|")


def print_row(point: Point) -> None:
    keys = ("analysis", "setup", "solve", "forward", "step", "peak", "step_peak")
    cells = [f"{point.value(key):.3g}" for key in keys]
    cells += [f"{point.value('iterations'):.0f}", f"{point.value('residual'):.0e}"]
    cells += [f"{1000 * point.floor:.2g}", f"{point.value('solve') / point.floor:.0f}"]
    print(f"| {point.shape} | {point.solver}{point.row.mark} | {' | '.join(cells)} |".replace("nan", "–"), flush=True)


def slope(points: list[Point], measure: str) -> float:
    """p of nodes^p, by least squares in logarithms over the upper half of the sizes."""
    known = [point for point in points if point.value(measure) > 0]
    upper = known[min(len(known) // 2, max(len(known) - 2, 0)) :]
    if len(upper) < 2:
        return math.nan
    logs = np.log([[point.nodes, point.value(measure)] for point in upper])
    return float(np.polyfit(logs[:, 0], logs[:, 1], 1)[0])


def of(points: list[Point], kind: str, solver: str) -> list[Point]:
    return [point for point in points if point.kind == kind and point.solver == solver]


def print_slopes(points: list[Point], solvers: list[str]) -> None:
    print(f"\n| kind | solver | largest | {' | '.join(MEASURES)} |")
    print("|---" * (3 + len(MEASURES)) + "|")
    for kind in KINDS:
        for solver in solvers:
            line = of(points, kind, solver)
            if done := [point.nodes for point in line if point.value("step") > 0]:
                cells = " | ".join(f"{slope(line, key):.2f}" for key in MEASURES.values())
                print(f"| {kind} | {solver} | {max(done):,} | {cells} |".replace("nan", "–"))


def plot(points: list[Point], solvers: list[str], file: Path) -> None:
    """A row for images, one for volumes; in columns set-up and solve, a training step, and memory."""
    kinds = [kind for kind in KINDS if any(point.kind == kind for point in points)]
    figure, axes = plt.subplots(
        len(kinds),
        3,
        figsize=(12, 0.8 + 3.2 * len(kinds)),
        sharex=True,
        sharey="col",
        layout="constrained",
        squeeze=False,
    )
    for kind, row in zip(kinds, axes, strict=True):
        plot_kind(kind, row, points, solvers)
    titles = (f"set-up + solve, {LABELS} labels (s)", "forward + backward (s)", "peak memory of a step (GiB)")
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title, fontsize=11)
    for axis in axes[-1]:
        axis.set_xlabel("nodes")
    handles = {
        label: handle for axis in axes.flat for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    figure.legend(handles.values(), handles, loc="outside lower center", ncols=len(handles), frameon=False)
    figure.savefig(file, dpi=150)


def plot_kind(kind: str, row: list[Axes], points: list[Point], solvers: list[str]) -> None:
    for solver, colour in zip(solvers, TABLEAU_COLORS, strict=False):
        line, block = of(points, kind, solver), of(points, MICROSCOPY, solver) if kind == "3D" else []
        for axis, keys in zip(row, (("setup", "solve"), ("step",), ("step_peak",)), strict=True):
            draw(axis, line, keys, color=colour, marker="o", markersize=4, label=solver)
            if block:
                style = {"marker": "*", "markersize": 13, "markeredgecolor": "white", "linestyle": ""}
                draw(axis, block, keys, color=colour, label="electron microscopy", **style)
    floors = {point.nodes: point.floor for point in points if point.kind == kind}
    row[0].plot(
        list(floors), list(floors.values()), color="grey", linestyle="--", label="one product A x at memory speed"
    )
    row[0].set_ylabel("images" if kind == "2D" else "volumes", fontsize=11)
    for axis in row:
        axis.set(xscale="log", yscale="log")
        axis.grid(which="major", color="0.9")
        axis.spines[["top", "right"]].set_visible(False)


def draw(axis: Axes, points: list[Point], keys: tuple[str, ...], **style: Any) -> None:
    values = [sum(point.value(key) for key in keys) for point in points]
    axis.plot([point.nodes for point in points], values, **style)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), help="numbers of nodes")
    parser.add_argument("--solvers", nargs="+", choices=OURS, default=list(SOLVERS))
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--limit", type=float, default=120.0, help="seconds of analysis, set-up and solve together")
    parser.add_argument("--data", type=Path, help="folder with em_fib25/train.npz")
    parser.add_argument("--plot", type=Path, help="picture to write")
    options = parser.parse_args()
    bandwidth = triad()
    print_head(options.runs, bandwidth)
    points: list[Point] = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "problem.npz"
        for kind in options.kinds:
            points += climb(kind, options, bandwidth, file)
        if options.data:
            ended = {point.solver for point in points if point.kind == "3D" and point.row.end}
            able = [solver for solver in options.solvers if solver not in ended]
            points += at_size(MICROSCOPY, electron_microscopy(options.data), able, options, bandwidth, file)
    for point in (point for point in points if point.row.end):
        print(f"\n{point.shape}, {point.solver}: {point.row.end}")
    print_slopes(points, options.solvers)
    if options.plot:
        plot(points, options.solvers, options.plot)
        print(f"\npicture: {options.plot}")


if __name__ == "__main__":
    main()
