"""Which labels each component of an image holds, and how few columns it takes to solve for them."""

from dataclasses import dataclass
from functools import cached_property

import torch
from scipy import ndimage
from torch import Tensor

from graphrw.build.grid import grid_graph
from graphrw.core.distinct import distinct
from graphrw.core.graph import Graph, unchecked


@dataclass(frozen=True, eq=False)
class LabelledComponents:
    """The connected pixels of an image, and the seeds in them.

    Walkers never leave their component. So a pixel has probability 0 for all labels but those its component holds: if
    that is one, nothing is to be solved; if there are more, the first of each component may share a column of the
    solve, and likewise the second. The columns are as many as the most labels that any component holds, however many
    labels the image has.
    """

    component: Tensor  # (N,)
    columns: Tensor  # (N,): the place of each seed's label among those of its component; −1 where there is no seed
    labels: Tensor  # (P,): the labels of the first component in ascending order, then those of the second, and so on
    first: Tensor  # (components,): where in `labels` those of a component begin
    count: Tensor  # (components,): how many they are

    @cached_property
    def reached(self) -> Tensor:
        """(N,) bool: the pixels in whose component there is a seed."""
        return (self.count > 0)[self.component]

    @cached_property
    def contested(self) -> Tensor:
        """(N,) bool: the pixels of components that hold more than one label, and a pixel that has none."""
        seeded = torch.bincount(self.component[self.columns >= 0], minlength=len(self.count))
        free = torch.bincount(self.component, minlength=len(self.count)) > seeded
        return ((self.count > 1) & free)[self.component]

    @property
    def num_columns(self) -> int:
        """C, the most labels that any component holds."""
        return int(self.count.max())

    @cached_property
    def _is_whole(self) -> bool:
        """Whether all pixels are contested, and all labels with them."""
        return int((self.count > 0).sum()) == 1 and bool(self.contested.all())

    def likeliest(self, likeliest: Tensor) -> Tensor:
        """(N,): the label of each pixel that is reached; `likeliest` (n,) is the column that is, where contested."""
        if self._is_whole:
            return self.labels[likeliest]
        column = self.columns.clamp(min=0)  # where nothing is contested: that of a seed, or the only one
        column[self.contested] = likeliest
        return self._label(torch.arange(len(column), device=column.device), column)

    def spread(self, probability: Tensor, num_labels: int) -> Tensor:
        """(L, N): the probability of every label, from that of each column where contested, (n, C)."""
        nodes = self.contested.nonzero().squeeze(1)
        if int((self.count > 0).sum()) > 1:  # a single component has all labels, in their order
            column = torch.arange(probability.shape[1], device=nodes.device)
            every = probability.new_zeros(len(nodes), num_labels)
            probability = every.scatter_add(1, self._label(nodes[:, None], column), probability)
        if len(nodes) == len(self.component):
            return probability.T
        settled = (self.reached & ~self.contested).nonzero().squeeze(1)
        full = probability.new_zeros(num_labels, len(self.component))
        full[self._label(settled, self.columns[settled].clamp(min=0)), settled] = 1
        return full.index_copy(1, nodes, probability.T)

    def _label(self, nodes: Tensor, column: Tensor) -> Tensor:
        """What `column` stands for in the component of each of `nodes`, two int64 tensors that broadcast.

        Past the labels of a component, where all probabilities are 0, that is any label.
        """
        return self.labels[(self.first[self.component[nodes]] + column).clamp(max=len(self.labels) - 1)]


def pieces(inside: Tensor) -> Tensor:
    """(N,) int64: to which connected piece each pixel of `inside`, \\*spatial bool, belongs, from 1; 0 outside."""
    found, _ = ndimage.label(inside.cpu().numpy())  # neighbours are those of a grid of connectivity 1
    return torch.from_numpy(found).to(inside.device).reshape(-1).long()


def labelled_components(component: Tensor, seeds: Tensor) -> LabelledComponents:
    """Of the pixels in `pieces` (N,), with `seeds` (N,): labels from 0, −1 where there is none.

    All pixels outside are component 0, which holds no label.
    """
    size = len(seeds)
    nodes = (seeds >= 0).nonzero().squeeze(1)  # few
    held = component[nodes]
    pairs, place = distinct(held * size + seeds[nodes])  # by component, and in each by label
    count = torch.bincount(pairs // size, minlength=int(component.max()) + 1)
    first = count.cumsum(0) - count
    columns = torch.full_like(seeds, -1).index_copy_(0, nodes, place - first[held])
    return LabelledComponents(component, columns, pairs % size, first, count)


def grid_within(mask: Tensor) -> tuple[Graph, list[int]]:
    """The pixels where `mask`, \\*spatial bool, is true, in C order, and how many edges lie along each axis.

    Edges are in the order of `grid_graph`, of which this is a part: axis by axis.
    """
    if bool(mask.all()):
        graph = grid_graph(tuple(mask.shape)).to(mask.device)
        return graph, [mask.numel() // size * (size - 1) for size in mask.shape]
    number = torch.where(mask, mask.reshape(-1).cumsum(0).view(mask.shape) - 1, -1)
    pairs = []
    for axis, size in enumerate(mask.shape):
        tail, head = number.narrow(axis, 0, size - 1), number.narrow(axis, 1, size - 1)
        both = (tail >= 0) & (head >= 0)
        pairs.append(torch.stack([tail[both], head[both]]))
    return unchecked(torch.cat(pairs, dim=1), int(mask.sum())), [pair.shape[1] for pair in pairs]
