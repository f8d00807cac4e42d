"""Table 2 of the Learned Random Walker: how well approximate gradients fit one labelling of one image.

Cerrone, Zeilmann & Hamprecht, CVPR 2019. There is no network: each edge has a parameter of its own, its weight is the
sigmoid of it, and Adam fits the weights to the ground truth. `experiments/README.md` says how to run this and which
data it needs; `docs/lrw.md` quotes the result.

What had to be decided, and how:

* Sparse seeds are those that come with the image, 1–4 pixels per segment. Extended seeds are the inner half of each
  segment: the pixels farther from the other segments than half of what the segment's innermost pixel is.
* Weights start at 1/2. Adam with its usual moments (0.9, 0.999), and ε = 1e-12, as gradients of a mean over all pixels
  soon fall below the usual 1e-8. All gradients get the same number of steps, and of the same few rates the one that
  leaves the smallest cross entropy (`--tune` runs them all); Rand errors have no part in that choice.
* The stand-in for the paper's "first-order approximation" is one step of Jacobi's method in place of the adjoint solve,
  λ = D⁻¹ ∂ℓ/∂z: `one_jacobi_step`. It is this experiment's, not the library's.
* The authors' code prunes the gradient by default; whether the table's does, we could not tell. Both are here.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # so that the file runs by its path

import math
import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

import graphrw as rw
from experiments.shared.command import Command, option, parsed
from experiments.shared.results import machine, write

RUNS = 3
RATES = (0.03, 0.1, 0.3, 1.0)
DATA = """The example image was not found at {path}.

This experiment needs DIR/em_cremi_lrw_example/example.npz, with DIR given by --data or in the variable GRAPHRW_DATA.
The file holds `target` (128, 128), segments from 0, and `seeds` (128, 128), k at the seeds of segment k − 1, else 0.
They are data/target.pytorch and data/seeds.pytorch of github.com/hci-unihd/pytorch-LearnedRandomWalker (MIT licence;
the image derives from the CREMI challenge, cremi.org), saved as NumPy arrays. They do not come with graphrw."""


@dataclass(frozen=True, kw_only=True)
class Config(Command):
    jobs: int = option(2, "fits at the same time, one thread each")
    steps: int = option(600, "steps of Adam of each fit")
    tune: bool = option(False, "try all learning rates, instead of using the best")
    out: Path | None = option(None, "a JSON file for the results")


@dataclass(frozen=True)
class Example:
    """The labelling to fit, (1, H, W) int64, and the two seedings, −1 where there is no seed."""

    target: Tensor
    seedings: dict[str, Tensor]


@dataclass(frozen=True)
class Fit:
    """What is fitted how, and how well; infinite where float64 could not solve with the weights any more.

    `run` is the random seed, and `seconds` are those of the processor.
    """

    seeding: str
    gradient: str
    rate: float = 0
    run: int = 0
    loss: float = math.inf
    adjusted: float = math.inf
    adapted: float = math.inf
    seconds: float = 0


def load(data: Path) -> Example:
    """The example of the paper's repository; exits with its source and layout if it is not there."""
    path = data / "em_cremi_lrw_example" / "example.npz"
    if not path.is_file():
        raise SystemExit(DATA.format(path=path))
    with np.load(path) as arrays:
        target, seeds = (torch.from_numpy(arrays[name].astype(np.int64))[None] for name in ("target", "seeds"))
    return Example(target, {"extended": inner_half(target), "sparse": seeds - 1})


def inner_half(target: Tensor) -> Tensor:
    """Seeds on all pixels deeper in their segment than half of its greatest depth; the border is no boundary."""
    seeds = torch.full_like(target, -1)
    for label in target.unique().tolist():
        depth = torch.from_numpy(np.asarray(ndimage.distance_transform_edt(target.squeeze(0).numpy() == label)))
        seeds[depth[None] > depth.max() / 2] = label
    return seeds


def one_jacobi_step(weight: Tensor, seeds: Tensor) -> Tensor:
    """The value of `HarmonicLabels`, with a gradient that takes one Jacobi step for the adjoint solve.

    At the solution z⁰ the residual r(w) = b(w) − A(w) z⁰ is zero on the free nodes. z = z⁰ + D⁻¹ r(w) has the value z⁰,
    and backward through it is that of the adjoint λ = D⁻¹ ∂ℓ/∂z.
    """
    shape = (weight.shape[2], weight.shape[3])
    graph = rw.grid_graph(shape)
    with torch.no_grad():
        solution: Tensor = rw.nn.HarmonicLabels()(weight, seeds).squeeze(0).flatten(1).T
    edge_weight = rw.build.grid_weight(weight.squeeze(0), shape)
    tail, head = graph.edges
    flow = edge_weight[:, None] * (solution[head] - solution[tail])
    residual = torch.zeros_like(solution).index_add(0, tail, flow).index_add(0, head, -flow)
    free = (seeds.flatten() < 0)[:, None]
    z = solution + torch.where(free, residual / rw.core.walk.degree(graph, edge_weight).detach()[:, None], 0.0)
    return z.transpose(0, 1).reshape(1, -1, *shape)


GRADIENTS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "exact": rw.nn.HarmonicLabels(),
    "250 sampled edges": rw.nn.HarmonicLabels(num_samples=250),
    "one Jacobi step": one_jacobi_step,
    "exact, pruned": rw.nn.HarmonicLabels(prune=True),
}
RATE = {  # by the smallest cross entropy; docs/lrw.md says which were tried
    "extended": {"exact": 0.03, "250 sampled edges": 0.3, "one Jacobi step": 1.0, "exact, pruned": 0.1},
    "sparse": {"exact": 0.1, "250 sampled edges": 0.3, "one Jacobi step": 1.0, "exact, pruned": 0.1},
}
PAPER = {  # adjusted Rand error, as printed
    ("extended", "exact"): 0.01,
    ("extended", "250 sampled edges"): 0.01,
    ("extended", "one Jacobi step"): 0.04,
    ("sparse", "exact"): 0.01,
    ("sparse", "250 sampled edges"): 0.03,
    ("sparse", "one Jacobi step"): 0.32,
}


def alone() -> None:
    """A process of the pool keeps to one thread, whatever `--threads` says."""
    torch.set_num_threads(1)
    os.environ["RAYON_NUM_THREADS"] = "1"


def fit(example: Example, steps: int, planned: Fit) -> Fit:
    """Fit all edges to the target, from weights of 1/2."""
    torch.manual_seed(planned.run)
    began = time.process_time()
    layer, seeds = GRADIENTS[planned.gradient], example.seedings[planned.seeding]
    parameter = torch.zeros(1, 2, *seeds.shape[1:], dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.Adam([parameter], lr=planned.rate, eps=1e-12)
    fitted = planned
    try:
        for _ in range(steps):
            loss = rw.losses.cross_entropy(layer(torch.sigmoid(parameter), seeds), example.target)
            (parameter.grad,) = torch.autograd.grad(loss, parameter)
            optimiser.step()
        fitted = scored(example, torch.sigmoid(parameter.detach()), planned)
    except (rw.ConvergenceError, rw.SingularWalkError) as error:
        print(error, file=sys.stderr)
    fitted = replace(fitted, seconds=time.process_time() - began)
    print(fitted, file=sys.stderr, flush=True)
    return fitted


def scored(example: Example, weight: Tensor, fitted: Fit) -> Fit:
    """`fitted` with what the labels of `weight` (1, 2, H, W) are worth."""
    probability = rw.nn.HarmonicLabels()(weight, example.seedings[fitted.seeding])
    loss = float(rw.losses.cross_entropy(probability, example.target))
    labels = probability.argmax(1)
    adjusted = rw.metrics.adjusted_rand_error(labels, example.target)
    adapted = rw.metrics.adapted_rand_error(labels, example.target)
    return replace(fitted, loss=loss, adjusted=adjusted, adapted=adapted)


def before(example: Example, seeding: str) -> Fit:
    """The labels of equal weights, from which all fits start."""
    weight = torch.full((1, 2, *example.target.shape[1:]), 0.5, dtype=torch.float64)
    return scored(example, weight, Fit(seeding, "none: all weights 1/2"))


def seed_edge_share(example: Example, seeding: str) -> float:
    """The share of ‖∂ℓ/∂w‖² on edges that touch a seed, at equal weights."""
    shape = (example.target.shape[1], example.target.shape[2])
    graph, seeds = rw.grid_graph(shape), example.seedings[seeding].flatten()
    weight = torch.full((graph.num_edges,), 0.5, dtype=torch.float64, requires_grad=True)
    probability = rw.nn.HarmonicLabels()(graph, weight, seeds)
    (gradient,) = torch.autograd.grad(rw.losses.cross_entropy(probability, example.target.flatten()), weight)
    touching = (seeds[graph.edges] >= 0).any(0)
    return float(gradient[touching].square().sum() / gradient.square().sum())


def plan(tune: bool) -> list[Fit]:
    """What to fit; only sampled edges need more than one run."""
    if tune:
        return [Fit(seeding, gradient, rate) for seeding in RATE for gradient in GRADIENTS for rate in RATES]
    return [
        Fit(seeding, gradient, rate, run)
        for seeding, rates in RATE.items()
        for gradient, rate in rates.items()
        for run in range(RUNS if "sampled" in gradient else 1)
    ]


def row(fitted: Fit) -> dict[str, Any]:
    """What is kept of a fit; JSON has no word for what is infinite."""
    return {name: None if value == math.inf else value for name, value in asdict(fitted).items()}


def line(fits: list[Fit]) -> str:
    """A line of the table: the median of the runs, and their range where there are several."""

    def show(values: list[float]) -> str:
        span = f" ({min(values):.3f}–{max(values):.3f})" if len(values) > 1 else ""
        return f"{statistics.median(values):.3f}{span}"

    first = fits[0]
    scores = [show([getattr(fit, name) for fit in fits]) for name in ("loss", "adjusted", "adapted")]
    paper = PAPER.get((first.seeding, first.gradient))
    cells = [first.seeding, first.gradient, f"{first.rate:g}" if first.rate else "", *scores]
    return "| " + " | ".join([*cells, "" if paper is None else f"{paper:.2f}"]) + " |"


def report(starts: list[Fit], fits: list[Fit], shares: dict[str, float]) -> None:
    """Print the tables, each line the runs of one setting."""
    print("| seeds | gradient | rate | cross entropy | adjusted Rand error | adapted Rand error | paper (adjusted) |")
    print("|---|---|---:|---:|---:|---:|---:|")
    settings = dict.fromkeys((fit.seeding, fit.gradient, fit.rate) for fit in fits)
    for start in starts:
        print(line([start]))
        for setting in settings:
            if setting[0] == start.seeding:
                print(line([fit for fit in fits if (fit.seeding, fit.gradient, fit.rate) == setting]))
    told = ", ".join(f"{seeding} {share:.2f}" for seeding, share in shares.items())
    print(f"\nShare of the squared gradient norm on edges that touch a seed, weights 1/2: {told}.")


def main(arguments: list[str] | None = None) -> None:
    config = parsed(Config, __doc__, arguments)
    example, began = load(config.data), time.perf_counter()
    with ProcessPoolExecutor(config.jobs, initializer=alone) as pool:
        futures = [pool.submit(fit, example, config.steps, planned) for planned in plan(config.tune)]
    seconds, fits = time.perf_counter() - began, [future.result() for future in futures]
    here = "{processor}, {cores} CPUs, torch {torch}".format(**machine())
    print(f"{here}; {len(fits)} fits of {config.steps} steps, {config.jobs} at a time: {seconds:.0f} s\n")
    starts = [before(example, seeding) for seeding in example.seedings]
    shares = {seeding: seed_edge_share(example, seeding) for seeding in example.seedings}
    report(starts, fits, shares)
    write(config.out, config, [row(each) for each in fits], before=[row(each) for each in starts], seed_edges=shares)


if __name__ == "__main__":
    main()
