"""Seeds on pixels to a label for every pixel, however many labels there are: what is done again at every stroke."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from graphrw.core.graph import Graph
from graphrw.core.walk import Walk
from graphrw.functional import hitting_probabilities
from graphrw.functional.most_probable import most_probable_labels
from graphrw.segmentation.components import LabelledComponents, labelled_components, subgraph
from graphrw.segmentation.pixel_walk import number_seeds, pixel_walk
from graphrw.segmentation.progress import silent
from graphrw.solvers import Solver


@dataclass(frozen=True, eq=False)
class ImagePixels:
    """What of a walk over the pixels of an image depends on the image alone: made by `image_pixels`."""

    grid: Graph
    weight: Tensor  # (E,): that of `random_walker`; 0 outside
    inside: Tensor  # (\\*spatial) bool


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


def image_pixels(grid: Graph, pixels: Tensor, inside: Tensor, *, beta: float, length: Tensor | None) -> ImagePixels:
    """The weights of `random_walker` on the whole grid; arguments as for `pixel_walk`."""
    flat = inside.reshape(-1)
    part = pixel_walk(grid, flat, pixels, beta=beta, length=length)
    weight = part.weight.new_zeros(grid.num_edges).masked_scatter(flat[grid.edges].all(0), part.weight)
    return ImagePixels(grid, weight, inside)


def label_pixels(
    image: ImagePixels, labels: Tensor, *, solver: Solver, progress: Callable[[str], None] = silent
) -> PixelLabels:
    """A label for every pixel, from seeds in `labels` (\\*spatial) int64: > 0; in memory of O(N), not O(N L)."""
    flat, inside = labels.reshape(-1), image.inside.reshape(-1)
    ids, seeds = number_seeds(torch.where(inside, flat, -1))
    components = labelled_components(image.grid, inside, seeds)
    graph, edges = subgraph(image.grid, components.contested)
    walk, columns = Walk(graph, image.weight[edges], image.weight.new_zeros(graph.num_nodes)), components.columns
    entropy = image.weight.new_zeros(len(flat))
    column = columns[components.contested]
    progress("walking over the pixels")
    if graph.num_nodes:
        found = most_probable_labels(walk, column, components.num_columns, solver=solver)
        column, entropy[components.contested] = found.labels, found.entropy
    answer = torch.where(components.reached & inside, ids[components.likeliest(column)], -1)
    return PixelLabels(answer.reshape(labels.shape), ids, entropy.reshape(labels.shape), components, walk, solver)
