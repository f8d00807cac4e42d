"""Ways to solve."""

from contextlib import ExitStack

from bad_calls.calls import call
from bad_calls.kinds import a_graph, flag, instance, number, whole
from bad_calls.things import GRAPH
from graphrw import solvers

RTOL = {"rtol": number(1e-8, 0.0, 1.0, -1.0)}
ITERATIVE = {**RTOL, "max_iterations": whole(100, 0, huge=False), "forecast_after": whole(9, 0, huge=False).optional()}

CALLS = (
    call(solvers.ApproximateCholesky, **ITERATIVE, split=whole(1, 0, huge=False)),
    call(solvers.Auto, **RTOL, max_bytes=number(1e9, -1.0).optional().without("infinite")),
    call(solvers.Auto().explain, graph=a_graph(GRAPH)),
    call(solvers.BiCGStab, **ITERATIVE),
    call(solvers.BlockGaussSeidel, **ITERATIVE),
    call(solvers.BoomerAMG, strong_threshold=number(0.25, -1.0, 1.0)),
    call(solvers.CG, **ITERATIVE),
    call(solvers.CHOLMOD, **RTOL),
    call(solvers.Cholesky, **RTOL),
    call(solvers.CuDSS, **RTOL),
    call(solvers.Dense, **RTOL),
    call(solvers.GAMG, threshold=number(0.01, -1.0, 1.0)),
    call(solvers.LU, **RTOL),
    call(solvers.Multigrid, **ITERATIVE, capture=flag(True), triton=flag(True)),
    call(solvers.PETSc, **ITERATIVE, preconditioner=instance(solvers.GAMG(), "`GAMG")),
    call(solvers.Pardiso, **RTOL),
    call(solvers.Simplicial, **RTOL),
    call(solvers.SuperLU, **RTOL),
    call(solvers.record_solves, used=ExitStack().enter_context),
)
