"""T ≈ (σ − S)⁻¹ with σ just above the spectrum of S: what makes searches and solves near its upper end short."""

from functools import cached_property

import torch
from torch import Tensor

from graphrw.core.graph import Graph, unchecked
from graphrw.core.walk import Walk, degree
from graphrw.solvers.approximate_inverse import ApproximateInverse, approximate_inverse
from graphrw.spectral.layout import double_cover, layout

SHIFT = 1e-6  # of σ beyond the spectrum: less than the gaps that matter on graphs of some 10⁷ nodes


class ShiftInvert:
    """T = C^½ (σ C − W)⁻¹ C^½ by the factors of a direct solver, or about that by one multigrid cycle.

    σ = 1 − κ + ε (1 − κ), where κ is the smallest k_i / c_i: σ C − W is the operator of the walk with killing
    k_i − κ c_i + ε (1 − κ) c_i. No eigenvalue of S exceeds 1 − κ. Nothing is computed before the first use.

    Args:
        graph: its nodes in the order of the rows of S.
        order: (N,) int64: the node of the walk in each row.
        weight: (E,) float64, outside autograd.
        killing: (N,) float64, outside autograd, in the order of the walk.
    """

    def __init__(self, graph: Graph, order: Tensor, weight: Tensor, killing: Tensor) -> None:
        self._graph, self._order, self._weight, self._all_killing = graph, order, weight, killing

    @property
    def sigma(self) -> float:
        return (1 - self._least) * (1 + SHIFT)

    def apply(self, r: Tensor) -> Tensor:
        """T r for `r` (N, K); overwritten by the next call."""
        root, inverse = self._root, self._solver
        return inverse(r * root).mul_(root)

    def apply_mirrored(self, r: Tensor) -> Tensor:
        """About (σ + S)⁻¹ r: the upper half of (σ − S̃)⁻¹ (r, −r), since S̃ (u, −u) = (−S u, S u)."""
        upper, lower = self._cover.apply(torch.cat([r, -r])).chunk(2)
        return (upper - lower).div_(2)  # a multigrid cycle does not quite treat both halves alike

    @cached_property
    def _cover(self) -> "ShiftInvert":
        """That of the walk on the double cover."""
        count = self._graph.num_nodes
        graph = self._graph.cached("double cover", lambda: unchecked(double_cover(self._graph.edges, count), 2 * count))
        order, killing = torch.cat([self._order, self._order + count]), self._all_killing.repeat(2)
        return ShiftInvert(graph, order, self._weight.repeat(2), killing)

    @cached_property
    def _killing(self) -> Tensor:
        return self._all_killing[self._order]

    @cached_property
    def _rate(self) -> Tensor:
        return degree(self._graph, self._weight) + self._killing

    @cached_property
    def _least(self) -> float:
        """κ. Without it σ would stand far above a spectrum that much common killing has moved down."""
        alive = self._rate > 0
        return float((self._killing[alive] / self._rate[alive]).min())

    @cached_property
    def _root(self) -> Tensor:
        """(N, 1): √c, and 1 at nodes without any rate."""
        return torch.where(self._rate > 0, self._rate, 1.0).sqrt()[:, None]

    @cached_property
    def _solver(self) -> ApproximateInverse:
        """Of σ C − W."""
        rate = self._rate
        killing = (self._killing - self._least * rate).clamp(min=0) + SHIFT * (1 - self._least) * rate
        return approximate_inverse(Walk(self._graph, self._weight, torch.where(rate > 0, killing, 1.0)))


def shift_invert(walk: Walk) -> ShiftInvert:
    """(σ − S)⁻¹ for this walk, of plain float64 tensors, its rows in the order of the graph's layout."""
    ordered = layout(walk.graph)
    return ShiftInvert(ordered.graph, ordered.order, walk.weight, walk.killing)
