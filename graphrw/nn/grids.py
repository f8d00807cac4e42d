"""The graphs of batches of images, kept with their plans from one batch to the next."""

from typing import Any

import torch

from graphrw.build import grid_graph
from graphrw.graph import Graph

GRIDS_KEPT = 8  # shapes of batches whose graphs a layer remembers


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
            image = self.batch(1, shape, device, radius) if size > 1 else grid_graph(shape, radius=radius).to(device)
            self._graphs[key] = Graph.batch([image] * size) if size > 1 else image
        return self._graphs[key]

    def __getstate__(self) -> dict[str, Any]:
        return {"_graphs": {}}
