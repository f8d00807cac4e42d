"""What multigrid computes with: torch, on any device, or kernels of Triton's, or of numba's on CPUs."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any

from graphrw.core.graph import Graph
from graphrw.core.warn import warn
from graphrw.solvers.base import Inverse
from graphrw.solvers.multigrid.cycle import Cycle
from graphrw.solvers.multigrid.inverse import MultigridInverse
from graphrw.solvers.multigrid.rows import structure
from graphrw.solvers.multigrid.triton_level import TritonCycle


@dataclass(frozen=True)
class Engine:
    """One way to do it all."""

    structure: Callable[[Graph], Any]  # where the edges of a graph stand; its `rows(walk)` are the finest level
    cycle: Callable[[Any], Cycle]  # from those rows
    inverse: Callable[..., Inverse]  # from walk, solver, rows and cycle


TORCH = Engine(structure, Cycle, MultigridInverse)
TRITON = Engine(structure, TritonCycle, MultigridInverse)


COMPILES = find_spec("numba") is not None  # which is loaded when it is needed: that takes a second


def engine_for(graph: Graph, *, triton: bool = False) -> Engine:
    """Triton's where that is asked for, else numba's where it can serve the device of `graph`, else torch's."""
    if triton:
        return TRITON
    return TORCH if graph.device.type != "cpu" else _compiled() or TORCH


@cache
def _compiled() -> Engine | None:
    """None without numba, or, with a warning, where it can keep nothing: compiling in every process takes too long."""
    if not COMPILES:
        return None
    try:
        from graphrw.solvers.compiled import COMPILED  # noqa: PLC0415 (it loads numba, and compiles the first time)
    except RuntimeError as error:
        if "cannot cache function" not in str(error):
            raise
        warn(
            "numba finds no folder for what it compiles, so that multigrid does without it, and takes longer. Name one "
            "that can be written in the variable NUMBA_CACHE_DIR."
        )
        return None
    return COMPILED
