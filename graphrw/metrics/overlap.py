"""How many pixels the segments of two partitions share."""

from dataclasses import dataclass

import torch
from torch import Tensor

from graphrw.core.distinct import SPREAD, distinct


@dataclass(frozen=True, eq=False)
class Overlap:
    """Pixel counts of two partitions, int64 on the CPU: joint[k] pixels lie in true segment row[k] and predicted
    segment column[k]; pairs that share none are not listed."""

    joint: Tensor
    row: Tensor
    column: Tensor
    truth: Tensor  # pixels of each true segment; some may be numbers without a segment, of 0 pixels
    predicted: Tensor  # … of each predicted segment, likewise


def count_overlap(predicted: Tensor, truth: Tensor) -> Overlap:
    """The overlap of two vectors of int64 labels, of at least one pixel.

    Pixels are counted in a table of all pairs of labels where that is not much larger than the image, which is many
    times faster than sorting them. If labels lie too far apart for it, they are numbered first.
    """
    most = SPREAD * truth.numel()
    row, num_rows = _from_zero(truth)
    column, num_columns = _from_zero(predicted)
    if num_rows * num_columns > most:
        (rows, row), (columns, column) = distinct(truth), distinct(predicted)
        num_rows, num_columns = len(rows), len(columns)
    key = row * num_columns + column
    if num_rows * num_columns <= most:
        table = key.bincount(minlength=num_rows * num_columns).cpu()
        pair = table.nonzero().squeeze(1)
        joint = table[pair]
    else:
        pair, joint = (part.cpu() for part in key.unique(return_counts=True))
    row, column = pair // num_columns, pair % num_columns
    in_truth, in_predicted = (
        torch.zeros(size, dtype=torch.int64).index_add(0, index, joint)
        for size, index in ((num_rows, row), (num_columns, column))
    )
    return Overlap(joint, row, column, in_truth, in_predicted)


def _from_zero(labels: Tensor) -> tuple[Tensor, int]:
    """The labels less the smallest, and how many numbers they span."""
    low, high = (int(bound) for bound in torch.aminmax(labels))
    return labels - low, high - low + 1
