"""Pairs of pixels within a radius, in blocks of rows: no edge is listed, and no more than a block is in memory.

Of two rows that lie at one offset, tiles of the one meet the windows of the other that they reach. Distances in such a
block are one `torch.cdist`, and sums over neighbours are products of small dense matrices. A block holds some pairs
beyond the radius, about as many as within, and is still several times faster than lists of edges, along which rows of
features are gathered one by one.
"""

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad
from torch.utils.checkpoint import checkpoint

from graphrw.core.blocks import AT_ONCE

NARROWEST = 8  # pixels of a tile, at least: smaller matrices cost more in calls than they save in pairs
FEW = 2**17  # pairs that are kept for backward: to make them again costs more calls than memory

Ends = tuple[slice, ...]


@dataclass(frozen=True)
class Band:
    """Pixels of one row, and those of another row within reach of them.

    Args:
        width: pixels of a row.
        reach: how far along the row a pair may lie apart.
        later: whether the second must lie behind the first: where both rows are one, no pair shall come twice.
    """

    width: int
    reach: int
    later: bool

    @property
    def count(self) -> int:
        """Tiles of a row; one, with the whole row as its window, where windows would hardly be smaller."""
        tile = max(self.reach, NARROWEST)
        return 1 if tile + 2 * self.reach >= self.width else -(-self.width // tile)

    @property
    def tile(self) -> int:
        """Pixels of a tile; the last one may be filled up with pixels that are none."""
        return -(-self.width // self.count)

    @property
    def window(self) -> int:
        """Pixels of a window: the tile, and `reach` on both sides."""
        return self.tile + 2 * self._margin

    @property
    def pairs(self) -> int:
        """Pairs of a row in its blocks, those that do not count included."""
        return self.count * self.tile * self.window

    def tiles(self, rows: Tensor) -> Tensor:
        """(R, W, C) → (R · count, tile, C), filled up with zeros."""
        filled = pad(rows, (0, 0, 0, self.count * self.tile - self.width))
        return filled.reshape(-1, self.tile, rows.shape[-1])

    def windows(self, rows: Tensor) -> Tensor:
        """(R, W, C) → (R · count, window, C), filled up with zeros."""
        behind = self.count * self.tile - self.width + self._margin
        found = pad(rows, (0, 0, self._margin, behind)).unfold(1, self.window, self.tile)
        return found.transpose(2, 3).reshape(-1, self.window, rows.shape[-1])

    def rows(self, tiles: Tensor) -> Tensor:
        """(R · count, tile, C) → (R, W, C), the transpose of `tiles`."""
        return tiles.reshape(-1, self.count * self.tile, tiles.shape[-1])[:, : self.width]

    def folded(self, windows: Tensor) -> Tensor:
        """(R · count, window, C) → (R, W, C), the transpose of `windows`: where they overlap, values add up."""
        parts = -(-self.window // self.tile)
        whole = pad(windows, (0, 0, 0, parts * self.tile - self.window))
        whole = whole.reshape(-1, self.count, parts, self.tile, windows.shape[-1])
        # Part s of window i lies where tile i + s of the filled row does.
        shifted = [pad(whole[:, :, part], (0, 0, 0, 0, part, parts - 1 - part)) for part in range(parts)]
        return torch.stack(shifted).sum(0).flatten(1, 2)[:, self._margin : self._margin + self.width]

    def weights(self, here: Tensor, there: Tensor) -> Tensor:
        """(R · count, tile, window): exp(−Σ_c |φ_ic − φ_jc|) of features (R, W, C) of both rows; 0 where no pair is."""
        distance = torch.cdist(self.tiles(here), self.windows(there), p=1.0)
        return torch.exp(-distance) * self.within(distance)

    def gathered(self, weight: Tensor, mine: Tensor, theirs: Tensor) -> tuple[Tensor, Tensor]:
        """W v of the pixels of one row over those of the other, and the other way round; v (R, W, K) of both rows."""
        return self.rows(weight @ self.windows(theirs)), self.folded(weight.mT @ self.tiles(mine))

    def within(self, like: Tensor) -> Tensor:
        """(tile, window): 1 where there is a pair."""
        first, second = (torch.arange(size, device=like.device) for size in (self.tile, self.window))
        step = second - self._margin - first[:, None]
        return ((step > 0) & (step <= self.reach) if self.later else step.abs() <= self.reach).to(like.dtype)

    @property
    def _margin(self) -> int:
        return self.reach if self.count > 1 else 0


def bands(shape: tuple[int, ...], radius: float) -> Iterator[tuple[Ends, Ends, Band]]:
    """All pairs of pixels within a radius, each once: two slices of rows, as indices of (B, \\*shape, C), and the band.

    >>> [(here[1:-1], there[1:-1], band) for here, there, band in bands((1, 4), radius=1.0)]
    [((slice(0, 1, None),), (slice(0, 1, None),), Band(width=4, reach=1, later=True))]
    """
    *lines, width = shape
    spans = [range(-min(math.floor(radius), size - 1), min(math.floor(radius), size - 1) + 1) for size in lines]
    zero = (0,) * len(lines)
    for offset in itertools.product(*spans):
        left = radius**2 - sum(step * step for step in offset)
        if offset < zero or left < 0:
            continue
        reach = min(math.floor(math.sqrt(left)), width - 1)
        if offset > zero or reach > 0:
            yield _ends(lines, offset, 1), _ends(lines, offset, -1), Band(width, reach, offset == zero)


def in_parts(visit: Callable[..., tuple[Tensor, ...]], band: Band, *rows: Tensor) -> list[tuple[Tensor, ...]]:
    """What `visit(band, *rows)` gives for part after part of `rows` (B, …, W, C); backward makes each of them again."""
    flat = [row.reshape(-1, *row.shape[-2:]) for row in rows]
    if band.pairs * len(flat[0]) <= FEW:
        return [visit(band, *flat)]
    at_once = max(1, AT_ONCE // band.pairs)
    parts = zip(*(row.split(at_once) for row in flat), strict=True)
    return [checkpoint(visit, band, *part, use_reentrant=False, preserve_rng_state=False) for part in parts]


def _ends(lines: list[int], offset: tuple[int, ...], sign: int) -> Ends:
    """The rows from which `offset` leads to rows (1), and those to which it leads (−1)."""
    steps = (sign * step for step in offset)
    inner = (slice(max(0, -step), size - max(0, step)) for step, size in zip(steps, lines, strict=True))
    return (slice(None), *inner, slice(None))
