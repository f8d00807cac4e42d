"""How far the classes that a network sees in whole images are from those that are there."""

from torch import Tensor
from torch.nn.functional import multilabel_soft_margin_loss

from graphrw.core.arrays import as_floats, as_tensor
from graphrw.core.finite import DIVERGED, check_finite
from graphrw.core.opaque import opaque


@opaque
def presence_loss(scores: Tensor, present: Tensor) -> Tensor:
    """Binary cross entropy of σ(scores) against which classes each image holds, averaged over classes and images.

    It trains `nn.RegionClassifier`, whose labels are those of whole images.

    Args:
        scores: (B, L) logits.
        present: (B, L), 1 or True where the image holds the class, else 0. A background class counts as present
            wherever there is some.

    Returns:
        A scalar.

    Raises:
        ValueError: for another shape, scores that are not finite, or values that are neither 0 nor 1.

    >>> import torch
    >>> presence_loss(torch.zeros(1, 2), torch.tensor([[True, False]]))
    tensor(0.6931)
    """
    scores = as_floats("scores", scores, "(B, L) logits")
    if scores.ndim != 2 or scores.numel() == 0:
        raise ValueError(f"`scores` must be (B, L) logits, at least one; got {tuple(scores.shape)}.")
    check_finite("scores", scores, DIVERGED)
    present = as_tensor("present", present, f"{tuple(scores.shape)}, 0 or 1")
    if present.shape != scores.shape or present.is_complex():
        wanted, got = tuple(scores.shape), f"{tuple(present.shape)} {present.dtype}"
        raise ValueError(f"`present` must have the shape of `scores`, {wanted}; got {got}.")
    wrong = (present != 0) & (present != 1)
    if bool(wrong.any()):
        raise ValueError(f"`present` must be 0 or 1 for each class; got {present[wrong][0].item()}.")
    return multilabel_soft_margin_loss(scores, present.to(scores.dtype))
