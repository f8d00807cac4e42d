"""How well segments cover the segments that people drew."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from graphrw.core.opaque import opaque
from graphrw.metrics.annotators import annotators
from graphrw.metrics.overlap import count_overlap
from graphrw.metrics.pixels import counted_pixels, labels_of


@opaque
def segmentation_covering(
    predicted: Tensor, truth: Tensor | Sequence[Tensor], *, ignore_index: int | None = None
) -> float:
    """Covering of the true segments by the predicted ones, averaged over annotators: 1 is best, more than 0 is worst.

        C = (1/N) Σ_T |T| max_P |T ∩ P| / |T ∪ P|    over true segments T and predicted segments P.

    It is not symmetric: small true segments that are missed cost little.

    Source: P. Arbeláez, M. Maire, C. Fowlkes, J. Malik, Contour detection and hierarchical image segmentation, PAMI 33,
    2011 (covering of the ground truth by the segmentation, its measure for BSDS).

    Args:
        predicted: integer labels of any shape; only which pixels share a label matters.
        truth: integer labels of the same shape; or one such tensor for each annotator, in a sequence or stacked along
            a first axis.
        ignore_index: pixels whose *true* label is this one do not count; None: all count.

    Raises:
        ValueError: for labels that are no integers, differing shapes, no annotator, or if no pixel counts.

    >>> segmentation_covering(torch.tensor([0, 0, 0, 0]), torch.tensor([[1, 1, 2, 2], [1, 1, 1, 1]]))
    0.75
    """
    scores = annotator_coverings(predicted, truth, ignore_index=ignore_index)
    return sum(scores) / len(scores)


@opaque
def best_segmentation_covering(
    predicted: Tensor, truth: Tensor | Sequence[Tensor], *, ignore_index: int | None = None
) -> float:
    """Covering of the segments of that annotator whose segments are covered best: `segmentation_covering`'s maximum.

    Args and errors are those of `segmentation_covering`.

    >>> best_segmentation_covering(torch.tensor([0, 0, 0, 0]), torch.tensor([[1, 1, 2, 2], [1, 1, 1, 1]]))
    1.0
    """
    return max(annotator_coverings(predicted, truth, ignore_index=ignore_index))


@dataclass(frozen=True)
class ScaleCovering:
    """Covering of a set of images by one level of each one's hierarchy of segmentations.

    Args:
        dataset_scale: the same level for all images, the best of them (ODS).
        image_scale: the best level of each image (OIS); never less.
    """

    dataset_scale: float
    image_scale: float


@opaque
def hierarchy_covering(
    hierarchies: Sequence[Tensor],
    truths: Sequence[Tensor | Sequence[Tensor]],
    score: Callable[[Tensor, Tensor | Sequence[Tensor]], float] = segmentation_covering,
) -> ScaleCovering:
    """Covering at the best scale of the data set and at the best scale of each image, as means over images.

    With C_ml the covering of image m by its level l:  ODS = max_l mean_m C_ml,  OIS = mean_m max_l C_ml.

    Source: P. Arbeláez et al., Contour detection and hierarchical image segmentation, PAMI 33, 2011. All images count
    the same here, whatever their size and number of annotators.

    Args:
        hierarchies: for each image (L, *shape) integer labels, level by level; levels correspond between images.
        truths: for each image what `score` takes as truth.
        score: from (predicted, truth) to a number; `best_segmentation_covering` for the best annotator of each image.

    Raises:
        ValueError: for no image, numbers of images or levels that differ; and as `score`.

    >>> levels = torch.tensor([[0, 0, 0, 0], [0, 0, 1, 1]])
    >>> hierarchy_covering([levels, levels], [levels[0], levels[1]])
    ScaleCovering(dataset_scale=0.75, image_scale=1.0)
    """
    for name, values in (("hierarchies", hierarchies), ("truths", truths)):
        if not isinstance(values, Sequence | Tensor) or isinstance(values, str):
            raise ValueError(f"`{name}` must be a list, with one for each image; got {type(values).__name__}.")
    if not callable(score):
        raise ValueError(f"`score` must be a function of predicted and true labels; got {type(score).__name__}.")
    if len(hierarchies) != len(truths) or not len(hierarchies):
        raise ValueError(
            f"Every image needs one of `hierarchies` and one of `truths`; got {len(hierarchies)} and {len(truths)}."
        )
    hierarchies = [labels_of("hierarchies", levels) for levels in hierarchies]
    counts = sorted({len(levels) for levels in hierarchies})
    if len(counts) != 1 or counts[0] == 0:
        raise ValueError(f"All `hierarchies` must have the same number of levels, at least one; got {counts}.")
    table = torch.tensor(
        [[score(level, truth) for level in levels] for levels, truth in zip(hierarchies, truths, strict=True)],
        dtype=torch.float64,
    )
    return ScaleCovering(float(table.mean(0).max()), float(table.max(1).values.mean()))


def annotator_coverings(
    predicted: Tensor, truth: Tensor | Sequence[Tensor], *, ignore_index: int | None = None
) -> list[float]:
    """The covering of each annotator's segments; args and errors are those of `segmentation_covering`.

    >>> annotator_coverings(torch.tensor([0, 0, 0, 0]), torch.tensor([[1, 1, 2, 2], [1, 1, 1, 1]]))
    [0.5, 1.0]
    """
    predicted = labels_of("predicted", predicted)
    return [_covering(*counted_pixels(predicted, each, ignore_index, 0)) for each in annotators(predicted, truth)]


def _covering(predicted: Tensor, truth: Tensor) -> float:
    overlap = count_overlap(predicted, truth)
    joint, in_truth = overlap.joint.double(), overlap.truth.double()
    share = joint / (in_truth[overlap.row] + overlap.predicted[overlap.column] - joint)
    best = torch.zeros_like(in_truth).scatter_reduce(0, overlap.row, share, "amax")
    return float(in_truth.dot(best)) / truth.numel()
