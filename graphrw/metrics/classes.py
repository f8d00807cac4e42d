"""How well predicted classes agree with the true ones."""

import torch
from torch import Tensor

from graphrw.core.distinct import distinct
from graphrw.core.opaque import opaque
from graphrw.core.whole import check_whole
from graphrw.metrics.pixels import counted_pixels


@opaque
def mean_iou(
    predicted: Tensor, truth: Tensor, *, num_classes: int | None = None, ignore_index: int | None = None
) -> float:
    """Mean intersection over union of the classes, (1/C) Σ_c |P_c ∩ T_c| / |P_c ∪ T_c|: 1 is best, 0 is worst.

    Classes that occur neither in the prediction nor in the truth are not counted, so C ≤ num_classes.

    Source: M. Everingham et al., The Pascal visual object classes challenge: a retrospective, IJCV 111, 2015. Give the
    pixels of all images at once for the mean over a data set; a mean over images is another number.

    Args:
        predicted: integer classes of any shape, not negative.
        truth: integer classes of the same shape, not negative where they count.
        num_classes: if given, classes must lie in [0, num_classes); the result does not depend on it.
        ignore_index: pixels whose *true* class is this one do not count, whatever is predicted there; None: all count.

    Raises:
        ValueError: for classes that are no integers or out of range, differing shapes, or if no pixel is left to count.

    >>> mean_iou(torch.tensor([0, 0, 1, 1]), torch.tensor([0, 0, 1, 255]), ignore_index=255)
    1.0
    """
    pixels = torch.stack(counted_pixels(predicted, truth, ignore_index, 0))
    _check_classes(pixels, num_classes)
    classes, index = distinct(pixels)
    both = index[0][index[0] == index[1]].bincount(minlength=len(classes)).cpu().double()
    either = index.flatten().bincount(minlength=len(classes)).cpu().double() - both
    return float((both / either).mean())


def _check_classes(classes: Tensor, num_classes: int | None) -> None:
    if num_classes is not None:
        check_whole("num_classes", num_classes, 1)
    low, high = (int(bound) for bound in torch.aminmax(classes))
    if low < 0:
        raise ValueError(
            f"Classes in `predicted` and `truth` must not be negative; got {low}. If it marks unlabelled truth, pass "
            f"`ignore_index={low}`."
        )
    if num_classes is not None and high >= num_classes:
        raise ValueError(
            f"Classes must lie in [0, {num_classes}) (`num_classes`={num_classes}); got {high}. "
            f"If it marks unlabelled truth, pass `ignore_index={high}`."
        )
