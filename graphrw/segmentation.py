"""Seeded segmentation of images and volumes, in the array types and label ids of the caller."""

import warnings
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from graphrw.affinity import gaussian_affinity
from graphrw.build import grid_graph
from graphrw.functional import harmonic
from graphrw.reach import stranded
from graphrw.solvers import CG, Auto, Solver
from graphrw.walk import walk

Image = TypeVar("Image", Tensor, NDArray[Any])

MODES = (None, "bf", "cg", "cg_j", "cg_mg")
FLOOR = 1e-10  # scikit-image's: what every weight is raised by, so that no edge is closed


def random_walker(
    image: Image,
    labels: Image,
    beta: float = 130,
    mode: str | None = None,
    tol: float = 1e-3,
    copy: bool = True,
    return_full_prob: bool = False,
    spacing: Sequence[float] | None = None,
    *,
    prob_tol: float = 1e-3,
    channel_axis: int | None = None,
    solver: Solver | None = None,
) -> Any:
    """Segment an image from seeds with Grady's random walker: scikit-image's function, with its weights and keywords.

    w_ij = exp(−β |g_i − g_j|² / (10 σ ℓ² √C)) + 1e-10 (Grady 2006, eq. 1, as scikit-image scales it), where σ is the
    standard deviation of all the data, ℓ the spacing and C the number of channels (1 without `channel_axis`). Integer
    images are first scaled by the largest value of their type, as scikit-image does.

    What differs: the system is always solved to the accuracy of float64, whatever `mode`; label ids survive (seed 7
    comes out as 7); with `return_full_prob` the label axis is always first; pixels that no seed reaches are −1, with a
    warning.

    Args:
        image: (H, W) or (D, H, W), with `channel_axis` one axis more. NumPy or torch, any device.
        labels: integers of the spatial shape: > 0 a seed, 0 unlabelled, < 0 outside (no walker enters).
        beta: ≥ 0; the larger, the harder it is to cross an edge.
        mode: accepted for scikit-image's sake. None and "bf": solve directly, or as `solvers.Auto` decides for large
            volumes; "cg", "cg_j", "cg_mg": by conjugate gradients.
        tol: accepted likewise; the relative residual of conjugate gradients is the smaller of it and 1e-8.
        copy: if false, a NumPy result is also written into `labels`.
        return_full_prob: return probabilities instead of labels.
        spacing: the distance of pixels along each spatial axis, > 0.
        prob_tol: warn if a probability leaves [0, 1] by more.
        channel_axis: which axis of `image` holds channels.
        solver: takes precedence over `mode`.

    Returns:
        Labels of the shape of `labels` (int64 if `labels` is unsigned); or probabilities (L, \\*spatial) in float64
        (for a float32 torch image float32), labels in ascending order, 0 outside and where no seed reaches. Torch in,
        torch out.

    Raises:
        ValueError: for shapes that do not fit, labels that are not integers, no seed, or an unknown `mode`.

    >>> image = np.array([[0.0, 0.1, 0.9, 1.0]])
    >>> random_walker(image, np.array([[3, 0, 0, 7]]))
    array([[3, 3, 7, 7]])
    """
    grey, spots = (
        value if isinstance(value, Tensor) else torch.from_numpy(np.asarray(value)) for value in (image, labels)
    )
    pixels = _pixels(_as_float(grey), spots, channel_axis)
    graph, length = _grid(tuple(spots.shape), spacing, pixels)
    scale = 10 * float(pixels.detach().std(correction=0)) * pixels.shape[1] ** 0.5
    weight = gaussian_affinity(graph, pixels, beta / scale if scale > 0 else 0.0, length) + FLOOR
    probability, ids, lost = _propagate(graph, weight, spots.reshape(-1), solver or _solver(mode, tol))
    _warn(probability.detach(), lost & (spots.reshape(-1) == 0), prob_tol)
    if return_full_prob:
        answer = probability.T.reshape(len(ids), *spots.shape)
    else:
        answer = torch.where(lost, -1, ids[probability.argmax(1)]).reshape(spots.shape)
        answer = torch.where(spots < 0, spots.to(answer.dtype), answer)
        answer = answer.to(spots.dtype) if spots.dtype.is_signed else answer
    if isinstance(labels, Tensor):
        return answer
    result = answer.numpy()
    if not copy and not return_full_prob:
        labels[...] = result
    return result


def oracle_seeds(segments: Tensor, ignore: int | None = None) -> Tensor:
    """One seed in each segment of a ground truth, at the pixel farthest from the segment's boundary.

    The seeding of the Learned Random Walker's experiments (Cerrone et al. 2019, sec. 5). The image's border counts as
    boundary.

    Args:
        segments: integer ids ≥ 0 of any spatial shape (H, W) or (D, H, W); one id may fill several regions.
        ignore: an id that gets no seed.

    Returns:
        int64 of the same shape: the segment's id at its seed, −1 elsewhere.

    Raises:
        ValueError: for segments that are not integers, or negative ids other than `ignore`.

    >>> oracle_seeds(torch.tensor([[0, 0, 0, 1, 1, 1]] * 3))[1]
    tensor([-1,  0, -1, -1,  1, -1])
    """
    if segments.is_floating_point() or segments.is_complex():
        raise ValueError(f"`segments` must hold integers; got {segments.dtype}.")
    ids = segments.cpu().numpy()
    seeds = torch.full(segments.shape, -1, dtype=torch.int64)
    for segment in np.unique(ids):
        if ignore is not None and segment == ignore:
            continue
        if segment < 0:
            raise ValueError(f"`segments` must be ≥ 0 (other than `ignore`); got {segment}.")
        depth = ndimage.distance_transform_edt(np.pad(ids == segment, 1))
        inner = np.asarray(depth)[(slice(1, -1),) * ids.ndim]
        seeds.view(-1)[int(inner.argmax())] = int(segment)
    return seeds.to(segments.device)


def _as_float(image: Tensor) -> Tensor:
    """Floats as they are (float64 unless float32); integers scaled by the largest value of their type."""
    if image.is_floating_point():
        return image if image.dtype in (torch.float32, torch.float64) else image.float()
    if image.dtype == torch.bool:
        return image.double()
    return image.double() / torch.iinfo(image.dtype).max


def _pixels(image: Tensor, labels: Tensor, channel_axis: int | None) -> Tensor:
    """(N, C): the image's pixels in C order."""
    if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        raise ValueError(f"`labels` must be integers; got {labels.dtype}.")
    channels_last = image[..., None] if channel_axis is None else image.movedim(channel_axis, -1)
    if channels_last.shape[:-1] != labels.shape or labels.ndim not in (2, 3):
        wanted = "(H, W) or (D, H, W)" + (
            ", channels along `channel_axis` in `image`" if channel_axis is not None else ""
        )
        got = f"{tuple(image.shape)} and {tuple(labels.shape)}"
        raise ValueError(f"`image` and `labels` must share the spatial shape {wanted}; got {got}.")
    if not bool(torch.isfinite(channels_last).all()):
        raise ValueError("`image` holds NaN or infinite values; fill them, or mark their pixels −1 in `labels`.")
    return channels_last.reshape(labels.numel(), -1)


def _grid(shape: tuple[int, ...], spacing: Sequence[float] | None, pixels: Tensor) -> tuple[Any, Tensor | None]:
    graph = grid_graph(shape).to(pixels.device)
    if spacing is None:
        return graph, None
    if len(spacing) != len(shape) or not all(step > 0 for step in spacing):
        raise ValueError(f"`spacing` must be {len(shape)} positive numbers, one for each spatial axis; got {spacing}.")
    counts = torch.tensor([pixels.shape[0] // size * (size - 1) for size in shape])
    return graph, torch.tensor(list(spacing), dtype=pixels.dtype).repeat_interleave(counts).to(pixels.device)


def _solver(mode: str | None, tol: float) -> Solver:
    if mode not in MODES:
        raise ValueError(f"`mode` must be one of {MODES}; got {mode!r}.")
    return Auto() if mode in (None, "bf") else CG(rtol=min(tol, 1e-8))


def _propagate(graph: Any, weight: Tensor, labels: Tensor, solver: Solver) -> tuple[Tensor, Tensor, Tensor]:
    """Probabilities (N, L), the ids (L,) of the labels, and which pixels (N,) no seed reaches."""
    ids, label = labels[labels > 0].to(torch.int64).unique(return_inverse=True)
    if len(ids) == 0:
        raise ValueError("`labels` holds no seed: mark at least one pixel with a label > 0.")
    outside = labels < 0
    closed = outside[graph.edges].any(0)
    walks = walk(graph, torch.where(closed, 0.0, weight))
    lost = stranded(walks, labels > 0)
    values = weight.new_zeros(graph.num_nodes, len(ids))
    values[(labels > 0).nonzero().squeeze(1), label] = 1
    nodes = ((labels > 0) | lost).nonzero().squeeze(1)
    return harmonic(walks, nodes, values[nodes], solver), ids, lost


def _warn(probability: Tensor, lost: Tensor, prob_tol: float) -> None:
    if bool(lost.any()):
        warnings.warn(
            f"{int(lost.sum())} unlabelled pixels are reached by no seed; they are labelled −1.", stacklevel=3
        )
    if bool((probability < -prob_tol).any()) or bool((probability > 1 + prob_tol).any()):
        warnings.warn(f"Probabilities leave [0, 1] by more than {prob_tol}; use a direct solver.", stacklevel=3)
