"""What colours a label has, learned from its strokes, as rates of absorption."""

from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from graphrw.core.errors import MissingDependencyError

COMPONENTS = 5  # as in GrabCut
SAMPLES = 2000  # of a stroke, at most: more change little, and the time for them all would grow with the strokes
LEAST_SAMPLES = 10  # for each component
SPREAD = 4.0  # what is added to variances, in squared units of features that go from 0 to 100


def colour_likelihoods(features: Tensor, strokes: Tensor, labels: Tensor, num_labels: int) -> Tensor:
    """log p(colour | label), a Gaussian mixture fitted to the strokes of each label.

    Args:
        features: (M, C), what is asked about.
        strokes: (S, C), the features of the pixels that have strokes.
        labels: (S,) int64: their labels, each from 0 to `num_labels` − 1 at least once.
        num_labels: L.

    Returns:
        (M, L) float64. The same strokes give the same answer: every start is fixed.
    """
    asked = features.double().numpy()
    models = [_fitted(strokes[labels == label].double().numpy()) for label in range(num_labels)]
    return torch.from_numpy(np.stack([model.score_samples(asked) for model in models], axis=1))


def absorption(likelihoods: Tensor, rate: Tensor) -> Tensor:
    """(M, L): `rate` (M,) shared among labels by `likelihoods` (M, L), log p(colour | label): a_il = ρ_i p_il.

    >>> absorption(torch.tensor([[0.0, 0.0], [-100.0, -300.0]]), torch.tensor([1.0, 2.0]))
    tensor([[0.5000, 0.5000],
            [2.0000, 0.0000]])
    """
    return likelihoods.softmax(1) * rate[:, None]


def _fitted(colours: NDArray[np.float64]) -> Any:
    """The mixture of `colours` (S, C), S ≥ 1; of a single colour, a Gaussian of the least width."""
    kept = colours[np.linspace(0, len(colours) - 1, min(SAMPLES, len(colours))).astype(np.int64)]
    distinct = len(np.unique(kept, axis=0))
    components = max(1, min(COMPONENTS, len(kept) // LEAST_SAMPLES, distinct))
    if len(kept) == 1:
        kept = np.repeat(kept, 2, axis=0)  # scikit-learn asks for two
    return _scikit_learn().GaussianMixture(components, reg_covar=SPREAD, random_state=0).fit(kept)


@cache
def _scikit_learn() -> Any:
    try:
        import sklearn.mixture  # noqa: PLC0415 (it is slow to load)
    except ImportError as error:
        raise MissingDependencyError(
            "The colour model of `segment` needs scikit-learn: `pip install graphrw[image]`, or `colour_model=False`."
        ) from error
    return sklearn.mixture
