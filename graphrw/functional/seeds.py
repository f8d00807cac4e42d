"""What seeds, and the shares of labels, must be."""

import torch
from torch import Tensor

from graphrw.core.arrays import as_floats, as_tensor
from graphrw.core.errors import SingularWalkError
from graphrw.core.graph import part_named
from graphrw.core.shares import raised
from graphrw.core.transforms import plainly
from graphrw.core.walk import Walk, check_rates
from graphrw.core.whole import check_whole
from graphrw.functional.numbering import check_columns, warn_if_all_are_seeds

ROUNDED_SUM = 1e-5  # how far from 1 a sum of shares may lie: more than float32 makes of a thousand of them


def count_labels(
    walk: Walk,
    seeds: Tensor,
    num_labels: int | None,
    absorption: Tensor | None = None,
    *,
    remedy: str = "label at least one node",
    streamed: bool = False,
) -> int:
    """L, from arguments that fit each other.

    The `remedy` is what to do when there are neither seeds nor absorption. Where labels are `streamed`, no (N, L) need
    fit into memory.
    """
    num_nodes = walk.graph.num_nodes
    num_labels = None if num_labels is None else check_whole("num_labels", num_labels, 1)
    if seeds.shape != (num_nodes,) or seeds.dtype != torch.int64:
        got = f"{tuple(seeds.shape)} {seeds.dtype}.{cure_of(seeds)}"
        raise ValueError(f"`seeds` must be ({num_nodes},) int64; got {got}")
    low, high = (int(bound) for bound in plainly(torch.aminmax, seeds)) if num_nodes else (-1, -1)
    if low < -1:
        raise ValueError(f"`seeds` must be labels ≥ 0, or −1 for unlabelled nodes; got {low}.")
    warn_if_all_are_seeds(low)
    if absorption is not None:
        if absorption.ndim != 2 or len(absorption) != num_nodes or absorption.dtype != walk.weight.dtype:
            got = f"{tuple(absorption.shape)} {absorption.dtype}"
            raise ValueError(f"`absorption` must be (N, L) = ({num_nodes}, L) {walk.weight.dtype}; got {got}.")
        check_rates("absorption", absorption)
        if num_labels is not None and num_labels != absorption.shape[1]:
            raise ValueError(f"`num_labels` is {num_labels}, but `absorption` has {absorption.shape[1]} labels.")
        num_labels = absorption.shape[1]
    elif high < 0 and num_labels is None and num_nodes:
        raise ValueError(f"`seeds` are all −1, so that no walk ends in a label: {remedy}.")
    inferred, num_labels = num_labels is None, high + 1 if num_labels is None else num_labels
    check_columns(seeds, num_labels, inferred=inferred, streamed=streamed)
    if high >= num_labels:
        raise ValueError(f"`seeds` holds label {high}, but labels run from 0 to {num_labels - 1}.")
    return num_labels


def checked_absorption(absorption: object) -> Tensor | None:
    """Rates into labels as a tensor, if there are any; they may be probabilities that another solve has left."""
    return None if absorption is None else raised(as_tensor("absorption", absorption, "(N, L) floats"))


def cure_of(seeds: Tensor) -> str:
    """What makes int64 labels of seeds of another type, as a message goes on."""
    if seeds.dtype == torch.bool:
        return " A mask tells where seeds are, not their labels: `torch.where(mask, labels, -1)`."
    whole = not (seeds.is_floating_point() or seeds.is_complex() or seeds.dtype == torch.int64)
    return " Convert them with `.long()`." if whole else ""


def one_hot(seeds: Tensor, num_labels: int, like: Tensor) -> Tensor:
    """(N, L) in the type of `like`: 1 for the label of each seed, 0 for its other labels and where there is no seed."""
    nodes = (seeds >= 0).nonzero().squeeze(1)
    values = like.new_zeros(len(seeds), num_labels)
    values[nodes, seeds[nodes]] = 1
    return values


def fill_unreachable(walk: Walk, lost: Tensor, unreachable: Tensor | None) -> Tensor:
    """The distribution, checked already, for the nodes that are lost, or the error that there is none."""
    if unreachable is None:
        first = int(lost.nonzero()[0])
        where = "places from which no walk leads to a seed" if walk.graph.directed else "components without any seed"
        raise SingularWalkError(
            f"`seeds` leaves {int(lost.sum())} of {len(lost)} nodes (first: {first}{part_named(walk.graph, first)}) in "
            f"{where}, where label probabilities are undefined. "
            f"{_closed_edges(walk, lost)}Add a seed there, or pass `unreachable=prior`, L shares of sum 1."
        )
    return unreachable


def _closed_edges(walk: Walk, lost: Tensor) -> str:
    """How many edges of weight 0 lead out of the nodes that are lost, if any do, and what to do."""
    tail, head = lost[walk.graph.edges]
    closed = plainly(lambda weight: int(((tail != head) & (weight == 0)).sum()), walk.weight)
    cure = f"Weight 0 on edges that lead out of them ({closed}) closes these: add 1e-6 where it is to be small. "
    return cure if closed else ""


def checked_unreachable(unreachable: Tensor | None, values: Tensor) -> Tensor | None:
    """`unreachable` (L,) in the type of `values` (N, L), checked whether some node needs it or not."""
    return None if unreachable is None else check_distribution("unreachable", unreachable, values)


def check_distribution(name: str, shares: Tensor, like: Tensor) -> Tensor:
    """`shares` (L,) in the type of `like` (N, L); `ValueError` unless they are ≥ 0 with sum 1."""

    def check(shares: Tensor) -> None:
        if bool((shares < 0).any()) or not abs(float(shares.sum()) - 1) <= ROUNDED_SUM:
            raise ValueError(f"`{name}` must be a distribution (≥ 0, sum 1); got {shares.tolist()}.")

    shares = as_floats(name, shares, f"(L,) = ({like.shape[1]},) floats")
    if shares.shape != like.shape[1:]:
        raise ValueError(f"`{name}` must be (L,) = ({like.shape[1]},); got {tuple(shares.shape)}.")
    shares = raised(shares, ROUNDED_SUM)
    plainly(check, shares)
    return shares.to(like)
