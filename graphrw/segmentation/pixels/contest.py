"""Where a walk ends from the pixels at which it may end in more than one label."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from graphrw.core.held import Held
from graphrw.core.walk import Walk
from graphrw.functional import entropy
from graphrw.functional.most_probable import LABELS_AT_ONCE, MostProbable, most_probable
from graphrw.segmentation.pixels.components import LabelledComponents
from graphrw.solve import Factor, factor_by
from graphrw.solvers import Solver
from graphrw.solvers.grids.nested_dissection import GridInverse


@dataclass(frozen=True, eq=False)
class Contest:
    """The probabilities of C columns at n contested pixels: all of them where they are few, else streamed."""

    solve: Callable[[Tensor], Tensor]  # (n, k): of some columns (k,)
    num_columns: int
    none: Tensor  # (n,) floats

    @property
    def probability(self) -> Tensor:
        """(n, C), the caller's to change."""
        return self._kept.clone() if self._few else self.solve(self._columns)

    @property
    def column(self) -> Tensor:
        """(n,) int64: the most probable."""
        return self._kept.max(1).indices if self._few else self._streamed.labels

    @property
    def entropy(self) -> Tensor:
        """(n,), in nats"""
        return entropy(self._kept) if self._few else self._streamed.entropy

    @property
    def _few(self) -> bool:
        return self.num_columns <= LABELS_AT_ONCE

    @property
    def _columns(self) -> Tensor:
        return torch.arange(self.num_columns)

    @cached_property
    def _kept(self) -> Tensor:
        return self.solve(self._columns)

    @cached_property
    def _streamed(self) -> MostProbable:
        return most_probable(self.solve, self._columns, self.none)


def contest_on(walk: Walk, components: LabelledComponents, solver: Solver) -> Contest:
    """That on the graph of the contested pixels."""
    seeds = components.columns[components.contested]
    known = Held(walk, seeds >= 0)
    factor = None if len(seeds) == 0 else Factor.of(known.ended, solver)

    def solve(columns: Tensor) -> Tensor:
        values = (seeds[:, None] == columns).to(walk.weight.dtype)
        return values if factor is None else known.joined(values, factor.solve(known.inflow(values)))

    return Contest(solve, components.num_columns, torch.zeros_like(walk.killing))


def contest_by(inverse: GridInverse, components: LabelledComponents, like: Tensor) -> Contest:
    """That by a factor of the whole grid; answers have the type of `like`."""
    contested = components.contested
    seeded = (contested & (components.columns >= 0)).nonzero().squeeze(1)
    whole, factor = bool(contested.all()), factor_by(inverse)

    def solve(columns: Tensor) -> Tensor:
        values = (components.columns[seeded, None] == columns).double()
        z = factor.solve(inverse.inflow(seeded, values)).index_copy_(0, seeded, values).to(like.dtype)
        return z if whole else z[contested]

    return Contest(solve, components.num_columns, like.new_zeros(int(contested.count_nonzero())))
