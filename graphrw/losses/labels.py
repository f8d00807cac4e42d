"""How far the label probabilities of a walk are from the true labels.

They are taken as they are: probabilities, not logits. The label axis is axis 1, for nodes (N, L) as for images
(B, L, H, W) and volumes (B, L, D, H, W); the target has the same shape without that axis. All losses are means over
what is labelled: sparse ground truth has `ignore_index` everywhere else. Images of one batch may have different numbers
of labels; the columns that an image does not use hold zeros and change no loss.
"""

import torch
from torch import Tensor

from graphrw.core.arrays import as_floats
from graphrw.core.opaque import opaque
from graphrw.core.scale import unit_of
from graphrw.core.shares import check_range
from graphrw.losses.checks import checked_target, probabilities, safe_log


@opaque
def cross_entropy(
    probability: Tensor, target: Tensor, *, ignore_index: int = -1, weight: Tensor | None = None
) -> Tensor:
    """Cross entropy −Σ_x v(x) log Z(x, t(x)) / Σ_x v(x) over the labelled pixels x with targets t and weights v.

    Below the machine epsilon ε of its type (1e-7 in float32, 2e-16 in float64) a probability cannot be told from
    rounding. There the logarithm goes on as its tangent, log ε + (z − ε)/ε: value and gradient stay finite at 0, and a
    pixel with probability 0 is still pulled the right way, which a clamp would not do. Elsewhere it is the logarithm.

    Source: L. Cerrone, A. Zeilmann, F. Hamprecht, End-to-end learned random walker, CVPR 2019 (the loss on Z).

    Args:
        probability: (N, L), (B, L, H, W) or (B, L, D, H, W), in [0, 1].
        target: int64, (N,), (B, H, W) or (B, D, H, W), in [0, L) or `ignore_index`.
        ignore_index: target of the pixels that do not count.
        weight: ≥ 0, of the target's shape; None: every labelled pixel counts the same. Their scale does not matter.

    Returns:
        A scalar.

    Raises:
        ValueError: for wrong shapes or types, values outside their range, or if no pixel counts.

    >>> cross_entropy(torch.tensor([[0.5, 0.5], [0.9, 0.1]]), torch.tensor([0, -1]))
    tensor(0.6931)
    """
    probability, target, labelled = _labelled(probability, target, ignore_index)
    column = torch.where(labelled, target, 0).unsqueeze(1)
    surprise = -safe_log(probability.gather(1, column).squeeze(1)[labelled])
    if weight is None:
        return surprise.mean()
    counted = _pixel_weight(weight, target, labelled)
    counted = counted / unit_of(counted)  # so that their sum is held
    return (counted * surprise).sum() / counted.sum()


@opaque
def mean_squared_error(probability: Tensor, target: Tensor, *, ignore_index: int = -1) -> Tensor:
    """Squared distance to the one-hot target, Σ_l (Z(x, l) − [l = t(x)])², averaged over the labelled pixels x.

    This is the Brier score: summed over labels, so that unused columns do not dilute it. It lies in [0, 2].

    Source: G. Brier, Verification of forecasts expressed in terms of probability, Monthly Weather Review 78, 1950.

    Args and errors are those of `cross_entropy`.

    >>> mean_squared_error(torch.tensor([[0.5, 0.5], [1.0, 0.0]]), torch.tensor([0, 0]))
    tensor(0.2500)
    """
    probability, target, labelled = _labelled(probability, target, ignore_index)
    distance = (probability - _one_hot(probability, target, labelled)).square().sum(1)
    return distance[labelled].mean()


@opaque
def dice(probability: Tensor, target: Tensor, *, ignore_index: int = -1) -> Tensor:
    """1 − the mean over labels l of the soft Dice coefficient 2 Σ_x Z y / (Σ_x Z² + Σ_x y²), y(x, l) = [l = t(x)].

    Sums run over the labelled pixels of one image and the mean over the labels present there; images are then averaged,
    without those that have no labelled pixel. Nodes (N, L) are one image.

    Source: F. Milletari, N. Navab, S. Ahmadi, V-Net, 3DV 2016 (there for one label).

    Args and errors are those of `cross_entropy`.

    >>> dice(torch.tensor([[1.0, 0.0], [0.5, 0.5]]), torch.tensor([0, 1]))
    tensor(0.1556)
    """
    probability, target, labelled = _labelled(probability, target, ignore_index)
    truth = _one_hot(probability, target, labelled)
    found = torch.where(labelled.unsqueeze(1), probability, 0)
    if probability.ndim == 2:
        truth, found = truth.T.unsqueeze(0), found.T.unsqueeze(0)
    truth, found = truth.flatten(2), found.flatten(2)
    area = truth.sum(2)
    present = area > 0  # a label that is not there has no coefficient; its 0 / 0 becomes 0 / 1 and does not count
    overlap = 2 * (found * truth).sum(2) / torch.where(present, found.square().sum(2) + area, 1)
    counted = present.any(1)
    return 1 - (overlap.sum(1)[counted] / present.sum(1)[counted]).mean()


@opaque
def soft_variation_of_information(probability: Tensor, target: Tensor, *, ignore_index: int = -1) -> Tensor:
    """H(L | S) + H(S | L) in bits, of the label L that a walk ends in and the segment S of a pixel drawn at random.

    With the table p(s, l) = mean over the labelled pixels x of [t(x) = s] Z(x, l), both entropies are those of
    `metrics.variation_of_information`, which this is where Z is 0 or 1. Doubt that is spread over many pairs
    of a segment and a label is dearer than one leak from a segment into another. How labels are called does not matter,
    so that it stands beside a loss that says which is which, such as `cross_entropy`. Images of a batch have tables of
    their own, and are averaged, without those that have no labelled pixel; nodes (N, L) are one image.

    Source: M. Meilă, Comparing clusterings, COLT 2003, with expected counts in the place of counts.

    Args and errors are those of `cross_entropy`.

    >>> soft_variation_of_information(torch.full((4, 2), 0.5), torch.tensor([0, 0, 1, 1]))
    tensor(2.)
    >>> soft_variation_of_information(torch.eye(2)[[0, 0, 1, 1]], torch.tensor([0, 0, 1, 1]))
    tensor(0.)
    """
    probability, target, labelled = _labelled(probability, target, ignore_index)
    if probability.ndim == 2:
        probability, target, labelled = probability.T[None], target[None], labelled[None]
    images = zip(probability.flatten(2), target.flatten(1), labelled.flatten(1), strict=True)
    return torch.stack([_variation(*image) for image in images if bool(image[2].any())]).mean()


def _variation(rows: Tensor, target: Tensor, labelled: Tensor) -> Tensor:
    """Of one image: probabilities (L, P), targets (P,), and which of them count."""
    num_labels = len(rows)
    column = torch.where(labelled, target, num_labels)  # what does not count goes into a column of its own
    table = rows.new_zeros(num_labels, num_labels + 1).index_add(1, column, rows)[:, :-1] / labelled.sum()
    return 2 * _bits(table) - _bits(table.sum(0)) - _bits(table.sum(1))


def _bits(share: Tensor) -> Tensor:
    return -(share * share.clamp(min=torch.finfo(share.dtype).tiny).log2()).sum()


def _one_hot(probability: Tensor, target: Tensor, labelled: Tensor) -> Tensor:
    """1 at the target of each labelled pixel, else 0; shape and type of the probability."""
    column = torch.where(labelled, target, 0).unsqueeze(1)
    return torch.zeros_like(probability).scatter(1, column, labelled.unsqueeze(1).to(probability.dtype))


def _labelled(probability: Tensor, target: Tensor, ignore_index: int) -> tuple[Tensor, Tensor, Tensor]:
    """Both as tensors, and which pixels count, of the target's shape; shapes and values are right then."""
    target, probability = checked_target(target, ignore_index), probabilities("probability", probability)
    _check_shapes(probability, target)
    check_range("probability", probability)
    labelled = target != ignore_index
    if not bool(labelled.any()):
        raise ValueError(
            f"No pixel is left to score: all {target.numel()} have target {ignore_index} (`ignore_index`)."
        )
    num_labels = probability.shape[1]
    outside = labelled & ((target < 0) | (target >= num_labels))
    if bool(outside.any()):
        raise ValueError(
            f"`target` must lie in [0, {num_labels}), one label per column of `probability`, or be {ignore_index} "
            f"(`ignore_index`); got {int(target[outside][0])} (pixels out of range: {int(outside.sum())})."
        )
    return probability, target, labelled


def _check_shapes(probability: Tensor, target: Tensor) -> None:
    expected = (*probability.shape[:1], *probability.shape[2:])
    if probability.ndim not in (2, 4, 5) or target.shape != expected or probability.shape[1] == 0:
        raise ValueError(
            "`probability` must have shape (N, L), (B, L, H, W) or (B, L, D, H, W), L ≥ 1, `target` that without L; "
            f"got {tuple(probability.shape)} and {tuple(target.shape)}."
        )


def _pixel_weight(weight: Tensor, target: Tensor, labelled: Tensor) -> Tensor:
    """The weights of the pixels that count."""
    weight = as_floats("weight", weight, f"floats of the target's shape {tuple(target.shape)}")
    if weight.shape != target.shape:
        raise ValueError(
            f"`weight` must have the target's shape {tuple(target.shape)}, one per pixel; got {tuple(weight.shape)}."
        )
    counted = weight[labelled]
    wrong = ~(counted >= 0) | counted.isinf()
    if bool(wrong.any()):
        raise ValueError(f"`weight` must be finite and not negative; got {float(counted[wrong][0])}.")
    if not bool(counted.any()):
        raise ValueError("`weight` is 0 on every labelled pixel, so that nothing counts. Make some of it positive.")
    return counted
