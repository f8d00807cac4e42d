"""Strokes on an image, numbered."""

from dataclasses import dataclass

from torch import Tensor

from graphrw.core.distinct import distinct


@dataclass(frozen=True, eq=False)
class StrokePixels:
    """The pixels that have strokes: made by `stroke_pixels`."""

    where: Tensor  # (*spatial) bool, S times true
    number: Tensor  # (S,) int64, in C order: which of the ids each has
    ids: Tensor  # (L,) int64, ascending: the labels


def stroke_pixels(labels: Tensor, inside: Tensor) -> StrokePixels:
    """Those of `labels` (\\*spatial) int64 > 0, where `inside` (\\*spatial) bool.

    Raises:
        ValueError: if there are none.

    >>> import torch
    >>> stroke_pixels(torch.tensor([[0, 7, 3, 7]]), torch.tensor([[True, True, True, True]])).number
    tensor([1, 0, 1])
    """
    where = (labels > 0) & inside
    ids, number = distinct(labels[where])
    if len(ids) == 0:
        raise ValueError("`labels` holds no stroke: mark at least one pixel with a label > 0.")
    return StrokePixels(where, number, ids)
