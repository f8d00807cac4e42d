"""Labels as they come, numbered as seeds are: from 0 without gaps, −1 where there is none."""

import torch
from torch import Tensor

from graphrw.core.arrays import whole_numbers, whole_values
from graphrw.core.memory import require_room
from graphrw.core.opaque import opaque
from graphrw.core.transforms import plainly
from graphrw.core.warn import warn
from graphrw.core.whole import check_id

MOST_UNUSED = 10_000  # columns of labels that no seed has: many more are ids, not numbers, of labels
MOST_BYTES_UNUSED = 2**30  # … and what they may take: no more than a small machine has left
MOST_BYTES = 2**40  # of all columns, which no machine of today holds beside a factor


@opaque
def renumber_labels(labels: Tensor, *, unlabelled: int = -1) -> tuple[Tensor, Tensor]:
    """Seeds from labels that are any whole numbers, such as the ids of cells or scikit-image's labels.

    ``seeds, ids = renumber_labels(labels)`` makes ``ids[seeds] == labels`` on the labelled nodes; back from an answer
    leads ``ids[probability.argmax(1)]`` (for images ``argmax`` over the axis of labels), and from seeds
    `restore_labels`.

    Args:
        labels: of any shape and integer type, of torch or NumPy, or floats that are whole; ≥ 0 where there is one.
        unlabelled: what stands where there is none: −1 here, 0 for scikit-image.

    Returns:
        ``seeds``, int64 of the shape of `labels`: 0 … L − 1, −1 where there is none; and ``ids`` (L,), the labels in
        ascending order.

    Raises:
        ValueError: for numbers that are not whole, negative ones other than `unlabelled`, or more than int64 holds.

    >>> seeds, ids = renumber_labels(torch.tensor([0, 7, 0, 10**12]), unlabelled=0)
    >>> seeds, ids
    (tensor([-1,  0, -1,  1]), tensor([            7, 1000000000000]))
    >>> restore_labels(seeds, ids, unlabelled=0)
    tensor([            0,             7,             0, 1000000000000])
    """
    numbers = whole_values("labels", labels)
    check_id("unlabelled", unlabelled)
    known = numbers != unlabelled
    wrong = numbers[known & (numbers < 0)]
    if len(wrong):
        raise ValueError(
            f"`labels` must be ≥ 0, or {unlabelled} where there is none (`unlabelled`); got {int(wrong[0])}. Pixels "
            "that scikit-image leaves out have no place on a graph: cut them out, or use `random_walker`."
        )
    ids, place = numbers[known].unique(return_inverse=True)
    return torch.full_like(numbers, -1).masked_scatter(known, place), ids


@opaque
def restore_labels(seeds: Tensor, ids: Tensor, *, unlabelled: int = -1) -> Tensor:
    """The labels that `renumber_labels` numbered: ``ids[seeds]``, and `unlabelled` where seeds are −1.

    Args:
        seeds: int64 of any shape, from −1 to L − 1.
        ids: (L,) int64.
        unlabelled: what to set where there is none.

    Returns:
        int64 of the shape of `seeds`.

    Raises:
        ValueError: for seeds out of range.
    """
    check_id("unlabelled", unlabelled)
    seeds, ids = whole_numbers("seeds", seeds, "int64"), whole_numbers("ids", ids, "(L,) int64")
    if ids.ndim != 1:
        raise ValueError(f"`ids` must be (L,) int64; got {tuple(ids.shape)}.")
    wrong = seeds[(seeds < -1) | (seeds >= len(ids))]
    if len(wrong):
        raise ValueError(f"`seeds` must run from −1 to {len(ids) - 1}, the last of the ids; got {int(wrong[0])}.")
    padded = torch.cat([ids, ids.new_tensor([unlabelled])])
    return padded[seeds]  # the last one, for −1


def warn_if_all_are_seeds(lowest: int) -> None:
    """Warn of seeds in another convention, which leave nothing to label; `lowest` is the smallest of them."""
    if lowest >= 0:
        warn(
            "All nodes are seeds, so that nothing is left to label. Here −1 marks a node without seed, for "
            "scikit-image 0 does: convert such labels with "
            "`graphrw.functional.renumber_labels(labels, unlabelled=0)`."
        )


def warn_if_nothing_is_asked(labels: Tensor) -> None:
    """Warn of an image's labels, > 0 a seed and < 0 outside, none of which is 0."""
    if not bool((labels == 0).any()):
        outside = "; negative ones are outside, which no walker enters" if bool((labels < 0).any()) else ""
        warn(f"No pixel of `labels` is 0, so that nothing is left to label. Here 0 is to be labelled{outside}.")


def check_columns(seeds: Tensor, num_labels: int, *, inferred: bool, streamed: bool = False) -> None:
    """Raise `ValueError` where an answer (N, L) for `seeds` (N,) would hold next to nothing but zeros, or 1 TB of them.

    Args:
        seeds: (N,) int64.
        num_labels: L.
        inferred: whether L is the largest seed + 1, and not what the caller asked for.
        streamed: whether all columns never stand side by side.
    """
    column = 8 * len(seeds)  # a solve is in float64, whatever the type of the walk
    if inferred and (num_labels > MOST_UNUSED or column * num_labels > MOST_BYTES_UNUSED):
        count = plainly(lambda values: len(values[values >= 0].unique()), seeds)
        unused = num_labels - count
        if unused > MOST_UNUSED or column * unused > MOST_BYTES_UNUSED:
            raise ValueError(
                f"`seeds` holds label {num_labels - 1}, but only {count} different ones: with a column for each label "
                f"from 0 the answer would take {_gigabytes(column * num_labels)}. Number them anew with `seeds, ids = "
                "graphrw.functional.renumber_labels(seeds)`, and back with `ids[answer.argmax(1)]`; or say "
                "`num_labels`."
            )
    if column * num_labels > MOST_BYTES:
        raise ValueError(
            f"`num_labels` = {num_labels} labels of {len(seeds)} nodes would take {_gigabytes(column * num_labels)}."
        )
    if streamed:
        return
    what = f"An answer for {num_labels} labels of {len(seeds)} nodes"
    require_room(2 * len(seeds) * num_labels, what, "Take fewer labels at a time, or a smaller graph.")


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:,.1f} GB"
