"""Walks among all pixels within a radius, with weights from features, without a list of edges."""

import torch
from torch import Tensor

from graphrw.build.affinity import checked_beta
from graphrw.build.grid import check_radius
from graphrw.core.arrays import as_floats, as_tensor
from graphrw.core.finite import DIVERGED, check_finite, check_spread
from graphrw.core.opaque import opaque
from graphrw.core.whole import check_id
from graphrw.functional.bands import Band, bands, in_parts


@opaque
def local_step(f: Tensor, features: Tensor, beta: Tensor | float, radius: float) -> Tensor:
    """A f, one step of a walk among all pixels within a radius: A = D⁻¹W with w_ij = exp(−Σ_c β_c |φ_ic − φ_jc|).

    As `step` with the weights of `build.l1_affinity` on ``grid_graph(shape, radius=R)``, and with the same gradients,
    but no edge is listed: weights are made block by block, and again in backward (torch's `checkpoint`), so that memory
    does not grow with the radius. It can be differentiated once; torch has no second derivative of `cdist`.

    Source: the layer of G. Bertasius et al., Convolutional random walk networks, CVPR 2017, as it is trained.

    Args:
        f: (B, K, W), (B, K, H, W) or (B, K, D, H, W) floats, finite: what is averaged.
        features: φ, (B, C, …) of the same pixels, finite; channels should have comparable units.
        beta: finite and ≥ 0, in inverse units of `features`: a number or a tensor (), or (C,) with one for each
            channel. A tensor may be learned.
        radius: R, in pixels, finite, at least 1.

    Returns:
        A f, of the shape of `f`; 0 where a pixel has no neighbour, or all of its weights underflow.

    Raises:
        ValueError: for a wrong shape, values that are not finite, or `beta` or `radius` out of range.

    >>> line = torch.tensor([[[0.0, 1.0, 2.0, 3.0]]])
    >>> local_step(line, torch.zeros(1, 1, 4), beta=1.0, radius=1)
    tensor([[[1., 1., 2., 2.]]])
    """
    rows, values = checked(f, features, beta)
    check_radius("radius", radius)
    total = neighbour_sum(rows, torch.cat([values, torch.ones_like(values[..., :1])], -1), radius)
    return (total[..., :-1] / divisor(total[..., -1:])).movedim(-1, 1)


@opaque
def local_affinity_loss(
    features: Tensor, beta: Tensor | float, target: Tensor, radius: float, *, ignore_index: int = -1
) -> Tensor:
    """Squared error of the weights of `local_step` against whether both pixels have one label, balanced.

        ℓ = ½ mean over pairs of one label of (1 − w_ij)² + ½ mean over pairs of two labels of w_ij².

    Within a small radius most pairs have one label. Without the balance they decide alone, and weights across
    boundaries stay large. Where pairs of one of the kinds are missing, ℓ is the mean of the other. Blocks, memory and
    derivatives are those of `local_step`.

    Args:
        features: as of `local_step`.
        beta: likewise.
        target: (B, …) int64 labels of the pixels.
        radius: as of `local_step`.
        ignore_index: target of the pixels that do not count.

    Returns:
        A scalar.

    Raises:
        ValueError: as `local_step`, for a `target` of another shape or type, or if no pair counts.

    >>> local_affinity_loss(torch.zeros(1, 1, 3), 1.0, torch.tensor([[0, 0, 1]]), radius=1)
    tensor(0.5000)
    """
    rows = _scaled(features, beta)
    target = as_tensor("target", target, "(B, …) int64 labels of the pixels of `features`")
    if target.dtype != torch.int64 or target.shape != rows.shape[:-1]:
        wanted = f"`target` must be {tuple(rows.shape[:-1])} int64, as the pixels of `features`"
        raise ValueError(f"{wanted}; got {tuple(target.shape)} {target.dtype}.")
    ignored = target == check_id("ignore_index", ignore_index)
    # From 1 on, so that zeros, with which rows are filled up, do not count either.
    labels = torch.where(ignored, 0, target - target.amin() + 1)[..., None]
    total = rows.new_zeros(2, 2)
    for here, there, band in bands(tuple(rows.shape[1:-1]), check_radius("radius", radius)):
        for (found,) in in_parts(_errors, band, rows[here], rows[there], labels[here], labels[there]):
            total = total + found
    error, count = total.unbind()
    if not bool(count.any()):
        raise ValueError(f"No pair is left to score: all have a pixel with target {ignore_index} (`ignore_index`).")
    return (error / count.clamp(min=1)).sum() / (count > 0).sum()


def neighbour_sum(rows: Tensor, values: Tensor, radius: float) -> Tensor:
    """W v for v (B, …, K)."""
    total = torch.zeros_like(values)
    for here, there, band in bands(tuple(rows.shape[1:-1]), radius):
        parts = in_parts(_gathered, band, rows[here], rows[there], values[here], values[there])
        for ends, found in zip((here, there), zip(*parts, strict=True), strict=True):
            total[ends] += torch.cat(found).view(total[ends].shape)
    return total


def _gathered(band: Band, *rows: Tensor) -> tuple[Tensor, Tensor]:
    """As `Band.gathered`, from features and values of both rows, (R, W, C) and (R, W, K)."""
    here, there, mine, theirs = rows
    return band.gathered(band.weights(here, there), mine, theirs)


def _errors(band: Band, *rows: Tensor) -> tuple[Tensor]:
    """(2, 2): the summed errors of pairs of one label and of two, and how many there are; labels from 1, or 0."""
    here, there, mine, theirs = rows
    weight = band.weights(here, there)
    mine, theirs = band.tiles(mine), band.windows(theirs).mT
    counts = (mine > 0) & (theirs > 0) & (band.within(weight) > 0)
    same, other = counts & (mine == theirs), counts & (mine != theirs)
    errors = torch.stack([(same * (1 - weight).square()).sum(), (other * weight.square()).sum()])
    return (torch.stack([errors, torch.stack([same.sum(), other.sum()]).to(errors.dtype)]),)


def divisor(degree: Tensor) -> Tensor:
    """The degree, and 1 where nothing is to be divided."""
    return torch.where(degree > 0, degree, 1.0)


def checked(f: Tensor, features: Tensor, beta: Tensor | float) -> tuple[Tensor, Tensor]:
    """β φ (B, …, C) and f (B, …, K), in their common type."""
    rows = _scaled(features, beta)
    f = as_floats("f", f, "(B, K, …) floats of the pixels of `features`")
    if f.ndim != rows.ndim or f.movedim(1, -1).shape[:-1] != rows.shape[:-1]:
        shapes = f"{tuple(f.shape)} and {tuple(features.shape)}"
        raise ValueError(f"`f` and `features` must have the same pixels; got {shapes}.")
    check_finite("f", f, DIVERGED)
    kind = torch.promote_types(f.dtype, rows.dtype)
    return rows.to(kind), f.movedim(1, -1).to(kind)


def _scaled(features: Tensor, beta: Tensor | float) -> Tensor:
    """β φ, (B, …, C)."""
    wanted = "(B, C, W), (B, C, H, W) or (B, C, D, H, W) floats, C ≥ 1"
    features = as_floats("features", features, wanted)
    if not 3 <= features.ndim <= 5 or 0 in features.shape[1:]:
        raise ValueError(f"`features` must be {wanted}; got {tuple(features.shape)}.")
    check_finite("features", features, DIVERGED)
    rows = features.movedim(1, -1)
    scaled = rows * checked_beta(beta, rows[..., :0].new_empty(0, rows.shape[-1]))
    check_spread(scaled, "`beta` · `features`")
    return scaled
