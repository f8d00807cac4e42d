"""What colours a label has, learned from its strokes."""

import math

import torch
from torch import Tensor

SAMPLES = (
    200  # of a label's strokes, at most: more change little, and the time for them all would grow with the strokes
)
WIDTH = 10.0  # h, in units of features that go from 0 to 100


def colour_likelihoods(features: Tensor, strokes: Tensor, labels: Tensor, num_labels: int) -> Tensor:
    """log p(f | l) = log mean_s exp(−|f − f_s|² / 2h²): how many of the strokes s of label l look like f.

    A kernel density (Parzen 1962), which is there for a single pixel, too; but for a factor that all labels share.

    Args:
        features: (M, C), what is asked about.
        strokes: (S, C), the features of the pixels that have strokes.
        labels: (S,) int64: their labels, each from 0 to `num_labels` − 1 at least once.
        num_labels: L.

    Returns:
        (M, L) float64.
    """
    return torch.stack([_log_density(features, strokes[labels == label]) for label in range(num_labels)], dim=1)


def _log_density(features: Tensor, colours: Tensor) -> Tensor:
    some = colours[torch.linspace(0, len(colours) - 1, min(SAMPLES, len(colours))).long()].float() / WIDTH
    asked = features.float() / WIDTH
    # |f − s|² = |f|² − 2 f·s + |s|²: one product of matrices, where the time goes.
    near = torch.addmm(-some.square().sum(1) / 2, asked, some.T).logsumexp(1) - asked.square().sum(1) / 2
    return near.double() - math.log(len(some))
