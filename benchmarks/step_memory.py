"""How many blocks of nodes × labels float64 numbers a step of learning holds at its peak, forward and backward.

Claim: at most 4 forward and 5 backward, the answer included, whatever the solver.
How: by how much the peak of the resident memory grows from 32 labels to 64, over the bytes of 32, each in a
process of its own. The loss is the cross entropy with the image's own labels, which holds a share of this itself.
Run: python benchmarks/step_memory.py; with --large, also a step at 2048² with 8 labels, and 500 labels at 1024² through
`functional.most_probable_labels` and `functional.target_probability`, which never hold them all.
Last result: docs/benchmarks.md.
"""

import argparse

import child
import torch
from torch import Tensor

import graphrw as rw
from graphrw import solvers

SOLVERS = {"Cholesky": solvers.Cholesky(), "Multigrid": solvers.Multigrid(1e-6)}
FEW, MANY = 32, 64  # several whole blocks of columns each
TRIES = 3  # an allocator may hold on to more than a step needs: the least counts


def step(tell: child.Tell, side: int, labels: int, name: str) -> None:
    """Tell the GiB of a forward and a backward pass at their peaks, beside what was there before."""
    torch.manual_seed(0)
    graph = rw.grid_graph((side, side))
    weight = torch.rand(graph.num_edges, dtype=torch.float64).add_(0.01).requires_grad_()
    seeds = torch.full((side * side,), -1)
    seeds[:: 3 * side // 2] = torch.arange(len(seeds[:: 3 * side // 2])) % labels
    target = torch.arange(side * side) % labels
    solver = SOLVERS[name]
    solver.plan_for(graph)
    before = child.forget_peak()
    z = rw.hitting_probabilities(rw.walk(graph, weight), seeds, labels, solver=solver)
    forward = child.memory("VmHWM") - before
    loss = _cross_entropy(z, target)
    child.forget_peak()
    loss.backward()
    tell({"forward": forward, "backward": child.memory("VmHWM") - before})


def stream(tell: child.Tell, side: int, labels: int) -> None:
    """Tell the GiB of the most probable labels, and of learning from the right ones."""
    graph = rw.grid_graph((side, side))
    weight = torch.rand(graph.num_edges, dtype=torch.float64).add_(0.01).requires_grad_()
    seeds = torch.full((side * side,), -1)
    seeds[:: side * side // labels] = torch.arange(len(seeds[:: side * side // labels])) % labels
    before, walk = child.forget_peak(), rw.walk(graph, weight)
    found = rw.functional.most_probable_labels(walk, seeds, solver=solvers.Auto(rtol=1e-6))
    tell({"most probable": child.memory("VmHWM") - before})
    child.forget_peak()
    right = rw.functional.target_probability(walk, seeds, found.labels, solver=solvers.Auto(rtol=1e-6))
    (-right.clamp(min=1e-12).log().mean()).backward()
    tell({"learning": child.memory("VmHWM") - before})


def _cross_entropy(z: Tensor, target: Tensor) -> Tensor:
    """By one number of each row: all that this loss holds is the gradient of z."""
    return -z.gather(1, target[:, None]).clamp(min=1e-12).log().mean()


def blocks(side: int, name: str, limit: float) -> str:
    told = []
    for labels in (FEW, MANY):
        tries = [child.run(step, (side, labels, name), limit) for _ in range(TRIES)]
        if any(trouble for _, trouble in tries):
            return next(trouble for _, trouble in tries if trouble)
        told.append({what: min(found[what] for found, _ in tries) for what in ("forward", "backward")})
    unit = 8 * side * side * (MANY - FEW) / 2**30
    return " | ".join(f"{(told[1][what] - told[0][what]) / unit:.1f}" for what in ("forward", "backward"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--limit", type=float, default=600.0, help="seconds for each")
    options = parser.parse_args()
    print(f"{child.machine()}\n\n| solver, {options.side}² | blocks forward | backward |\n|---|---|---|")
    for name in SOLVERS:
        print(f"| {name} | {blocks(options.side, name, options.limit)} |", flush=True)
    if options.large:
        for name in SOLVERS:
            found, trouble = child.run(step, (2048, 8, name), options.limit)
            told = trouble or f"{max(found['forward'], found['backward']):.1f} GiB"
            print(f"\n2048², 8 labels, {name}: {told}", flush=True)
        print("\n1024², 500 labels, GiB:", *child.run(stream, (1024, 500), options.limit))


if __name__ == "__main__":
    main()
