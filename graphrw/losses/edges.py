"""How far edge weights are from the true labels of their two ends."""

import torch
from torch import Tensor

from graphrw.core.arrays import as_floats, as_tensor
from graphrw.core.finite import DIVERGED, check_finite
from graphrw.core.opaque import opaque
from graphrw.core.shares import check_range
from graphrw.core.warn import warn
from graphrw.core.whole import check_id
from graphrw.losses.checks import checked_target, probabilities, safe_log


@opaque
def weight_side_loss(
    weight: Tensor, target: Tensor, *, ignore_index: int = -1, closed_index: int | None = None
) -> Tensor:
    """Binary cross entropy of the edge weights of an image against whether the two ends carry the same label.

        ℓ = −mean over edges ij of  s log w + (1 − s) log(1 − w),    s = [t(i) = t(j)].

    weight[:, a] at a pixel belongs to the edge from it to the next pixel along axis a; there is none behind the last
    pixel, so the values there do not count. Logarithms end as in `cross_entropy`.

    Source: L. Cerrone, A. Zeilmann, F. Hamprecht, End-to-end learned random walker, CVPR 2019.

    Args:
        weight: (B, 2, H, W) or (B, 3, D, H, W), in [0, 1].
        target: int64 labels, (B, H, W) or (B, D, H, W); only which pixels share a label matters.
        ignore_index: target of the pixels whose edges do not count.
        closed_index: target of the pixels that no walk shall enter, such as membrane: s = 0 on each of their edges,
            also between two of them. None: there are none.

    Returns:
        A scalar.

    Raises:
        ValueError: for wrong shapes or types, weights outside [0, 1], one id for both indices, or if no edge counts.

    Warns:
        UserWarning: if s = 1 on every edge that counts, so that weights of 1 everywhere cost nothing. That is so where
            membrane between segments has `ignore_index`.

    >>> weight_side_loss(torch.full((1, 2, 4, 4), 0.5), torch.arange(16).reshape(1, 4, 4))
    tensor(0.6931)
    """
    target, weight = checked_target(target, ignore_index), probabilities("weight", weight)
    if weight.ndim not in (4, 5) or weight.shape != (*target.shape[:1], weight.ndim - 2, *target.shape[1:]):
        raise ValueError(
            "`weight` must have shape (B, 2, H, W) with `target` (B, H, W), or (B, 3, D, H, W) with (B, D, H, W); "
            f"got {tuple(weight.shape)} with {tuple(target.shape)}."
        )
    edges = []
    for axis, size in enumerate(target.shape[1:], start=1):
        values = weight[:, axis - 1].narrow(axis, 0, size - 1)
        edges.append((values, target.narrow(axis, 0, size - 1), target.narrow(axis, 1, size - 1)))
    values, tail, head = (torch.cat([part.flatten() for part in parts]) for parts in zip(*edges, strict=True))
    return _edge_cross_entropy(values, (tail, head), ignore_index, closed_index)


@opaque
def edge_side_loss(
    weight: Tensor, edges: Tensor, target: Tensor, *, ignore_index: int = -1, closed_index: int | None = None
) -> Tensor:
    """Binary cross entropy of edge weights against whether the two ends carry the same label, on any graph.

    The loss is that of `weight_side_loss`, which takes images.

    Args:
        weight: (E,), in [0, 1].
        edges: (2, E) int64 as in `Graph`, node indices in [0, N).
        target: (N,) int64 labels of the nodes; only which nodes share a label matters.
        ignore_index: target of the nodes whose edges do not count.
        closed_index: target of the nodes that no walk shall enter; None: there are none.

    Returns:
        A scalar.

    Raises:
        ValueError: for wrong shapes or types, nodes out of range, weights outside [0, 1], one id for both indices, or
            if no edge counts.

    Warns:
        UserWarning: as `weight_side_loss`.

    >>> path = torch.tensor([[0, 1], [1, 2]])
    >>> edge_side_loss(torch.tensor([1.0, 0.5]), path, torch.tensor([4, 4, 7]))
    tensor(0.3466)
    """
    weight, target = probabilities("weight", weight), checked_target(target, ignore_index)
    return _edge_cross_entropy(weight, _labels_of_ends(weight, edges, target), ignore_index, closed_index)


@opaque
def affinity_loss(weight: Tensor, edges: Tensor, target: Tensor, *, ignore_index: int = -1) -> Tensor:
    """Squared error of edge weights against the true affinity, which is 1 where both ends share a label, else 0.

        ℓ = mean over edges ij of  (w_ij − [t(i) = t(j)])².

    Source: G. Bertasius et al., Convolutional random walk networks, CVPR 2017 (a Euclidean loss to
    the true similarity). Here it is a mean, whose scale does not grow with the number of edges; edges of the two kinds
    are not balanced.

    Args:
        weight: (E,).
        edges: (2, E) int64 as in `Graph`, node indices in [0, N): within the radius R of the grid.
        target: (N,) int64 labels of the nodes; only which nodes share a label matters.
        ignore_index: target of the nodes whose edges do not count.

    Returns:
        A scalar.

    Raises:
        ValueError: for wrong shapes or types, nodes out of range, weights that are not finite, or if no edge counts.

    >>> path = torch.tensor([[0, 1], [1, 2]])
    >>> affinity_loss(torch.tensor([1.0, 0.5]), path, torch.tensor([4, 4, 7]))
    tensor(0.1250)
    """
    weight, target = as_floats("weight", weight, "(E,) floating point numbers"), checked_target(target, ignore_index)
    tail, head = _labels_of_ends(weight, edges, target)
    counts = _counted(tail, head, ignore_index)
    check_finite("weight", torch.where(counts, weight.detach(), 0.0), DIVERGED)  # what does not count may be anything
    error = weight - (tail == head).to(weight.dtype)
    return torch.where(counts, error, 0.0).square().sum() / counts.sum()


def _labels_of_ends(weight: Tensor, edges: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """(E,) each: the labels at both ends of each edge."""
    edges = as_tensor("edges", edges, "(2, E) int64")
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
    return tail, head


def _counted(tail: Tensor, head: Tensor, ignore_index: int) -> Tensor:
    """(E,) bool: the edges that both of their ends let count."""
    counts = (tail != ignore_index) & (head != ignore_index)
    if not bool(counts.any()):
        raise ValueError(
            f"No edge is left to score: of {len(tail)}, all have an end with target {ignore_index} (`ignore_index`)."
        )
    return counts


def _edge_cross_entropy(
    weight: Tensor, ends: tuple[Tensor, Tensor], ignore_index: int, closed_index: int | None
) -> Tensor:
    """The side loss of edges (E,) whose `ends` carry these labels, (E,) each."""
    if closed_index is not None:
        check_id("closed_index", closed_index)
    if closed_index == ignore_index:
        raise ValueError(f"`ignore_index` and `closed_index` must differ; got {ignore_index} for both.")
    counts = _counted(*ends, ignore_index)
    weight, tail, head = weight[counts], ends[0][counts], ends[1][counts]
    check_range("weight", weight, 0)
    same = tail == head
    if closed_index is not None:
        same &= tail != closed_index
    if bool(same.all()):
        # Such a loss teaches to open every edge, and does so in silence: nothing else would tell.
        warn(
            f"None of the {len(same)} edges that count is cut: weights of 1 everywhere would cost nothing. If membrane "
            f"between segments has target {ignore_index} (`ignore_index`), give it an id of its own and pass that as "
            "`closed_index`, or grow the segments over it."
        )
    return -safe_log(torch.where(same, weight, 1 - weight)).mean()
