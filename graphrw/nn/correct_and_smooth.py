"""Correct and Smooth, after any model, at its limit."""

import torch
from torch import Tensor, nn

from graphrw.core.arrays import as_floats, as_tensor
from graphrw.core.finite import DIVERGED, check_finite
from graphrw.core.opaque import opaque
from graphrw.core.precision import widened
from graphrw.core.walk import Walk, walk
from graphrw.core.whole import check_flag, check_not_negative
from graphrw.functional.correction import correct, smooth
from graphrw.functional.propagation import check_alpha
from graphrw.nn.inputs import Given, as_graph, options
from graphrw.solvers import Auto, Solver
from graphrw.solvers.base import check_solver


class CorrectAndSmooth(nn.Module):
    """Answers of a simple model made better by the labels of the training nodes (Huang et al., ICLR 2021).

    ``correct`` carries the errors at training nodes along the walk, ``smooth`` then makes answers of neighbours alike;
    calling the module does both. The mathematics is that of `functional.correct` and `functional.smooth`.

    It is called as PyG's `CorrectAndSmooth`, whose numbers of layers are left out: this is the limit of many, by two
    solves whose residuals are checked. Three things differ: nothing is cut to [−1, 1] or [0, 1] between layers; weights
    are normalised here, those of `gcn_norm` would be so twice; and gradients reach `y_soft` and the weights.

    Args:
        correction_alpha: α in (0, 1), how far errors are carried.
        smoothing_alpha: α in (0, 1), how much answers are smoothed.
        autoscale: bring the errors at each node to the mean size of those at training nodes.
        scale: ≥ 0, of the errors without `autoscale`.
        solver: how to solve.

    Raises:
        ValueError: for values out of range; and as `functional.correct`.

    Call it as ``post(y_soft, y_true, mask, graph, weight)``, or without weight: answers (N, L); labels (M,) int64 of
    the training nodes; which nodes these are, (N,) bool or (M,) int64; a `Graph` with weights (E,), PyG's edge_index
    and edge_weight, or its adj_t → (N, L), of which the largest entry of each row is the answer.

    >>> edge_index = torch.tensor([[0, 1, 1, 2, 2, 3], [1, 0, 2, 1, 3, 2]])
    >>> y_soft, mask = torch.full((4, 2), 0.5), torch.tensor([True, False, False, True])
    >>> CorrectAndSmooth(0.9, 0.8)(y_soft, torch.tensor([0, 1]), mask, edge_index).argmax(1)
    tensor([0, 0, 1, 1])
    """

    def __init__(
        self,
        correction_alpha: float,
        smoothing_alpha: float,
        autoscale: bool = True,
        scale: float = 1.0,
        *,
        solver: Solver = Auto(),
    ) -> None:
        super().__init__()
        check_alpha(correction_alpha)
        check_alpha(smoothing_alpha)
        check_not_negative("scale", scale)
        check_solver(solver)
        self.correction_alpha, self.smoothing_alpha = correction_alpha, smoothing_alpha
        self.autoscale, self.scale, self.solver = check_flag("autoscale", autoscale), scale, solver

    def reset_parameters(self) -> None:
        """Nothing: there are no parameters, but PyG's containers ask every layer for this."""

    @opaque
    def forward(
        self, y_soft: Tensor, y_true: Tensor, mask: Tensor, graph: Given, weight: Tensor | None = None
    ) -> Tensor:
        """Both; see the class for what it takes."""
        return self.smooth(self.correct(y_soft, y_true, mask, graph, weight), y_true, mask, graph, weight)

    @opaque
    def correct(
        self, y_soft: Tensor, y_true: Tensor, mask: Tensor, graph: Given, weight: Tensor | None = None
    ) -> Tensor:
        """The answers less their errors."""
        y_soft = _answers(y_soft)
        made, loops = _walk(y_soft, graph, weight)
        return correct(
            made,
            y_soft,
            _seeds(y_true, mask, y_soft),
            self.correction_alpha,
            autoscale=self.autoscale,
            scale=self.scale,
            self_loops=loops,
            solver=self.solver,
        )

    @opaque
    def smooth(
        self, y_soft: Tensor, y_true: Tensor, mask: Tensor, graph: Given, weight: Tensor | None = None
    ) -> Tensor:
        """The answers made alike between neighbours."""
        y_soft = _answers(y_soft)
        made, loops = _walk(y_soft, graph, weight)
        return smooth(
            made,
            y_soft,
            _seeds(y_true, mask, y_soft),
            self.smoothing_alpha,
            self_loops=loops,
            solver=self.solver,
        )

    def extra_repr(self) -> str:
        return options(self, "correction_alpha", "smoothing_alpha", "autoscale", "scale", "solver")


def _walk(y_soft: Tensor, graph: Given, weight: Tensor | None) -> tuple[Walk, Tensor | float]:
    """Of the type of the answers or of the weights, whichever is wider; and its self-loops."""
    made, edges, loops = as_graph(graph, weight, len(y_soft))
    moves = walk(made, edges.to(torch.promote_types(edges.dtype, y_soft.dtype)))
    return moves, 0.0 if loops is None else loops


def _answers(y_soft: Tensor) -> Tensor:
    """(N, L), at least in float32."""
    y_soft = as_floats("y_soft", y_soft, "(N, L) floats")
    if y_soft.ndim != 2:
        raise ValueError(f"`y_soft` must be (N, L) floats, a column for each label; got {tuple(y_soft.shape)}.")
    check_finite("y_soft", y_soft, DIVERGED)
    return widened(y_soft)


def _seeds(y_true: Tensor, mask: Tensor, y_soft: Tensor) -> Tensor:
    """(N,): the labels (M,) of the training nodes, −1 elsewhere."""
    y_true, mask = as_tensor("y_true", y_true, "(M,) int64 labels"), as_tensor("mask", mask, "(N,) bool or (M,) int64")
    num_nodes = len(y_soft)
    if mask.dtype == torch.bool and mask.shape == (num_nodes,):
        nodes = mask.nonzero()[:, 0]
    elif mask.dtype == torch.int64 and mask.ndim == 1 and not bool(((mask < 0) | (mask >= num_nodes)).any()):
        nodes = mask
    else:
        raise ValueError(
            f"`mask` must be ({num_nodes},) bool, or (M,) int64 nodes below {num_nodes}; got {tuple(mask.shape)} "
            f"{mask.dtype}."
        )
    y_true = y_true.squeeze(1) if y_true.ndim == 2 and y_true.shape[1] == 1 else y_true
    if y_true.shape != nodes.shape or y_true.dtype != torch.int64:
        raise ValueError(
            f"`y_true` must be ({len(nodes)},) int64, a label for each node of `mask`; got {tuple(y_true.shape)} "
            f"{y_true.dtype}."
        )
    return torch.full((num_nodes,), -1, device=y_true.device).index_put((nodes,), y_true)
