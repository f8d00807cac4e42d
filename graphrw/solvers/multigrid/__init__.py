"""Conjugate gradients preconditioned by aggregation multigrid, in torch; `solvers.compiled` is the same by numba.

`rows` holds a level's edges, `aggregation` says which of its nodes stand together on the next, `cycle` is the
preconditioner, `triton_level` has other kernels for it, `playback` is how a GPU repeats it, `inverse` iterates under
it, `engine` chooses what computes all this, and `solver` is what users see.
"""

from graphrw.solvers.multigrid.solver import Multigrid

__all__ = ["Multigrid"]
