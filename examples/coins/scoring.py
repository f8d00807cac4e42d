"""How well a method finds the coins, averaged over placements of the seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from ground_truth import Half
from methods import Method
from torch import Tensor

import graphrw as rw


@dataclass(frozen=True)
class Score:
    """Means over placements.

    Args:
        iou: (P, 12) intersection over union, of each placement and coin.
        variation: variation of information, split + merge, in bits.
        rand_error: adapted Rand error.
    """

    iou: Tensor
    variation: float
    rand_error: float

    @property
    def mean_iou(self) -> float:
        """Over coins and placements; the background does not count."""
        return float(self.iou.mean())


def score(method: Method, placements: Sequence[Half]) -> Score:
    """Score the most probable labels on one half of the picture with several placements of the seeds."""
    truths = [torch.from_numpy(part.truth) for part in placements]
    pairs = list(zip([method.probability(part).argmax(0) for part in placements], truths, strict=True))
    iou = torch.stack([coin_iou(*pair) for pair in pairs])
    variation = sum(rw.metrics.variation_of_information(*pair).total for pair in pairs) / len(pairs)
    rand_error = sum(rw.metrics.adapted_rand_error(*pair) for pair in pairs) / len(pairs)
    return Score(iou, variation, rand_error)


def coin_iou(labels: Tensor, truth: Tensor) -> Tensor:
    """Intersection over union of each coin (labels from 1)."""
    coins = torch.arange(1, int(truth.max()) + 1)[:, None, None]
    found, true = labels == coins, truth == coins
    return (found & true).sum((1, 2)).double() / (found | true).sum((1, 2))


def table(scores: Mapping[str, Score]) -> str:
    """One line per method."""
    lines = [f"{'':44}mean IoU   worst coin      VOI (bits)   adapted Rand error"]
    for name, result in scores.items():
        coins = result.iou.mean(0)
        worst = f"{float(coins.min()):.3f} (no. {int(coins.argmin()) + 1})"
        lines.append(
            f"{name:44}{result.mean_iou:8.3f}   {worst:14}  {result.variation:10.3f}   {result.rand_error:18.3f}"
        )
    return "\n".join(lines)
