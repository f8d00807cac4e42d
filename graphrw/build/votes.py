"""What the pixels of a region say about its label."""

import torch
from torch import Tensor

from graphrw.build.superpixel import region_index
from graphrw.core.arrays import as_tensor
from graphrw.core.opaque import opaque
from graphrw.core.whole import check_whole


@opaque
def region_votes(labels: Tensor, segments: Tensor, num_labels: int, *, ignore_index: int | None = None) -> Tensor:
    """How many pixels of each region have each label: v_rl = #{pixels of region r with label l}.

    Seeds of regions are made of it: ``torch.where(votes.sum(1) > 0, votes.argmax(1), -1)``.

    Args:
        labels: of the shape of `segments`, int64: labels from 0 to ``num_labels - 1``; negative where there is none.
        segments: (H, W) or (D, H, W) integers, as for `superpixel_graph`.
        num_labels: L.
        ignore_index: the id of pixels that belong to no region.

    Returns:
        (R, L) int64; regions as in `superpixel_graph`.

    Raises:
        ValueError: as `superpixel_graph`, or if `labels` does not fit `segments` or holds a label from `num_labels` on.

    >>> region_votes(torch.tensor([[0, -1, 1, 1]]), torch.tensor([[7, 7, 7, 9]]), num_labels=2)
    tensor([[1, 1],
            [0, 1]])
    """
    labels = as_tensor("labels", labels, "int64, of the shape of `segments`")
    num_labels = check_whole("num_labels", num_labels, 1)
    ids, index = region_index(segments, ignore_index=ignore_index)
    segments = as_tensor("segments", segments, "integers")
    if labels.shape != segments.shape or labels.dtype != torch.int64:
        wanted = f"{tuple(segments.shape)} int64, as `segments`"
        raise ValueError(f"`labels` must be {wanted}; got {tuple(labels.shape)} {labels.dtype}.")
    voting = (labels >= 0) & (index >= 0)
    label = labels[voting]
    if len(label) and int(label.max()) >= num_labels:
        raise ValueError(f"`labels` holds {int(label.max())}, but labels run from 0 to {num_labels - 1}.")
    return (index[voting] * num_labels + label).bincount(minlength=len(ids) * num_labels).reshape(len(ids), -1)
