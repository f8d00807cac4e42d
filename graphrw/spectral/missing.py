"""Whether a search has missed an eigenvector: a random block, put beside those found, would show it."""

import math

from torch import Tensor

from graphrw.spectral.matrix import EQUAL, HEADROOM, ChebyshevMatrix, Symmetric, column_norms
from graphrw.spectral.route import MAX_FILTER
from graphrw.spectral.subspace import Subspace, random_like

LIFT = 1e5  # of a missing eigenvector by a polynomial, out of a random start where its share is about 1 / √N
# It shows when it has grown tenfold beyond all of the start: at a million nodes a random vector holds too little of it
# with a probability of 8 %, and all four with one of 4e-5. On smaller graphs far less.
PROBES = 4
MAX_STEPS = 24  # with the inverse
SLACK = 1e-3  # of the gap between the last that nothing may be missing from and the last found: less proves nothing


def missing_by_filter(
    matrix: ChebyshevMatrix, found: Tensor, bound: float, sizes: tuple[float, float], *, seed: int
) -> Tensor | None:
    """A block that holds an eigenvector beside `found` with |λ| > bound, if one grows in a Chebyshev filter.

    Args:
        matrix: S.
        found: (N, p) orthonormal eigenvectors.
        bound: |λ| of the last of them.
        sizes: |λ| of the last that nothing may be missing from, and of the first.
        seed: of the random start.
    """
    last, largest = sizes
    degree = matrix.filter_degree(last, bound, LIFT, MAX_FILTER)
    stride = matrix.filter_degree(largest, bound, HEADROOM, degree)
    block = _beside(found.T, random_like(found.new_empty(len(found), PROBES), seed))
    start = column_norms(block)
    for _ in range(math.ceil(degree / stride)):
        block = _beside(found.T, matrix.chebyshev(block, bound, stride))
    return block if bool((column_norms(block) > 10 * start).any()) else None


def missing_by_inverse(matrix: Symmetric, found: Tensor, bound: float, last: float, *, seed: int) -> Tensor | None:
    """The same for the upper end of the spectrum alone, by a block Krylov space of T ≈ (σ − S)⁻¹ beside `found`.

    A Ritz value beyond `bound` proves that an eigenvalue of S beside `found` is, too. With T = (σ − S)⁻¹ and σ above
    the spectrum a polynomial of degree n in T that is at most 1 for λ ≤ bound grows to cosh(n · arccosh y) at
    λ = last, with y = 2 (σ − bound) / (σ − last) − 1.
    """
    ratio = (matrix.ceiling - bound) / (matrix.ceiling - last)
    y = 2 * min(ratio, 1e6) - 1
    steps = min(MAX_STEPS, math.ceil(math.acosh(LIFT) / math.acosh(y))) if y > 1 else MAX_STEPS
    space = Subspace(matrix, (steps + 1) * PROBES, found.T)
    product = space.expand(matrix.apply_inverse(random_like(found.new_empty(len(found), PROBES), seed)))
    for _ in range(steps):
        values, vectors = space.ritz(by_size=False)
        block = space.combine(vectors[:, :PROBES])
        if float(values[0]) > bound + max(SLACK * (last - bound), EQUAL):
            return block
        product = matrix.matmul(block)
        space.expand(matrix.apply_inverse(product - block * values[:PROBES]))
    return None


def _beside(rows: Tensor, block: Tensor) -> Tensor:
    return block - ((rows @ block).T @ rows).T
