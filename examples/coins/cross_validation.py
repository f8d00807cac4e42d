"""How the network and the training of the demo were chosen: learn from one row of the lower half, score the other.

The upper half, on which the demo is scored, takes no part. Each held-out row is scored as it is and, because the upper
half is brighter, once more with its background brightened. Takes some minutes.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from ground_truth import Half, image, labels, seeds
from methods import Learned, Method, Plain
from network import LearnedAffinity
from numpy.typing import NDArray
from scipy import ndimage
from scoring import coin_iou
from training import WalkLoss, fit, side_loss

ROWS = ((slice(150, 235), range(13, 19)), (slice(226, 303), range(19, 25)))  # pixels and coins
PHASES = [turn * math.pi / 2 for turn in range(4)]
LIGHT = 40  # grey levels


@dataclass(frozen=True)
class Setting:
    """What can be chosen: the network's size, the steps of both stages; and the seed of its first weights."""

    width: int = 6
    features: int = 4
    edge_steps: int = 100
    walk_steps: int = 80
    seed: int = 0

    def learn(self, placements: list[Half]) -> Method:
        """The method that these settings lead to."""
        torch.manual_seed(self.seed)
        network = LearnedAffinity(self.width, self.features)
        fit(network, placements, side_loss, self.edge_steps)
        fit(network, placements, WalkLoss(), self.walk_steps)
        return Learned(network)


SETTINGS = (
    Setting(),
    Setting(seed=1),
    Setting(edge_steps=0),
    Setting(walk_steps=40),
    Setting(features=1),
    Setting(width=4),
    Setting(width=8),
)


def row_of_coins(row: int, phase: float, light: float = 0) -> Half:
    """Six coins, numbered from 1. What is seen of other coins has truth −1, which counts nowhere."""
    rows, coins = ROWS[row]
    truth, marks = labels()[rows], seeds(phase)[rows]
    added = light * ndimage.gaussian_filter((truth == 0).astype(float), 1.0)
    picture = np.clip(image()[rows] + added, 0, 255).astype(np.uint8)
    return Half(picture, _renumbered(truth, coins), _renumbered(marks, coins))


def held_out_iou(method: Method, row: int, light: float) -> float:
    """The mean IoU of the coins of a row."""
    scores = []
    for part in (row_of_coins(row, phase, light) for phase in PHASES):
        truth = torch.from_numpy(part.truth)
        scores.append(coin_iou(method.probability(part).argmax(0).where(truth >= 0, -1), truth).mean())
    return float(torch.stack(scores).mean())


def main() -> None:
    """Print a table of mean IoU: held-out upper row, the same brightened, held-out lower row, the same brightened."""
    torch.set_num_threads(1)
    placements = [[row_of_coins(row, phase) for phase in PHASES] for row in (0, 1)]
    for beta in (130, 500, 1000, 2000, 4000):
        _show(f"plain, β = {beta}", [Plain(beta), Plain(beta)])
    for setting in SETTINGS:
        _show(str(setting), [setting.learn(placements[1]), setting.learn(placements[0])])


def _show(name: str, methods: list[Method]) -> None:
    """`methods` are those for the two held-out rows."""
    scores = [held_out_iou(methods[row], row, light) for row in (0, 1) for light in (0, LIGHT)]
    print(*(f"{value:.4f}" for value in [*scores, sum(scores) / 4]), name, flush=True)


def _renumbered(marks: NDArray[np.int64], coins: range) -> NDArray[np.int64]:
    inside = (marks == 0) | np.isin(marks, coins)
    return np.where(inside, np.maximum(marks - coins[0] + 1, 0), -1)


if __name__ == "__main__":
    main()
