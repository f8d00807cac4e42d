"""Walks on grids by shifted images in place of lists of edges."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import prod

import torch
from torch import Tensor

from graphrw.core.walk import Walk
from graphrw.solvers.operator import Operator


class GridOperator(Operator):
    """A of a walk on ``grid_graph(shape)``, whose rates are known."""

    def __init__(self, walk: Walk, shape: tuple[int, ...], rate: Tensor) -> None:
        super().__init__(walk)
        self._shape, self._rate = shape, rate

    @property
    def diagonal(self) -> Tensor:
        return self._rate

    @cached_property
    def degree(self) -> Tensor:
        return self._rate - self.walk.killing

    def matmul(self, x: Tensor, out: Tensor | None = None, *, transpose: bool = False) -> Tensor:
        product = self.residual(torch.zeros_like(x), x, transpose, in_differences=True).neg_()
        return product if out is None else out.copy_(product)

    def matmul_in_differences(self, x: Tensor, out: Tensor | None = None, *, transpose: bool = False) -> Tensor:
        return self.matmul(x, out)

    def residual(self, b: Tensor, x: Tensor, transpose: bool, in_differences: bool) -> Tensor:
        left = torch.addcmul(b, self.walk.killing[:, None], x, value=-1)
        images, values = left.view(*self._shape, -1), x.reshape(*self._shape, -1)
        for axis, weight in enumerate(axis_weights(self.walk.weight, self._shape)):
            (low, high), (here, there) = _ends(images, axis), _ends(values, axis)
            flow = (there - here).mul_(weight[..., None])
            low += flow
            high -= flow
        return left


@dataclass(frozen=True, eq=False)
class GridWalk:
    """A walk on ``grid_graph(shape)``, for any pixels to be held."""

    walk: Walk
    shape: tuple[int, ...]

    @cached_property
    def links(self) -> Tensor:
        """(axes, N): the weights between each pixel and the next along each axis, 0 where there is none."""
        return along_axes(self.walk.weight, self.shape)

    @cached_property
    def rate(self) -> Tensor:
        """(N,): the rates, which stay what they are whatever is held; 1 where there is none."""
        total = self.walk.killing.reshape(self.shape).clone()
        for axis, weight in enumerate(axis_weights(self.walk.weight, self.shape)):
            low, high = _ends(total, axis)
            low += weight
            high += weight
        return torch.where(total == 0, 1.0, total).view(-1)

    def neighbours(self, pixels: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Of `pixels` (n,), one side after the other: the neighbours there, (n,), and the weights to them; where there
        is none, any pixel and 0."""
        for axis, weight in enumerate(self.links):
            stride = prod(self.shape[axis + 1 :])
            yield (pixels + stride).clamp(max=len(weight) - 1), weight[pixels]
            others = (pixels - stride).clamp(min=0)
            yield others, torch.where(pixels // stride % self.shape[axis] > 0, weight[others], 0.0)

    def held_at(self, held: Tensor) -> GridOperator:
        """A of the walk that ends where `held` (N,) bool is true: as `Held.ended`, at a third of its time."""
        free, weight = ~held.view(self.shape), torch.empty_like(self.walk.weight)
        blocks = zip(axis_weights(self.walk.weight, self.shape), axis_weights(weight, self.shape), strict=True)
        for axis, (whole, kept) in enumerate(blocks):
            low, high = _ends(free, axis)
            torch.mul(whole, low & high, out=kept)
        pixels, killing = held.nonzero().squeeze(1), self.walk.killing.clone()
        for others, linked in self.neighbours(pixels):
            killing.index_add_(0, others, linked)
        killing[pixels] = self.rate[pixels]
        return GridOperator(Walk(self.walk.graph, weight, killing), self.shape, self.rate)


def axis_weights(weight: Tensor, shape: tuple[int, ...]) -> list[Tensor]:
    """The weights (E,) of ``grid_graph(shape)`` along each axis, as images that are shorter by one there."""
    sizes = [[size - (other == axis) for other, size in enumerate(shape)] for axis in range(len(shape))]
    blocks = weight.split([prod(size) for size in sizes])
    return [block.view(size) for block, size in zip(blocks, sizes, strict=True)]


def along_axes(weight: Tensor, shape: tuple[int, ...]) -> Tensor:
    """(axes, N): for each axis the weights (E,) between each pixel and the next along it, 0 where there is none."""
    images = weight.new_zeros(len(shape), *shape)
    for axis, block in enumerate(axis_weights(weight, shape)):
        images[axis].narrow(axis, 0, block.shape[axis]).copy_(block)
    return images.view(len(shape), -1)


def _ends(image: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """The lower and the upper ends of all edges along an axis."""
    size = image.shape[axis] - 1
    return image.narrow(axis, 0, size), image.narrow(axis, 1, size)
