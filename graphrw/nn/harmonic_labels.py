"""The Learned Random Walker's layer: edge weights and seeds in, label probabilities out."""

from torch import Tensor, nn

from graphrw.build import grid_weight
from graphrw.core.arrays import as_tensor
from graphrw.core.opaque import opaque
from graphrw.core.precision import widened
from graphrw.core.walk import walk
from graphrw.core.whole import check_flag, check_whole
from graphrw.functional import hitting_probabilities, sample_gradient
from graphrw.nn.grids import Grids
from graphrw.nn.inputs import (
    Given,
    as_graph,
    checked_labels,
    checked_seeds,
    is_graph,
    is_integral,
    options,
    widened_shares,
)
from graphrw.solvers import Auto, Solver
from graphrw.solvers.base import check_solver


class HarmonicLabels(nn.Module):
    """Label probabilities from predicted edge weights and seeds (Cerrone, Zeilmann & Hamprecht, CVPR 2019).

    Z solves A_UU Z_U = W_UM Z_M. The gradient is exact by default, edges that touch a seed included, and
    costs one more solve. The paper's two economies, `num_samples` and `prune`, are options on the same adjoint.

    Args:
        num_labels: L; None: the largest label of the whole batch + 1.
        num_samples: let the gradient flow into so many edges only, drawn anew and without replacement at each forward
            pass (per graph of the batch), multiplied by E / num_samples so that it is unbiased (the authors' code
            does not rescale).
        prune: let the gradient flow into each edge through one label only: that with the largest incoming gradient at
            its two free ends (the paper's gradient pruning; the authors' code looks at one end). Biased.
        directed: keep each direction of an edge_index as an edge of its own, also where their weights differ, as those
            of attention do; a `Graph` knows.
        unreachable: (L,) the distribution to give to nodes from which no walker reaches a seed, such as all of an image
            without seeds. It fixes L. A buffer: it moves and is saved with the module. None: they are an error.
        solver: how to solve.

    Raises:
        ValueError: if `num_labels` or `num_samples` is not a whole number from 1, or `unreachable` no distribution of
            L labels; and as `hitting_probabilities`.

    Call it with images or with a graph:

    * ``layer(weight, seeds)``: weight (B, 2, H, W) (vertical, then horizontal edges, as in `grid_weight`) or
      (B, 3, D, H, W), seeds (B, H, W) or (B, D, H, W) → (B, L, H, W) or (B, L, D, H, W).
    * ``layer(graph, weight, seeds)``, or ``layer(graph, seeds)`` with weights of 1: a `Graph` (or PyG's (2, E')
      edge_index with both directions of each edge, or its adj_t), weights (E,) (or (E',)), seeds (N,) → (N, L). Self
      loops of an edge_index change nothing.

    Weights in float16 or bfloat16, as autocast makes them, are widened to float32. An edge_index is folded, and
    planned for, anew at each call; a `Graph` once.

    A walker moves along the edges of a directed `Graph`, against those of a directed edge_index: labels run from
    source to target, as PyG's messages and `Propagation` do.

    Seeds are int64, of torch or NumPy: labels from 0, −1 where there is none. An image or graph with fewer labels than
    L has probability 0 for the rest. Every connected part must hold a seed, unless `unreachable` is given.

    >>> import torch
    >>> layer = HarmonicLabels()
    >>> layer(torch.ones(1, 2, 1, 3), torch.tensor([[[0, -1, 1]]]))[0, :, 0, 1]
    tensor([0.5000, 0.5000])
    """

    unreachable: Tensor | None

    def __init__(
        self,
        *,
        num_labels: int | None = None,
        num_samples: int | None = None,
        prune: bool = False,
        directed: bool = False,
        unreachable: Tensor | None = None,
        solver: Solver = Auto(),
    ) -> None:
        super().__init__()
        check_solver(solver)
        self.num_labels, unreachable = checked_labels(num_labels, unreachable)
        self.num_samples = None if num_samples is None else check_whole("num_samples", num_samples, 1)
        self.prune = check_flag("prune", prune)
        self.directed = check_flag("directed", directed)
        self.solver = solver
        self.register_buffer("unreachable", unreachable)
        self._grids = Grids()

    @opaque
    def forward(self, graph: Given, weight: Tensor | None = None, seeds: Tensor | None = None) -> Tensor:
        """Label probabilities; see the class for the ways to call it."""
        if seeds is None and (not is_graph(graph) or is_integral(weight)):
            weight, seeds = None, weight  # of two arguments, the second are seeds
        seeds = checked_seeds(self, seeds)
        if weight is None and not is_graph(graph):
            return self._on_images(widened(as_tensor("weight", graph, "(B, 2, H, W) or (B, 3, D, H, W)")), seeds)
        graph, weight, _ = as_graph(graph, weight, len(seeds), directed=self.directed)
        if self.num_samples is not None:
            weight = sample_gradient(graph, weight, self.num_samples)
        return hitting_probabilities(
            walk(graph, weight),
            seeds,
            self.num_labels,
            unreachable=widened_shares(self.unreachable),
            solver=self.solver,
            prune=self.prune,
        )

    def reset_parameters(self) -> None:
        """Nothing: the layer has no parameters, but PyG's containers ask every layer for this."""

    def extra_repr(self) -> str:
        return options(self, "num_labels", "num_samples", "prune", "directed", "solver")

    def _on_images(self, weight: Tensor, seeds: Tensor) -> Tensor:
        graph, shape = self._grids.of("weight", weight, (2, 3), seeds)
        probability: Tensor = self.forward(graph, grid_weight(weight, shape).flatten(), seeds.flatten())
        # Nodes come first, images channels first: moved for good, as convolutions behind would read it again and again.
        return probability.reshape(len(weight), *shape, probability.shape[1]).movedim(-1, 1).contiguous()
