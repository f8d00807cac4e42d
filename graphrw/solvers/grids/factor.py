"""The operator of a walk on a grid, factorised by nested dissection, which can be solved with in part.

With the own pixels S of a box and its border B, what is kept of its front [[F_SS, F_SB], [F_BS, F_BB]] are the
coupling K = F_BS F_SS⁻¹ and F_SS⁻¹. Then A⁻¹ = Uᵀ D⁻¹ U: *upward* from the smallest boxes, y_B −= K y_S; at each box
z_S = F_SS⁻¹ y_S; and *downward* from the whole image, x_S = z_S − Kᵀ x_B. Where a right-hand side is 0 in a whole box,
so are the first two: only the last step reaches every pixel.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import prod

import torch
from torch import Tensor

from graphrw.solvers.grids.dissection import Boxes, Dissection

SMALL = 48  # rows up to which LAPACK inverts a matrix faster than products of its blocks do
MOST = 0.5  # of the boxes: where more are touched, all are taken, since a part of them is copied first


class NotPositiveDefiniteError(ArithmeticError):
    """Elimination has lost all digits of a pivot."""


@dataclass(frozen=True, eq=False)
class Front:
    """What is kept of all boxes of one kind at one depth."""

    boxes: Boxes
    coupling: Tensor  # (n, b, s): K
    inverse: Tensor  # (n, s, s): F_SS⁻¹


@dataclass(frozen=True, eq=False)
class Ascent:
    """The upward half of a solve, at the pixels that it reaches; elsewhere it is 0."""

    pixels: Tensor  # (R,) int64
    before: Tensor  # (R, K): U b
    after: Tensor  # (R, K): D⁻¹ U b


@dataclass(frozen=True, eq=False)
class GridFactor:
    """A⁻¹ in two halves, `ascend` and `descend`."""

    dissection: Dissection
    fronts: tuple[Front, ...]  # by depth, the whole image first

    def ascend(self, pixels: Tensor, b: Tensor) -> Ascent:
        """D⁻¹ U b for the b that holds `b` (n, K) at `pixels` (n,) and is 0 elsewhere."""
        chosen = list(self._chosen(self.dissection.above(pixels)))
        reached = torch.cat([pixels[:0], *(front.boxes.own[which].reshape(-1) for front, which in chosen)])
        place = torch.empty(self.num_pixels, dtype=torch.int64)
        place[reached] = torch.arange(len(reached))
        y = b.new_zeros(len(reached), b.shape[1]).index_copy_(0, place[pixels], b)
        z = torch.empty_like(y)
        for front, which in reversed(chosen):
            own, border = place[front.boxes.own[which]], place[front.boxes.border[which]]
            values = _rows(y, own)
            _put(z, own, front.inverse[which] @ values)
            if border.numel():
                flow = front.coupling[which] @ values
                y.index_add_(0, border.reshape(-1), flow.reshape(-1, b.shape[1]), alpha=-1)
        return Ascent(reached, y, z)

    def descend(self, z: Tensor) -> Tensor:
        """Uᵀ z, for `z` (N, K)."""
        x = z.clone()
        for front in self.fronts:
            own, border = front.boxes.own, front.boxes.border
            if border.numel():
                flow = torch.baddbmm(_rows(x, own), front.coupling.mT, _rows(x, border), alpha=-1)
                _put(x, own, flow)
        return x

    @property
    def num_pixels(self) -> int:
        """N"""
        return prod(self.dissection.shape)

    @cached_property
    def _bounds(self) -> Tensor:
        """Where the boxes of each front begin, and where the last end."""
        last = self.fronts[-1].boxes
        return torch.tensor([*(front.boxes.first for front in self.fronts), last.first + len(last)])

    def _chosen(self, boxes: Tensor) -> Iterator[tuple[Front, Tensor | slice]]:
        """The fronts that `boxes`, ascending, belong to, and which of theirs these are; all, where they are most."""
        if len(boxes) > MOST * int(self._bounds[-1]):
            yield from ((front, slice(None)) for front in self.fronts)
            return
        cuts = torch.searchsorted(boxes, self._bounds).tolist()
        for front, start, end in zip(self.fronts, cuts[:-1], cuts[1:], strict=True):
            if end > start:
                which = boxes[start:end] - front.boxes.first
                low, high = int(which[0]), int(which[-1]) + 1
                yield front, slice(low, high) if high - low == end - start else which


def factorise(dissection: Dissection, diagonal: Tensor, links: Tensor) -> GridFactor:
    """The factor of A = diag(`diagonal`) − the weights of `links`.

    Args:
        dissection: of the grid.
        diagonal: (N,) float64.
        links: (axes, N): for each axis, the weight between each pixel and the next along it; 0 where there is none.

    Raises:
        NotPositiveDefiniteError: if A is not positive definite in float64.
    """
    fronts: list[Front] = []
    links = links.view(-1)
    updates: list[Tensor] = []
    for level in reversed(dissection.levels):
        made = [_eliminated(boxes, updates, diagonal, links) for boxes in level]
        fronts[:0] = [front for front, _ in made]
        updates = [update for _, update in made]
    if not all(bool(front.inverse.diagonal(dim1=1, dim2=2).gt(0).all()) for front in fronts):  # false for NaN, too
        raise NotPositiveDefiniteError("A pivot is not positive.")
    return GridFactor(dissection, tuple(fronts))


def _eliminated(boxes: Boxes, updates: list[Tensor], diagonal: Tensor, links: Tensor) -> tuple[Front, Tensor]:
    """The front of `boxes`, and what it leaves on their borders, (n, b, b); `updates` are those of the level below."""
    own, cross, border = _assembled(boxes, updates, diagonal, links)
    inverse = _inverse(own)
    coupling = cross @ inverse
    return Front(boxes, coupling, inverse), border.baddbmm_(coupling, cross.mT, alpha=-1)


def _assembled(boxes: Boxes, updates: list[Tensor], diagonal: Tensor, links: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """F_SS (n, s, s), F_BS (n, b, s) and F_BB (n, b, b)."""
    count, s, b = len(boxes), boxes.own.shape[1], boxes.border.shape[1]
    own, cross, border = (diagonal.new_zeros(count, *size) for size in ((s, s), (b, s), (b, b)))
    for part, (place, which) in zip(boxes.kind.parts, boxes.parts, strict=True):
        update = updates[place][which]
        for row in part.runs:
            for column in part.runs:
                block = update[:, row.start : row.end, column.start : column.end]
                if row.place < s and column.place < s:
                    _window(own, row.place, column.place, block).add_(block)
                elif column.place < s:
                    _window(cross, row.place - s, column.place, block).copy_(block)  # the halves share none of these
                elif row.place >= s:
                    _window(border, row.place - s, column.place - s, block).copy_(block)
    own.diagonal(dim1=1, dim2=2).add_(diagonal[boxes.own])
    there, here = torch.from_numpy(boxes.kind.links).unbind(1)
    weight, inner = links[boxes.links], there < s
    both = torch.cat([there[inner] * s + here[inner], here[inner] * s + there[inner]])
    own.view(count, -1).index_add_(1, both, weight[:, inner].repeat(1, 2), alpha=-1)
    cross.view(count, -1).index_add_(1, (there[~inner] - s) * s + here[~inner], weight[:, ~inner], alpha=-1)
    return own, cross, border


def _window(front: Tensor, row: int, column: int, block: Tensor) -> Tensor:
    return front[:, row : row + block.shape[1], column : column + block.shape[2]]


def _inverse(matrices: Tensor) -> Tensor:
    """Of symmetric positive definite matrices (n, s, s); NaN or not positive where one is not."""
    size = matrices.shape[1]
    if size <= SMALL:
        return torch.cholesky_inverse(torch.linalg.cholesky_ex(matrices).L)
    half = size // 2
    first, cross, second = matrices[:, :half, :half], matrices[:, half:, :half], matrices[:, half:, half:]
    inverse = torch.empty_like(matrices)
    upper = _inverse(first)
    coupling = cross @ upper
    lower = _inverse(torch.baddbmm(second, coupling, cross.mT, alpha=-1))
    corner = lower @ coupling
    inverse[:, :half, :half] = torch.baddbmm(upper, coupling.mT, corner)
    inverse[:, half:, :half] = -corner
    inverse[:, :half, half:] = -corner.mT
    inverse[:, half:, half:] = lower
    return inverse


def _rows(values: Tensor, places: Tensor) -> Tensor:
    """(n, s, K): the rows of `values` (N, K) at `places` (n, s)."""
    return values.index_select(0, places.reshape(-1)).view(*places.shape, -1)


def _put(values: Tensor, places: Tensor, rows: Tensor) -> None:
    """Write `rows` (n, s, K) into `values` (N, K) at `places` (n, s)."""
    values.index_copy_(0, places.reshape(-1), rows.reshape(-1, rows.shape[2]))
