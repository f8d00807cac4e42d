"""Seeds on pixels to a label for every pixel, however many labels there are: what is done again at every stroke."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from graphrw.core.progress import silent
from graphrw.core.reach import stranded
from graphrw.core.walk import Walk
from graphrw.segmentation.pixels.components import LabelledComponents, labelled_components, pieces
from graphrw.segmentation.pixels.contest import Contest, contest_by, contest_on
from graphrw.segmentation.pixels.cost import require_room_to_walk
from graphrw.segmentation.pixels.kept_factor import KeptFactor
from graphrw.segmentation.pixels.pixel_walk import number_seeds, pixel_walk
from graphrw.segmentation.seeded_walk import SeededWalk
from graphrw.solvers import Solver


@dataclass(frozen=True, eq=False)
class ImagePixels:
    """An image as a graph of its pixels, used for any seeds on it."""

    pixels: Tensor  # (N, C) floats
    inside: Tensor  # (\\*spatial) bool
    beta: float
    steps: tuple[float, ...] | None  # the distance of pixels along each axis

    @cached_property
    def walk(self) -> Walk:
        """That of `random_walker` on all pixels inside."""
        return pixel_walk(self.inside, self.pixels, beta=self.beta, steps=self.steps)

    @cached_property
    def kept(self) -> KeptFactor:
        """The factor of the last strokes: of the walk on the whole grid, where no edge leads outside."""
        return KeptFactor(self._walk_on_grid, tuple(self.inside.shape))

    def _walk_on_grid(self) -> Walk:
        if bool(self.inside.all()):
            return self.walk
        whole = pixel_walk(torch.ones_like(self.inside), self.pixels, beta=self.beta, steps=self.steps)
        tail, head = self.inside.view(-1)[whole.graph.edges]
        return Walk(whole.graph, whole.weight * (tail & head), whole.killing)

    @cached_property
    def pieces(self) -> Tensor:
        """(N,): the connected pieces of what is inside."""
        return pieces(self.inside)

    def walk_on(self, nodes: Tensor) -> Walk:
        """… on `nodes` (\\*spatial) bool alone; where those are all, the same graph each time, with its plans."""
        if bool((nodes == self.inside).all()):
            return self.walk
        return pixel_walk(nodes, self.pixels, beta=self.beta, steps=self.steps)


@dataclass(frozen=True, eq=False)
class PixelLabels:
    """The label of every pixel, and how sure it is: made by `label_pixels`."""

    labels: Tensor  # (*spatial) int64: ids as the seeds have them; −1 outside and where no seed reaches
    ids: Tensor  # (L,) int64, ascending
    components: LabelledComponents
    contest: Contest
    image: ImagePixels
    strokes: Tensor  # (*spatial) int64: > 0 a seed

    @cached_property
    def seeded(self) -> SeededWalk:
        """The walk over all pixels inside."""
        inside, moves = self.image.inside, self.image.walk
        _, number = number_seeds(self.strokes[inside])
        lost = stranded(moves, number >= 0).to(moves.weight)
        node = torch.where(inside, (inside.reshape(-1).cumsum(0) - 1).view(inside.shape), -1)
        nothing = moves.weight.new_zeros(len(number), len(self.ids))
        return SeededWalk(Walk(moves.graph, moves.weight, lost), number, nothing, node, self.ids)

    @cached_property
    def entropy(self) -> Tensor:
        """(\\*spatial), in nats"""
        found = self.contest.entropy
        spread = found.new_zeros(self.labels.numel())
        return spread.masked_scatter_(self.components.contested, found).view(self.labels.shape)

    def probability(self) -> Tensor:
        """(L, \\*spatial); solved for when it is asked for, unless there are few labels."""
        z = self.contest.probability
        return self.components.spread(z, len(self.ids)).reshape(-1, *self.labels.shape)


def label_pixels(
    image: ImagePixels, labels: Tensor, *, solver: Solver, progress: Callable[[str], None] = silent
) -> PixelLabels:
    """A label for every pixel, from seeds in `labels` (\\*spatial) int64: > 0; in memory of O(N), not O(N L)."""
    flat = torch.where(image.inside, labels, -1).reshape(-1)
    ids, seeds = number_seeds(flat)
    components = labelled_components(image.pieces, seeds)
    progress("walking over the pixels")
    contest = _contest(image, components, solver)
    answer = torch.where(components.reached & (flat >= 0), ids[components.likeliest(contest.column)], -1)
    return PixelLabels(answer.view(labels.shape), ids, components, contest, image, labels)


def _contest(image: ImagePixels, components: LabelledComponents, solver: Solver) -> Contest:
    contested = components.contested
    nodes = contested.view(image.inside.shape)
    if "kept" not in vars(image):  # later strokes find much of the memory taken already, and use it again
        require_room_to_walk(nodes, components.num_columns, solver)
    if bool(contested.any()):
        inverse = image.kept.held_at(~contested | (components.columns >= 0), solver)
        if inverse is not None:
            return contest_by(inverse, components, image.pixels)
    return contest_on(image.walk_on(nodes), components, solver)
