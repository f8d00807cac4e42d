"""The truth of one or of several annotators, as metrics take it."""

from collections.abc import Sequence

from torch import Tensor


def annotators(predicted: Tensor, truth: Tensor | Sequence[Tensor]) -> list[Tensor]:
    """The labels of each annotator: `truth` itself, or what it stacks or lists, if that is at least one."""
    if isinstance(truth, Tensor) and truth.ndim != predicted.ndim + 1:
        return [truth]
    listed = list(truth)
    if not listed:
        raise ValueError("There is nothing to score: `truth` holds no annotator.")
    return listed
