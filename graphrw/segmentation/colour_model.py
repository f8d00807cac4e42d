"""What colours a label has, learned from its strokes."""

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


def _fitted(colours: NDArray[np.float64]) -> Any:
    """The mixture of `colours` (S, C), S ≥ 1; of a single colour, a Gaussian of the least width."""
    kept = colours[np.linspace(0, len(colours) - 1, min(SAMPLES, len(colours))).astype(np.int64)]
    distinct = len(np.unique(kept, axis=0))
    components = max(1, min(COMPONENTS, len(kept) // LEAST_SAMPLES, distinct))
    if len(kept) == 1:
        kept = np.repeat(kept, 2, axis=0)  # scikit-learn asks for two
    gaussian_mixture, threadpool_limits = _scikit_learn()
    with threadpool_limits(1, "blas"):  # threads that wait for each other over matrices of 3 × 3 cost a second
        return gaussian_mixture(components, reg_covar=SPREAD, random_state=0).fit(kept)


@cache
def _scikit_learn() -> tuple[Any, Any]:
    try:
        import sklearn.mixture  # noqa: PLC0415 (it is slow to load)
        import threadpoolctl  # noqa: PLC0415 (which scikit-learn brings along)
    except ImportError as error:
        raise MissingDependencyError(
            "The colour model of `segment` needs scikit-learn: `pip install graphrw[image]`, or `colour_model=False`."
        ) from error
    return sklearn.mixture.GaussianMixture, threadpoolctl.threadpool_limits
