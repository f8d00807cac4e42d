"""The truth of one or of several annotators, as metrics take it."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from graphrw.core.arrays import as_tensor


def annotators(predicted: Tensor, truth: Tensor | Sequence[Tensor]) -> list[Tensor]:
    """The labels of each annotator: `truth` itself, or what it stacks or lists, if that is at least one."""
    if isinstance(truth, np.ndarray):
        truth = as_tensor("truth", truth, "integer labels")
    if isinstance(truth, Tensor) and truth.ndim != predicted.ndim + 1:
        return [truth]
    if not isinstance(truth, Tensor | Sequence) or isinstance(truth, str):
        kind = type(truth).__name__
        raise ValueError(f"`truth` must be a tensor of integer labels, or one by each annotator; got {kind}.")
    listed = list(truth)
    if not listed:
        raise ValueError("`truth` must hold at least one annotator; got none. There is nothing to score.")
    return listed
