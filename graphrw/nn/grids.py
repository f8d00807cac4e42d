"""Batches of images as graphs, which are kept with their plans from one batch to the next."""

from typing import Any

import torch
from torch import Tensor

from graphrw.build import grid_graph
from graphrw.core.graph import Graph
from graphrw.core.whole import is_whole
from graphrw.functional.seeds import cure_of

# Shapes of batches whose graphs a layer remembers: those of training, validation and their last, smaller batches. Each
# holds its edges and all that solvers planned for it, so that images of ever new sizes must not pile up.
GRIDS_KEPT = 8


class Grids:
    """The latest few graphs asked for; none of them is copied or saved with the layer that holds this."""

    def __init__(self) -> None:
        self._graphs: dict[tuple[int, tuple[int, ...], torch.device, float | None], Graph] = {}

    def batch(self, size: int, shape: tuple[int, ...], device: torch.device, radius: float | None = None) -> Graph:
        """The grid graph of one image, or the disjoint union of `size` of them: one object for the same arguments."""
        key = (size, shape, device, radius)
        if key not in self._graphs:
            while len(self._graphs) >= GRIDS_KEPT:
                del self._graphs[next(iter(self._graphs))]
            image = self.batch(1, shape, device, radius) if size != 1 else grid_graph(shape, radius=radius).to(device)
            self._graphs[key] = image if size == 1 else Graph.batch([image] * size) if size else _none_of(image)
        return self._graphs[key]

    def of(self, name: str, images: Tensor, channels: tuple[int, int], seeds: Tensor) -> tuple[Graph, tuple[int, ...]]:
        """The graph of a batch of images, and the shape of one of them; arguments and errors as of `image_shape`."""
        shape = image_shape(name, images, channels, seeds)
        return self.batch(len(images), shape, images.device), shape

    # Graphs are made again where they are needed: a saved layer must not carry those of the images it was trained on.
    def __getstate__(self) -> dict[str, Any]:
        return {"_graphs": {}}


def check_axes(axes: int) -> int:
    """`axes`, if it is that of images or of volumes."""
    if not is_whole(axes) or axes not in (2, 3):
        raise ValueError(f"`axes` must be 2 (images) or 3 (volumes); got {axes!r}.")
    return int(axes)


def _none_of(image: Graph) -> Graph:
    """The graph of a batch of no image."""
    return Graph(image.edges[:, :0], 0)


def image_shape(name: str, images: Tensor, channels: tuple[int, int], seeds: Tensor) -> tuple[int, ...]:
    """(H, W) or (D, H, W) of a batch of images that has as many `channels` as 2D or 3D asks, and seeds that fit it.

    Raises:
        ValueError: for other shapes.
    """
    axes = images.ndim - 2
    if axes not in (2, 3) or images.shape[1] != channels[axes - 2]:
        wanted = f"(B, {channels[0]}, H, W) or (B, {channels[1]}, D, H, W)"
        raise ValueError(f"`{name}` must be {wanted}; got {tuple(images.shape)}.")
    shape = tuple(images.shape[2:])
    if seeds.shape != (len(images), *shape):
        raise ValueError(f"`seeds` must be {(len(images), *shape)} as `{name}` asks; got {tuple(seeds.shape)}.")
    if seeds.dtype != torch.int64:
        raise ValueError(f"`seeds` must be int64 labels; got {tuple(seeds.shape)} {seeds.dtype}.{cure_of(seeds)}")
    return shape
