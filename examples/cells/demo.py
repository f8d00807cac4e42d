"""The demo of the README: a photograph segmented from seeds; then a network that learns from clicks, through the walk.

The second part learns where cells end behind broken membranes, from a few clicks in each cell; no membrane is drawn for
it. On pictures not seen it is compared with watersheds, the walk without learning, and the same network without it.
"""

import argparse
import time
from functools import partial
from pathlib import Path

try:
    import numpy as np
    import torch
    from methods import (
        Method,
        learned_walk,
        mean_iou,
        network_watersheds,
        random_walker,
        random_walkers,
        tuned,
        watersheds,
    )
    from numpy.typing import NDArray
    from pictures import draw_photograph, draw_tissues
    from skimage import data
    from skimage.draw import disk
    from tissue import CLICKS, Tissue, tissues
    from training import Lesson, clicked, drawn, edge_by_edge, through_the_walk, trained

    import graphrw as rw
except ModuleNotFoundError as error:
    raise SystemExit(
        f"The demo needs {error.name!r}, which is not installed. Run `make demo`, which installs everything, or\n"
        "`pip install -e '.[image]'` in a checkout of graphrw, which brings scikit-image and matplotlib."
    ) from error

# Row and column of the middle of each coin, and rows between the coins.
COINS = (
    *((54, 44), (56, 100), (51, 155), (51, 215), (52, 276), (44, 335)),
    *((124, 45), (126, 102), (127, 153), (124, 205), (119, 270), (124, 336)),
    *((197, 44), (196, 102), (198, 154), (193, 212), (194, 274), (187, 347)),
    *((260, 46), (266, 114), (261, 172), (263, 244), (263, 300), (268, 358)),
)
BETWEEN = (5, 85, 150, 226, 298)
DAB = 7.5  # pixels, the radius

LEARN, CHOOSE, SCORE = 0, 1, 2  # what the pictures of each set are drawn from: they share none
GUESS = 130  # β of the walk that guesses: of `BETAS` the one whose network is best on the pictures to choose by
WALK = "learned through the walk"


def main(arguments: list[str] | None = None) -> None:
    """Segment the photograph; learn, tune, score and draw the tissues."""
    options = _options(arguments)
    torch.set_num_threads(1)  # sums, and so scores, do not depend on how many there are
    _photograph(options.out / "coins.png")
    learn, choose, score = tissues(options.learn, LEARN), tissues(8, CHOOSE), tissues(options.pictures, SCORE)
    plain = {"watershed": tuned(watersheds(), choose), "random walker": tuned(random_walkers(), choose)}
    lessons = _lessons(learn, options)
    runs = []
    for seed in range(options.repeats):
        methods = plain | _learned(lessons, choose, options.steps, seed)
        runs.append({name: mean_iou(method, score) for name, method in methods.items()})
        print("\n" + _table(runs[-1:]), flush=True)
        if seed == 0:
            draw_tissues(options.out / "demo.png", score[:3], methods, runs[0])
    if len(runs) > 1:
        print(f"\nMeans of {len(runs)}:\n{_table(runs)}")
    print(f"\n{time.process_time():.0f} s of processor time. Pictures: {options.out.resolve()}")


def _photograph(path: Path) -> None:
    """Coins, from a dab on each and a line between their rows."""
    image, began = data.coins(), time.perf_counter()
    seeds = np.zeros(image.shape, dtype=int)
    seeds[BETWEEN, 4:-4] = 1
    for label, place in enumerate(COINS, start=2):
        seeds[disk(place, DAB)] = label
    probability = rw.random_walker(image, seeds, beta=1000, return_full_prob=True)
    print(f"{len(COINS)} coins from a dab on each: {time.perf_counter() - began:.1f} s", flush=True)
    draw_photograph(path, image, seeds, probability)


def _lessons(learn: list[Tissue], options: argparse.Namespace) -> dict[str, Lesson]:
    """What the network learns from, and by which loss."""
    guesses = [(picture.image, random_walker(picture.with_all(options.clicks), GUESS)) for picture in learn]
    lessons: dict[str, Lesson] = {
        "learned from a walk's guesses": (guesses, edge_by_edge),
        WALK: (clicked(learn, options.clicks), through_the_walk),
    }
    if options.drawn:
        lessons["learned from every membrane drawn"] = drawn(learn), edge_by_edge
    return lessons


def _learned(lessons: dict[str, Lesson], choose: list[Tissue], steps: int, seed: int) -> dict[str, Method]:
    """The same network from each lesson, under a watershed; what has learned through the walk also under the walk."""
    methods = {}
    for name, lesson in lessons.items():
        print(f"\nA network, {name}, from {len(lesson[0])} pictures", flush=True)
        model = trained(*lesson, steps, seed)
        methods[f"{name}, watershed"] = tuned(network_watersheds(model), choose)
        if name == WALK:
            methods[name] = partial(learned_walk, model=model)
    return methods


def _table(runs: list[dict[str, NDArray[np.float64]]]) -> str:
    """Means over runs; gains picture by picture."""
    scores = {name: np.array([run[name] for run in runs]) for name in runs[0]}
    lines = ["| | mean IoU | the learned walk is better by | in |", "|---|---|---|---|"]
    for name, score in scores.items():
        gain = scores[WALK] - score
        better = "" if name == WALK else f"{gain.mean():+.3f} | {(gain > 0).sum()} of {gain.size} pictures"
        lines.append(f"| {name} | {score.mean():.3f} | {better or ' | '} |")
    return "\n".join(lines)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("results/demo"), help="folder for the pictures")
    parser.add_argument("--steps", type=int, default=300, help="steps of learning")
    parser.add_argument("--learn", type=int, default=100, help="pictures to learn from")
    parser.add_argument("--pictures", type=int, default=16, help="pictures for the score, from 3")
    parser.add_argument("--clicks", type=int, default=CLICKS, help=f"in each cell, 2 to {CLICKS}")
    parser.add_argument("--repeats", type=int, default=1, help="learn anew so many times, and score the mean")
    parser.add_argument("--drawn", action="store_true", help="learn from every membrane drawn as well")
    options = parser.parse_args(arguments)
    for name, least in (("steps", 1), ("learn", 1), ("pictures", 3), ("repeats", 1)):
        if (value := getattr(options, name)) < least:
            parser.error(f"--{name} must be at least {least}; got {value}")
    if not 2 <= options.clicks <= CLICKS:
        parser.error(
            f"--clicks must lie in 2 to {CLICKS}; got {options.clicks}. "
            "Of one click in a cell nothing is left to learn from."
        )
    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"--out must be a folder that can be made or written to; got {options.out} ({error.strerror})")
    return options


if __name__ == "__main__":
    main()
