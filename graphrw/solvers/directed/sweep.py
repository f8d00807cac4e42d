"""The block Gauss–Seidel splitting A = M − N of a walk that mostly goes one way, and its sweep M⁻¹."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.sparse import coo_array, csc_array, csr_array
from scipy.sparse.linalg import splu
from torch import Tensor

from graphrw.core.walk import Walk
from graphrw.solvers.directed.elimination import Entries, Floats, Numbers, summed
from graphrw.solvers.operator import Operator


def transitions(walk: Walk) -> Entries:
    """From where, to where, and with which weight a step may lead; undirected edges both ways."""
    (tail, head), weight = walk.graph.edges.numpy(), walk.weight.numpy()
    if not walk.graph.directed:
        tail, head, weight = np.concatenate([tail, head]), np.concatenate([head, tail]), np.concatenate([weight] * 2)
    return Entries(tail, head, weight).where(weight > 0)


@dataclass(frozen=True, eq=False)
class Blocks:
    """The steps of a walk, by what blocks they join."""

    inner: Entries  # within a block
    later: Entries  # to a block after it
    back: Entries  # to one before it
    leave: Floats  # (N,): the rate at which walkers leave the block from a node, or die there

    @staticmethod
    def of(walk: Walk, group: Numbers) -> "Blocks":
        """`group` (N,): the block of each node, numbered from the ends of the walk on."""
        weight = transitions(walk)
        start, end = group[weight.row], group[weight.column]
        inner, later, back = (weight.where(part) for part in (start == end, start > end, start < end))
        leave = sum((summed(out.row, out.value, len(group)) for out in (later, back)), start=walk.killing.numpy())
        return Blocks(inner, later, back, leave)


class Sweep:
    """M⁻¹ as one sparse triangular matrix.

    With B the inverses of the blocks and L what leads to later ones, M x = b is y = b + L x and x = B y, block by
    block, the ends of the walk first: unknowns y of a block, then x of it. Of a node alone y is left out.
    """

    def __init__(self, inverse: Entries, later: Entries, group: Numbers) -> None:
        size = np.bincount(group)
        rows: Numbers = np.where(size > 1, 2 * size, 1)
        count = len(group)
        place = np.empty(count, dtype=np.int64)
        place[np.argsort(group, kind="stable")] = np.arange(count)
        self._y = place + (np.cumsum(rows - size) - (rows - size))[group]
        self._x = self._y + np.where(size > 1, size, 0)[group]
        self._rows = int(rows.sum())
        alone = size[group[inverse.row]] == 1  # blocks of one node
        diagonal = np.ones(self._rows)
        diagonal[self._y[inverse.row[alone]]] = 1 / inverse.value[alone]
        row = np.concatenate([np.arange(self._rows), self._y[later.row], self._x[inverse.row[~alone]]])
        column = np.concatenate([np.arange(self._rows), self._x[later.column], self._y[inverse.column[~alone]]])
        values = np.concatenate([diagonal, -later.value, -inverse.value[~alone]])
        self._factor: Any = splu(  # which has no arithmetic to do but divisions by the diagonal
            csc_array(coo_array((values, (row, column)), shape=(self._rows,) * 2)),
            permc_spec="NATURAL",
            diag_pivot_thresh=0.0,
            options={"SymmetricMode": True, "Equil": False},
        )

    def solve(self, r: Floats, transpose: bool) -> Floats:
        given, asked = (self._x, self._y) if transpose else (self._y, self._x)
        wide = np.zeros((self._rows, r.shape[1]), order="F")
        wide[given] = r
        return np.ascontiguousarray(self._factor.solve(wide, trans="T" if transpose else "N")[asked])


class Returns(Operator):
    """A, and in place of Aᵀ the I − NᵀM⁻ᵀ of y, in which residuals of Aᵀ are told: M⁻ᵀ y has nearly all its digits."""

    def __init__(self, walk: Walk, sweep: Sweep, back: Entries) -> None:
        super().__init__(walk)
        self._sweep, self._back = sweep, back.over(self.num_nodes)
        self._back_transpose = csr_array(self._back.T)

    def sweep(self, r: Tensor, *, transpose: bool = False) -> Tensor:
        """M⁻¹r, or M⁻ᵀr."""
        return torch.from_numpy(self._sweep.solve(r.numpy(), transpose))

    def back(self, x: Tensor) -> Tensor:
        """Nᵀx: what comes back to earlier blocks."""
        return torch.from_numpy(self._back_transpose @ x.numpy())

    def without(self, x: Tensor, out: Tensor | None = None, *, transpose: bool) -> Tensor:
        """(I − M⁻¹N) x, or (I − NᵀM⁻ᵀ) x."""
        return torch.sub(x, self._returned(x, transpose), out=out)

    def magnitude(self, x: Tensor, transpose: bool = False) -> Tensor:
        return x.abs() + self._returned(x.abs(), True) if transpose else super().magnitude(x)

    def _subtracted(self, b: Tensor, x: Tensor, transpose: bool) -> Tensor:
        return b - self.without(x, transpose=True) if transpose else super()._subtracted(b, x, transpose)

    def _returned(self, x: Tensor, transpose: bool) -> Tensor:
        if transpose:
            return self.back(self.sweep(x, transpose=True))
        return self.sweep(torch.from_numpy(self._back @ x.numpy()))
