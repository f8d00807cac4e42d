"""Which pixels a metric counts, and what metrics ask of their arguments."""

import math

import torch
from torch import Tensor

from graphrw.core.arrays import as_tensor, whole_numbers
from graphrw.core.whole import check_id, check_not_negative


def counted_pixels(
    predicted: Tensor, truth: Tensor, ignore_index: int | None, tolerance: float
) -> tuple[Tensor, Tensor]:
    """Both labels of the pixels that count, as int64 vectors."""
    predicted, truth = labels_of("predicted", predicted), labels_of("truth", truth)
    _check_labels(predicted, truth)
    _check_tolerance(truth, tolerance)
    predicted, truth = (_whole(name, labels) for name, labels in (("predicted", predicted), ("truth", truth)))
    if ignore_index is None and tolerance == 0:  # all count: selecting them would take longer than most metrics
        return predicted.reshape(-1), truth.reshape(-1)
    counts = (
        torch.ones_like(truth, dtype=torch.bool)
        if ignore_index is None
        else truth != check_id("ignore_index", ignore_index)
    )
    ignored = truth.numel() - int(counts.sum())
    if tolerance > 0:
        counts &= ~near_boundary(truth, tolerance)
    if not bool(counts.any()):
        raise ValueError(
            f"No pixel is left to score: of {truth.numel()}, {ignored} have the ignored label {ignore_index}, and "
            f"`boundary_tolerance`={tolerance} leaves out the rest. Score more pixels, or leave out fewer."
        )
    return predicted[counts], truth[counts]


def _whole(name: str, labels: Tensor) -> Tensor:
    """As int64; masks too."""
    return labels.long() if labels.dtype == torch.bool else whole_numbers(name, labels, "integer labels")


def near_boundary(labels: Tensor, distance: float) -> Tensor:
    """Pixels whose Euclidean distance to a boundary pixel is at most `distance` (exact, one axis after the other).

    The squared distance is a sum over axes, so its minimum can be taken axis by axis: d²(x) ← min_s d²(x + s) + s².
    """
    distance = min(distance, math.hypot(*labels.shape))  # whose square every float holds
    boundary = torch.zeros_like(labels, dtype=torch.bool)
    for axis, size in enumerate(labels.shape):
        differs = labels.narrow(axis, 1, size - 1) != labels.narrow(axis, 0, size - 1)
        boundary.narrow(axis, 0, size - 1).logical_or_(differs)
        boundary.narrow(axis, 1, size - 1).logical_or_(differs)
    squared = torch.full(labels.shape, math.inf, device=labels.device).masked_fill_(boundary, 0)
    for axis, size in enumerate(labels.shape):
        nearest = squared.clone()
        for shift in range(1, min(math.floor(distance), size - 1) + 1):
            left, right = (slice(None),) * axis + (slice(-shift),), (slice(None),) * axis + (slice(shift, None),)
            nearest[left] = torch.minimum(nearest[left], squared[right] + shift**2)
            nearest[right] = torch.minimum(nearest[right], squared[left] + shift**2)
        squared = nearest
    return squared <= distance**2


def labels_of(name: str, labels: Tensor) -> Tensor:
    """`labels` as a tensor of integers."""
    labels = as_tensor(name, labels, "a tensor of integer labels")
    if labels.is_floating_point() or labels.is_complex():
        raise ValueError(f"`{name}` must be a tensor of integer labels; got {labels.dtype}.")
    return labels


def _check_labels(predicted: Tensor, truth: Tensor) -> None:
    if predicted.shape != truth.shape:
        raise ValueError(
            f"`predicted` and `truth` must have the same shape; got {tuple(predicted.shape)} and {tuple(truth.shape)}."
        )
    if truth.numel() == 0:
        raise ValueError(f"There is no pixel to score: `predicted` and `truth` have shape {tuple(truth.shape)}.")
    if predicted.device != truth.device:
        raise ValueError(
            f"`predicted` is on {predicted.device} and `truth` on {truth.device}; move them to one device first."
        )


def _check_tolerance(truth: Tensor, tolerance: float) -> None:
    check_not_negative("boundary_tolerance", tolerance, reason=", a distance in pixels,")
    if tolerance > 0 and truth.ndim not in (2, 3):
        raise ValueError(
            f"`boundary_tolerance` needs labels of shape (H, W) or (D, H, W), where pixels have neighbours; "
            f"got shape {tuple(truth.shape)}. Leave it at 0, or score one image at a time."
        )
