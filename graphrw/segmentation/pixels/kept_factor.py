"""The factor of the last strokes on an image, from which that of the next is made."""

from collections.abc import Callable
from functools import cached_property

from torch import Tensor

from graphrw.core.errors import ConvergenceError
from graphrw.core.graph import Graph
from graphrw.core.walk import Walk
from graphrw.solvers import Auto, Solver, cost
from graphrw.solvers.grids.dissection import Dissection
from graphrw.solvers.grids.nested_dissection import GridInverse, NestedDissection

MOST_HELD = 0.5  # of the pixels; the factor is one of the whole grid, whatever takes part


class KeptFactor:
    """Kept from stroke to stroke, as long as weights stay: what seeds change of it is a small part.

    Args:
        walk: makes that on all pixels of a grid, when it is first needed.
        shape: of the grid.
    """

    def __init__(self, walk: Callable[[], Walk], shape: tuple[int, ...]) -> None:
        self._make, self._shape = walk, shape
        self._last: GridInverse | None = None

    def held_at(self, held: Tensor, solver: Solver) -> GridInverse | None:
        """The inverse of the walk that ends where `held` (N,) bool is true; None where `solver` should do without.

        It should if it is not `Auto`, if more than half of the pixels are held, or if a factor of the whole grid costs
        more than multigrid, or is too large.
        """
        if not isinstance(solver, Auto) or int(held.count_nonzero()) > MOST_HELD * len(held):
            return None
        try:
            if self._last is not None:
                self._last = self._last.held_at(held)
            elif (plan := dissection_for(self._walk.graph, self._shape, solver)) is not None:
                self._last = NestedDissection(solver.rtol, self._shape).invert_held(self._walk, held, plan)
        except (ConvergenceError, MemoryError):  # the next method may do better, as in `Auto`
            self._last = None
        return self._last

    @cached_property
    def _walk(self) -> Walk:
        walk = self._make()
        return Walk(walk.graph, walk.weight.double(), walk.killing.double())


def dissection_for(graph: Graph, shape: tuple[int, ...], solver: Auto) -> Dissection | None:
    """Of the grid (\\*shape); None where multigrid should take less time than its factor, or memory may not do."""
    limit = solver.limit
    most = cost.of_multigrid(graph, solver.rtol).seconds
    if (least := cost.of_last_front(shape)).seconds > most or least.bytes > limit:
        return None
    plan = NestedDissection(solver.rtol, shape).plan_for(graph)
    predicted = cost.of_dissection(plan)
    return plan if predicted.seconds <= most and predicted.bytes <= limit else None
