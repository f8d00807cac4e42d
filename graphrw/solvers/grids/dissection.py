"""Nested dissection of a grid: in which order its pixels are eliminated, and which of them meet in a front.

A line (in 3D a plane) of pixels parts a box in two, each half is parted likewise, and so on down to boxes of a few
pixels. Halves are eliminated before the pixels that part them (George 1973). The pixels that a box eliminates are its
*own*; what couples them to the rest are its *border*, the pixels around it that are left: both lie within one dense
front (multifrontal method, Duff & Reid 1983). Boxes of the same sizes at the same sides of the image have the same
front, so that all this is found once for each kind of box, and numbers come in batches.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

LEAF = 20  # pixels up to which a box is not parted; from 12 to 30 a factorisation takes about as long
Side = tuple[int, int]  # the axis, and 0 for its low end, 1 for its high one
Pixels = NDArray[np.int64]  # (n, axes), relative to the first pixel of a box


@dataclass(frozen=True)
class Run:
    """Places in the border of a part, one after the other, which are so in the front of the whole, too."""

    start: int
    end: int
    place: int  # of the first in the front: own pixels come first


@dataclass(frozen=True, eq=False)
class Part:
    """One of the two halves of a box."""

    kind: "Kind"
    offset: tuple[int, ...]  # of its first pixel
    runs: tuple[Run, ...]


@dataclass(frozen=True, eq=False)
class Kind:
    """What boxes of equal sizes have in common that lie at the same sides of the image."""

    own: Pixels
    border: Pixels
    parts: tuple[Part, ...]
    links: Pixels  # (n, 2): places in the front of two neighbours, of which the second is its own
    lower: Pixels  # of each link the end from which a coordinate grows
    axis: NDArray[np.int64]  # (n,): which coordinate that is

    @property
    def entries(self) -> int:
        """Numbers that a factor keeps of such a box."""
        return len(self.own) * (len(self.own) + len(self.border))

    @property
    def flops(self) -> int:
        """Floating-point operations of its elimination, by products of dense matrices."""
        own, border = len(self.own), len(self.border)
        return 2 * own * (own**2 + own * border + border**2)


@dataclass(frozen=True, eq=False)
class Boxes:
    """All boxes of one kind at one depth, in the pixels of the image."""

    kind: Kind
    first: int  # its number, where boxes are counted through
    own: Tensor  # (n, s) int64
    border: Tensor  # (n, b) int64
    links: Tensor  # (n, links) int64: axis · N + the lower pixel
    parts: tuple[tuple[int, slice], ...]  # for each part, where they stand: the place of a `Boxes` in the next level

    def __len__(self) -> int:
        return len(self.own)


@dataclass(frozen=True, eq=False)
class Dissection:
    """Of a grid of N pixels: boxes by depth, the whole image first."""

    shape: tuple[int, ...]
    levels: tuple[tuple[Boxes, ...], ...]

    @property
    def boxes(self) -> Iterable[Boxes]:
        """All of them, the whole image first."""
        return (boxes for level in self.levels for boxes in level)

    @cached_property
    def entries(self) -> int:
        """Numbers that a factor keeps."""
        return sum(len(boxes) * boxes.kind.entries for boxes in self.boxes)

    @cached_property
    def flops(self) -> int:
        """Floating-point operations of a factorisation."""
        return sum(len(boxes) * boxes.kind.flops for boxes in self.boxes)

    @cached_property
    def bytes(self) -> int:
        """At the peak of a factorisation: what is kept, and the fronts of two levels."""
        fronts = [sum(boxes.border.numel() * boxes.border.shape[1] for boxes in level) for level in self.levels]
        return 8 * (self.entries + 3 * max(fronts) + 12 * prod(self.shape))

    @cached_property
    def box_of(self) -> Tensor:
        """(N,): the box that eliminates each pixel."""
        box = torch.empty(prod(self.shape), dtype=torch.int64)
        for boxes in self.boxes:
            box[boxes.own] = torch.arange(boxes.first, boxes.first + len(boxes))[:, None]
        return box

    @cached_property
    def parent(self) -> Tensor:
        """(boxes,): the box that each is a part of; −1 for the whole image."""
        parent = torch.full((sum(map(len, self.boxes)),), -1)
        for level, below in zip(self.levels[:-1], self.levels[1:], strict=True):
            for boxes in level:
                for place, part in boxes.parts:
                    first = below[place].first
                    whole = torch.arange(boxes.first, boxes.first + len(boxes))
                    parent[first + part.start : first + part.stop] = whole
        return parent

    def above(self, pixels: Tensor) -> Tensor:
        """The boxes that eliminate `pixels` (n,), and all that these are parts of, in ascending order."""
        boxes = self.box_of[pixels].unique()
        found = [boxes]
        while len(boxes):
            boxes = self.parent[boxes].unique()
            boxes = boxes[boxes >= 0]
            found.append(boxes)
        every: Tensor = torch.cat(found).unique()
        return every


def dissect(shape: tuple[int, ...]) -> Dissection:
    """The nested dissection of a grid of 1 to 3 axes, whose pixels are joined along them."""
    strides = np.array([prod(shape[axis + 1 :]) for axis in range(len(shape))], dtype=np.int64)
    kinds: dict[tuple[tuple[int, ...], frozenset[Side]], Kind] = {}
    level = {_kind(kinds, shape, frozenset()): [np.zeros((1, len(shape)), dtype=np.int64)]}
    levels: list[tuple[Boxes, ...]] = []
    count = 0
    while level:
        below: dict[Kind, list[Pixels]] = {}
        placed: list[Boxes] = []
        for kind, blocks in level.items():
            origins = np.concatenate(blocks)
            places = tuple(_append(below, part, origins) for part in kind.parts)
            placed.append(_placed(kind, count, origins @ strides, places, strides=strides, size=prod(shape)))
            count += len(origins)
        levels.append(tuple(placed))
        level = below
    return Dissection(shape, tuple(levels))


def _append(below: dict[Kind, list[Pixels]], part: Part, origins: Pixels) -> tuple[int, slice]:
    """Note these parts of boxes for the next level; where they stand there."""
    blocks = below.setdefault(part.kind, [])
    start = sum(map(len, blocks))
    blocks.append(origins + np.array(part.offset))
    return list(below).index(part.kind), slice(start, start + len(origins))


def _placed(
    kind: Kind, first: int, origins: Pixels, parts: tuple[tuple[int, slice], ...], *, strides: Pixels, size: int
) -> Boxes:
    own, border, lower = (
        torch.from_numpy(origins[:, None] + pixels @ strides) for pixels in (kind.own, kind.border, kind.lower)
    )
    return Boxes(kind, first, own, border, lower + size * torch.from_numpy(kind.axis), parts)


def _kind(
    kinds: dict[tuple[tuple[int, ...], frozenset[Side]], Kind], sizes: tuple[int, ...], sides: frozenset[Side]
) -> Kind:
    """That of boxes of these sizes which have neighbours at these `sides`."""
    if (sizes, sides) not in kinds:
        axis = int(np.argmax(sizes))
        parted = prod(sizes) > LEAF and sizes[axis] >= 3
        middle = sizes[axis] // 2
        own = _block([(middle, middle + 1) if parted and a == axis else (0, size) for a, size in enumerate(sizes)])
        border = _border(sizes, sides)
        place = {tuple(pixel): n for n, pixel in enumerate(np.concatenate([own, border]).tolist())}
        parts = []
        for high in (0, 1) if parted else ():
            half = sizes[axis] - middle - 1 if high else middle
            part = _kind(kinds, (*sizes[:axis], half, *sizes[axis + 1 :]), sides | {(axis, 1 - high)})
            offset = tuple((middle + 1) * high * (a == axis) for a in range(len(sizes)))
            parts.append(Part(part, offset, _runs(part.border + np.array(offset), place, len(own))))
        kinds[sizes, sides] = Kind(own, border, tuple(parts), *_links(own, place))
    return kinds[sizes, sides]


def _block(bounds: list[tuple[int, int]]) -> Pixels:
    """All pixels within bounds along each axis, in C order."""
    return np.stack(np.meshgrid(*(np.arange(*bound) for bound in bounds), indexing="ij"), -1).reshape(-1, len(bounds))


def _border(sizes: tuple[int, ...], sides: frozenset[Side]) -> Pixels:
    """The pixels around a box, side by side, in an order in which those around a half are few runs."""
    axes = range(1, len(sizes))
    round_about = [(0, 0), *((axis, 1) for axis in axes), (0, 1), *((axis, 0) for axis in axes)]
    blocks = [np.empty((0, len(sizes)), dtype=np.int64)]
    for axis, high in round_about:
        if (axis, high) in sides:
            beyond = sizes[axis] if high else -1
            blocks.append(_block([(beyond, beyond + 1) if a == axis else (0, size) for a, size in enumerate(sizes)]))
    return np.concatenate(blocks)


def _runs(border: Pixels, place: dict[tuple[int, ...], int], own: int) -> tuple[Run, ...]:
    """Where the border of a part stands in the front of the whole, whose first `own` places are its own."""
    places = np.array([place[tuple(pixel)] for pixel in border.tolist()])
    breaks = np.flatnonzero((np.diff(places) != 1) | (places[1:] == own)) + 1
    starts, ends = [0, *breaks.tolist()], [*breaks.tolist(), len(places)]
    return tuple(Run(start, end, int(places[start])) for start, end in zip(starts, ends, strict=True))


def _links(own: Pixels, place: dict[tuple[int, ...], int]) -> tuple[Pixels, Pixels, NDArray[np.int64]]:
    """The edges that `own` pixels have within the front, each once: `links`, `lower` and `axis` of a `Kind`."""
    found: list[tuple[int, int, list[int], int]] = []
    for here, pixel in enumerate(own.tolist()):
        for axis in range(own.shape[1]):
            for step in (-1, 1):
                other = [*pixel[:axis], pixel[axis] + step, *pixel[axis + 1 :]]
                there = place.get(tuple(other), -1)
                if there > here:  # own pixels come first
                    found.append((there, here, other if step < 0 else pixel, axis))
    pairs = np.array([(there, here) for there, here, _, _ in found], dtype=np.int64).reshape(-1, 2)
    lower = np.array([pixel for _, _, pixel, _ in found], dtype=np.int64).reshape(-1, own.shape[1])
    return pairs, lower, np.array([axis for *_, axis in found], dtype=np.int64)
