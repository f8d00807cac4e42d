"""The walk behind an answer, with its seeds: what is asked about strokes is asked of it."""

from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from graphrw.core.walk import Walk
from graphrw.functional.seed_network import SeededAnswer
from graphrw.solvers import Auto, Cholesky, Solver
from graphrw.solvers.direct import rslab

MANY = 10_000  # regions, to which a factor serves hundreds of columns better than `Auto`, which counts on few


@dataclass(frozen=True, eq=False)
class SeededWalk:
    """A walk over regions or pixels whose hitting probabilities an image is labelled by."""

    walk: Walk  # N nodes; where nothing awaits a walker, it is killed
    seeds: Tensor  # (N,) int64: labels from 0, −1 where there is no stroke
    absorption: Tensor  # (N, L) float64: rates into each label
    node: Tensor  # (*spatial) integers: of each pixel, −1 outside
    ids: Tensor  # (L,) int64: labels as the strokes have them

    @cached_property
    def answer(self) -> SeededAnswer:
        """Its hitting probabilities, with the factor that more can be asked of."""
        solver = for_many_columns(len(self.seeds), rtol=1e-8)
        killing = self.walk.killing + self.absorption.sum(1)
        return SeededAnswer.of(Walk(self.walk.graph, self.walk.weight, killing), self.seeds, self.absorption, solver)


def for_many_columns(num_nodes: int, rtol: float) -> Solver:
    """A solver for hundreds of columns on a walk over regions."""
    return Cholesky(rtol=rtol) if rslab.AVAILABLE and num_nodes <= MANY else Auto(rtol=rtol)
