"""How far a predicted similarity of pixels is from the segments that people drew."""

import torch
from torch import Tensor

from graphrw.core.arrays import as_floats, as_tensor
from graphrw.core.opaque import opaque
from graphrw.core.scale import is_usual, unit_of
from graphrw.core.shares import check_range
from graphrw.losses.checks import checked_target, probabilities


@opaque
def kernel_matching(similarity: Tensor, target: Tensor, *, ignore_index: int = -1) -> Tensor:
    """1 − the cosine of the predicted similarity K and the true one, K*_ij = [t(i) = t(j)], averaged over annotators.

        ℓ = mean over annotators of  1 − ⟨K, K*⟩ / (‖K‖ ‖K*‖),

    with Frobenius products over the pairs of nodes that the annotator labelled both. The scale of K does not matter.

    Source: J. Sun, Z. Xu, Neural diffusion distance for image segmentation, NeurIPS 2019 (its kernel matching loss at
    low resolution). The authors' code draws one annotator of an image at each step, of which this is the mean; it
    returns −cosine, and leaves out the rows of nodes without a label, but not their columns.

    Args:
        similarity: (N, N) floats, finite; in [0, 1] for the similarities of the paper, which keeps the loss there too.
        target: int64 labels of the nodes, (N,), or (A, N) of A annotators; only which nodes share a label matters.
            An annotator who labelled nothing does not count, so that annotators may be padded.
        ignore_index: target of the nodes that do not count.

    Returns:
        A scalar in [0, 2].

    Raises:
        ValueError: for wrong shapes or types, values that are not finite, if no node counts, or if K is 0 where it
            counts.

    >>> kernel_matching(torch.ones(2, 2), torch.tensor([[5, 5], [0, 1]]))
    tensor(0.1464)
    """
    target = checked_target(target, ignore_index)
    similarity = as_floats("similarity", similarity, "floating point numbers")
    _check_similarity(similarity, target)
    counted = [labels for labels in torch.atleast_2d(target) if bool((labels != ignore_index).any())]
    if not counted:
        raise ValueError(
            f"No node is left to score: all {target.shape[-1]} have target {ignore_index} (`ignore_index`)."
        )
    return 1 - torch.stack([_cosine(similarity, labels, ignore_index) for labels in counted]).mean()


@opaque
def segment_matching(rows: Tensor, target: Tensor, pixels: Tensor, *, ignore_index: int = -1) -> Tensor:
    """Mean absolute difference of the similarities to some pixels and the masks of the segments that hold them.

        ℓ = mean over annotators of the mean over r, j of  |K(r, j) − [t(j) = t(pixel r)]|.

    Rows of K are few, drawn at random, and at high resolution, where all pairs of pixels would be too many.

    Source: J. Sun, Z. Xu, Neural diffusion distance for image segmentation, NeurIPS 2019 (its segment matching loss at
    high resolution), as the authors' code has it: 20 nodes of the coarse grid, drawn anew for each image, whose rows
    are interpolated; absolute differences. It is added to `kernel_matching` with weight 1 there.

    Args:
        rows: (R, N) floats in [0, 1], similarities of R chosen pixels to all N pixels of the image.
        target: int64 labels of the pixels, (N,), or (A, N) of A annotators; only which pixels share a label matters.
        pixels: (R,) int64 in [0, N), the pixel that each row belongs to. Where an annotator did not label it, the row
            does not count.
        ignore_index: target of the pixels that do not count.

    Returns:
        A scalar in [0, 1].

    Raises:
        ValueError: for wrong shapes or types, values or pixels out of range, or if nothing counts.

    >>> segment_matching(torch.tensor([[1.0, 0.8, 0.1]]), torch.tensor([7, 7, 2]), torch.tensor([0]))
    tensor(0.1000)
    """
    target, rows = checked_target(target, ignore_index), probabilities("rows", rows)
    pixels = as_tensor("pixels", pixels, "int64 indices")
    _check_rows(rows, target, pixels)
    means = []
    for labels in torch.atleast_2d(target):
        row, column = labels[pixels] != ignore_index, labels != ignore_index
        if bool(row.any()):
            mask = labels[pixels][row, None] == labels[column]
            means.append((rows[row][:, column] - mask.to(rows.dtype)).abs().mean())
    if not means:
        raise ValueError(
            f"No row is left to score: the pixels of all {len(pixels)} have target {ignore_index} (`ignore_index`). "
            "Draw `pixels` among the labelled ones."
        )
    return torch.stack(means).mean()


def _cosine(similarity: Tensor, labels: Tensor, ignore_index: int) -> Tensor:
    labelled = labels != ignore_index
    if not bool(labelled.all()):
        similarity, labels = similarity[labelled][:, labelled], labels[labelled]
    unit = unit_of(similarity)
    similarity = similarity if is_usual(unit) else similarity / unit  # so that squares and sums are held
    norm: Tensor = torch.linalg.vector_norm(similarity)
    if not bool(norm > 0):
        raise ValueError("`similarity` is 0 between all labelled nodes, so that its direction is not defined.")
    place, size = labels.unique(return_inverse=True, return_counts=True)[1:]
    # ⟨K, K*⟩ by the sums of K's rows over each segment: no (N, N) mask is made for each annotator.
    rows = similarity.new_zeros(len(size), len(labels)).index_add(0, place, similarity)
    cosine: Tensor = rows.gather(0, place[None]).sum() / (norm * size.square().sum().to(norm.dtype).sqrt())
    return cosine


def _check_similarity(similarity: Tensor, target: Tensor) -> None:
    nodes = target.shape[-1] if target.ndim else 0
    if similarity.shape != (nodes, nodes) or target.ndim not in (1, 2):
        raise ValueError(
            "`similarity` must have shape (N, N), and `target` (N,) or (A, N); "
            f"got {tuple(similarity.shape)} and {tuple(target.shape)}."
        )
    wrong = ~similarity.detach().isfinite()
    if bool(wrong.any()):
        raise ValueError(f"`similarity` must be finite; got {float(similarity.detach()[wrong][0])}.")


def _check_rows(rows: Tensor, target: Tensor, pixels: Tensor) -> None:
    if rows.ndim != 2 or pixels.shape != rows.shape[:1] or target.ndim not in (1, 2) or target.shape[-1] != len(rows.T):
        raise ValueError(
            "`rows`, `target` and `pixels` must have shapes (R, N), (N,) or (A, N), and (R,); "
            f"got {tuple(rows.shape)}, {tuple(target.shape)} and {tuple(pixels.shape)}."
        )
    if pixels.dtype != torch.int64 or len(pixels) == 0:
        raise ValueError(f"`pixels` must be int64 indices, at least one; got {len(pixels)} of {pixels.dtype}.")
    outside = (pixels < 0) | (pixels >= rows.shape[1])
    if bool(outside.any()):
        raise ValueError(
            f"`pixels` must lie in [0, {rows.shape[1]}), counted from 0 in C order; got {int(pixels[outside][0])}."
        )
    check_range("rows", rows)
