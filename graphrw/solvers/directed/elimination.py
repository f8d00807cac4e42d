"""Inverses of groups of nodes by elimination without a subtraction (Grassmann, Taksar & Heyman 1985).

On a group A is diag(Σ_j w_ij + l_i) − W, with l the rates at which walkers leave the group. Gaussian elimination takes
from each diagonal entry what goes to nodes that are gone; where walkers leave once in 1e16 steps rounding loses all
that is left. Here a pivot is the sum of what still goes elsewhere, so that every entry of the inverse has nearly all
its digits, however rarely walkers leave.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]
AT_ONCE = 1 << 23  # numbers in the arrays of groups that are eliminated together


class Entries(NamedTuple):
    """Of a sparse matrix."""

    row: Numbers
    column: Numbers
    value: Floats

    def where(self, kept: NDArray[np.bool_]) -> "Entries":
        return Entries(self.row[kept], self.column[kept], self.value[kept])

    def over(self, size: int) -> csr_array:
        """As a matrix (size, size); entries at one place are added."""
        return csr_array(coo_array((self.value, (self.row, self.column)), shape=(size, size)))


def summed(place: Numbers, value: Floats, count: int) -> Floats:
    """(count,): the sum of the values at each place."""
    return np.asarray(np.bincount(place, value, minlength=count), dtype=np.float64)


def grouped_inverse(inner: Entries, leave: Floats, group: Numbers) -> Entries:
    """The inverse of A within each group, of all N nodes: a matrix of as many blocks on the diagonal.

    Args:
        inner: weights w ≥ 0 between nodes of one group, each pair once.
        leave: (N,) rates l ≥ 0 at which walkers leave the group from a node, or die there.
        group: (N,) from 0.

    Returns:
        Entries ≥ 0; infinite or NaN where walkers never leave a group.
    """
    size = np.bincount(group)
    alone = np.flatnonzero(size[group] == 1)
    with np.errstate(divide="ignore"):
        parts = [Entries(alone, alone, 1 / leave[alone])]
    for nodes in _alike(group, size > 1):
        step, out = _stacked(inner, leave, nodes)
        there = nodes >= 0
        pair = there[:, :, None] & there[:, None, :]
        rows, columns = np.broadcast_arrays(nodes[:, :, None], nodes[:, None, :])
        parts.append(Entries(rows[pair], columns[pair], inverse_by_leaving(step, out)[pair]))
    return Entries(*(np.concatenate(each) for each in zip(*parts, strict=True)))


def grouped_differences(
    inner: Entries, leave: Floats, group: Numbers, asked: tuple[Numbers, Numbers], *, source: Floats, x: Floats
) -> Floats:
    """(M, K): x_i − x_j of nodes i and j of one group, where A x = `source` within each group.

    Args:
        inner: as for `grouped_inverse`, with `leave` and `group`.
        asked: i and j, (M,) each.
        source: (N, K).
        x: (N, K).
    """
    first, second = asked
    found = np.empty((len(first), x.shape[1]))
    for nodes in _alike(group, np.bincount(group[first], minlength=int(group.max()) + 1) > 0, x.shape[1]):
        step, out = _stacked(inner, leave, nodes)
        there = (nodes >= 0)[:, :, None]
        given = (np.where(there, values[nodes], 0.0) for values in (source, x))
        place, within = _places(nodes, len(x))
        here = np.flatnonzero(place[first] >= 0)
        i, j = first[here], second[here]
        found[here] = differences_by_leaving(step, out, *given)[place[i], within[i], within[j]]
    return found


def _alike(group: Numbers, chosen: NDArray[np.bool_], columns: int = 1) -> Iterator[Numbers]:
    """The nodes of `chosen` groups (G,), a row (n,) each, filled up with −1: those of like sizes together (B, n)."""
    size, by_group = np.bincount(group), np.argsort(group, kind="stable")
    begin = np.cumsum(size) - size
    padded = 1 << np.ceil(np.log2(np.maximum(size, 1))).astype(np.int64)
    for width in np.unique(padded[chosen]):
        numbers = np.flatnonzero(chosen & (padded == width))
        at_once = max(1, AT_ONCE // (int(width) ** 2 * columns))
        for some in np.split(numbers, range(at_once, len(numbers), at_once)):
            within = np.arange(width) < size[some, None]
            nodes = np.full(within.shape, -1)
            nodes[within] = by_group[(begin[some, None] + np.arange(width))[within]]
            yield nodes


def _places(nodes: Numbers, count: int) -> tuple[Numbers, Numbers]:
    """(N,) row and column of each node in `nodes` (B, n); rows are −1 of those that are not in it."""
    there = nodes >= 0
    place, within = np.full(count, -1), np.empty(count, dtype=np.int64)
    place[nodes[there]], within[nodes[there]] = np.nonzero(there)
    return place, within


def _stacked(inner: Entries, leave: Floats, nodes: Numbers) -> tuple[Floats, Floats]:
    """Steps (B, n, n) and rates of leaving (B, n) of the groups whose nodes are the rows of `nodes`; what fills them up
    stands apart from them."""
    there = nodes >= 0
    place, within = _places(nodes, len(leave))
    step, out = np.zeros((*nodes.shape, nodes.shape[1])), np.ones(nodes.shape)
    row, column, weight = inner.where(place[inner.row] >= 0)
    step[place[row], within[row], within[column]] = weight
    out[there] = leave[nodes[there]]
    return step, out


def inverse_by_leaving(step: Floats, leave: Floats) -> Floats:
    """(diag(Σ_j step_ij + leave_i) − step)⁻¹, by sums, products and quotients of numbers ≥ 0 alone.

    Args:
        step: (B, n, n) ≥ 0, with 0 on the diagonal.
        leave: (B, n) ≥ 0.

    Returns:
        (B, n, n); infinite or NaN where nothing leaves.

    >>> inverse_by_leaving(np.array([[[0.0, 1.0], [1.0, 0.0]]]), np.array([[0.0, 1e-20]]))
    array([[[1.e+20, 1.e+20],
            [1.e+20, 1.e+20]]])
    """
    inverse = np.broadcast_to(np.eye(leave.shape[1]), step.shape)
    step, leave, inverse, pivot = _eliminated(step, leave, inverse)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for node in range(leave.shape[1]):
            gone_on = (step[:, node, None, :node] @ inverse[:, :node])[:, 0]
            inverse[:, node] = (inverse[:, node] + gone_on) / pivot[:, node, None]
    return inverse


def differences_by_leaving(step: Floats, leave: Floats, source: Floats, x: Floats) -> Floats:
    """x_i − x_j for (diag(Σ_j step_ij + leave_i) − step) x = source, from their own equations.

    Where walkers step to and fro a million times before they leave, x is nearly the same everywhere, and subtraction
    would lose six digits of what little it differs by. Eliminated, x_k is a mean of those x_j that are still there and
    of what lies outside; so x_k − x_i is the mean of their differences from x_i. What lies outside is far from x_i, so
    that this one difference may be taken by subtraction.

    Args:
        step: (B, n, n) ≥ 0, with 0 on the diagonal.
        leave: (B, n) ≥ 0.
        source: (B, n, K).
        x: (B, n, K): the answer, of which differences are wanted.

    Returns:
        (B, n, n, K).

    >>> step, leave = np.array([[[0.0, 1.0], [1.0, 0.0]]]), np.array([[1e-20, 2e-20]])
    >>> source = np.array([[[3e-20], [0.0]]])  # so x = 1 at both, to the last digit
    >>> differences_by_leaving(step, leave, source, np.ones((1, 2, 1)))[0, 0, 1]
    array([2.e-20])
    """
    step, leave, source, pivot = _eliminated(step, leave, source)
    differences = np.zeros((*step.shape, x.shape[2]))
    for node in range(1, leave.shape[1]):
        stay = np.einsum("bj,bjik->bik", step[:, node, :node], differences[:, :node, :node])
        leaves = source[:, node, None] - leave[:, node, None, None] * x[:, :node]
        differences[:, node, :node] = (stay + leaves) / pivot[:, node, None, None]
        differences[:, :node, node] = -differences[:, node, :node]
    return differences


def _eliminated(step: Floats, leave: Floats, right: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Gaussian elimination from the last node to the first: steps and rates (B, n) of leaving, and right-hand sides
    (B, n, K), of each node when it goes; and its pivot (B, n), what then goes elsewhere from it."""
    step, leave, right, pivot = step.copy(), leave.copy(), right.copy(), np.empty_like(leave)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for node in range(leave.shape[1] - 1, -1, -1):  # it goes: who came to it goes on from there
            pivot[:, node] = step[:, node, :node].sum(1) + leave[:, node]
            share = step[:, :node, node] / pivot[:, node, None]
            step[:, :node, :node] += share[:, :, None] * step[:, node, None, :node]
            leave[:, :node] += share * leave[:, node, None]
            right[:, :node] += share[:, :, None] * right[:, node, None, :]
    return step, leave, right, pivot
