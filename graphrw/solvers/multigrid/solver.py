"""The solver: conjugate gradients with a multigrid cycle as preconditioner."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import torch

from graphrw.core.graph import Graph
from graphrw.core.walk import Walk
from graphrw.core.whole import check_flag
from graphrw.solvers.base import Inverse
from graphrw.solvers.direct.base import could_not_factorise
from graphrw.solvers.iterative.base import IterativeSolver
from graphrw.solvers.multigrid.aggregation import MAX_NODES
from graphrw.solvers.multigrid.engine import Engine, engine_for


@dataclass(frozen=True, eq=False)
class Plan:
    """Where the edges of a graph stand, and what reads that."""

    engine: Engine
    structure: Any


@dataclass(frozen=True)
class Multigrid(IterativeSolver[Plan]):
    """Conjugate gradients preconditioned by aggregation multigrid, on any device; undirected only.

    Memory and time grow linearly with the graph: for volumes, and for whatever fills in when factorised. Aggregates
    follow heavy edges, so that the number of iterations (some 5–25 to a residual of 1e-6) hardly depends on the
    contrast. The preconditioner is float32 where that serves, the iteration around it float64. On CPUs with
    ``pip install graphrw[fast]`` it runs in kernels compiled by numba, and elsewhere in torch, to the same answers.

    Args:
        rtol: the relative residual at which a column has converged, in (0, 1). A residual of 1e-6 is not an error of
            1e-6.
        max_iterations: of one pass, ≥ 1; and four times as many in all passes before a `ConvergenceError`.
        forecast_after: raise after so many iterations, ≥ 1, if they will not do at the pace so far; None: never.
        capture: on a GPU, record a cycle as a CUDA graph and play it from then on; False: launch it step by step.
        triton: on a GPU, take kernels in Triton where it is installed, as it is with torch for CUDA on Linux, and on
            levels without hubs; False: torch's operations on all.

    >>> import torch, graphrw as rw
    >>> volume = rw.grid_graph((12, 12, 12))
    >>> walk = rw.walk(volume, torch.ones(volume.num_edges), killing=0.01)
    >>> x = rw.solve(walk, walk.killing, rw.solvers.Multigrid())
    >>> torch.allclose(x, torch.ones(1728))
    True
    """

    rtol: float = 1e-8
    max_iterations: int = 100
    capture: bool = field(default=True, repr=False)
    triton: bool = field(default=True, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_flag("capture", self.capture)
        check_flag("triton", self.triton)

    @property
    def plan_key(self) -> Hashable:
        return type(self), self.triton

    def plan(self, graph: Graph) -> Plan:
        self.refuse_directed(graph)
        if graph.num_nodes > MAX_NODES:
            raise ValueError(f"`Multigrid` takes graphs of up to {MAX_NODES} nodes; this one has {graph.num_nodes}.")
        engine = engine_for(graph, triton=self.triton)
        return Plan(engine, engine.structure(graph))

    def invert(self, walk: Walk, plan: Plan) -> Inverse:
        rows = plan.structure.rows(walk)
        try:
            cycle = plan.engine.cycle(rows)
        except torch.linalg.LinAlgError as error:  # type: ignore[attr-defined]  # the coarsest level is singular
            raise could_not_factorise(self, error) from error
        return plan.engine.inverse(walk, self, rows, cycle)
