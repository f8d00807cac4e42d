"""Conjugate gradients preconditioned by aggregation multigrid, in torch throughout.

`rows` holds a level's edges, `aggregation` says which of its nodes stand together on the next, `cycle` is the
preconditioner, `triton_level` has other kernels for it, `playback` is how a GPU repeats it, and `solver` what users
see.
"""

from graphrw.solvers.multigrid.solver import Multigrid

__all__ = ["Multigrid"]
