"""What training minimises: how far label probabilities, or edge weights, are from the true labels.

The label losses take the assignment matrix Z of a walk as it is: probabilities, not logits. Its label axis is axis 1,
for nodes (N, L) as for images (B, L, H, W) and volumes (B, L, D, H, W); the target has the same shape without that
axis. All losses are means over what is labelled: sparse ground truth has `ignore_index` everywhere else. Images of one
batch may have different numbers of labels; the columns that an image does not use hold zeros and change no loss.
"""

import math

import torch
from torch import Tensor

_SLACK = 1e-2  # how far beyond [0, 1] an inexact solve may leave a probability; logits lie further out


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
    labelled = _labelled(probability, target, ignore_index)
    column = torch.where(labelled, target, 0).unsqueeze(1)
    surprise = -_log(probability.gather(1, column).squeeze(1)[labelled])
    if weight is None:
        return surprise.mean()
    _check_pixel_weight(weight, target, labelled)
    return (weight[labelled] * surprise).sum() / weight[labelled].sum()


def mean_squared_error(probability: Tensor, target: Tensor, *, ignore_index: int = -1) -> Tensor:
    """Squared distance to the one-hot target, Σ_l (Z(x, l) − [l = t(x)])², averaged over the labelled pixels x.

    This is the Brier score: summed over labels, so that unused columns do not dilute it. It lies in [0, 2].

    Source: G. Brier, Verification of forecasts expressed in terms of probability, Monthly Weather Review 78, 1950.

    Args and errors are those of `cross_entropy`.

    >>> mean_squared_error(torch.tensor([[0.5, 0.5], [1.0, 0.0]]), torch.tensor([0, 0]))
    tensor(0.2500)
    """
    labelled = _labelled(probability, target, ignore_index)
    distance = (probability - _one_hot(probability, target, labelled)).square().sum(1)
    return distance[labelled].mean()


def dice(probability: Tensor, target: Tensor, *, ignore_index: int = -1) -> Tensor:
    """1 − the mean over labels l of the soft Dice coefficient 2 Σ_x Z y / (Σ_x Z² + Σ_x y²), y(x, l) = [l = t(x)].

    Sums run over the labelled pixels of one image and the mean over the labels present there; images are then averaged,
    without those that have no labelled pixel. Nodes (N, L) are one image.

    Source: F. Milletari, N. Navab, S. Ahmadi, V-Net, 3DV 2016, section 3 (there for one label).

    Args and errors are those of `cross_entropy`.

    >>> dice(torch.tensor([[1.0, 0.0], [0.5, 0.5]]), torch.tensor([0, 1]))
    tensor(0.1556)
    """
    labelled = _labelled(probability, target, ignore_index)
    truth = _one_hot(probability, target, labelled)
    found = torch.where(labelled.unsqueeze(1), probability, 0)
    if probability.ndim == 2:
        truth, found = truth.T.unsqueeze(0), found.T.unsqueeze(0)
    truth, found = truth.flatten(2), found.flatten(2)
    area = truth.sum(2)
    present = area > 0
    overlap = 2 * (found * truth).sum(2) / torch.where(present, found.square().sum(2) + area, 1)
    counted = present.any(1)
    return 1 - (overlap.sum(1)[counted] / present.sum(1)[counted]).mean()


def weight_side_loss(weight: Tensor, target: Tensor, *, ignore_index: int = -1) -> Tensor:
    """Binary cross entropy of the edge weights of an image against whether the two ends carry the same label.

        ℓ = −mean over edges ij of  s log w + (1 − s) log(1 − w),    s = [t(i) = t(j)].

    weight[:, a] at a pixel belongs to the edge from it to the next pixel along axis a; there is none behind the last
    pixel, so the values there do not count. Logarithms end as in `cross_entropy`.

    Source: L. Cerrone, A. Zeilmann, F. Hamprecht, End-to-end learned random walker, CVPR 2019, section 4.

    Args:
        weight: (B, 2, H, W) or (B, 3, D, H, W), in [0, 1].
        target: int64 labels, (B, H, W) or (B, D, H, W); only which pixels share a label matters.
        ignore_index: target of the pixels whose edges do not count.

    Returns:
        A scalar.

    Raises:
        ValueError: for wrong shapes or types, weights outside [0, 1], or if no edge counts.

    >>> weight_side_loss(torch.full((1, 2, 4, 4), 0.5), torch.arange(16).reshape(1, 4, 4))
    tensor(0.6931)
    """
    _check_target(target)
    if weight.ndim not in (4, 5) or weight.shape != (len(weight), weight.ndim - 2, *target.shape[1:]):
        raise ValueError(
            "`weight` must have shape (B, 2, H, W) with `target` (B, H, W), or (B, 3, D, H, W) with (B, D, H, W); "
            f"got {tuple(weight.shape)} with {tuple(target.shape)}."
        )
    edges = []
    for axis, size in enumerate(target.shape[1:], start=1):
        values = weight[:, axis - 1].narrow(axis, 0, size - 1)
        edges.append((values, target.narrow(axis, 0, size - 1), target.narrow(axis, 1, size - 1)))
    values, tail, head = (torch.cat([part.flatten() for part in parts]) for parts in zip(*edges, strict=True))
    return _edge_cross_entropy(values, tail, head, ignore_index)


def edge_side_loss(weight: Tensor, edges: Tensor, target: Tensor, *, ignore_index: int = -1) -> Tensor:
    """Binary cross entropy of edge weights against whether the two ends carry the same label, on any graph.

    The loss is that of `weight_side_loss`, which takes images.

    Args:
        weight: (E,), in [0, 1].
        edges: (2, E) int64 as in `Graph`, node indices in [0, N).
        target: (N,) int64 labels of the nodes; only which nodes share a label matters.
        ignore_index: target of the nodes whose edges do not count.

    Returns:
        A scalar.

    Raises:
        ValueError: for wrong shapes or types, nodes out of range, weights outside [0, 1], or if no edge counts.

    >>> path = torch.tensor([[0, 1], [1, 2]])
    >>> edge_side_loss(torch.tensor([1.0, 0.5]), path, torch.tensor([4, 4, 7]))
    tensor(0.3466)
    """
    _check_target(target)
    if weight.ndim != 1 or edges.shape != (2, len(weight)) or edges.dtype != torch.int64 or target.ndim != 1:
        raise ValueError(
            "`weight`, `edges` (int64) and `target` must have shapes (E,), (2, E) and (N,); "
            f"got {tuple(weight.shape)}, {tuple(edges.shape)} ({edges.dtype}) and {tuple(target.shape)}."
        )
    outside = (edges < 0) | (edges >= len(target))
    if bool(outside.any()):
        raise ValueError(
            f"`edges` names node {int(edges[outside][0])}, but `target` has {len(target)} nodes, counted from 0."
        )
    tail, head = target[edges]
    return _edge_cross_entropy(weight, tail, head, ignore_index)


def _edge_cross_entropy(weight: Tensor, tail: Tensor, head: Tensor, ignore_index: int) -> Tensor:
    """The side loss of edges whose ends carry the labels `tail` and `head`."""
    counts = (tail != ignore_index) & (head != ignore_index)
    if not bool(counts.any()):
        raise ValueError(
            f"No edge is left to score: of {len(weight)}, all have an end with target {ignore_index} (`ignore_index`)."
        )
    weight, same = weight[counts], (tail == head)[counts]
    _check_range(weight, "weight", 0)
    return -_log(torch.where(same, weight, 1 - weight)).mean()


def _log(probability: Tensor) -> Tensor:
    """The logarithm, from the machine epsilon downwards its tangent: finite, increasing, once differentiable."""
    epsilon = torch.finfo(probability.dtype).eps
    tangent = math.log(epsilon) + (probability - epsilon) / epsilon
    return torch.where(probability > epsilon, probability.clamp(min=epsilon).log(), tangent)


def _one_hot(probability: Tensor, target: Tensor, labelled: Tensor) -> Tensor:
    """1 at the target of each labelled pixel, else 0; shape and type of the probability."""
    column = torch.where(labelled, target, 0).unsqueeze(1)
    return torch.zeros_like(probability).scatter(1, column, labelled.unsqueeze(1).to(probability.dtype))


def _labelled(probability: Tensor, target: Tensor, ignore_index: int) -> Tensor:
    """Which pixels count, of the target's shape, once shapes and values are known to be right."""
    _check_target(target)
    _check_shapes(probability, target)
    _check_range(probability, "probability", _SLACK)
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
    return labelled


def _check_target(target: Tensor) -> None:
    if target.dtype != torch.int64:
        raise ValueError(f"`target` must hold int64 labels; got {target.dtype}. Convert it with `.long()`.")
    if target.numel() == 0:
        raise ValueError(f"There is nothing to score: `target` has shape {tuple(target.shape)}.")


def _check_shapes(probability: Tensor, target: Tensor) -> None:
    expected = (*probability.shape[:1], *probability.shape[2:])
    if probability.ndim not in (2, 4, 5) or target.shape != expected or probability.shape[1] == 0:
        raise ValueError(
            "`probability` must have shape (N, L), (B, L, H, W) or (B, L, D, H, W), L ≥ 1, `target` that without L; "
            f"got {tuple(probability.shape)} and {tuple(target.shape)}."
        )


def _check_range(values: Tensor, name: str, slack: float) -> None:
    if not values.is_floating_point():
        raise ValueError(f"`{name}` must be floating point numbers in [0, 1]; got {values.dtype}.")
    low, high = (float(bound) for bound in torch.aminmax(values.detach()))
    if not (low >= -slack and high <= 1 + slack):
        value = high if low >= -slack else low
        raise ValueError(
            f"`{name}` must lie in [0, 1]; got {value}. Logits and scores need a sigmoid or softmax first."
        )


def _check_pixel_weight(weight: Tensor, target: Tensor, labelled: Tensor) -> None:
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
