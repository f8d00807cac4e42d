"""RAWKS' layer: boundary scores and seeds in, label probabilities out."""

from collections.abc import Callable
from functools import partial

from torch import Tensor, nn

from graphrw.core.arrays import as_tensor
from graphrw.core.opaque import opaque
from graphrw.core.precision import widened
from graphrw.core.whole import check_flag
from graphrw.functional.boundary import boundary_probabilities, missing_neighbours
from graphrw.nn.grids import Grids
from graphrw.nn.inputs import Given, as_graph, checked_labels, checked_seeds, is_graph, options, widened_shares
from graphrw.solvers import Auto, Solver
from graphrw.solvers.base import check_solver


class BoundaryLabels(nn.Module):
    """Label probabilities from predicted boundary scores and seeds (Vernaza & Chandraker, CVPR 2017).

    P_il = Z_il / Σ_m Z_im, where Z_i = e^{−B_i} / d_i · Σ_j w_ij Z_j off the seeds, and Z is 1 for a seed's own label,
    0 for the others; see `boundary_probabilities`, also for what departs from the paper.

    Args:
        num_labels: L; None: the largest label of the whole batch + 1.
        degree_normalised: divide each step by the degree d. False: the paper's recursion as printed, an error where
            its sum is infinite.
        leave: whether paths leave an image at its border (so they do in the paper), as if it went on there. Otherwise
            the border reflects: only neighbours that are there count; as printed, the pixel itself stands in for a
            neighbour that is missing. A graph has no border.
        directed: keep each direction of an edge_index as an edge of its own, also where their weights differ, as those
            of attention do; a `Graph` knows.
        unreachable: (L,) the distribution to give to nodes from which no walker reaches a seed, such as all of an image
            without seeds. It fixes L. A buffer: it moves and is saved with the module. None: they are an error.
        solver: how to solve.

    Raises:
        ValueError: if `num_labels` is not a whole number from 1, or `unreachable` no distribution of L labels; and as
            `boundary_probabilities`.

    Call it with images or with a graph:

    * ``layer(boundary, seeds)``: boundary (B, 1, H, W) or (B, 1, D, H, W), seeds (B, H, W) or (B, D, H, W)
      → (B, L, H, W) or (B, L, D, H, W).
    * ``layer(graph, boundary, seeds, weight=None)``: a `Graph` (or PyG's (2, E') edge_index with both directions of
      each edge, or its adj_t), boundary (N,), seeds (N,), weights (E,) (or (E',)) → (N, L). Self loops of an edge_index
      are steps that stay, and pay for it: `stay` of `boundary_probabilities`.

    Scores are ≥ 0: put a softplus behind the network. In float16 or bfloat16, as autocast makes them, they are widened
    to float32. An edge_index is folded, and planned for, anew at each call; a `Graph` once.
    A walker moves along the edges of a directed `Graph`, against those of a directed edge_index: labels run from
    source to target, as PyG's messages and `Propagation` do.

    Seeds are int64, of torch or NumPy: labels from 0, −1 where there is none. Every connected part must hold a seed,
    unless `unreachable` is given.

    >>> import torch
    >>> layer = BoundaryLabels()
    >>> layer(torch.tensor([[[[0.0, 0.0, 1.0, 0.0]]]]), torch.tensor([[[0, -1, -1, 1]]]))[0, 1, 0]
    tensor([0.0000, 0.1554, 0.6667, 1.0000])
    """

    unreachable: Tensor | None

    def __init__(
        self,
        *,
        num_labels: int | None = None,
        degree_normalised: bool = True,
        leave: bool = False,
        directed: bool = False,
        unreachable: Tensor | None = None,
        solver: Solver = Auto(),
    ) -> None:
        super().__init__()
        check_solver(solver)
        self.num_labels, unreachable = checked_labels(num_labels, unreachable)
        self.degree_normalised = check_flag("degree_normalised", degree_normalised)
        self.leave, self.directed = check_flag("leave", leave), check_flag("directed", directed)
        self.solver = solver
        self.register_buffer("unreachable", unreachable)
        self._grids = Grids()

    @opaque
    def forward(
        self,
        graph: Given,
        boundary: Tensor | None = None,
        seeds: Tensor | None = None,
        weight: Tensor | None = None,
    ) -> Tensor:
        """Label probabilities; see the class for the two ways to call it."""
        if not is_graph(graph) and (seeds is None or boundary is None):
            seeds = checked_seeds(self, boundary if seeds is None else seeds)
            return self._on_images(widened(as_tensor("boundary", graph, "(B, 1, H, W) or (B, 1, D, H, W)")), seeds)
        seeds = checked_seeds(self, seeds)
        boundary = widened(as_tensor("boundary", boundary, "(N,) floats"))
        graph, weight, loops = as_graph(graph, weight, len(seeds), directed=self.directed)
        stay = None if loops is None else loops.to(boundary.dtype)
        return self._probabilities()(graph, boundary, seeds, weight=weight, stay=stay)

    def reset_parameters(self) -> None:
        """Nothing: the layer has no parameters, but PyG's containers ask every layer for this."""

    def extra_repr(self) -> str:
        return options(self, "num_labels", "degree_normalised", "leave", "directed", "solver")

    def _on_images(self, boundary: Tensor, seeds: Tensor) -> Tensor:
        graph, shape = self._grids.of("boundary", boundary, (1, 1), seeds)
        missing = missing_neighbours(shape).to(boundary).repeat(len(boundary))
        # Divided by the degree, a border without further steps reflects by itself; as printed, a neighbour that is
        # missing leaves a gap in the sum, which the pixel itself fills.
        stay = None if self.leave or self.degree_normalised else missing
        exits = missing if self.leave and self.degree_normalised else None
        probability = self._probabilities()(graph, boundary.flatten(), seeds.flatten(), stay=stay, exits=exits)
        return probability.reshape(len(boundary), *shape, probability.shape[1]).movedim(-1, 1).contiguous()

    def _probabilities(self) -> Callable[..., Tensor]:
        """`boundary_probabilities` with the options of this layer."""
        return partial(
            boundary_probabilities,
            num_labels=self.num_labels,
            degree_normalised=self.degree_normalised,
            unreachable=widened_shares(self.unreachable),
            solver=self.solver,
        )
