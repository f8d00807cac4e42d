"""The operator of a walk on a grid that is held at other pixels than when it was factorised.

Let A hold some pixels. To hold pixels M too and to free pixels R is to border it: with B = [−W_R, E_M], the weights
between R and free pixels and the unit vectors of M,

    A u + B y = b,   Bᵀu + D y = d,   D = diag(A_RR, 0),   d = (b_R, 0),

has u = x at pixels that are free before and after, y_R = x_R, and u_M = 0. So y = (D − BᵀA⁻¹B)⁻¹ (d − BᵀA⁻¹b): a dense
system with one row for each pixel that changes (Schur complement; Woodbury 1950). Of A⁻¹B the ascent is enough, which
takes the boxes around the changes alone. In M those pixels are enough that have a free neighbour: where u is 0 all
around and b is, so is u.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from graphrw.solvers.grids.factor import Ascent, GridFactor
from graphrw.solvers.grids.operator import GridWalk


@dataclass(frozen=True, eq=False)
class HeldGrid:
    """A walk on a grid, factorised with some pixels held."""

    grid: GridWalk
    held: Tensor  # (N,) bool
    factor: GridFactor


@dataclass(frozen=True, eq=False)
class Border:
    """Pixels that came together, all held or all freed, and the columns of B for them."""

    pixels: Tensor  # (m,)
    ascent: Ascent  # of m columns

    def of(self, kept: Tensor) -> "Border":
        """What is left of it for those pixels that `kept` (m,) bool marks."""
        if bool(kept.all()):
            return self
        ascent = self.ascent
        columns = Ascent(ascent.pixels, ascent.before[:, kept], ascent.after[:, kept])
        return Border(self.pixels[kept], columns)


@dataclass(frozen=True, eq=False)
class Bordered:
    """The inverse of a walk that is held at other pixels than its factor was made for."""

    base: HeldGrid
    held: Tensor  # (N,) bool: now
    borders: tuple[Border, ...]
    gram: Tensor  # (T, T): BᵀA⁻¹B, for the T pixels of all borders in turn

    def held_at(self, held: Tensor) -> "Bordered":
        """The same for other pixels `held` (N,) bool; what it shares with the present ones is not done again."""
        wanted = torch.zeros_like(held).index_fill_(0, changes(self.base, held), True)
        kept = [wanted[border.pixels] for border in self.borders]
        borders = [border.of(which) for border, which in zip(self.borders, kept, strict=True)]
        every = torch.cat([*kept, wanted.new_zeros(0)])
        now = Bordered(self.base, held, tuple(borders), self.gram[every][:, every])
        for border in borders:
            wanted[border.pixels] = False
        new = wanted.nonzero().squeeze(1)
        freed = self.base.held[new]
        for pixels, columns in ((new[freed], _links_of), (new[~freed], _units_of)):
            if len(pixels):
                now = now._with(Border(pixels, columns(self.base, pixels)))
        return now

    def solve(self, b: Tensor) -> Tensor:
        """A⁻¹ b for `b` (N, K), with A of the pixels that are held now."""
        base, factor = self.base, self.base.factor
        changed = (self.held != base.held).nonzero().squeeze(1)
        inner = b.index_fill(0, changed, 0.0)
        where = (inner.view(-1).nonzero().squeeze(1) // b.shape[1]).unique()
        ascent = factor.ascend(where, inner[where])
        z = torch.zeros_like(b).index_copy_(0, ascent.pixels, ascent.after)
        if self.borders:
            seen = torch.cat([border.ascent.before.T @ z[border.ascent.pixels] for border in self.borders])
            y = self._schur(torch.where(self._freed[:, None], b[self._pixels], 0.0) - seen)
            for border, part in zip(
                self.borders, y.split([len(border.pixels) for border in self.borders]), strict=True
            ):
                z.index_add_(0, border.ascent.pixels, border.ascent.after @ part, alpha=-1)
        x = factor.descend(z)
        x[changed] = b[changed] / base.grid.rate[changed, None]
        if self.borders:
            x[self._pixels[self._freed]] = y[self._freed]
        return x

    @cached_property
    def _pixels(self) -> Tensor:
        """(T,)"""
        return torch.cat([*(border.pixels for border in self.borders), torch.zeros(0, dtype=torch.int64)])

    @cached_property
    def _freed(self) -> Tensor:
        """(T,) bool"""
        return self.base.held[self._pixels]

    @cached_property
    def _factors(self) -> tuple[Tensor, Tensor, Tensor]:
        """Of D − BᵀA⁻¹B, scaled on both sides, and the scale."""
        complement = self._corner() - self.gram
        scale = complement.diagonal().abs().rsqrt()[:, None]
        return (*torch.linalg.lu_factor(complement * scale * scale.T), scale)

    def _schur(self, right: Tensor) -> Tensor:
        lu, pivots, scale = self._factors
        y: Tensor = scale * torch.linalg.lu_solve(lu, pivots, scale * right)
        return y

    def _corner(self) -> Tensor:
        """(T, T): D."""
        pixels, freed = self._pixels, self._freed
        corner = torch.diag(torch.where(freed, self.base.grid.rate[pixels], 0.0))
        place = torch.full(self.base.held.shape, -1)
        place[pixels[freed]] = freed.nonzero().squeeze(1)
        for other, weight in self.base.grid.neighbours(pixels):
            both = (freed & (weight > 0) & (place[other] >= 0)).nonzero().squeeze(1)
            corner[both, place[other[both]]] = -weight[both]
        return corner

    def _with(self, border: Border) -> "Bordered":
        place = torch.full(self.base.held.shape, -1)
        place[border.ascent.pixels] = torch.arange(len(border.ascent.pixels))
        cross = [_product(old.ascent, border.ascent, place) for old in self.borders]
        side = torch.cat([*cross, self.gram.new_zeros(0, len(border.pixels))])
        own = border.ascent.before.T @ border.ascent.after
        gram = torch.cat([torch.cat([self.gram, side], 1), torch.cat([side.T, own], 1)])
        return replace(self, borders=(*self.borders, border), gram=gram)


def unbordered(base: HeldGrid) -> Bordered:
    """The inverse of a walk that is held where its factor was made for."""
    return Bordered(base, base.held, (), base.grid.rate.new_zeros(0, 0))


def changes(base: HeldGrid, held: Tensor) -> Tensor:
    """The pixels that `base` must be bordered with for `held` (N,) bool: those of R, and of M with a free neighbour."""
    changed = (held != base.held).nonzero().squeeze(1)
    needed = base.held[changed]
    for others, weight in base.grid.neighbours(changed):
        needed |= (weight > 0) & ~held[others]
    return changed[needed]


def _units_of(base: HeldGrid, pixels: Tensor) -> Ascent:
    """The ascent of E, with a column for each of `pixels` to be held."""
    return base.factor.ascend(pixels, torch.eye(len(pixels), dtype=torch.float64))


def _links_of(base: HeldGrid, pixels: Tensor) -> Ascent:
    """The ascent of −W, with a column for each of `pixels` to be freed."""
    others, weights = (torch.stack(part) for part in zip(*base.grid.neighbours(pixels), strict=True))
    column = torch.arange(len(pixels)).expand_as(others)
    linked = (weights > 0) & ~base.held[others]
    rows, row = others[linked].unique(return_inverse=True)
    values = weights.new_zeros(len(rows), len(pixels)).index_put_((row, column[linked]), -weights[linked])
    return base.factor.ascend(rows, values)


def _product(one: Ascent, other: Ascent, place: Tensor) -> Tensor:
    """B₁ᵀA⁻¹B₂ from their ascents; `place` (N,) is that of each pixel in the other, −1 where it is not."""
    there = place[one.pixels]
    shared = there >= 0
    return one.before[shared].T @ other.after[there[shared]]
