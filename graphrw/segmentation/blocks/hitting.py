"""The probabilities of all labels, a few at a time, in files."""

from dataclasses import dataclass

import torch

from graphrw.core.errors import ConvergenceError
from graphrw.segmentation.blocks.finest import Contacts
from graphrw.segmentation.blocks.telling import Descent, Telling
from graphrw.solvers.streamed import Field, Goal, Hierarchy, Level, StreamedCycle, conjugate_gradients

TOGETHER = 4  # labels that are solved for at once: more would cost memory, fewer would read every part more often
CAUTION = 0.1  # of `rtol`: the residual that is asked for first
SHARPER = 0.01  # by how much residuals shrink from try to try
LEAST = 1e-14  # a residual below which there is only rounding


@dataclass(frozen=True)
class Outcome:
    """How well it was solved."""

    iterations: int
    relative_residual: float
    error: float  # by how much the probabilities of a voxel fail to add up to 1, at most


@dataclass(frozen=True)
class Answers:
    """The probability of every label at every open voxel, in files of a few labels each."""

    level: Level
    num_labels: int

    def groups(self) -> list[range]:
        """The labels that share a file."""
        return [range(first, min(first + TOGETHER, self.num_labels)) for first in range(0, self.num_labels, TOGETHER)]

    def field(self, group: range) -> Field:
        """(N, labels of the group), and zeros before they are solved for."""
        return self.level.field(f"x-{group.start}", len(group))


def solve_all(hierarchy: Hierarchy, answers: Answers, rtol: float, telling: Telling) -> Outcome:
    """Solve until the probabilities of every voxel add up to 1 within `rtol`.

    A small residual alone would not tell: where few and weak edges lead to a region, it hides what is still missing
    there. The sum of all labels does not, as it begins with 0.

    Raises:
        ConvergenceError: if that cannot be reached.
    """
    iterations, asked = 0, CAUTION * rtol
    while True:
        worst = 0.0
        for number, group in enumerate(answers.groups()):
            listen = Descent(telling, asked, number, len(answers.groups()))
            cycle = StreamedCycle(hierarchy, len(group), telling)
            count, residual = _solve(cycle, answers, group, Goal(asked, listen=listen))
            iterations, worst = iterations + count, max(worst, residual)
        error = _distance_from_one(answers)
        if error <= rtol:
            return Outcome(iterations, worst, error)
        asked *= SHARPER
        if asked < LEAST:
            raise ConvergenceError(
                f"The probabilities of a voxel add up to 1 only within {error:.1e}; asked for is `rtol` {rtol:.1e}. "
                "Some voxels hardly reach any seed: lower `beta`, put seeds there, or ask for less."
            )


def _solve(cycle: StreamedCycle, answers: Answers, group: range, goal: Goal) -> tuple[int, float]:
    """The labels of a group, from what stands in their file; iterations, and the relative residual."""
    b = cycle.field("b")
    level, x = answers.level, answers.field(group).made()
    for i in range(len(level)):
        nodes = level.nodes(i)
        if nodes:
            contacts = Contacts.load(level.folder, i)
            mine = (contacts.label >= group.start) & (contacts.label < group.stop)
            place = contacts.node[mine], contacts.label[mine] - group.start
            values = torch.zeros(len(nodes), len(group), dtype=torch.float64)
            b.write(nodes.start, values.index_put_(place, contacts.weight[mine], accumulate=True))
    return conjugate_gradients(cycle, b, x, goal)


def _distance_from_one(answers: Answers) -> float:
    """The largest |Σ_l x_l − 1|."""
    worst, level = 0.0, answers.level
    for i in range(len(level)):
        if level.nodes(i):
            total = sum(answers.field(group).read(level.nodes(i)).sum(1) for group in answers.groups())
            worst = max(worst, float((torch.as_tensor(total) - 1).abs().max()))
    return worst
