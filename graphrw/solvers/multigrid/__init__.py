"""Conjugate gradients preconditioned by aggregation multigrid, in torch throughout.

`rows` holds a level's edges, `aggregation` says which of its nodes stand together on the next, `cycle` is the
preconditioner, and `solver` what users see.
"""

from graphrw.solvers.multigrid.solver import Multigrid

__all__ = ["Multigrid"]
