"""An approximate inverse of A in a single step: for methods that need one thousands of times, and no exact answer."""

from collections.abc import Callable
from functools import partial

from torch import Tensor

from graphrw.core.errors import is_out_of_memory
from graphrw.core.walk import Walk
from graphrw.core.warn import warn
from graphrw.solvers.auto import Auto
from graphrw.solvers.base import Solver
from graphrw.solvers.direct.base import DirectInverse
from graphrw.solvers.iterative.base import IterativeSolver
from graphrw.solvers.multigrid.engine import engine_for


class ApproximateInverse:
    """B ≈ A⁻¹ of one walk, symmetric for an undirected one; outside autograd. See `approximate_inverse`."""

    def __init__(self, walk: Walk, source: object, apply: Callable[[Tensor], Tensor], scale: float = 1.0) -> None:
        self._num_nodes, self._source, self._apply, self._scale = walk.graph.num_nodes, source, apply, scale

    def __call__(self, r: Tensor) -> Tensor:
        """B r for `r` (N, K) float64; the next call may overwrite the answer."""
        answer = self._apply(r)
        return answer if self._scale == 1 else answer.mul_(self._scale)

    def __repr__(self) -> str:
        return f"ApproximateInverse of {self._num_nodes:,} nodes by {self._source}"


def approximate_inverse(walk: Walk) -> ApproximateInverse:
    """One substitution with the factor of a direct solver, or one multigrid cycle, as `Auto` would choose.

    Nothing is checked or refined: a substitution is exact but for rounding, a cycle is no more than a preconditioner.
    Whoever calls it iterates around it, on a residual of its own.

    Args:
        walk: on an undirected graph, its tensors float64 and outside autograd; some killing is within reach of every
            node.

    >>> import torch
    >>> from graphrw import grid_graph
    >>> from graphrw.core.walk import walk
    >>> small = walk(grid_graph((4, 4)), torch.ones(24, dtype=torch.float64), killing=0.1)
    >>> inverse = approximate_inverse(small)
    >>> inverse
    ApproximateInverse of 16 nodes by Dense(rtol=1e-10)
    >>> torch.allclose(inverse(small.killing[:, None]), torch.ones(16, 1, dtype=torch.float64))
    True
    """
    solver = Auto().plan_for(walk.graph).solvers[0]
    factors = None if isinstance(solver, IterativeSolver) else _factors(walk, solver)
    if factors is not None:
        return ApproximateInverse(walk, solver, partial(factors.substitute, transpose=False))
    # Where `Auto` begins with plain CG, a cycle serves too: Jacobi's preconditioner is no inverse.
    engine = engine_for(walk.graph)
    cycle = engine.cycle(engine.structure(walk.graph).rows(walk))
    return ApproximateInverse(
        walk, cycle, cycle.apply, 1 / float(walk.rate.max())
    )  # cycles take the largest rate for 1


def _factors(walk: Walk, solver: Solver) -> DirectInverse | None:
    """None, with a warning, where memory does not suffice: a cycle needs far less."""
    try:
        factors = solver.inverse_of(walk)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        warn(f"{solver} ran out of memory ({error}): a cycle of multigrid takes its place.")
        return None
    return factors if isinstance(factors, DirectInverse) else None
