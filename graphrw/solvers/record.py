"""Reports of solves, for whoever wants to see them."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from graphrw.core.opaque import opaque
from graphrw.solvers.base import Solver


@dataclass(frozen=True)
class SolveReport:
    """One solve, as `record_solves` saw it."""

    solver: Solver  # that gave the answer, of those that `Auto` tried
    num_nodes: int
    num_columns: int
    transpose: bool
    iterations: int  # of an iterative method, and steps of refinement
    relative_residual: float  # true ‖b − A x‖ / ‖b‖, the worst column's; BlockGaussSeidel's of Aᵀ is that of its y
    seconds: float
    factor_seconds: float  # of the factorisation, in the report of the first solve with it; 0 in the others
    # Where the solver knows: no entry of a column of x is off by more than this times its largest; of Aᵀ of a directed
    # graph, errors times rates add up to no more than this times what x does. Before x is rounded to its own type.
    error_bound: float | None = None


@dataclass(eq=False)
class Recording:
    """What one `record_solves` block has seen; it sees nothing more once the block is left."""

    reports: list[SolveReport] = field(default_factory=list)
    running: bool = True


_recordings: ContextVar[tuple[Recording, ...]] = ContextVar("recordings", default=())


@opaque
@contextmanager
def record_solves() -> Iterator[list[SolveReport]]:
    """Collect a report of every solve inside the block, those of backward passes among them.

    Solves of other threads are not reported, but for the backward passes of what was solved inside the block: autograd
    may run them on threads of its own.

    >>> import torch, graphrw as rw
    >>> graph = rw.grid_graph((4, 4))
    >>> with rw.record_solves() as reports:
    ...     x = rw.solve(rw.walk(graph, torch.ones(graph.num_edges), killing=1.0), torch.ones(16, 3))
    >>> reports[0].num_columns, reports[0].relative_residual < 1e-9
    (3, True)
    """
    recording = Recording()
    _recordings.set((*_recordings.get(), recording))
    try:
        yield recording.reports
    finally:
        recording.running = False
        # Not by a token: a block within a generator may end after one that began later, or in another task.
        _recordings.set(tuple(other for other in _recordings.get() if other is not recording))


def recordings() -> tuple[Recording, ...]:
    """The blocks that are open around the caller; what it hands on to wherever it will be run."""
    return _recordings.get()


def report(seen: SolveReport, handed_on: tuple[Recording, ...]) -> None:
    """Tell the blocks around the caller and those `handed_on` from elsewhere, each once."""
    for recording in dict.fromkeys((*handed_on, *recordings())):
        if recording.running:
            recording.reports.append(seen)
