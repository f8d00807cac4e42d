"""Ways to solve A x = b, each a frozen dataclass of options.

`direct`, `iterative`, `directed` and `multigrid` hold them by kind, `auto` chooses among them by what `cost` and
`grid_cost` foretell. What all are made of lies beside this file: `base`, what a solver is, `pattern` and `operator`,
its matrix, `verdict`, whether an answer can be trusted, `record`, how it came about. `compiled` has kernels for CPUs,
`gpu` those for GPUs; `streamed` solves in parts what memory does not hold, `grids` what a person changes bit by bit.
"""

from graphrw.solvers.auto import Auto
from graphrw.solvers.base import Inverse, Solver
from graphrw.solvers.direct.cholmod import CHOLMOD
from graphrw.solvers.direct.cudss import CuDSS
from graphrw.solvers.direct.dense import Dense
from graphrw.solvers.direct.pardiso import Pardiso
from graphrw.solvers.direct.rslab import LU, Cholesky
from graphrw.solvers.direct.simplicial import Simplicial
from graphrw.solvers.direct.superlu import SuperLU
from graphrw.solvers.directed.block_gauss_seidel import BlockGaussSeidel
from graphrw.solvers.iterative.amg import GAMG, BoomerAMG
from graphrw.solvers.iterative.approximate_cholesky import ApproximateCholesky
from graphrw.solvers.iterative.bicgstab import BiCGStab
from graphrw.solvers.iterative.cg import CG
from graphrw.solvers.iterative.petsc import PETSc
from graphrw.solvers.multigrid import Multigrid
from graphrw.solvers.record import SolveReport, record_solves

__all__ = [
    "CG",
    "CHOLMOD",
    "GAMG",
    "LU",
    "ApproximateCholesky",
    "Auto",
    "BiCGStab",
    "BlockGaussSeidel",
    "BoomerAMG",
    "Cholesky",
    "CuDSS",
    "Dense",
    "Inverse",
    "Multigrid",
    "PETSc",
    "Pardiso",
    "Simplicial",
    "SolveReport",
    "Solver",
    "SuperLU",
    "record_solves",
]
