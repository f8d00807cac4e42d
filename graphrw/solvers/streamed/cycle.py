"""The multigrid cycle over levels on disk."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from graphrw.solvers.streamed.field import Field
from graphrw.solvers.streamed.hierarchy import Hierarchy
from graphrw.solvers.streamed.level import Level, extended
from graphrw.solvers.streamed.part import Part


class StreamedCycle:
    """`multigrid.Cycle`, pass by pass: relax, correct by the coarser level, relax; two steps of CG on every other one.

    In float64 throughout, and without the scaling that float32 needs. A cycle reads each part of a level four times.
    """

    def __init__(self, hierarchy: Hierarchy, columns: int, tick: Callable[[], None]) -> None:
        """For vectors of so many `columns`; `tick` is called once for each part and pass."""
        self._hierarchy, self._columns, self._tick = hierarchy, columns, tick

    def apply(self, b: Field, out: Field) -> None:
        """M⁻¹ b on the finest level."""
        self._run(0, b, out)

    def field(self, name: str, depth: int = 0) -> Field:
        """Memory to work in: a vector of the level at this depth, on disk."""
        return self._hierarchy.levels[depth].field(f"{name}-{self._columns}", self._columns).made()

    def parts(self, depth: int = 0) -> Iterator[tuple[range, Part]]:
        """The parts of the level at this depth, one after the other."""
        for nodes, part in self._hierarchy.levels[depth].parts():
            self._tick()
            yield nodes, part

    def _run(self, depth: int, b: Field, out: Field) -> None:
        """One cycle from 0."""
        levels, coarsest = self._hierarchy.levels, self._hierarchy.coarsest
        deepest = depth + 1 == len(levels)
        if deepest and coarsest is not None:
            out.write(0, coarsest.solve(b.read(range(levels[depth].num_nodes))))
            return
        for nodes, part in self.parts(depth):
            out.write(nodes.start, part.relax(_by_rate(b, levels[depth], nodes, part)))
        if deepest:
            return
        below, above = self.field("below", depth + 1), self.field("above", depth + 1)
        self._restrict(depth, b, out, below)
        (self._two_steps if self._is_worth_two(depth + 1) else self._run)(depth + 1, below, above)
        self._correct(depth, b, out, above)

    def _is_worth_two(self, depth: int) -> bool:
        """As in `multigrid.Cycle`, where it is explained. What is in memory takes two steps in any case."""
        above, level = self._hierarchy.levels[depth - 1 : depth + 1]
        in_memory = depth + 1 == len(self._hierarchy.levels) and self._hierarchy.coarsest is not None
        return depth % 2 == 1 and 2 * level.num_nodes <= above.num_nodes and not in_memory

    def _restrict(self, depth: int, b: Field, y: Field, below: Field) -> None:
        """Add up b − A y over each aggregate."""
        level = self._hierarchy.levels[depth]
        for nodes, part in self.parts(depth):
            number = level.aggregate.read(nodes).squeeze(1)
            inside = number >= 0
            if not bool(inside.any()):
                continue
            first, last = (int(bound) for bound in torch.aminmax(number[inside]))
            rest = (b.read(nodes) - part.product(extended(y, nodes, part)))[inside]
            total = rest.new_zeros(last + 1 - first, self._columns)
            below.write(first, total.index_add_(0, number[inside] - first, rest))

    def _correct(self, depth: int, b: Field, y: Field, above: Field) -> None:
        """y ← y + P x, where x stands `above`, and y ← y + relax(b − A y)."""
        level, corrected, rest = (
            self._hierarchy.levels[depth],
            self.field("corrected", depth),
            self.field("rest", depth),
        )
        for nodes, part in self.parts(depth):
            number = extended(level.aggregate, nodes, part).squeeze(1)
            there = torch.where(number >= 0, number, number.max().clamp(min=0)).split([len(nodes), len(part.ghosts)])
            coarse = torch.cat([above.gather(rows) for rows in there])  # of the part itself they lie side by side
            better = extended(y, nodes, part) + torch.where(number[:, None] >= 0, coarse, 0.0)
            corrected.write(nodes.start, better[: len(nodes)])
            rest.write(nodes.start, b.read(nodes) - part.product(better))
        for nodes, part in self.parts(depth):
            y.write(nodes.start, corrected.read(nodes) + part.relax(_by_rate(rest, level, nodes, part)))

    def _two_steps(self, depth: int, b: Field, out: Field) -> None:
        """Two steps of CG, each with a cycle as preconditioner: `multigrid.Cycle._solve`, where they are explained."""
        first, moved, rest = (self.field(name, depth) for name in ("first", "moved", "second rest"))
        self._run(depth, b, first)
        curvature = length = overlap = second = step = torch.zeros(self._columns, dtype=torch.float64)
        for nodes, part in self.parts(depth):
            x = extended(first, nodes, part)
            product = part.product(x)
            moved.write(nodes.start, product)
            curvature = curvature + _dots(x[: len(nodes)], product)
            length = length + _dots(x[: len(nodes)], b.read(nodes))
        length = length / positive(curvature)
        for nodes in self.ranges(depth):
            rest.write(nodes.start, b.read(nodes) - length * moved.read(nodes))
        self._run(depth, rest, out)
        for nodes, part in self.parts(depth):
            x = extended(out, nodes, part)
            overlap = overlap + _dots(x[: len(nodes)], moved.read(nodes))
            second = second + _dots(x[: len(nodes)], part.product(x))
            step = step + _dots(x[: len(nodes)], rest.read(nodes))
        overlap = overlap / positive(curvature)
        step = step / positive(second - overlap * overlap * positive(curvature))
        for nodes in self.ranges(depth):
            out.write(nodes.start, step * out.read(nodes) + (length - overlap * step) * first.read(nodes))

    def ranges(self, depth: int = 0) -> Iterator[range]:
        level = self._hierarchy.levels[depth]
        return (level.nodes(i) for i in range(len(level)) if level.nodes(i))


def positive(curvature: Tensor) -> Tensor:
    """1 where rounding, or a residual of 0, has left no curvature; the step is then 0 or harmless."""
    return torch.where(curvature > 0, curvature, 1.0)


def _by_rate(b: Field, level: Level, nodes: range, part: Part) -> Tensor:
    """(n + g, K): D⁻¹ b."""
    return extended(b, nodes, part) / torch.cat([part.rate[:, None], level.rate.gather(part.ghosts)])


def _dots(a: Tensor, b: Tensor) -> Tensor:
    """(K,)"""
    return (a * b).sum(0)
