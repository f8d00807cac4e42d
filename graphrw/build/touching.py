"""Which regions touch, and along how much."""

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from graphrw.core.blocks import slabs
from graphrw.core.distinct import distinct
from graphrw.core.whole import is_number


def touching(index: Tensor, num_regions: int, spacing: Sequence[float] | None) -> tuple[Tensor, Tensor]:
    """The pairs of R regions that share a pixel face, and the length (in 3D: area) of what they share.

    A slab of pixels at a time, so that memory is needed for the pairs, not for all faces.

    Args:
        index: (H, W) or (D, H, W) of an integer type: regions from 0 to R − 1, negative where there is none.
        num_regions: R.
        spacing: size of a pixel along each axis; None: 1.

    Returns:
        (2, E) int64, from the smaller region to the larger, in lexicographic order; and (E,) in torch's default type.

    Raises:
        ValueError: if `spacing` does not fit, or gives a length that this type does not hold.
    """
    keys, lengths = [], []
    for axis, area in enumerate(_face_areas(spacing, index.ndim)):
        extent = index.shape[axis]
        first, second = index.narrow(axis, 0, extent - 1), index.narrow(axis, 1, extent - 1)
        for slab in slabs(first.shape):
            key, count = _pairs(first[slab], second[slab], num_regions).unique(return_counts=True)
            keys.append(key)
            lengths.append(area * count)
    key, place = distinct(torch.cat(keys))
    length = torch.zeros(len(key), device=index.device).index_add(
        0, place, torch.cat(lengths).to(torch.get_default_dtype())
    )
    if not bool(((length > 0) & (length < torch.inf)).all()):
        raise ValueError(f"`spacing` gives boundaries of a length that {length.dtype} does not hold; got {spacing}.")
    return torch.stack([key // max(num_regions, 1), key % max(num_regions, 1)]), length


def _pairs(first: Tensor, second: Tensor, num_regions: int) -> Tensor:
    """(F,) int64: a number for each pair of pixels in different regions, the same for the same regions."""
    apart = (first != second) & (first >= 0) & (second >= 0)
    one, other = first[apart].long(), second[apart].long()
    return torch.minimum(one, other) * num_regions + torch.maximum(one, other)


def _face_areas(spacing: Sequence[float] | None, axes: int) -> list[float]:
    """The area of a face across each axis: the product of the spacings along the others."""
    if spacing is None:
        return [1.0] * axes
    sizes = list(spacing) if isinstance(spacing, Iterable) else []
    if len(sizes) != axes or not all(is_number(size) and 0 < size < math.inf for size in sizes):
        raise ValueError(f"`spacing` must be {axes} finite numbers > 0, one per axis; got {spacing!r}.")
    return [math.prod(sizes[:axis] + sizes[axis + 1 :]) for axis in range(axes)]
