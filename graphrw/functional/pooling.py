"""Features averaged over the regions of a similarity."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from graphrw.core.arrays import as_floats
from graphrw.core.finite import DIVERGED, check_finite
from graphrw.core.opaque import opaque
from graphrw.core.precision import widened
from graphrw.core.scale import unit_of
from graphrw.core.whole import check_whole, is_number

Rows = Callable[[Tensor], Tensor]  # from (R,) node indices to the (R, N) similarities of those nodes to all


@opaque
def region_pooling(x: Tensor, similarity: Tensor | Rows, *, threshold: float = 0.0, rows_at_once: int = 1024) -> Tensor:
    """Features averaged over what is similar:  x̄_i = Σ_j K_ij x_j / Σ_j K_ij.

    Source: J. Sun, Z. Xu, Neural diffusion distance for image segmentation, NeurIPS 2019 (regional feature pooling).

    Args:
        x: (N, F) floats.
        similarity: K, (N, N) ≥ 0; or a function that makes its rows, from node indices (R,) to (R, N). Rows are then
            made a few at a time, and again in backward, so that K never exists as a whole; gradients flow into
            whatever the function makes them from.
        threshold: similarities up to this one count as 0 (the authors' code: 0.8).
        rows_at_once: rows per call of such a function, ≥ 1.

    Returns:
        (N, F), within the range of `x`.

    Raises:
        ValueError: for wrong shapes or types, negative similarities, or a node that is similar to none.

    >>> pairs = torch.tensor([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    >>> region_pooling(torch.tensor([[0.0], [2.0], [5.0]]), pairs).squeeze()
    tensor([1., 1., 5.])
    """
    x = as_floats("x", x, "(N, F) floats")
    if x.ndim != 2:
        raise ValueError(f"`x` must be (N, F) floats; got {tuple(x.shape)} {x.dtype}.")
    threshold = check_threshold(threshold)
    rows_at_once = check_whole("rows_at_once", rows_at_once, 1)
    check_finite("x", x, DIVERGED)
    unit = unit_of(x, 0)  # sums of features are held, whatever these
    x = widened(x / unit)
    every = torch.arange(len(x), device=x.device)
    if not callable(similarity) or isinstance(similarity, type):
        similarity = as_floats("similarity", similarity, f"{(len(x), len(x))} floats, or a function that makes rows")
        return _pool(x, widened(similarity), every, threshold) * unit

    def pool(nodes: Tensor) -> Tensor:
        return _pool(x, widened(as_floats("similarity", similarity(nodes), "(R, N) floats")), nodes, threshold)

    parts = [checkpoint(pool, nodes, use_reentrant=False) for nodes in every.split(rows_at_once)]
    return torch.cat(parts) * unit


def check_threshold(threshold: float) -> float:
    """`threshold`, if it is a finite number."""
    if is_number(threshold) and math.isfinite(threshold):
        return threshold
    raise ValueError(f"`threshold` must be a finite number; got {threshold!r}.")


def _pool(x: Tensor, rows: Tensor, nodes: Tensor, threshold: float) -> Tensor:
    if rows.shape != (len(nodes), len(x)):
        raise ValueError(f"`similarity` must be {(len(nodes), len(x))} for these nodes; got {tuple(rows.shape)}.")
    low, high = torch.aminmax(rows.detach()) if rows.numel() else (0.0, 0.0)
    if not (low >= 0 and high < torch.inf):  # NaN, too
        wrong = ~(rows.detach() >= 0) | rows.detach().isinf()
        raise ValueError(f"`similarity` must be finite and not negative; got {float(rows.detach()[wrong][0])}.")
    kept = torch.where(rows > threshold, rows, 0)
    kept = (kept / unit_of(kept, 1)).to(x.dtype)
    mass = kept.sum(1, keepdim=True)
    empty = nodes[mass.detach().squeeze(1) == 0]
    if len(empty):
        raise ValueError(
            f"Node {int(empty[0])} is similar to no node, not even itself (`threshold`={threshold}; "
            f"{len(empty)} such nodes). Lower the threshold, or give each node a similarity to itself."
        )
    return (kept @ x) / mass
