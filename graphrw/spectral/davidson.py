"""The leading eigenpairs of a large sparse S: block Davidson with a Chebyshev filter."""

import itertools
import math

import torch
from torch import Tensor

from graphrw.errors import ConvergenceError
from graphrw.spectral.matrix import SymmetricMatrix, filter_degree

BLOCK = 16  # columns that are filtered together
EXPANSIONS = 4  # blocks that join the basis before it is compressed
GROWTH = 1e4  # of the filter at the largest |λ|; more would drown the smaller wanted ones in rounding
MAX_DEGREE = 100  # of the filter
MAX_STEPS = 40  # expansions for each block of wanted eigenpairs
DETECTION = 1e5  # of a filter that lifts a missing eigenvector out of a random start, where its share is 1 / √N
DETECTION_BLOCK = 4
MAX_DETECTION_DEGREE = 2000
MIN_BOUND = 1e-3  # of the filter, for matrices of low rank


class Subspace:
    """An orthonormal basis V of up to `capacity` vectors that grows by blocks, and the projection VᵀSV."""

    def __init__(self, matrix: SymmetricMatrix, capacity: int, like: Tensor) -> None:
        self.size = 0
        self._matrix = matrix
        self._rows = like.new_empty(capacity, matrix.num_nodes)  # Vᵀ: products with it are faster than with V
        self._projected = like.new_zeros(capacity, capacity)

    def fits(self, columns: int) -> bool:
        return self.size + columns <= len(self._rows)

    def combine(self, coefficients: Tensor) -> Tensor:
        """(N, b): V times `coefficients` (size, b)."""
        return (coefficients.T @ self._rows[: self.size]).T.contiguous()

    def expand(self, block: Tensor) -> Tensor:
        """Add what `block` (N, b) is beside the basis; returns S times the b columns added."""
        added = orthonormal_beside(self._rows[: self.size], block)
        product = self._matrix.matmul(added)
        old, self.size = self.size, self.size + added.shape[1]
        self._rows[old : self.size] = added.T
        projection = self._rows[: self.size] @ product
        self._projected[: self.size, old : self.size] = projection
        self._projected[old : self.size, : self.size] = projection.T
        return product

    def ritz(self) -> tuple[Tensor, Tensor]:
        """The eigenpairs of VᵀSV by falling |θ|: (size,) and (size, size)."""
        values, vectors = torch.linalg.eigh(self._projected[: self.size, : self.size])
        order = values.abs().argsort(descending=True, stable=True)
        return values[order], vectors[:, order]

    def compress(self, values: Tensor, vectors: Tensor) -> None:
        """Keep these Ritz pairs alone: (m,) and (size, m)."""
        kept = vectors.T @ self._rows[: self.size]
        self.size = len(values)
        self._rows[: self.size] = kept
        self._projected.zero_()
        self._projected.diagonal()[: self.size] = values


class Davidson:
    """The search for the eigenpairs of S of largest |λ|, each to its own true residual ‖S ψ − λ ψ‖.

    The basis grows by Ritz vectors that have not converged, filtered by a Chebyshev polynomial of S that stays small
    on the unwanted spectrum, which lies between the two wanted ends (after Zhou & Saad, SIAM J. Matrix Anal. Appl.
    2007, who want one end). When all have converged, a filtered random block shows whether an eigenvector was missed,
    as it can be where an eigenvalue is repeated more often than the block is wide.

    Args:
        matrix: S of N nodes.
        wanted: (p,) float64: the residual at which each eigenpair has converged, by falling |λ|.
        kept: how many of them nothing may be missing from; the rest are guards.
    """

    def __init__(self, matrix: SymmetricMatrix, wanted: Tensor, kept: int) -> None:
        self.matrix, self.wanted, self.kept = matrix, wanted, kept
        self.count, self.keep = len(wanted), len(wanted) + BLOCK
        self.space = Subspace(matrix, self.keep + EXPANSIONS * BLOCK, wanted)
        self.done = 0  # so many leading Ritz pairs have converged
        self.checks = 0  # for missing eigenvectors

    def run(self) -> tuple[Tensor, Tensor]:
        """(p,) eigenvalues by falling |λ| and (N, p) orthonormal eigenvectors.

        Raises:
            ConvergenceError: if they do not converge within `MAX_STEPS` blocks for each wanted block.
        """
        self._start()
        steps = MAX_STEPS * math.ceil(self.count / BLOCK)
        for _ in range(steps):
            values, vectors = self._ritz()
            group = slice(self.done, min(self.done + BLOCK, self.keep))
            block, product, residual = self._pairs(values, vectors[:, group], self.done)
            fresh = _leading_true(residual[: self.count - self.done] <= self.wanted[self.done : self.done + BLOCK])
            self.done += fresh
            if self.done == self.count:
                answer = self._verified(values, vectors)
                if answer is not None:
                    return answer
            elif fresh < block.shape[1]:
                bound = max(float(values[self.keep - 1].abs()), MIN_BOUND)
                degree = filter_degree(float(values[0].abs()), bound, GROWTH, MAX_DEGREE)
                self.space.expand(self.matrix.chebyshev(block[:, fresh:], product[:, fresh:], bound, degree))
        near = values[max(self.done - 1, 0) : self.done + 2].abs().tolist()
        raise ConvergenceError(
            f"{self.done} of {self.count} leading eigenpairs converged after {steps} blocks of {BLOCK} filtered "
            f"vectors; the next ones have residuals up to {float(residual.max()):.1e}, asked was "
            f"{float(self.wanted[0]):.1e}. |λ| next to them: {near}. Likely cause: eigenvalues that lie too close "
            "together, as on long thin graphs. Ask for a larger `tolerance` or a smaller `k`."
        )

    def _start(self) -> None:
        """Fill the basis with a block Krylov space."""
        block = random_like(self.wanted.new_empty(self.matrix.num_nodes, BLOCK), seed=0)
        while self.space.fits(BLOCK):
            block = self.space.expand(block)

    def _ritz(self) -> tuple[Tensor, Tensor]:
        """All Ritz pairs, in a basis that has room for one more block."""
        values, vectors = self.space.ritz()
        if self.space.fits(BLOCK):
            return values, vectors
        self.space.compress(values[: self.keep], vectors[:, : self.keep])
        return values[: self.keep], torch.eye(self.keep, dtype=values.dtype, device=values.device)

    def _pairs(self, values: Tensor, vectors: Tensor, first: int) -> tuple[Tensor, Tensor, Tensor]:
        """Ritz vectors x (N, b), S x, and the norms (b,) of the residuals; `vectors` (m, b) start with pair `first`."""
        block = self.space.combine(vectors)
        product = self.matrix.matmul(block)
        residual = product - block * values[first : first + block.shape[1]]
        return block, product, torch.linalg.vector_norm(residual, dim=0)

    def _verified(self, values: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor] | None:
        """The answer, if all of it has converged still and nothing is missing."""
        block, _, residual = self._pairs(values, vectors[:, : self.count], 0)
        self.done = _leading_true(residual <= self.wanted)
        if self.done < self.count:
            return None
        missed = self._missed(values, block)
        if missed is None:
            return values[: self.count], block
        self.done = 0
        self.space.expand(missed)
        return None

    def _missed(self, values: Tensor, found: Tensor) -> Tensor | None:
        """A block that holds an eigenvector beside `found` (N, p) with |λ| beyond the last of them, if there is one."""
        self.checks += 1  # each from another start
        largest, last, bound = (float(values[index].abs()) for index in (0, self.kept - 1, self.count - 1))
        bound = max(bound, MIN_BOUND)
        degree = filter_degree(last, bound, DETECTION, MAX_DETECTION_DEGREE)
        stride = filter_degree(largest, bound, 1e6, degree)  # rounding errors along `found` must not grow beyond use
        block = _beside(found.T, random_like(found.new_empty(len(found), DETECTION_BLOCK), self.checks))
        start = torch.linalg.vector_norm(block, dim=0)
        for _ in range(math.ceil(degree / stride)):
            block = _beside(found.T, self.matrix.chebyshev(block, self.matrix.matmul(block), bound, stride))
        return block if bool((torch.linalg.vector_norm(block, dim=0) > 10 * start).any()) else None


def orthonormal_beside(rows: Tensor, block: Tensor) -> Tensor:
    """An orthonormal basis of what `block` (N, b) adds to the orthonormal `rows` (m, N); filled up at random."""
    for attempt in itertools.count():
        block = block / torch.linalg.vector_norm(block, dim=0).clamp(min=1e-300)
        overlap = rows @ block
        block, triangle = torch.linalg.qr(block - (overlap.T @ rows).T)
        lost = triangle.diagonal().abs() < 1e-13  # nothing but rounding is left of these columns
        if bool(lost.any()):
            block = torch.where(lost, random_like(block, seed=len(rows) + attempt), block)
        elif overlap.numel() == 0 or float(overlap.abs().max()) < 0.5:  # little has cancelled
            break
    return block.contiguous()


def random_like(block: Tensor, seed: int) -> Tensor:
    """The same numbers every time, on every device."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(block.shape, generator=generator, dtype=torch.float64).to(block.device)


def _beside(rows: Tensor, block: Tensor) -> Tensor:
    return block - ((rows @ block).T @ rows).T


def _leading_true(flags: Tensor) -> int:
    """How many are true before the first that is not."""
    return int(flags.int().cumprod(0).sum())
