"""What processes tell each other of the nodes at their borders, and how gradients come back."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from graphrw.core.errors import MissingDependencyError
from graphrw.solvers.iterative.petsc import petsc


class Halo:
    """The nodes that a process knows of: its own, then *ghosts*, which are the own nodes of others.

    Args:
        comm: PETSc's communicator.
        owned: how many nodes are this process's own.
        ghosts: (G,) int64: their numbers in the whole graph, where each process's own nodes follow those of the
            process before.
    """

    def __init__(self, comm: Any, owned: int, ghosts: Tensor) -> None:
        self.comm, self.owned = comm, owned
        ends = np.cumsum(comm.tompi4py().allgather(owned))
        self.starts = np.concatenate([[0], ends])
        owner = np.searchsorted(ends, ghosts.numpy(), side="right")
        remote = np.stack([owner, ghosts.numpy() - self.starts[owner]], 1)
        self._forest = petsc().SF().create(comm)
        self._forest.setGraph(owned, None, remote.astype(petsc().IntType))
        self._forest.setUp()
        self.ids = torch.cat([torch.arange(owned) + self.starts[comm.rank], ghosts])

    @property
    def num_nodes(self) -> int:
        """In all processes."""
        return int(self.starts[-1])

    def spread(self, values: Tensor) -> Tensor:
        """(owned, …) → (owned + G, …): the values of this process's nodes, followed by those of the ghosts."""
        spread: Tensor = _Spread.apply(values, self)  # type: ignore[no-untyped-call]
        return spread

    def gathered(self, values: Tensor) -> Tensor:
        """(owned + G, …) → (owned, …): what all processes that know a node have for it, added up at its owner."""
        gathered: Tensor = _Gathered.apply(values, self)  # type: ignore[no-untyped-call]
        return gathered

    def total(self, values: Tensor) -> Tensor:
        """The sum of `values`, of the same shape in every process, over all of them; no gradient flows."""
        return torch.from_numpy(self._reduced(values.numpy(force=True), mpi().SUM))

    def largest(self, value: float) -> float:
        """The largest that any process has; infinite if one has NaN."""
        found = self._reduced(np.array([np.inf if np.isnan(value) else value]), mpi().MAX)
        return float(found[0])

    def _reduced(self, values: NDArray[Any], operation: Any) -> NDArray[Any]:
        out = np.empty_like(values)
        self.comm.tompi4py().Allreduce(np.ascontiguousarray(values), out, op=operation)
        return out

    def fetch(self, values: Tensor) -> Tensor:
        """(owned, K) → (G, K): those of the ghosts."""
        ghosts = np.zeros((len(self.ids) - self.owned, values.shape[1]))
        with _rows(values.shape[1]) as unit:
            data = (unit, np.ascontiguousarray(values.numpy()), ghosts, mpi().REPLACE)
            self._forest.bcastBegin(*data)
            self._forest.bcastEnd(*data)
        return torch.from_numpy(ghosts)

    def push(self, values: Tensor) -> Tensor:
        """(G, K) → (owned, K): what others have for this process's nodes, added up."""
        own = np.zeros((self.owned, values.shape[1]))
        with _rows(values.shape[1]) as unit:
            data = (unit, np.ascontiguousarray(values.numpy()), own, mpi().SUM)
            self._forest.reduceBegin(*data)
            self._forest.reduceEnd(*data)
        return torch.from_numpy(own)


def mpi() -> Any:
    """mpi4py's module, which starts MPI when it loads."""
    try:
        import mpi4py.MPI  # noqa: PLC0415
    except ImportError as error:
        raise MissingDependencyError(
            "`graphrw.distributed` needs mpi4py: `.ci/petsc-debian` installs it on Debian, pip install "
            "'graphrw[petsc]' where there is MPI."
        ) from error
    return mpi4py.MPI


@contextmanager
def _rows(columns: int) -> Iterator[Any]:
    """MPI's type for a row of so many numbers: one message then carries all columns."""
    if columns == 1:  # PETSc does not see through a type that is only another name
        yield mpi().DOUBLE
        return
    unit = mpi().DOUBLE.Create_contiguous(columns).Commit()
    try:
        yield unit
    finally:
        unit.Free()


def _flat(values: Tensor) -> Tensor:
    """(n, K) float64, for `values` (n, …)."""
    return values.reshape(len(values), math.prod(values.shape[1:]))


class _Spread(torch.autograd.Function):
    """R x. Its transpose adds what all processes have for a node, and is `_Gathered`: torch knows nothing of MPI."""

    @staticmethod
    def forward(values: Tensor, halo: Halo) -> Tensor:
        rows = _flat(values)
        return torch.cat([rows, halo.fetch(rows)]).reshape(len(halo.ids), *values.shape[1:])

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.halo = inputs[1]

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, None]:
        return ctx.halo.gathered(g), None


class _Gathered(torch.autograd.Function):
    """Rᵀ y, whose transpose is R."""

    @staticmethod
    def forward(values: Tensor, halo: Halo) -> Tensor:
        rows = _flat(values)
        own = rows[: halo.owned] + halo.push(rows[halo.owned :])
        return own.reshape(halo.owned, *values.shape[1:])

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.halo = inputs[1]

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, None]:
        return ctx.halo.spread(g), None
