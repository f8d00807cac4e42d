"""An orthonormal basis that grows, and the projection of a matrix onto it."""

import torch
from torch import Tensor

from graphrw.core.errors import ConvergenceError
from graphrw.spectral.matrix import Symmetric

WELL_SPREAD = 0.1  # with so much of each column left, a pass has lost no more than one digit: it need not be repeated
MAX_PASSES = 20  # two or three are enough
SINGULAR = 1e-6  # Cholesky's method squares what is left of a column: with less than this its factor means nothing


class Subspace:
    """An orthonormal basis V of up to `capacity` vectors that grows by blocks, and the projection VᵀSV.

    Args:
        matrix: S.
        capacity: how many vectors there is room for.
        besides: (m, N) orthonormal rows that V stays orthogonal to.
    """

    def __init__(self, matrix: Symmetric, capacity: int, besides: Tensor) -> None:
        self.size = 0
        self._matrix = matrix
        self._besides = len(besides)
        self._rows = besides.new_empty(self._besides + capacity, matrix.num_nodes)  # Vᵀ: faster to multiply than V
        self._rows[: self._besides] = besides
        self._projected = besides.new_zeros(capacity, capacity)

    def fits(self, columns: int) -> bool:
        return self.size + columns <= len(self._projected)

    def combine(self, coefficients: Tensor) -> Tensor:
        """(N, b): V times `coefficients` (size, b)."""
        return (coefficients.T @ self._basis()).T.contiguous()

    def expand(self, block: Tensor) -> Tensor:
        """Add what `block` (N, b) is beside the basis; returns S times the b columns added."""
        added = orthonormal_beside(self._rows[: self._besides + self.size], block.T)
        product = self._matrix.matmul(added.T.contiguous())
        old, self.size = self.size, self.size + len(added)
        self._basis()[old:] = added
        projection = product.T.contiguous() @ self._basis().T
        self._projected[old : self.size, : self.size] = projection
        self._projected[: self.size, old : self.size] = projection.T
        return product

    def ritz(self, by_size: bool) -> tuple[Tensor, Tensor]:
        """The eigenpairs of VᵀSV, (size,) and (size, size), by falling |θ|, or else by falling θ."""
        values, vectors = torch.linalg.eigh(self._projected[: self.size, : self.size])
        order = (values.abs() if by_size else values).argsort(descending=True, stable=True)
        return values[order], vectors[:, order]

    def compress(self, values: Tensor, vectors: Tensor) -> None:
        """Keep these Ritz pairs alone: (m,) and (size, m)."""
        kept = vectors.T @ self._basis()
        self.size = len(values)
        self._basis()[:] = kept
        self._projected.zero_()
        self._projected.diagonal()[: self.size] = values

    def _basis(self) -> Tensor:
        return self._rows[self._besides : self._besides + self.size]


def orthonormal_beside(rows: Tensor, block: Tensor) -> Tensor:
    """(b, N): orthonormal rows for what those of `block` (b, N) add to the orthonormal `rows` (m, N).

    What adds nothing is filled up at random. A pass that has taken away much is repeated: repeated eigenvalues, whose
    eigenvectors come in by rounding alone, would not be found in a basis that is less than orthonormal.
    """
    for attempt in range(MAX_PASSES):
        block = block / torch.linalg.vector_norm(block, dim=1, keepdim=True).clamp(min=1e-300)
        overlap = block @ rows.T
        block, spread = _orthonormal(torch.addmm(block, overlap, rows, alpha=-1))
        lost = spread < 1e-13  # nothing but rounding is left of these rows
        if bool(lost.any()):
            block = torch.where(lost[:, None], random_like(block.T, seed=len(rows) + attempt).T, block)
        elif float(spread.min()) > WELL_SPREAD and (len(rows) == 0 or float(overlap.abs().max()) < 0.5):
            return block
    raise ConvergenceError(
        f"No orthonormal basis was found in {MAX_PASSES} passes. Likely cause: weights so far apart that products with "
        "them are not finite."
    )


def _orthonormal(block: Tensor) -> tuple[Tensor, Tensor]:
    """Q (b, N) of `block` = L Q and |diag L|; by Cholesky's method, much faster, where that works."""
    triangle, failed = torch.linalg.cholesky_ex(block @ block.T)
    spread = triangle.diagonal()
    if int(failed) == 0 and float(spread.min()) > SINGULAR * float(spread.max()):
        return torch.linalg.solve_triangular(triangle, block, upper=False), spread
    q, triangle = torch.linalg.qr(block.T)
    return q.T, triangle.diagonal().abs()


def random_like(block: Tensor, seed: int) -> Tensor:
    """The same numbers every time, on every device."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(block.shape, generator=generator, dtype=torch.float64).to(block.device)
