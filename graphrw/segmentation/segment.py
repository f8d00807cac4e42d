"""Strokes to segments: superpixels, a model of colours, and borders drawn by pixels."""

from collections.abc import Sequence
from typing import Any, overload

import torch
from numpy.typing import NDArray
from torch import Tensor

from graphrw.core.arrays import as_tensor
from graphrw.core.opaque import opaque
from graphrw.core.warn import warn
from graphrw.core.whole import check_flag, check_not_negative
from graphrw.functional.numbering import warn_if_nothing_is_asked
from graphrw.segmentation.inputs import AN_IMAGE, check_alike, read_labels, read_spacing
from graphrw.segmentation.labelling import Answer, Options, labeller
from graphrw.segmentation.regions.stroke_pixels import stroke_pixels
from graphrw.solvers import Auto, Solver
from graphrw.solvers.base import check_solver


@overload
def segment(
    image: NDArray[Any],
    labels: NDArray[Any],
    channel_axis: int | None = ...,
    *,
    spacing: Sequence[float] | None = ...,
    n_segments: int | None = ...,
    compactness: float = ...,
    beta: float = ...,
    convert2lab: bool | None = ...,
    colour_model: bool = ...,
    band: int = ...,
    return_full_prob: bool = ...,
    solver: Solver = ...,
) -> NDArray[Any]: ...


@overload
def segment(
    image: Tensor,
    labels: Tensor,
    channel_axis: int | None = ...,
    *,
    spacing: Sequence[float] | None = ...,
    n_segments: int | None = ...,
    compactness: float = ...,
    beta: float = ...,
    convert2lab: bool | None = ...,
    colour_model: bool = ...,
    band: int = ...,
    return_full_prob: bool = ...,
    solver: Solver = ...,
) -> Tensor: ...


@opaque
def segment(
    image: NDArray[Any] | Tensor,
    labels: NDArray[Any] | Tensor,
    channel_axis: int | None = None,
    *,
    spacing: Sequence[float] | None = None,
    n_segments: int | None = None,
    compactness: float = 10.0,
    beta: float = 1.0,
    convert2lab: bool | None = None,
    colour_model: bool = True,
    band: int = 4,
    return_full_prob: bool = False,
    solver: Solver = Auto(rtol=1e-4),
) -> NDArray[Any] | Tensor:
    """Segment an image from strokes: the recommended way, where `random_walker` is scikit-image's.

    A walker goes over superpixels that touch or are of like colour, and ends in a stroke or, by how much its colour is
    like that of a label's strokes, on the way: A z = a with A's rates d_i + Σ_l a_il (Grady 2005), and z fixed in the
    strokes. Near the borders of the answer a walk over pixels then decides. `docs/segment.md` has the equations, what
    each part brings, and how it compares.

    The answer does not depend on the units of the image, and is the same whenever it is asked for. Strokes always keep
    their label.

    Args:
        image: (H, W) or (D, H, W), with `channel_axis` one axis more; any type, of NumPy or torch, any device. Pixels
            outside may hold anything.
        labels: whole numbers of the spatial shape: > 0 a stroke, 0 to be labelled, < 0 outside (no walker enters).
        channel_axis: which axis of `image` holds channels.
        spacing: the distance of pixels along each spatial axis, > 0; of superpixels only ratios count.
        n_segments: about how many superpixels; None: one for 50 pixels, between 400 (in tiny images fewer) and 50 000.
        compactness: of superpixels, > 0: the larger, the more like squares and the less along edges.
        beta: ≥ 0; the larger, the harder it is to cross an edge. 1 takes edges for what they are in this image.
        convert2lab: whether channels are red, green and blue, to be compared as CIE Lab; None: if they are three.
        colour_model: whether colours of strokes count wherever they occur. Without it only what is joined counts.
        band: how far from a border, in pixels, pixels are labelled one by one; 0: borders run between superpixels.
        return_full_prob: return probabilities instead of labels.
        solver: how to solve, over superpixels and over pixels; `Auto` makes no factor over superpixels. On GrabCut's
            training photographs two digits more changed the labels of one in forty, by 0.03 % of its pixels.

    Returns:
        Labels of the shape and type of `labels`; or probabilities (L, \\*spatial) in float64 (for a float32 torch image
        float32), labels in ascending order, 0 outside. Torch in, torch out; no gradients.

    Raises:
        ValueError: for shapes that do not fit, labels that are not whole, no stroke, or an image that is not finite.
        MemoryError: if more than is free is needed: about 110 bytes for each pixel.
        MissingDependencyError: without scikit-image, which comes with `pip install graphrw[image]`.

    >>> import numpy as np
    >>> image = np.zeros((20, 30))
    >>> image[:, 13:] = 1.0
    >>> labels = np.zeros((20, 30), dtype=int)
    >>> labels[10, 2], labels[4, 25] = 3, 7
    >>> answer = segment(image, labels)
    >>> bool((answer[:, :13] == 3).all() and (answer[:, 13:] == 7).all())
    True
    """
    check_alike(image, labels)
    check_flag("return_full_prob", return_full_prob)
    check_solver(solver)
    label_image = read_labels(labels)
    options = Options(
        channel_axis=channel_axis,
        spacing=None if spacing is None else tuple(read_spacing(spacing, label_image.ndim)),
        superpixels=True,
        n_segments=n_segments,
        compactness=compactness,
        beta=check_not_negative("beta", beta),
        convert2lab=convert2lab,
        colour_model=colour_model,
        band=band,
    )
    label_image = label_image.cpu()
    inside = label_image >= 0
    stroke_pixels(label_image, inside)  # no stroke is told before the image is looked at
    label = labeller(options.read(as_tensor("image", image, AN_IMAGE), inside), inside, options, solver)
    answer = label(label_image)
    warn_if_nothing_is_asked(label_image)
    _warn_of_lost(answer, label_image)
    if return_full_prob:
        single = isinstance(image, Tensor) and image.dtype == torch.float32
        return _like(answer.probability().to(torch.float32 if single else torch.float64), labels)
    found = torch.where(label_image < 0, label_image, answer.labels)
    return _like(found.to(as_tensor("labels", labels, "").dtype), labels)


def _warn_of_lost(answer: Answer, label_image: Tensor) -> None:
    lost = int(((answer.labels < 0) & (label_image == 0)).sum())
    if lost:
        warn(f"{lost} unlabelled pixels are reached by no stroke; they are labelled −1.")


def _like(answer: Tensor, labels: NDArray[Any] | Tensor) -> NDArray[Any] | Tensor:
    return answer.to(labels.device) if isinstance(labels, Tensor) else answer.numpy()
