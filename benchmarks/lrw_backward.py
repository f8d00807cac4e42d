"""Backward through the random walker: one solve for each sampled edge, or one solve for all edges.

Claim: the exact gradient of every edge costs one solve with as many columns as there are labels, however many edges
there are. Taken edge by edge, as in Fig. 3 of Cerrone, Zeilmann & Hamprecht (CVPR 2019), it costs one solve per edge,
so that they had to sample: 37 s for all edges and 2.4 s for 1024 of them, on their machine.

Peers: two ways to go edge by edge, with the same factor as ours: one solve of L columns per edge (what the equations
say), and one of a single column (the right-hand sides of the L labels are multiples of each other). Both must give our
gradient. The factor is there beforehand on all sides: no time holds a factorisation.

Run: python benchmarks/lrw_backward.py
Prints a Markdown table, writes results/lrw_backward.png. Needs scikit-image (for its `camera`) and matplotlib.

Last result, 2026-11-21, AMD EPYC, one thread, five runs: 0.022 s for all 32,512 edges; edge by edge 6.0 s (one column)
and 12.6 s (ten) for 1024 of them. docs/lrw.md has the table.
"""

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import torch
from matplotlib import pyplot as plt
from skimage import data
from torch import Tensor

import graphrw as rw
from graphrw.solve import Factor

SHAPE, LABELS, BETA = (128, 128), 10, 20.0
SIZES = (1, 4, 16, 64, 256, 1024)


@dataclass(frozen=True)
class Problem:
    """What forward leaves behind, and the gradient that reaches its output."""

    graph: rw.Graph
    weight: Tensor  # (E,)
    seeds: Tensor  # (N,)
    z: Tensor  # (N, L), of the autograd graph
    upstream: Tensor  # (N, L), ∂ℓ/∂z
    factor: Factor

    def free(self, node: int) -> float:
        """0 where z is given, 1 where it is solved for."""
        return float(self.seeds[node] < 0)


def problem(graph: rw.Graph, weight: Tensor, seeds: Tensor) -> Problem:
    """Forward, a random upstream gradient, and the factor for solving by hand."""
    weight = weight.detach().requires_grad_()
    z = rw.hitting_probabilities(rw.walk(graph, weight), seeds)
    nodes = (seeds >= 0).nonzero().squeeze(1)
    factor = rw.factorize(rw.absorb(rw.walk(graph, weight.detach()), nodes))
    upstream = torch.randn(z.shape, generator=torch.Generator().manual_seed(1), dtype=z.dtype)
    return Problem(graph, weight, seeds, z, upstream, factor)


def camera() -> Problem:
    """Every fourth pixel of scikit-image's `camera` with Gaussian weights and ten random seeds."""
    graph = rw.grid_graph(SHAPE)
    image = torch.from_numpy(data.camera()[::4, ::4] / 255)  # type: ignore[no-untyped-call]
    weight = rw.gaussian_affinity(graph, image.reshape(-1, 1), BETA)
    seeds = torch.full((graph.num_nodes,), -1)
    seeds[torch.randperm(graph.num_nodes, generator=torch.Generator().manual_seed(0))[:LABELS]] = torch.arange(LABELS)
    return problem(graph, weight, seeds)


def exact_adjoint(at: Problem, chosen: Tensor | None = None) -> Tensor:
    """∂ℓ/∂w of all edges by the library: λ = A⁻¹ ∂ℓ/∂z, then a product per edge. `chosen` picks from the result."""
    (gradient,) = torch.autograd.grad(at.z, at.weight, at.upstream, retain_graph=True)
    return gradient if chosen is None else gradient[chosen]


@torch.no_grad()
def columns_per_edge(at: Problem, chosen: Tensor) -> Tensor:
    """∂ℓ/∂w of the edges `chosen`, a solve of L columns for each: ∂z/∂w = −A⁻¹ (∂A/∂w) z, then ⟨∂ℓ/∂z, ∂z/∂w⟩."""
    z, gradient = at.z.detach(), []
    for tail, head in at.graph.edges[:, chosen].T.tolist():
        change = torch.zeros_like(z)
        change[tail] = at.free(tail) * (z[head] - z[tail])
        change[head] = at.free(head) * (z[tail] - z[head])
        gradient.append((at.upstream * at.factor.solve(change)).sum())
    return torch.stack(gradient)


@torch.no_grad()
def column_per_edge(at: Problem, chosen: Tensor) -> Tensor:
    """The same with one column u = A⁻¹ (e_tail − e_head) per edge: ∂z/∂w = u (z_head − z_tail)ᵀ."""
    z, gradient = at.z.detach(), []
    for tail, head in at.graph.edges[:, chosen].T.tolist():
        source = z.new_zeros(len(z))
        source[tail], source[head] = at.free(tail), -at.free(head)
        gradient.append((at.upstream.T @ at.factor.solve(source)) @ (z[head] - z[tail]))
    return torch.stack(gradient)


METHODS: dict[str, Callable[[Problem, Tensor], Tensor]] = {
    f"{LABELS} columns per edge": columns_per_edge,
    "1 column per edge": column_per_edge,
    "exact adjoint, all edges": exact_adjoint,
}


def largest_difference(at: Problem, chosen: Tensor) -> float:
    """Between the two references and our gradient on `chosen`, relative to the largest gradient there."""
    ours = exact_adjoint(at, chosen)
    worst = max(float((method(at, chosen) - ours).abs().max()) for method in (columns_per_edge, column_per_edge))
    return worst / float(ours.abs().max())


def measure(at: Problem, sizes: Sequence[int], repeats: int) -> dict[tuple[str, int], float]:
    """Median seconds of each method and number of edges, all of them in turn, `repeats` times over."""
    order = torch.randperm(at.graph.num_edges, generator=torch.Generator().manual_seed(2))
    seconds: dict[tuple[str, int], list[float]] = {}
    for _ in range(repeats):
        for size in sizes:
            for name, method in METHODS.items():
                start = time.perf_counter()
                method(at, order[:size])
                seconds.setdefault((name, size), []).append(time.perf_counter() - start)
    return {key: statistics.median(values) for key, values in seconds.items()}


def with_all_edges(seconds: dict[tuple[str, int], float], sizes: Sequence[int], total: int) -> None:
    """Add the line for all edges: in proportion for the references, the median over all lines for ours."""
    *references, ours = METHODS
    for name in references:
        seconds[name, total] = seconds[name, sizes[-1]] * total / sizes[-1]
    seconds[ours, total] = statistics.median(seconds[ours, size] for size in sizes)


def table(seconds: dict[tuple[str, int], float], sizes: Sequence[int], total: int) -> str:
    lines = ["| edges n | " + " | ".join(METHODS) + " |", "|---:|" + "---:|" * len(METHODS)]
    for size in (*sizes, total):
        times = [f"{seconds[name, size]:.3g} s" for name in METHODS]
        if size == total:
            times[:-1] = [time + " (extrapolated)" for time in times[:-1]]
        lines.append(f"| {size} | " + " | ".join(times) + " |")
    return "\n".join(lines)


def plot(seconds: dict[tuple[str, int], float], sizes: Sequence[int], total: int, path: Path) -> None:
    mpl.use("Agg")
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    *_, ours = METHODS
    for name, marker in zip(METHODS, "so^", strict=True):
        (line,) = axes.loglog(sizes, [seconds[name, size] for size in sizes], marker=marker, label=name)
        ends, color = (sizes[-1], total), line.get_color()
        axes.loglog(ends, [seconds[name, size] for size in ends], "-" if name == ours else ":", color=color)
        axes.loglog(total, seconds[name, total], marker, mfc=color if name == ours else "w", color=color)
    axes.set(xlabel="edges that get a gradient (hollow: extrapolated)", ylabel="backward, seconds")
    axes.set_title(f"{SHAPE[0]} × {SHAPE[1]} pixels, {LABELS} labels")
    axes.grid(alpha=0.3)
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def machine() -> str:
    info = Path("/proc/cpuinfo")
    names = [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
    name = names[0] if names else platform.processor()
    threads = torch.get_num_threads()
    return f"{name}, {os.cpu_count()} CPUs, {threads} threads, {platform.system()}, torch {torch.__version__}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Backward time against the number of sampled edges.")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("results"), help="folder for the plot")
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # on all sides; on a busy machine more threads would measure the scheduler
    at = camera()
    total = at.graph.num_edges
    touching = ((at.seeds[at.graph.edges] >= 0).any(0)).nonzero().squeeze(1)
    checked = torch.cat([touching, torch.arange(0, total, total // 64)])
    print(f"{machine()}; {rw.solvers.Auto().explain(at.graph)}")
    print(f"largest difference of the gradients, relative: {largest_difference(at, checked):.1e}", end="")
    print(f" ({len(checked)} edges, {len(touching)} of which touch a seed)\n")
    seconds = measure(at, SIZES, arguments.repeats)
    with_all_edges(seconds, SIZES, total)
    print(table(seconds, SIZES, total))
    plot(seconds, SIZES, total, arguments.out / "lrw_backward.png")


if __name__ == "__main__":
    main()
