"""The leading eigenpairs of a walk, and maps made of them.

From the walk to its map, file by file; each imports only what stands above it:

    layout      where the entries of S = C^{−½} W C^{−½} stand, from the structure alone
    inverse     T ≈ (σ − S)⁻¹, by a factor or a multigrid cycle
    matrix      S, −S, and on bipartite graphs B Bᵀ on half the nodes; products and Chebyshev polynomials
    route       polynomials of S or T: which comes first, and what when it fails
    goal, survey, subspace, missing          what a search for eigenpairs wants, its first look, basis and last check
    filtered, davidson                       the search by polynomials, and the search with an inverse
    eigenpairs  what is found, with guards beside it; dense matrices where the graph is small
    shifted, deflated      the linear systems of the derivative, once and refined
    adjoint     the gradient from eigenpairs
    checks      what may be asked for, and the warning about a `k` that cuts equal eigenvalues
    spectrum    `spectral_map`, and the only spectral autograd Function

Beside them, `power` has the unrolled iteration of Neural Diffusion Distance, differentiated by plain autograd.
"""

from graphrw.spectral.checks import SpectralCutWarning, check_time, check_undirected
from graphrw.spectral.matrix import inverse_root
from graphrw.spectral.power import power_iteration, power_iteration_as_published
from graphrw.spectral.spectrum import TOLERANCE, spectral_map

__all__ = [
    "TOLERANCE",
    "SpectralCutWarning",
    "check_time",
    "check_undirected",
    "inverse_root",
    "power_iteration",
    "power_iteration_as_published",
    "spectral_map",
]
