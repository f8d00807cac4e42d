"""The Learned Random Walker's layer: edge weights and seeds in, label probabilities out."""

from typing import overload

import torch
from torch import Tensor, nn

from graphrw.build import grid_graph, grid_weight
from graphrw.convert import from_edge_index
from graphrw.functional import hitting_probabilities
from graphrw.graph import Graph
from graphrw.solvers import Auto, Solver
from graphrw.walk import walk


class HarmonicLabels(nn.Module):
    """Label probabilities from predicted edge weights and seeds (Cerrone, Zeilmann & Hamprecht, CVPR 2019).

    Z solves A_UU Z_U = W_UM Z_M (their eq. 4). The gradient is exact by default, edges that touch a seed included, and
    costs one more solve. The paper's two economies are options on the same adjoint:

    Args:
        num_samples: let the gradient flow into so many edges only, drawn anew and without replacement at each forward
            pass (per graph of the batch), multiplied by E / num_samples so that it is unbiased (sec. 4.2 of the paper,
            which does not rescale).
        prune: of each node's adjoint keep only the label whose incoming gradient is largest there (the paper's gradient
            pruning, which does this edge by edge). Biased.
        solver: how to solve.

    Raises:
        ValueError: for `num_samples` below 1.

    Call it with images or with a graph:

    * ``layer(weight, seeds)``: weight (B, 2, H, W) (vertical, then horizontal edges, as in `grid_weight`) or
      (B, 3, D, H, W), seeds (B, H, W) or (B, D, H, W) → (B, L, H, W) or (B, L, D, H, W).
    * ``layer(graph, weight, seeds)``: a `Graph` (or PyG's (2, E') edge_index with both directions of each edge),
      weights (E,) (or (E',)), seeds (N,) → (N, L).

    Seeds are int64: labels from 0, −1 where there is none. L is the largest label of the whole batch + 1; an image or
    graph with fewer labels has probability 0 for the rest. Every connected part must hold a seed.

    >>> layer = HarmonicLabels()
    >>> layer(torch.ones(1, 2, 1, 3), torch.tensor([[[0, -1, 1]]]))[0, :, 0, 1]
    tensor([0.5000, 0.5000])
    """

    def __init__(self, num_samples: int | None = None, prune: bool = False, solver: Solver = Auto()) -> None:
        super().__init__()
        if num_samples is not None and num_samples < 1:
            raise ValueError(f"`num_samples` must be at least 1, or None for the exact gradient; got {num_samples}.")
        self.num_samples = num_samples
        self.prune = prune
        self.solver = solver
        self._grids: dict[tuple[int, tuple[int, ...], torch.device], Graph] = {}

    @overload
    def forward(self, graph: Tensor, weight: Tensor, /) -> Tensor: ...

    @overload
    def forward(self, graph: Graph | Tensor, weight: Tensor, seeds: Tensor) -> Tensor: ...

    def forward(self, graph: Graph | Tensor, weight: Tensor, seeds: Tensor | None = None) -> Tensor:
        """Label probabilities; see the class for the two ways to call it."""
        if isinstance(graph, Tensor):
            if seeds is None:
                return self._on_images(graph, weight)
            graph, weight = from_edge_index(graph, weight, num_nodes=len(seeds))
        if seeds is None:
            raise TypeError("`HarmonicLabels` on a graph needs graph, weight and seeds; got no seeds.")
        if self.num_samples is not None:
            weight = sample_gradient(graph, weight, self.num_samples)
        return hitting_probabilities(walk(graph, weight), seeds, solver=self.solver, prune=self.prune)

    def extra_repr(self) -> str:
        return f"num_samples={self.num_samples}, prune={self.prune}, solver={self.solver}"

    def _on_images(self, weight: Tensor, seeds: Tensor) -> Tensor:
        batch, shape = weight.shape[0], tuple(weight.shape[2:])
        if weight.ndim not in (4, 5) or weight.shape[1] != len(shape):
            raise ValueError(f"`weight` must be (B, 2, H, W) or (B, 3, D, H, W); got {tuple(weight.shape)}.")
        if seeds.shape != (batch, *shape):
            raise ValueError(f"`seeds` must be {(batch, *shape)} as `weight` asks; got {tuple(seeds.shape)}.")
        graph = self._grid(batch, shape, weight.device)
        probability = self.forward(graph, grid_weight(weight, shape).flatten(), seeds.flatten())
        return probability.reshape(batch, *shape, -1).movedim(-1, 1)

    def _grid(self, batch: int, shape: tuple[int, ...], device: torch.device) -> Graph:
        """The graph of a batch of images, kept with its plans for the next batch of that size."""
        key = (batch, shape, device)
        if key not in self._grids:
            image = self._grid(1, shape, device) if batch > 1 else grid_graph(shape).to(device)
            self._grids[key] = Graph.batch([image] * batch) if batch > 1 else image
        return self._grids[key]


def sample_gradient(graph: Graph, weight: Tensor, num_samples: int) -> Tensor:
    """`weight` itself; its gradient reaches only `num_samples` random edges of each graph, times E / num_samples."""
    factor = torch.zeros_like(weight)
    start = 0
    for part in graph.parts or (graph,):
        count = min(num_samples, part.num_edges)
        chosen = start + torch.randperm(part.num_edges, device=weight.device)[:count]
        factor[chosen] = part.num_edges / max(count, 1)
        start += part.num_edges
    return weight.detach() + factor * (weight - weight.detach())
