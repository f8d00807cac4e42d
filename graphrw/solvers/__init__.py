"""Ways to solve A x = b, each a frozen dataclass of options."""

from graphrw.solvers.amg import GAMG, BoomerAMG
from graphrw.solvers.approximate_cholesky import ApproximateCholesky
from graphrw.solvers.auto import Auto
from graphrw.solvers.base import Inverse, Solver
from graphrw.solvers.bicgstab import BiCGStab
from graphrw.solvers.block_gauss_seidel import BlockGaussSeidel
from graphrw.solvers.cg import CG
from graphrw.solvers.cholmod import CHOLMOD
from graphrw.solvers.cudss import CuDSS
from graphrw.solvers.dense import Dense
from graphrw.solvers.multigrid import Multigrid
from graphrw.solvers.pardiso import Pardiso
from graphrw.solvers.petsc import PETSc
from graphrw.solvers.record import SolveReport, record_solves
from graphrw.solvers.rslab import LU, Cholesky
from graphrw.solvers.simplicial import Simplicial
from graphrw.solvers.superlu import SuperLU

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
