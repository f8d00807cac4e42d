"""Inverses of groups of nodes by elimination without a subtraction (Grassmann, Taksar & Heyman 1985).

On a group A is diag(Σ_j w_ij + l_i) − W, with l the rates at which walkers leave the group. Gaussian elimination takes
from each diagonal entry what goes to nodes that are gone; where walkers leave once in 1e16 steps rounding loses all
that is left. Here a pivot is the sum of what still goes elsewhere, so that every entry of the inverse has nearly all
its digits, however rarely walkers leave.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]


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
    size, by_group = np.bincount(group), np.argsort(group, kind="stable")
    alone = np.flatnonzero(size[group] == 1)
    with np.errstate(divide="ignore"):
        parts = [Entries(alone, alone, 1 / leave[alone])]
    padded = 1 << np.ceil(np.log2(np.maximum(size, 1))).astype(np.int64)  # groups of like sizes are inverted at once
    for width in np.unique(padded[size > 1]):
        chosen = (padded == width) & (size > 1)
        nodes = np.full((int(chosen.sum()), int(width)), -1)
        nodes[np.arange(width) < size[chosen, None]] = by_group[chosen[group[by_group]]]
        parts.append(_alike(inner, leave, nodes))
    return Entries(*(np.concatenate(each) for each in zip(*parts, strict=True)))


def _alike(inner: Entries, leave: Floats, nodes: Numbers) -> Entries:
    """Of the groups whose nodes are the rows of `nodes` (B, n), filled up with −1."""
    there = nodes >= 0
    group, within = np.full(len(leave), -1), np.empty(len(leave), dtype=np.int64)
    group[nodes[there]], within[nodes[there]] = np.nonzero(there)
    step, out = np.zeros((*nodes.shape, nodes.shape[1])), np.ones(nodes.shape)
    row, column, weight = inner.where(group[inner.row] >= 0)
    step[group[row], within[row], within[column]] = weight
    out[there] = leave[nodes[there]]
    pair = there[:, :, None] & there[:, None, :]
    rows, columns = np.broadcast_arrays(nodes[:, :, None], nodes[:, None, :])
    return Entries(rows[pair], columns[pair], inverse_by_leaving(step, out)[pair])


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
    step, leave, size = step.copy(), leave.copy(), leave.shape[1]
    pivot, inverse = np.empty_like(leave), np.broadcast_to(np.eye(size), step.shape).copy()
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for node in range(size - 1, -1, -1):  # it goes: who came to it goes on from there
            pivot[:, node] = step[:, node, :node].sum(1) + leave[:, node]
            share = step[:, :node, node] / pivot[:, node, None]
            step[:, :node, :node] += share[:, :, None] * step[:, node, None, :node]
            leave[:, :node] += share * leave[:, node, None]
            inverse[:, :node] += share[:, :, None] * inverse[:, node, None, :]
        for node in range(size):
            gone_on = (step[:, node, None, :node] @ inverse[:, :node])[:, 0]
            inverse[:, node] = (inverse[:, node] + gone_on) / pivot[:, node, None]
    return inverse
