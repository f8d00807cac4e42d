"""Seeds on pixels to a label for every pixel, however many labels there are: what is done again at every stroke."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from graphrw.core.progress import silent
from graphrw.core.walk import Walk
from graphrw.functional import hitting_probabilities
from graphrw.functional.most_probable import most_probable_labels
from graphrw.segmentation.components import LabelledComponents, labelled_components
from graphrw.segmentation.pixel_walk import number_seeds, pixel_walk
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
    entropy: Tensor  # (*spatial), in nats
    components: LabelledComponents
    walk: Walk  # on the contested pixels
    solver: Solver

    def probability(self) -> Tensor:
        """(L, \\*spatial); solved for when it is asked for."""
        if self.walk.graph.num_nodes == 0:
            z = self.walk.weight.new_zeros(0, self.components.num_columns)
        else:
            seeds = self.components.columns[self.components.contested]
            z = hitting_probabilities(self.walk, seeds, self.components.num_columns, solver=self.solver)
        return self.components.spread(z, len(self.ids)).reshape(-1, *self.labels.shape)


def label_pixels(
    image: ImagePixels, labels: Tensor, *, solver: Solver, progress: Callable[[str], None] = silent
) -> PixelLabels:
    """A label for every pixel, from seeds in `labels` (\\*spatial) int64: > 0; in memory of O(N), not O(N L)."""
    flat = torch.where(image.inside, labels, -1).reshape(-1)
    ids, seeds = number_seeds(flat)
    components = labelled_components(image.inside, seeds)
    walk = image.walk_on(components.contested.view(labels.shape))
    column, entropy = components.columns[components.contested], walk.weight.new_zeros(len(flat))
    progress("walking over the pixels")
    if walk.graph.num_nodes:
        found = most_probable_labels(walk, column, components.num_columns, solver=solver)
        column, entropy[components.contested] = found.labels, found.entropy
    answer = torch.where(components.reached & (flat >= 0), ids[components.likeliest(column)], -1)
    return PixelLabels(answer.view(labels.shape), ids, entropy.view(labels.shape), components, walk, solver)
