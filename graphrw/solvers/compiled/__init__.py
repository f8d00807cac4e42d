"""Multigrid by kernels that numba compiles, on CPUs where it is installed: the same levels, the same answers.

`compilation` says how and when kernels are compiled, `lanes` keeps columns side by side in vectors of the processor.
The kernels: `setup` makes levels, `sweeps` cycle through them, `iteration` iterates around that. What calls them:
`rows`, `level` and `inverse`. numba is imported with this package, and this package when multigrid first plans.
"""

from graphrw.solvers.compiled.inverse import CompiledInverse
from graphrw.solvers.compiled.level import CompiledCycle
from graphrw.solvers.compiled.rows import structure
from graphrw.solvers.multigrid.engine import Engine

__all__ = ["COMPILED"]

COMPILED = Engine(structure, CompiledCycle, CompiledInverse)
