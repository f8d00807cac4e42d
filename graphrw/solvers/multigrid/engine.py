"""What multigrid computes with: torch, on any device, or kernels of Triton's on GPUs, or of numba's on CPUs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from graphrw.core.graph import Graph
from graphrw.solvers.base import Inverse
from graphrw.solvers.multigrid.cycle import Cycle
from graphrw.solvers.multigrid.inverse import MultigridInverse
from graphrw.solvers.multigrid.rows import structure
from graphrw.solvers.multigrid.triton_level import TritonCycle
from graphrw.solvers.numba_kernels import kernels


@dataclass(frozen=True)
class Engine:
    """One way to do it all."""

    structure: Callable[[Graph], Any]  # where the edges of a graph stand; its `rows(walk)` are the finest level
    cycle: Callable[[Any], Cycle]  # from those rows
    inverse: Callable[..., Inverse]  # from walk, solver, rows and cycle


TORCH = Engine(structure, Cycle, MultigridInverse)
TRITON = Engine(structure, TritonCycle, MultigridInverse)


def engine_for(graph: Graph, *, triton: bool = True) -> Engine:
    """Numba's where it can serve the device of `graph`, on GPUs Triton's unless that is not wanted, else torch's."""
    if graph.device.type == "cpu":
        return _compiled() or TORCH
    return TRITON if triton else TORCH


def _compiled() -> Engine | None:
    module = kernels("graphrw.solvers.compiled", "multigrid does without it")
    return None if module is None else module.COMPILED
