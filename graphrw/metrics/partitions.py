"""How well a partition into segments agrees with the true one, whatever the segments are called."""

from dataclasses import dataclass

import torch
from torch import Tensor

from graphrw.core.opaque import opaque
from graphrw.metrics.overlap import Overlap, count_overlap
from graphrw.metrics.pixels import counted_pixels


@dataclass(frozen=True)
class VariationOfInformation:
    """The two halves of the variation of information, in bits; 0 is best.

    Args:
        split: H(predicted | truth): how far true segments are cut into pieces (over-segmentation).
        merge: H(truth | predicted): how far predicted segments join several true ones (under-segmentation).
    """

    split: float
    merge: float

    @property
    def total(self) -> float:
        """split + merge, a distance between the two partitions."""
        return self.split + self.merge


@opaque
def variation_of_information(
    predicted: Tensor, truth: Tensor, *, ignore_index: int | None = None, boundary_tolerance: float = 0
) -> VariationOfInformation:
    """Variation of information, VI = H(predicted | truth) + H(truth | predicted), in bits.

    With p_ij the share of pixels that carry true label i and predicted label j, and p_i, p_j its sums,
        split = −Σ_ij p_ij log₂(p_ij / p_i),    merge = −Σ_ij p_ij log₂(p_ij / p_j).

    Source: M. Meilă, Comparing clusterings, J. Multivariate Analysis 98, 2007. `split` is the first and `merge` the
    second number of scikit-image's ``variation_of_information(truth, predicted)``.

    Args:
        predicted: integer labels of any shape; only which pixels share a label matters.
        truth: integer labels of the same shape.
        ignore_index: pixels whose *true* label is this one do not count; None: all count.
        boundary_tolerance: in pixels, for (H, W) and (D, H, W) labels. A boundary pixel is one whose true label differs
            from that of a pixel beside it (4 neighbours in 2D, 6 in 3D; `ignore_index` is a label like any other here).
            Boundary pixels, and pixels whose Euclidean distance to one is at most the tolerance, do not count: CREMI's
            rule, but on all axes of a volume at once. 0: all pixels count.

    Raises:
        ValueError: for labels that are no integers, differing shapes, a tolerance that cannot be used, or if no pixel
            is left to count.

    >>> variation_of_information(torch.tensor([0, 1, 2, 2]), torch.tensor([5, 5, 6, 6]))
    VariationOfInformation(split=0.5, merge=0.0)
    """
    overlap = count_overlap(*counted_pixels(predicted, truth, ignore_index, boundary_tolerance))
    joint = overlap.joint.double()
    share = joint / joint.sum()
    split = (share * torch.log2(overlap.truth[overlap.row] / joint)).sum()
    merge = (share * torch.log2(overlap.predicted[overlap.column] / joint)).sum()
    return VariationOfInformation(float(split), float(merge))


@opaque
def adjusted_rand_error(
    predicted: Tensor, truth: Tensor, *, ignore_index: int | None = None, boundary_tolerance: float = 0
) -> float:
    """Adjusted Rand error, 1 − adjusted Rand index: 0 is best, 1 is chance level, at most 1.5.

    Of all pairs of pixels let J lie together in both partitions, T in the truth, P in the prediction, and let
    E = T·P / (number of pairs) be what J is by chance; then the error is 1 − (J − E) / ((T + P)/2 − E).

    Source: L. Hubert, P. Arabie, Comparing partitions, J. Classification 2, 1985. This is the ARAND of the Learned
    Random Walker paper (Cerrone et al. 2019); challenges mean `adapted_rand_error`, another number. Where both
    partitions are one segment, or both are single pixels, index and chance coincide and the error is 0.

    Args and errors are those of `variation_of_information`.

    >>> adjusted_rand_error(torch.tensor([0, 0, 1, 2]), torch.tensor([0, 0, 1, 1]))  # doctest: +ELLIPSIS
    0.428571...
    """
    joint, in_truth, in_predicted, pairs = _pairs(
        count_overlap(*counted_pixels(predicted, truth, ignore_index, boundary_tolerance))
    )
    missed = (in_truth + in_predicted) * pairs - 2 * joint * pairs
    if missed == 0:
        return 0.0
    return missed / ((in_truth + in_predicted) * pairs - 2 * in_truth * in_predicted)


@opaque
def adapted_rand_error(
    predicted: Tensor, truth: Tensor, *, ignore_index: int | None = None, boundary_tolerance: float = 0
) -> float:
    """Adapted Rand error, 1 − F-score of the pairs of pixels that lie together: 0 is best, 1 is worst.

    Of all pairs of pixels let J lie together in both partitions, T in the truth, P in the prediction; then the error
    is 1 − 2J / (T + P). It is not corrected for chance; `adjusted_rand_error` is.

    Source: I. Arganda-Carreras et al., Crowdsourcing the creation of image segmentation algorithms for connectomics,
    Frontiers in Neuroanatomy 9, 2015 (SNEMI3D, CREMI). Equal to scikit-image's ``adapted_rand_error``, which however
    leaves out true label 0 unless told otherwise: pass ``ignore_index=0`` for that. A predicted label 0 is a segment
    here, while CREMI's own script takes each such pixel for a segment of its own. If every pixel is a segment of its
    own in both partitions, they agree and the error is 0.

    Args and errors are those of `variation_of_information`.

    >>> adapted_rand_error(torch.tensor([0, 0, 1, 2]), torch.tensor([0, 0, 1, 1]))  # doctest: +ELLIPSIS
    0.333333...
    """
    joint, in_truth, in_predicted, _ = _pairs(
        count_overlap(*counted_pixels(predicted, truth, ignore_index, boundary_tolerance))
    )
    missed = in_truth + in_predicted - 2 * joint
    return missed / (in_truth + in_predicted) if missed else 0.0


def _pairs(overlap: Overlap) -> tuple[int, int, int, int]:
    """Ordered pairs of different pixels: together in both, in the truth, in the prediction, and all (exact)."""
    # In whole numbers of Python, for products of two of them pass 2⁶³ on a volume; and differences would lose digits.
    total = int(overlap.joint.sum())
    joint, truth, predicted = (
        int((count * count).sum()) - total for count in (overlap.joint, overlap.truth, overlap.predicted)
    )
    return joint, truth, predicted, total * (total - 1)
