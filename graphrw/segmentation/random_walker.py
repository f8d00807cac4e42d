"""Seeded segmentation of images and volumes, in the array types and label ids of the caller."""

from collections.abc import Sequence
from typing import Any, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from graphrw.build import grid_graph
from graphrw.build.affinity import gaussian_affinity
from graphrw.core.arrays import whole_numbers
from graphrw.core.graph import Graph
from graphrw.core.opaque import opaque
from graphrw.core.reach import stranded
from graphrw.core.walk import check_rates, walk
from graphrw.core.warn import warn
from graphrw.functional import hitting_probabilities
from graphrw.functional.seeds import one_hot
from graphrw.solvers import Auto, Solver

MODES = (None, "bf", "cg", "cg_j", "cg_mg")  # scikit-image's; a mode it would refuse is refused here too
FLOOR = 1e-10  # scikit-image's: what every weight is raised by, so that no edge is closed


@overload
def random_walker(
    image: NDArray[Any],
    labels: NDArray[Any],
    beta: float = ...,
    mode: str | None = ...,
    tol: float = ...,
    copy: bool = ...,
    return_full_prob: bool = ...,
    spacing: Sequence[float] | None = ...,
    *,
    prob_tol: float = ...,
    channel_axis: int | None = ...,
    solver: Solver = ...,
) -> NDArray[Any]: ...


@overload
def random_walker(
    image: Tensor,
    labels: Tensor,
    beta: float = ...,
    mode: str | None = ...,
    tol: float = ...,
    copy: bool = ...,
    return_full_prob: bool = ...,
    spacing: Sequence[float] | None = ...,
    *,
    prob_tol: float = ...,
    channel_axis: int | None = ...,
    solver: Solver = ...,
) -> Tensor: ...


@opaque
def random_walker(
    image: NDArray[Any] | Tensor,
    labels: NDArray[Any] | Tensor,
    beta: float = 130,
    mode: str | None = None,
    tol: float = 1e-3,
    copy: bool = True,
    return_full_prob: bool = False,
    spacing: Sequence[float] | None = None,
    *,
    prob_tol: float = 1e-3,
    channel_axis: int | None = None,
    solver: Solver = Auto(),
) -> NDArray[Any] | Tensor:
    """Segment an image from seeds with Grady's random walker: scikit-image's function, with its weights and keywords.

    w_ij = exp(−β |g_i − g_j|² / (10 σ ℓ² √C)) + 1e-10 (Grady 2006, eq. 1, as scikit-image scales it), where σ is the
    standard deviation of all the data, ℓ the spacing and C the number of channels (1 without `channel_axis`). Integer
    images are first scaled by the largest value of their type, as scikit-image does.

    What differs: the system is solved by `solver`, whatever `mode` and `tol`; label ids survive (seed 7
    comes out as 7); with `return_full_prob` the label axis is always first; pixels that no seed reaches are −1, with a
    warning.

    Args:
        image: (H, W) or (D, H, W), with `channel_axis` one axis more. NumPy or torch, any device. Pixels outside may
            hold anything.
        labels: integers of the spatial shape: > 0 a seed, 0 unlabelled, < 0 outside (no walker enters).
        beta: ≥ 0; the larger, the harder it is to cross an edge.
        mode: accepted for scikit-image's sake (None, "bf", "cg", "cg_j" or "cg_mg"), and all mapped to `solvers.Auto`:
            direct wherever that is affordable.
        tol: accepted likewise, and not used: the solver has its own, tighter tolerance.
        copy: if false, a NumPy result is also written into `labels`.
        return_full_prob: return probabilities instead of labels.
        spacing: the distance of pixels along each spatial axis, > 0.
        prob_tol: warn if a probability leaves [0, 1], or a pixel's sum leaves 1, by more.
        channel_axis: which axis of `image` holds channels.
        solver: instead of `solvers.Auto`.

    Returns:
        Labels of the shape of `labels` (int64 if `labels` is unsigned); or probabilities (L, \\*spatial) in float64
        (for a float32 torch image float32), labels in ascending order, 0 outside and where no seed reaches. Torch in,
        torch out.

    Raises:
        ValueError: for shapes that do not fit, labels that are not integers, no seed, or an unknown `mode`.
        ConvergenceError: if `solver` cannot reach its tolerance, or what it gives is far from any probability.

    >>> image = np.array([[0.0, 0.1, 0.9, 1.0]])
    >>> random_walker(image, np.array([[3, 0, 0, 7]]))
    array([[3, 3, 7, 7]])
    """
    if isinstance(image, Tensor) != isinstance(labels, Tensor):
        raise ValueError("`image` and `labels` must both be NumPy arrays or both torch tensors.")
    if mode not in MODES:
        raise ValueError(f"`mode` must be one of {MODES}; got {mode!r}.")
    check_rates("beta", torch.as_tensor(beta))
    label_image = _as_label_image(labels)
    pixels = _as_pixels(image, channel_axis, label_image)
    graph = grid_graph(label_image.shape).to(label_image.device)
    weight = _weight(graph, pixels, beta, _edge_lengths(tuple(label_image.shape), spacing, pixels))
    probability, ids, lost = _propagate(graph, weight, label_image.reshape(-1), solver)
    _warn(probability.detach(), lost, label_image.reshape(-1), prob_tol)
    if return_full_prob:
        answer = probability.T.reshape(len(ids), *label_image.shape)
    else:
        found = torch.where(lost, -1, ids[probability.argmax(1)]).reshape(label_image.shape)
        answer = torch.where(label_image < 0, label_image, found)
    return _like(answer, labels, in_place=not copy and not return_full_prob)


def _as_tensor(array: NDArray[Any] | Tensor) -> Tensor:
    """Any array as a tensor: strides, byte order and write protection of NumPy's do not matter."""
    if isinstance(array, Tensor):
        return array
    array = np.asarray(array)
    return torch.from_numpy(np.require(array, array.dtype.newbyteorder("="), ["C", "W"]))


def _as_label_image(labels: NDArray[Any] | Tensor) -> Tensor:
    label_image = _as_tensor(labels)
    if label_image.is_floating_point() or label_image.is_complex() or label_image.dtype == torch.bool:
        raise ValueError(f"`labels` must be integers; got {label_image.dtype}.")
    if label_image.ndim not in (2, 3) or label_image.numel() == 0:
        raise ValueError(f"`labels` must be (H, W) or (D, H, W) and not empty; got {tuple(label_image.shape)}.")
    return whole_numbers("labels", label_image, "integers")


def _as_pixels(image: NDArray[Any] | Tensor, channel_axis: int | None, label_image: Tensor) -> Tensor:
    """(N, C) floats: the pixels in C order, integers scaled by the largest value of their type, 0 outside."""
    values = _as_tensor(image)
    if values.is_complex():
        raise ValueError(f"`image` must be real; got {values.dtype}.")
    if channel_axis is not None and not -values.ndim <= channel_axis < values.ndim:
        raise ValueError(f"`channel_axis` must be an axis of `image` {tuple(values.shape)}; got {channel_axis}.")
    channels_last = values[..., None] if channel_axis is None else values.movedim(channel_axis, -1)
    if channels_last.shape[:-1] != label_image.shape:
        extra = "" if channel_axis is None else ", `image` with channels along `channel_axis`"
        got = f"{tuple(values.shape)} and {tuple(label_image.shape)}"
        raise ValueError(f"`image` and `labels` must share the spatial shape (H, W) or (D, H, W){extra}; got {got}.")
    pixels = _as_float(channels_last.reshape(label_image.numel(), -1), keep_single=isinstance(image, Tensor))
    finite = torch.isfinite(pixels).all(1)  # outside anything may stand, such as NaN, which 0 · NaN would spread
    if not bool(finite[label_image.reshape(-1) >= 0].all()):
        raise ValueError("`image` holds NaN or infinite values; fill them, or mark their pixels −1 in `labels`.")
    return torch.where(finite[:, None], pixels, 0.0)


def _as_float(values: Tensor, keep_single: bool) -> Tensor:
    if values.dtype == torch.float32 and keep_single:
        return values
    if values.is_floating_point() or values.dtype == torch.bool:
        return values.double()
    return values.double() / torch.iinfo(values.dtype).max


def _edge_lengths(shape: tuple[int, ...], spacing: Sequence[float] | None, pixels: Tensor) -> Tensor | None:
    if spacing is None:
        return None
    steps = np.atleast_1d(spacing).tolist()
    if len(steps) != len(shape) or not all(step > 0 for step in steps):
        raise ValueError(f"`spacing` must be {len(shape)} positive numbers, one for each spatial axis; got {spacing}.")
    # The edges of a grid come axis by axis.
    counts = torch.tensor([pixels.shape[0] // size * (size - 1) for size in shape], device=pixels.device)
    return pixels.new_tensor(steps).repeat_interleave(counts)


def _weight(graph: Graph, pixels: Tensor, beta: float, length: Tensor | None) -> Tensor:
    """scikit-image's: β is divided by 10 σ √C, and every weight raised by a floor."""
    variance = pixels.var(correction=0)
    if not bool(variance > 0):  # a constant image, on which the formula is 0 / 0
        return pixels.new_full((graph.num_edges,), 1 + FLOOR)
    scaled = beta / (10 * variance.sqrt() * pixels.shape[1] ** 0.5)
    return gaussian_affinity(graph, pixels, scaled, length) + FLOOR


def _propagate(graph: Graph, weight: Tensor, labels: Tensor, solver: Solver) -> tuple[Tensor, Tensor, Tensor]:
    """Probabilities (N, L), the ids (L,) of the labels, and which pixels (N,) no seed reaches."""
    seeded = labels > 0
    ids, index = labels[seeded].unique(return_inverse=True)
    if len(ids) == 0:
        raise ValueError("`labels` holds no seed: mark at least one pixel with a label > 0.")
    seeds = torch.full_like(labels, -1).masked_scatter(seeded, index)
    if bool(seeded.all()):  # here no sign of seeds in the other convention, of which a walk would warn
        return one_hot(seeds, len(ids), weight), ids, ~seeded
    closed = (labels < 0)[graph.edges].any(0)
    weight = torch.where(closed, 0.0, weight)
    lost = stranded(walk(graph, weight), seeded)
    # A walker whom no seed awaits is killed, so that its probabilities are 0, as scikit-image has them.
    return hitting_probabilities(walk(graph, weight, lost.to(weight.dtype)), seeds, len(ids), solver=solver), ids, lost


def _warn(probability: Tensor, lost: Tensor, labels: Tensor, prob_tol: float) -> None:
    missed = int((lost & (labels == 0)).sum())
    if missed:
        warn(f"{missed} unlabelled pixels are reached by no seed; they are labelled −1.")
    excess = max(
        float(-probability.min()), float(probability.max()) - 1, float((probability.sum(1) - 1)[~lost].abs().max())
    )
    if excess > prob_tol:
        warn(
            f"Probabilities leave [0, 1], or their sum leaves 1, by {excess:.1e} (`prob_tol` is {prob_tol:.1e}); use a "
            "direct solver."
        )


def _like(answer: Tensor, labels: NDArray[Any] | Tensor, in_place: bool) -> NDArray[Any] | Tensor:
    """The answer in the array type of `labels`; labels also in its integer type, if that has a sign."""
    kind = _as_tensor(labels).dtype
    if not answer.is_floating_point() and kind.is_signed:
        answer = answer.to(kind)
    if isinstance(labels, Tensor):
        return answer
    result: NDArray[Any] = answer.numpy()
    if in_place:
        if not kind.is_signed and result.min() < 0:
            raise ValueError(f"`copy=False` cannot write −1 into `labels` of type {labels.dtype}; pass signed labels.")
        labels[...] = result
    return result
