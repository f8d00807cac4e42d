"""The leading eigenpairs of a distributed walk, by SLEPc."""

from typing import Any

import torch
from torch import Tensor

from graphrw.core.errors import ConvergenceError, MissingDependencyError
from graphrw.core.whole import check_whole
from graphrw.distributed.graph import DistributedWalk
from graphrw.distributed.solve import assembled


def eigenpairs(walk: DistributedWalk, k: int, *, rtol: float = 1e-8) -> tuple[Tensor, Tensor]:
    """The k eigenpairs of largest |λ| of S = D^{−½} W D^{−½}, by the Krylov–Schur method (Stewart 2001) of SLEPc.

    No gradient flows: what is worth differentiating is the diffusion map (`graphrw.diffusion_map`), not eigenvectors.
    On large grids eigenvalues crowd at ±1, and the method takes many iterations.

    Args:
        walk: of whose weights S is made; killing has no part in it.
        k: from 1 to the number of nodes.
        rtol: the relative residual at which a pair has converged, > 0.

    Returns:
        λ (k,), by falling |λ|, in every process, and the vectors (owned, k), of norm 1 over all processes.

    Raises:
        ConvergenceError: if fewer than k have converged.
        MissingDependencyError: without slepc4py.
    """
    check_whole("k", k, 1, walk.graph.num_nodes)
    library, solver = _slepc(), _slepc().EPS().create(walk.graph.comm)
    matrix = _similarity(walk)
    solver.setOperators(matrix)
    solver.setProblemType(library.EPS.ProblemType.HEP)
    solver.setWhichEigenpairs(library.EPS.Which.LARGEST_MAGNITUDE)
    solver.setDimensions(k)
    solver.setTolerances(rtol)
    solver.setOptionsPrefix("graphrw_")
    solver.setFromOptions()
    solver.solve()
    if solver.getConverged() < k:
        raise ConvergenceError(f"SLEPc found {solver.getConverged()} of {k} eigenpairs to {rtol:.1e}: raise `rtol`.")
    vector, values, columns = matrix.createVecRight(), [], []
    for place in range(k):
        values.append(solver.getEigenpair(place, vector).real)
        columns.append(torch.from_numpy(vector.getArray().copy()))
    return torch.tensor(values, dtype=torch.float64), torch.stack(columns, 1)


def _similarity(walk: DistributedWalk) -> Any:
    """S as PETSc's matrix; rows without edges are 0."""
    halo, local = walk.graph.halo, walk.local
    with torch.no_grad():
        root = halo.spread(halo.gathered(local.degree)).sqrt()
        tail, head = local.graph.edges
        product = root[tail] * root[head]
        weight = torch.where(product > 0, local.weight / torch.where(product > 0, product, 1.0), 0.0)
        return assembled(walk.graph, torch.zeros_like(root), -weight)


def _slepc() -> Any:
    try:
        import slepc4py.SLEPc  # noqa: PLC0415
    except ImportError as error:
        raise MissingDependencyError(
            "`eigenpairs` needs slepc4py: `.ci/petsc-debian` installs it on Debian, pip install 'graphrw[petsc]' where "
            "there is MPI."
        ) from error
    return slepc4py.SLEPc
