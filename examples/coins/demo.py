"""Seeded segmentation of coins by a random walk on Gaussian weights, and on weights learned through the walk.

A small network learns from the lower half of the picture; the upper half is for the score.
"""

import argparse
import math
import time
from pathlib import Path

try:
    import torch
    from ground_truth import TEST_ROWS, TRAIN_ROWS, Half, half
    from methods import Learned, Plain
    from network import LearnedAffinity
    from pictures import draw
    from scoring import Score, score, table
    from training import WalkLoss, fit, side_loss

    import graphrw as rw
except ModuleNotFoundError as error:
    raise SystemExit(
        f"The demo needs {error.name!r}, which is not installed. Run `make demo`, which installs everything, or\n"
        "`pip install -e '.[image]'` in a checkout of graphrw, which brings scikit-image and matplotlib."
    ) from error

BETAS = (130, 500, 1000, 2000, 4000)


def main(arguments: list[str] | None = None) -> None:
    """Tune the plain walk, learn the other one, score both, draw."""
    out, steps, placements = _options(arguments)
    torch.set_num_threads(1)  # sums, and so scores, do not depend on how many there are
    torch.manual_seed(0)
    phases = [2 * math.pi * turn / placements for turn in range(placements)]
    lower, upper = ([half(rows, phase) for phase in phases] for rows in (TRAIN_ROWS, TEST_ROWS))
    _introduce(network := LearnedAffinity(), upper[0])
    plain, scores = _tune(lower, upper)
    scores |= _learn(network, lower, upper, steps)
    _, tuned, _, learned = scores.values()
    gain = learned.iou.mean(1) - tuned.iou.mean(1)
    typical = int((gain - gain.mean()).abs().argmin())
    methods = ((f"Plain weights (β = {plain.beta:g})", plain), ("Learned weights", Learned(network)))
    draw(out, lower[typical], upper[typical], methods)
    print(f"\nScores on the upper half, means over {placements} placements of the seeds:\n{table(scores)}\n")
    print(
        f"Learning gains {gain.mean():+.3f} mean IoU over tuned plain weights ({gain.min():+.3f} to {gain.max():+.3f})"
    )
    print(f"Pictures of placement {typical + 1}: {out.resolve()} (all in one: demo.png)")


def _introduce(network: LearnedAffinity, part: Half) -> None:
    """What is about to happen, with what."""
    graph = rw.grid_graph(part.image.shape)
    print("Coins of scikit-image: 12 of the lower half to learn from, 12 of the upper half for the score.")
    print(f"graph    {graph.num_nodes} pixels of a half, {graph.num_edges} edges")
    print(f"solver   {rw.solvers.Auto().explain(graph)}\ndevice   cpu, one thread of torch")
    print(f"network  {sum(parameter.numel() for parameter in network.parameters())} parameters\n", flush=True)


def _tune(lower: list[Half], upper: list[Half]) -> tuple[Plain, dict[str, Score]]:
    """The plain walk with the β that is best on the lower half; the scores of the default and of that."""
    start = time.perf_counter()
    plain = Plain(max(BETAS, key=lambda beta: score(Plain(beta), lower).mean_iou))
    scores = {
        "plain, β = 130 (scikit-image's default)": score(Plain(130), upper),
        f"plain, β = {plain.beta:g} (best on the lower half)": score(plain, upper),
    }
    seconds = time.perf_counter() - start
    print(f"Plain weights: of β = {BETAS}, {plain.beta:g} is best on the lower half ({seconds:.0f} s)", flush=True)
    return plain, scores


def _learn(network: LearnedAffinity, lower: list[Half], upper: list[Half], steps: int) -> dict[str, Score]:
    """Train the network on the lower half; its scores after each stage."""
    scores = {}
    stages = (("stage 1: edge by edge", side_loss, steps * 5 // 4), ("stage 2: through the walk", WalkLoss(), steps))
    for name, loss, count in stages:
        print(f"Learned weights, {name}", flush=True)
        start = time.perf_counter()
        fit(network, lower, loss, count)
        scores[f"learned, {name}"] = score(Learned(network), upper)
        print(f"    ({time.perf_counter() - start:.0f} s)", flush=True)
    return scores


def _options(arguments: list[str] | None) -> tuple[Path, int, int]:
    parser = argparse.ArgumentParser(description="Segment coins by a random walk on plain and on learned weights.")
    parser.add_argument("--out", type=Path, default=Path("results/demo"), help="folder for the pictures")
    parser.add_argument("--steps", type=int, default=80, help="steps of learning through the walk")
    parser.add_argument("--placements", type=int, default=4, help="placements of the seeds to learn from and to score")
    options = parser.parse_args(arguments)
    if min(options.steps, options.placements) < 1:
        parser.error(f"--steps and --placements must be at least 1; got {options.steps} and {options.placements}")
    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"--out must be a folder that can be made or written to; got {options.out} ({error.strerror})")
    return options.out, options.steps, options.placements


if __name__ == "__main__":
    main()
