"""Graphs whose edges lead where walkers are found: graph diffusion convolution without a dense inverse.

Of the N × N diffusion matrix some columns are made at a time, and only their largest entries kept.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.transforms import BaseTransform

from graphrw.core.blocks import AT_ONCE
from graphrw.core.opaque import opaque
from graphrw.core.walk import Walk, walk
from graphrw.core.whole import check_flag, check_not_negative, check_whole
from graphrw.functional.heat import heat
from graphrw.functional.propagation import check_alpha, damp
from graphrw.solve import factorize
from graphrw.solvers import Auto, Solver
from graphrw.solvers.base import check_solver
from graphrw.transforms.inputs import checked_data, checked_weight_name, graph_of

Columns = Callable[[Tensor], Tensor]

RTOL = 1e-8  # of heat: a column's largest entries, which are kept, are right to seven digits


@dataclass(kw_only=True, repr=False, eq=False)
class _SparseDiffusion(BaseTransform):  # type: ignore[misc]
    """What is the same for every diffusion."""

    top_k: int | None = None
    threshold: float | None = None
    self_loops: float = 1.0
    symmetric: bool = True
    normalize: bool = True
    weight: str | None = "edge_weight"
    solver: Solver = Auto()

    def __post_init__(self) -> None:
        if (self.top_k is None) == (self.threshold is None):
            raise ValueError(
                "Give `top_k`, a whole number ≥ 1, or `threshold`, a number ≥ 0, and not both; got "
                f"{self.top_k!r} and {self.threshold!r}."
            )
        if self.top_k is not None:
            check_whole("top_k", self.top_k, 1)
        if self.threshold is not None:
            check_not_negative("threshold", self.threshold)
        check_not_negative("self_loops", self.self_loops)
        check_flag("symmetric", self.symmetric)
        check_flag("normalize", self.normalize)
        checked_weight_name(self.weight)
        check_solver(self.solver)

    @abstractmethod
    def _diffusion(self, walk: Walk, loops: Tensor) -> Columns:
        """What makes of starts (N, K) where walkers are found (N, K)."""

    @opaque
    @torch.no_grad()
    def forward(self, data: Data) -> Data:
        graph, weight, loops = graph_of(checked_data(data), self.weight, loops=True)
        found = list(self._blocks(walk(graph, weight), loops + self.self_loops))
        edge_index = torch.cat([graph.edges[:, :0], *(index for index, _ in found)], 1)
        value = torch.cat([weight[:0], *(value for _, value in found)])
        if self.normalize:
            value = value / value.new_zeros(graph.num_nodes).index_add(0, edge_index[1], value)[edge_index[1]]
        for name in data.edge_attrs():
            del data[name]
        data.edge_index, data[self.weight or "edge_weight"] = edge_index, value
        return data

    def _blocks(self, walk: Walk, loops: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Edges (2, M) and their weights (M,), for some of the nodes they lead to at a time."""
        num_nodes, columns = walk.graph.num_nodes, self._diffusion(walk, loops)
        for nodes in torch.arange(num_nodes, device=loops.device).split(max(1, AT_ONCE // max(1, num_nodes))):
            start = loops.new_zeros(num_nodes, len(nodes))
            start[nodes, torch.arange(len(nodes), device=loops.device)] = 1
            column = columns(start)
            kept = column > 0 if self.threshold is None else (column >= self.threshold) & (column > 0)
            if self.top_k is not None:
                largest = column.topk(min(self.top_k, num_nodes), dim=0).indices
                kept &= torch.zeros_like(kept).scatter_(0, largest, True)
            place, source = kept.T.nonzero().T
            yield torch.stack([source, nodes[place]]), column[source, place]


@dataclass(repr=False, eq=False)
class SparsePageRank(_SparseDiffusion):
    """Edges to each node from where walkers from it are found who end with probability 1 − α before each step.

        Π = (1 − α) (I − αT)⁻¹,

    personalised PageRank, the first diffusion of GDC (Gasteiger et al., NeurIPS 2019), of which the largest entries are
    kept. T = S = (D + s)^−½ (W + s) (D + s)^−½, or P = (D + s)⁻¹ (W + s). Where PyG's `GDC` inverts a dense matrix,
    here some columns are solved for at a time, so that memory grows with the edges that are kept. Its `alpha` is 1 − α,
    its ``normalization_in="col"`` is ``symmetric=False``, its ``normalization_out="col"`` is ``normalize=True``.

    Args:
        alpha: α in (0, 1).
        top_k: how many edges lead to each node at most, ≥ 1.
        threshold: in place of `top_k`, the least entry that is kept, ≥ 0.
        self_loops: s ≥ 0, added to those of the data.
        symmetric: S in place of P.
        normalize: divide, so that the weights of all edges to a node sum to 1.
        weight: name of the attribute that holds the weights, as in `from_pyg`, and gets the new ones; None: read ones.
        solver: how to solve.

    Raises:
        ValueError: for options out of range, or both of `top_k` and `threshold`, or none; called with directed data.
        ConvergenceError: called, as `solve`.

    Edge attributes other than `weight` are removed: they belong to the old edges. The new ones are directed.

    >>> path = Data(edge_index=torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]), num_nodes=3)
    >>> SparsePageRank(alpha=0.5, top_k=2)(path)
    Data(num_nodes=3, edge_index=[2, 6], edge_weight=[6])
    """

    alpha: float = 0.85

    def __post_init__(self) -> None:
        super().__post_init__()
        check_alpha(self.alpha)

    def _diffusion(self, walk: Walk, loops: Tensor) -> Columns:
        ending = damp(walk, self.alpha, self_loops=loops)
        rate = ending.rate + loops
        lost = rate == 0  # where nothing moves, which would make A singular
        factor = factorize(Walk(walk.graph, walk.weight, torch.where(lost, 1, ending.killing)), self.solver)
        rate = (1 - self.alpha) * torch.where(lost, 1, rate)[:, None]
        if not self.symmetric:  # `resolvent`, transposed, with one factor for all columns
            return lambda start: rate * factor.solve(start)
        return lambda start: rate.sqrt() * factor.solve(rate.sqrt() * start)

    def __repr__(self) -> str:
        return f"SparsePageRank(alpha={self.alpha}, top_k={self.top_k}, threshold={self.threshold})"


@dataclass(repr=False, eq=False)
class SparseHeat(_SparseDiffusion):
    """Edges to each node from where walkers from it are found after a time.

        exp(−t (I − T)) = Σ_n e⁻ᵗ tⁿ / n! Tⁿ,

    the second diffusion of GDC (Gasteiger et al., NeurIPS 2019), by `heat`. All else is as for `SparsePageRank`.

    Args:
        time: t ≥ 0.
        top_k: how many edges lead to each node at most, ≥ 1.
        threshold: in place of `top_k`, the least entry that is kept, ≥ 0.
        self_loops: s ≥ 0, added to those of the data.
        symmetric: S in place of P.
        normalize: divide, so that the weights of all edges to a node sum to 1.
        weight: name of the attribute that holds the weights, as in `from_pyg`, and gets the new ones; None: read ones.
        solver: how to solve.

    Raises:
        ValueError: for options out of range, or both of `top_k` and `threshold`, or none; called with directed data.
        ConvergenceError: called, as `solve`.

    >>> path = Data(edge_index=torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]), num_nodes=3)
    >>> SparseHeat(time=1.0, threshold=0.2)(path)
    Data(num_nodes=3, edge_index=[2, 7], edge_weight=[7])
    """

    time: float = 5.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_not_negative("time", self.time)

    def _diffusion(self, walk: Walk, loops: Tensor) -> Columns:
        mass = walk.rate + loops
        mass = torch.where(mass == 0, 1, mass)[:, None]  # where nothing moves
        before = mass.sqrt() if self.symmetric else mass

        def columns(start: Tensor) -> Tensor:
            return before * heat(walk, start / before, self.time, mass=mass[:, 0], rtol=RTOL, solver=self.solver)

        return columns

    def __repr__(self) -> str:
        return f"SparseHeat(time={self.time}, top_k={self.top_k}, threshold={self.threshold})"
