"""A direct solver for grids whose pixels may be held and freed again without factorising anew."""

from collections.abc import Hashable
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from graphrw.core.errors import ConvergenceError
from graphrw.core.graph import Graph
from graphrw.core.memory import require_memory
from graphrw.core.walk import Walk
from graphrw.solvers.base import Solution, Solver
from graphrw.solvers.direct.base import DirectInverse, could_not_factorise
from graphrw.solvers.grids.bordered import Bordered, HeldGrid, changes, unbordered
from graphrw.solvers.grids.dissection import Dissection, dissect
from graphrw.solvers.grids.factor import NotPositiveDefiniteError, factorise
from graphrw.solvers.grids.operator import GridOperator, GridWalk, along_axes

MOST_CHANGES = 512  # pixels beyond which a new factor costs less than what strokes lose by a large border
ADVICE = "`solvers.Multigrid()` needs far less."


@dataclass(frozen=True)
class NestedDissection(Solver[Dissection]):
    """A⁻¹ on ``grid_graph(shape)`` by nested dissection (George 1973).

    Nothing is sought that the shape does not tell, so that there is no analysis to wait for.

    Args:
        rtol: the largest relative residual that is accepted, and the relative error that refinement aims at.
        shape: of the grid.
    """

    rtol: float
    shape: tuple[int, ...]

    @property
    def plan_key(self) -> Hashable:
        return type(self), self.shape

    def plan(self, graph: Graph) -> Dissection:
        edges = sum(prod(self.shape) // size * (size - 1) for size in self.shape)
        if graph.directed or (graph.num_nodes, graph.num_edges) != (prod(self.shape), edges):
            raise ValueError(f"`NestedDissection` needs the graph of a grid {self.shape}; got {graph}.")
        return dissect(self.shape)

    def invert(self, walk: Walk, plan: Dissection) -> "GridInverse":
        return self.invert_held(walk, torch.zeros(walk.graph.num_nodes, dtype=torch.bool), plan)

    def invert_held(self, walk: Walk, held: Tensor, plan: Dissection) -> "GridInverse":
        """That of the walk which ends where `held` (N,) bool is true."""
        require_memory(plan.bytes, f"Factorising by {self}", ADVICE)
        grid = GridWalk(walk, self.shape)
        operator = grid.held_at(held)
        try:
            factor = factorise(plan, grid.rate, along_axes(operator.walk.weight, self.shape))
        except NotPositiveDefiniteError as error:
            raise could_not_factorise(self, str(error)) from error
        return GridInverse(operator, self, unbordered(HeldGrid(grid, held.clone(), factor)))


class GridInverse(DirectInverse):
    """Of a walk that ends at the pixels which are held."""

    solver: NestedDissection

    def __init__(self, operator: GridOperator, solver: NestedDissection, bordered: Bordered) -> None:
        super().__init__(operator.walk, solver)
        self.operator, self._bordered = operator, bordered

    @property
    def held(self) -> Tensor:
        """(N,) bool: the pixels where the walk ends."""
        return self._bordered.held

    def held_at(self, held: Tensor) -> "GridInverse":
        """Of the walk that ends where `held` (N,) bool is true: by the factor that is here, if few pixels differ."""
        base = self._bordered.base
        if len(changes(base, held)) > MOST_CHANGES:
            return self._anew(held)
        return GridInverse(base.grid.held_at(held), self.solver, self._bordered.held_at(held.clone()))

    def inflow(self, pixels: Tensor, values: Tensor) -> Tensor:
        """(N, K): the right-hand side for a function that is `values` (n, K) at `pixels` (n,) and 0 at others held."""
        b = values.new_zeros(len(self.held), values.shape[1])
        for others, weight in self._bordered.base.grid.neighbours(pixels):
            b.index_add_(0, others, torch.where(self.held[others], 0.0, weight)[:, None] * values)
        return b

    def solve(self, b: Tensor, transpose: bool = False, start: Tensor | None = None) -> Solution:
        try:
            return super().solve(b, transpose, start)
        except ConvergenceError:
            if not self._bordered.borders:
                raise
        fresh = self._anew(self.held)  # the border has lost digits, where weights span too many decades
        self._bordered, self._verdict = fresh._bordered, None
        return super().solve(b, transpose, start)

    def substitute(self, b: Tensor, transpose: bool) -> Tensor:
        return self._bordered.solve(b)

    def _anew(self, held: Tensor) -> "GridInverse":
        base = self._bordered.base
        return self.solver.invert_held(base.grid.walk, held, base.factor.dissection)
