"""The solver: conjugate gradients with a multigrid cycle as preconditioner."""

from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from graphrw.core.graph import Graph
from graphrw.core.walk import Walk
from graphrw.core.whole import check_flag
from graphrw.solvers.base import Solution
from graphrw.solvers.direct import could_not_factorise
from graphrw.solvers.iterative import IterativeInverse, IterativeSolver
from graphrw.solvers.krylov import COLUMNS_AT_ONCE
from graphrw.solvers.multigrid.aggregation import MAX_NODES
from graphrw.solvers.multigrid.cycle import Cycle
from graphrw.solvers.multigrid.playback import PlayedCycle, cuda_graph
from graphrw.solvers.multigrid.rows import Structure, structure
from graphrw.solvers.multigrid.triton_level import TritonCycle


@dataclass(frozen=True)
class Multigrid(IterativeSolver[Structure]):
    """Conjugate gradients preconditioned by aggregation multigrid, in torch, on any device; undirected only.

    Memory and time grow linearly with the graph: for volumes, and for whatever fills in when factorised. Aggregates
    follow heavy edges, so that the number of iterations (some 5–25 to a residual of 1e-6) hardly depends on the
    contrast. The preconditioner is float32 where that serves, the iteration around it float64.

    Args:
        rtol: the relative residual at which a column has converged, in (0, 1). A residual of 1e-6 is not an error of
            1e-6.
        max_iterations: of one pass, ≥ 1; and four times as many in all passes before a `ConvergenceError`.
        forecast_after: raise after so many iterations, ≥ 1, if they will not do at the pace so far; None: never.
        capture: on a GPU, record a cycle as a CUDA graph and play it from then on; False: launch it step by step.
        triton: take kernels in Triton in place of cuSPARSE's. They suit grids, volumes and nearest neighbours, not
            hubs; Triton comes with torch for CUDA, and else with ``pip install graphrw[triton]``.

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
    triton: bool = field(default=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_flag("capture", self.capture)
        check_flag("triton", self.triton)

    def plan(self, graph: Graph) -> Structure:
        self.refuse_directed(graph)
        if graph.num_nodes > MAX_NODES:
            raise ValueError(f"`Multigrid` takes graphs of up to {MAX_NODES} nodes; this one has {graph.num_nodes}.")
        return structure(graph)

    def invert(self, walk: Walk, plan: Structure) -> "_MultigridInverse":
        return _MultigridInverse(walk, self, plan)


class _MultigridInverse(IterativeInverse):
    def __init__(self, walk: Walk, solver: Multigrid, plan: Structure) -> None:
        super().__init__(walk, solver)
        try:
            cycle = (TritonCycle if solver.triton else Cycle)(plan.rows(walk))
        except torch.linalg.LinAlgError as error:  # type: ignore[attr-defined]  # the coarsest level is singular
            raise could_not_factorise(solver, error) from error
        device = walk.weight.device
        played = solver.capture and device.type == "cuda"
        self._cycle = PlayedCycle(cycle, partial(cuda_graph, device=device)) if played else cycle

    def solve(self, b: Tensor, transpose: bool = False, start: Tensor | None = None) -> Solution:
        if isinstance(self._cycle, PlayedCycle):
            self._cycle.expect(min(b.shape[1], COLUMNS_AT_ONCE))  # before the verdict asks for one column
        return super().solve(b, transpose, start)

    def precondition(self, r: Tensor) -> Tensor:
        return self._cycle.apply(r)
