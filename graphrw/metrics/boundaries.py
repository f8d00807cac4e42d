"""How well predicted labels agree with the truth near and along the boundaries between segments."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching
from scipy.spatial import cKDTree
from torch import Tensor

from graphrw.core.opaque import opaque
from graphrw.core.whole import check_id, check_not_negative, is_number
from graphrw.metrics.annotators import annotators
from graphrw.metrics.pixels import counted_pixels, labels_of, near_boundary


@dataclass(frozen=True)
class BoundaryScore:
    """How many boundary pixels have a partner; 1 is best.

    Args:
        precision: share of the predicted ones; 1 if there are none.
        recall: share of the true ones; 1 if there are none.
    """

    precision: float
    recall: float

    @property
    def f_score(self) -> float:
        """The harmonic mean of both; 0 if both are 0."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


@opaque
def boundary_f_score(predicted: Tensor, truth: Tensor | Sequence[Tensor], tolerance: float = 0.0075) -> float:
    """F-score of the predicted boundaries against the true ones: 1 is best, 0 is worst.

    See `boundary_score`, of whose precision and recall it is the harmonic mean.

    >>> boundary_f_score(torch.tensor([[0, 0, 1]]), torch.tensor([[0, 1, 2]]))  # doctest: +ELLIPSIS
    0.666...
    """
    return boundary_score(predicted, truth, tolerance).f_score


@opaque
def boundary_score(predicted: Tensor, truth: Tensor | Sequence[Tensor], tolerance: float = 0.0075) -> BoundaryScore:
    """Precision and recall of predicted boundaries, matched one to one with true ones within a distance.

    A boundary pixel is one whose label differs from that of the pixel to its right, below it, or diagonally below to
    the right: lines one pixel wide. Predicted and true boundary pixels at a Euclidean distance of at most the tolerance
    may be partners; of all sets of partners that are one to one, a largest one is taken (Hopcroft and Karp). With
    several annotators each has a matching; a predicted pixel needs a partner in any one of them, and recall is over all
    true pixels of all of them.

    Source: D. Martin, C. Fowlkes, J. Malik, Learning to detect natural image boundaries using local brightness, color,
    and texture cues, PAMI 26, 2004. The benchmark's own code minimises the sum of distances, with so high a price for
    pixels left over that their number is as small as here; it also thins predicted boundaries first. Of several
    annotators' matchings the largest ones are not unique, which can move precision in the last digits.

    Args:
        predicted: (H, W) integer labels; only which pixels share a label matters.
        truth: (H, W) integer labels; or one such tensor for each annotator, in a sequence or stacked: (A, H, W).
        tolerance: as a share of the image's diagonal, √(H² + W²); ≥ 0.

    Raises:
        ValueError: for labels that are no integers, another shape, no annotator, or an impossible tolerance.

    >>> boundary_score(torch.tensor([[0, 0, 1]]), torch.tensor([[0, 1, 2]]))
    BoundaryScore(precision=1.0, recall=0.5)
    """
    predicted = labels_of("predicted", predicted)
    truths = annotators(predicted, truth)
    for each in truths:
        counted_pixels(predicted, each, None, 0)
    _check_image(predicted, tolerance)
    distance = tolerance * math.hypot(*predicted.shape)
    found = _boundary(predicted)
    matched, hits, total = np.zeros(len(found), dtype=bool), 0, 0
    for each in truths:
        true = _boundary(each)
        partnered = _partnered(found, true, distance)
        matched |= partnered
        hits += int(partnered.sum())
        total += len(true)
    return BoundaryScore(float(matched.mean()) if len(found) else 1.0, hits / total if total else 1.0)


@opaque
def trimap_error(predicted: Tensor, truth: Tensor, width: float, *, ignore_index: int | None = None) -> float:
    """Share of wrong labels among the pixels near true boundaries: 0 is best, 1 is worst.

    The pixels on both sides of a boundary are at distance 1 from it, the next ones at 2, so that on a straight boundary
    `width` pixels count on each side; elsewhere distances to the pixels at distance 1 are Euclidean.

    Source: P. Kohli, L. Ladický, P. Torr, Robust higher order potentials for enforcing label consistency, IJCV 82, 2009
    (quality along the boundaries, in bands of growing width).

    Args:
        predicted: (H, W) or (D, H, W) integer labels, to be compared with the true ones.
        truth: integer labels of the same shape. A boundary is where neighbours (4 in 2D, 6 in 3D) have different true
            labels; `ignore_index` is a label like any other here, so that a void band along objects is their boundary.
        width: of the band on each side, in pixels, ≥ 1.
        ignore_index: pixels whose *true* label is this one do not count; None: all count.

    Raises:
        ValueError: for labels that are no integers, differing shapes, a width below 1, or if no pixel is near enough to
            a boundary.

    >>> trimap_error(torch.tensor([[0, 0, 1, 1, 1, 1]]), torch.tensor([[0, 0, 0, 1, 1, 1]]), width=1)
    0.5
    """
    predicted, truth = labels_of("predicted", predicted), labels_of("truth", truth)
    labels = counted_pixels(predicted, truth, None, 0)
    if truth.ndim not in (2, 3):
        raise ValueError(f"`truth` must be (H, W) or (D, H, W), one image at a time; got {tuple(truth.shape)}.")
    if not (is_number(width) and 1 <= width < math.inf):
        raise ValueError(f"`width` is a finite number of pixels from 1 on; got {width!r}.")
    counts = near_boundary(truth, width - 1)
    if ignore_index is not None:
        counts &= truth != check_id("ignore_index", ignore_index)
    if not bool(counts.any()):
        raise ValueError(
            f"No pixel is left to score: of {truth.numel()}, none that counts lies within `width`={width} of a "
            "boundary between true labels."
        )
    return float((labels[0] != labels[1]).reshape(truth.shape)[counts].double().mean())


def _boundary(labels: Tensor) -> NDArray[Any]:
    """(M, 2) rows and columns of the boundary pixels."""
    labels = labels.cpu()
    differs = torch.zeros(labels.shape, dtype=torch.bool)
    differs[:, :-1] |= labels[:, :-1] != labels[:, 1:]
    differs[:-1] |= labels[:-1] != labels[1:]
    differs[:-1, :-1] |= labels[:-1, :-1] != labels[1:, 1:]
    return differs.nonzero().numpy()


def _partnered(found: NDArray[Any], true: NDArray[Any], distance: float) -> NDArray[np.bool_]:
    """Which of the found pixels have a partner among the true ones, in a largest matching."""
    if not len(found) or not len(true):
        return np.zeros(len(found), dtype=bool)
    reach = distance * (1 + 1e-9)  # rounding must not decide over equality
    pairs = cKDTree(found).sparse_distance_matrix(cKDTree(true), reach, output_type="ndarray")
    allowed = csr_array((np.ones(len(pairs), dtype=bool), (pairs["i"], pairs["j"])), shape=(len(found), len(true)))
    return np.asarray(maximum_bipartite_matching(allowed, perm_type="column") >= 0)


def _check_image(predicted: Tensor, tolerance: float) -> None:
    if predicted.ndim != 2:
        raise ValueError(f"`predicted` must be one image, (H, W); got {tuple(predicted.shape)}.")
    check_not_negative("tolerance", tolerance, reason=", a share of the image's diagonal (BSDS takes 0.0075),")
