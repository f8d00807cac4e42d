"""The leading eigenpairs of a large sparse S by Chebyshev-filtered subspace iteration."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from graphrw.core.errors import ConvergenceError
from graphrw.spectral.goal import Goal
from graphrw.spectral.matrix import HEADROOM, MIN_BOUND, ChebyshevMatrix, column_norms
from graphrw.spectral.missing import PROBES, missing_by_filter
from graphrw.spectral.subspace import SINGULAR, WELL_SPREAD, orthonormal_beside

MAX_ROUNDS = 40  # three or four are enough
WIDTHS = 32  # products with a multiple of so many columns are the fastest, up to a third for each column
SPARE = 16  # columns at least beyond those wanted, which set the pace of the last of these
SLIM = 16  # nodes for each column: with more columns the dense algebra would take longer than the filter
ROWS = 2048  # turned at once: they stay within the cache
SURE = 30.0  # a filter aims so much below the residual wanted: two terms more cost less than another round
HELPFUL = 1e-4  # the residual at which a spare column has done its part
LEAST_GAP = 1e-3  # of the bound below the last |λ| wanted, relative: nothing is told apart where they are equal


@dataclass(frozen=True)
class Ritz:
    """The Ritz pairs of S in the span of a block, by falling |θ|."""

    values: Tensor  # (m,)
    block: Tensor  # (N, m)
    residual: Tensor  # (N, m): S x − θ x
    norms: Tensor  # (m,) of it
    spread: float  # 1 if the block was orthogonal before; where it is small, this one is not quite


class FilteredSubspace:
    """A block of more columns than eigenpairs are wanted, which a Chebyshev polynomial of S turns towards them.

    The polynomial stays small on the unwanted spectrum, between the two wanted ends. All columns go through it at once,
    and few small dense eigenproblems are left: with wide blocks nearly all time goes into products that are as fast as
    the machine (Zhou, Saad, Tiago & Chelikowsky, J. Comput. Phys. 2006, who want one end).

    Two things differ from the paper. The filter runs in float32, from the second round on upon residuals
    (`ChebyshevMatrix.correction`), so that rounding is relative to what is wrong still: the less that is, the longer
    the polynomial may be. And pairs that have converged are left alone; where one far above the others would keep the
    polynomial short, what rounding leaves along them is cleared away.

    Args:
        matrix: S of N nodes.
        goal: what is wanted.
        bound: about the |λ| of the last column.
        longest: terms that a filter may have.
    """

    def __init__(self, matrix: ChebyshevMatrix, goal: Goal, bound: float, longest: int) -> None:
        self.matrix, self.goal, self.longest = matrix, goal, longest
        self._guess = max(bound, MIN_BOUND)
        self._checks = 0  # for missing eigenvectors

    def run(self, largest: float) -> tuple[Tensor, Tensor]:
        """(p,) eigenvalues by falling |λ| and (N, p) orthonormal eigenvectors.

        Args:
            largest: about the largest |λ|.

        Raises:
            ConvergenceError: if they do not converge in `MAX_ROUNDS`, or the filter would be too long.
        """
        block = self._start(largest)
        for _ in range(MAX_ROUNDS):
            ritz = rayleigh_ritz(self.matrix, block)
            block = ritz.block
            excess = ritz.norms[: self.goal.count] / self.goal.wanted(ritz.values, self.goal.count)
            if not bool((excess <= 1).all()):
                self._filter(ritz, excess)
            elif ritz.spread > WELL_SPREAD:
                missed = self._missed(ritz)
                if missed is None:
                    return ritz.values[: self.goal.count], block[:, : self.goal.count].contiguous()
                block[:, -PROBES:] = missed
        raise ConvergenceError(f"{_told(ritz, excess)} after {MAX_ROUNDS} rounds")

    def _start(self, largest: float) -> Tensor:
        shape = self.matrix.num_nodes, width(self.goal.count, self.matrix.num_nodes)
        block = torch.rand(shape, dtype=torch.float32, generator=torch.Generator().manual_seed(0)).sub_(0.5)
        degree = self.matrix.filter_degree(largest, self._guess, HEADROOM, self.longest)
        return self.matrix.chebyshev(block.to(self.matrix.device), self._guess, degree).double()

    def _filter(self, ritz: Ritz, excess: Tensor) -> None:
        """Filter the columns whose residual is in `excess` (p,) > 1, and spare ones that are rough still, in place.

        Raises:
            ConvergenceError: where that would take too long a polynomial.
        """
        sizes, norms, bound = ritz.values.abs().tolist(), ritz.norms, self._bound(ritz)
        if self.matrix.filter_degree(sizes[0], bound, HEADROOM, self.longest + 1) > self.longest:
            raise ConvergenceError(f"{_told(ritz, excess)} when the filter would have needed over {self.longest} terms")
        columns = torch.cat([excess > 1, norms[len(excess) :] > HELPFUL]).nonzero().squeeze(1)
        room = HEADROOM / min(1.0, float(norms[columns].max()))
        stride = self.matrix.filter_degree(sizes[0], bound, room, self.longest)
        longest = self.matrix.filter_degree(sizes[int(columns[0])], bound, room, self.longest)
        slow = [(size, SURE * much) for size, much in zip(sizes, excess.tolist(), strict=False) if much > 1]
        degree = max(self.matrix.filter_degree(size, bound, much, longest) for size, much in slow)
        known = ritz.block[:, : len(excess)][:, (excess <= 1) & (degree > stride)].float()
        residual, values = ritz.residual[:, columns], ritz.values[columns]
        change = self.matrix.correction(residual, values, bound, degree, known=known, stride=stride)
        ritz.block.index_add_(1, columns, change)

    def _bound(self, ritz: Ritz) -> float:
        """Of the unwanted spectrum: about the |λ| of the last column, of which |θ| falls short, by much at first."""
        sizes, count = ritz.values.abs(), self.goal.count
        spare = len(sizes) - count
        places = (count - 1, count + spare // 2, count + 3 * spare // 4)
        last, middle, late = (float(sizes[place]) for place in places)
        return max(min(max(late, min(self._guess, middle)), (1 - LEAST_GAP) * last), MIN_BOUND)

    def _missed(self, ritz: Ritz) -> Tensor | None:
        self._checks += 1  # each from another start
        sizes, count = ritz.values.abs().clamp(min=MIN_BOUND).tolist(), self.goal.count
        largest, last, bound = sizes[0], sizes[self.goal.kept - 1], sizes[count - 1]
        return missing_by_filter(self.matrix, ritz.block[:, :count], bound, (last, largest), seed=self._checks)


def width(count: int, num_nodes: int) -> int:
    """How many columns a block has for `count` eigenpairs: about twice as many, and fewer on small graphs."""
    return WIDTHS * max(math.ceil((count + SPARE) / WIDTHS), round(min(2 * count, num_nodes / SLIM) / WIDTHS))


def rayleigh_ritz(matrix: ChebyshevMatrix, block: Tensor) -> Ritz:
    """The Ritz pairs in the span of `block` (N, m), in its memory."""
    triangle, failed = torch.linalg.cholesky_ex(gram := block.T @ block)
    spread = float((triangle.diagonal() / gram.diagonal().sqrt()).nan_to_num(0).min())
    if int(failed) or spread < SINGULAR:
        block = orthonormal_beside(block.new_empty(0, len(block)), block.T).T.contiguous()
        triangle, spread = torch.eye(block.shape[1], dtype=block.dtype, device=block.device), 1.0
    product = matrix.matmul(block)
    projected = torch.linalg.solve_triangular(triangle, block.T @ product, upper=False)
    projected = torch.linalg.solve_triangular(triangle, projected.T, upper=False)
    values, vectors = torch.linalg.eigh(projected)
    order = values.abs().argsort(descending=True, stable=True)
    values, turn = values[order], torch.linalg.solve_triangular(triangle.T, vectors[:, order], upper=True)
    for rows in (*block.split(ROWS), *product.split(ROWS)):
        rows.copy_(rows @ turn)
    residual = product.addcmul_(block, values, value=-1)
    return Ritz(values, block, residual, column_norms(residual), spread)


def _told(ritz: Ritz, excess: Tensor) -> str:
    rough = excess > 1
    near = float(ritz.values[int(rough.int().argmax())].abs())
    worst = float(ritz.norms[: len(excess)].max())
    return (
        f"{int((~rough).sum())} had converged, and the others, from |λ| = {near:.6g}, had residuals up to {worst:.1e}"
    )
