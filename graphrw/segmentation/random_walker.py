"""Seeded segmentation of images and volumes, in the array types and label ids of the caller."""

from collections.abc import Sequence
from typing import Any, overload

import torch
from numpy.typing import NDArray
from torch import Tensor

from graphrw.core.arrays import as_tensor
from graphrw.core.opaque import opaque
from graphrw.core.walk import Walk
from graphrw.core.warn import warn
from graphrw.core.whole import check_flag, check_not_negative
from graphrw.functional import hitting_probabilities
from graphrw.functional.numbering import warn_if_nothing_is_asked
from graphrw.segmentation.inputs import check_alike, read_labels, read_pixels, read_spacing
from graphrw.segmentation.pixels.components import LabelledComponents, labelled_components, pieces
from graphrw.segmentation.pixels.cost import require_room_to_walk
from graphrw.segmentation.pixels.pixel_walk import number_seeds, pixel_walk
from graphrw.solvers import Auto, Solver
from graphrw.solvers.base import check_solver

MODES = (None, "bf", "cg", "cg_j", "cg_mg")  # scikit-image's; a mode it would refuse is refused here too


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
    data_range: float | None = ...,
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
    data_range: float | None = ...,
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
    data_range: float | None = None,
    solver: Solver = Auto(),
) -> NDArray[Any] | Tensor:
    """Segment an image from seeds with Grady's random walker: scikit-image's function, with its weights and keywords.

    w_ij = exp(−β |g_i − g_j|² / (10 σ ℓ² √C)) + 1e-10 (Grady 2006, eq. 1, as scikit-image scales it), where σ is the
    standard deviation of all the data, ℓ the spacing and C the number of channels (1 without `channel_axis`).

    Integer images are first divided by the largest value of their type, as scikit-image does: the same picture in
    another type has other edges, and 12-bit data in uint16 a sixteenth of the contrast that they have as floats in
    [0, 1]. Where less than a tenth is used, or floats without channels span more than 20, a warning says so. With
    `data_range` β means the same for every type.

    What differs: the system is solved by `solver`, whatever `mode` and `tol`; label ids survive (seed 7
    comes out as 7); with `return_full_prob` the label axis is always first; pixels that no seed reaches are −1, with a
    warning. Pixels outside cost nothing, nor do those whose component holds seeds of a single label; where there are
    several components, they are solved in as many columns as the most labels that any of them holds.

    Args:
        image: (H, W) or (D, H, W), with `channel_axis` one axis more. NumPy or torch, any device. Pixels outside may
            hold anything.
        labels: whole numbers of the spatial shape, of any type: > 0 a seed, 0 unlabelled, < 0 outside (no walker
            enters). Booleans: true is label 1.
        beta: ≥ 0; the larger, the harder it is to cross an edge.
        mode: accepted for scikit-image's sake (None, "bf", "cg", "cg_j" or "cg_mg"), and all mapped to `solvers.Auto`:
            direct wherever that is affordable.
        tol: accepted likewise, and not used: the solver has its own, tighter tolerance.
        copy: if false, a NumPy result is also written into `labels`.
        return_full_prob: return probabilities instead of labels.
        spacing: the distance of pixels along each spatial axis, > 0. Differences are divided by it, as scikit-image
            does, so that its unit counts as β does: the smallest is best 1.
        prob_tol: warn if a probability leaves [0, 1], or a pixel's sum leaves 1, by more.
        channel_axis: which axis of `image` holds channels.
        data_range: the distance between the least and the largest value that `image` may have, such as 4095 for 12
            bits, as in scikit-image's metrics. The image is divided by it, whatever its type. None: the largest value
            of an integer type, 1 for floats.
        solver: instead of `solvers.Auto`.

    Returns:
        Labels of the shape and type of `labels`; or probabilities (L, \\*spatial) in float64 (for a float32 torch image
        float32), labels in ascending order, 0 outside and where no seed reaches. Torch in, torch out.

    Raises:
        ValueError: for shapes that do not fit, labels that are not whole or more than int64 holds, no seed, an image
            that is complex, without channels or not finite, or an unknown `mode`.
        ConvergenceError: if `solver` cannot reach its tolerance, or what it gives is far from any probability.
        MemoryError: for a volume too large, before it is walked over; `random_walker_blocks` takes it.

    >>> import numpy as np
    >>> image = np.array([[0.0, 0.1, 0.9, 1.0]])
    >>> random_walker(image, np.array([[3, 0, 0, 7]]))
    array([[3, 3, 7, 7]])
    """
    check_alike(image, labels)
    if mode not in MODES:
        raise ValueError(f"`mode` must be one of {MODES}; got {mode!r}.")
    _check_options(beta, tol, prob_tol)
    check_flag("copy", copy)
    check_flag("return_full_prob", return_full_prob)
    check_solver(solver)
    label_image = read_labels(labels)
    pixels = read_pixels(image, label_image >= 0, channel_axis=channel_axis, data_range=data_range)
    steps = None if spacing is None else read_spacing(spacing, label_image.ndim)
    flat = label_image.reshape(-1)
    ids, seeds = number_seeds(flat)
    warn_if_nothing_is_asked(flat)
    components = labelled_components(pieces(label_image >= 0), seeds)
    contested = components.contested.view(label_image.shape)
    require_room_to_walk(contested, components.num_columns, solver)
    probability = _solve(components, pixel_walk(contested, pixels, beta=beta, steps=steps), solver)
    lost = (flat == 0) & ~components.reached
    _warn(probability.detach(), int(lost.sum()), prob_tol)
    if return_full_prob:
        return _like(components.spread(probability, len(ids)).reshape(-1, *label_image.shape), labels)
    found = torch.where(flat < 0, flat, torch.where(lost, -1, ids[components.likeliest(probability.argmax(1))]))
    answer = _like(found.reshape(label_image.shape).to(as_tensor("labels", labels, "").dtype), labels)
    if not copy and not isinstance(labels, Tensor):
        labels[...] = answer
    return answer


def _check_options(beta: float, tol: float, prob_tol: float) -> None:
    for name, value in (("beta", beta), ("tol", tol), ("prob_tol", prob_tol)):
        check_not_negative(name, value)


def _solve(components: LabelledComponents, walk: Walk, solver: Solver) -> Tensor:
    """(n, C): the probability of each column at the pixels that are contested."""
    if walk.graph.num_nodes == 0:
        return walk.weight.new_zeros(0, components.num_columns)
    seeds = components.columns[components.contested]
    return hitting_probabilities(walk, seeds, components.num_columns, solver=solver)


def _warn(probability: Tensor, lost: int, prob_tol: float) -> None:
    if lost:
        warn(f"{lost} unlabelled pixels are reached by no seed; they are labelled −1.")
    beyond = (-probability, probability - 1, (probability.sum(1) - 1).abs())
    excess = max((float(values.max()) for values in beyond if values.numel()), default=0.0)
    if excess > prob_tol:
        warn(
            f"Probabilities leave [0, 1], or their sum leaves 1, by {excess:.1e} (`prob_tol` is {prob_tol:.1e}); use a "
            "direct solver."
        )


def _like(answer: Tensor, labels: NDArray[Any] | Tensor) -> NDArray[Any] | Tensor:
    """`answer` in the array type of `labels`."""
    if isinstance(labels, Tensor):
        return answer
    array: NDArray[Any] = answer.numpy()
    return array
