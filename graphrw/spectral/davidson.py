"""The leading eigenpairs of a large sparse S near the ends of its spectrum: block Davidson with an inverse."""

import math

import torch
from torch import Tensor

from graphrw.core.errors import ConvergenceError
from graphrw.spectral.goal import Goal
from graphrw.spectral.matrix import MIN_BOUND, ChebyshevMatrix, Symmetric, column_norms
from graphrw.spectral.missing import missing_by_inverse
from graphrw.spectral.subspace import Subspace, random_like

MAX_STEPS = 40  # expansions for each block of wanted eigenpairs; 3 to 10 were seen to be enough
BLOCK = 8  # columns that join together: narrow blocks make better use of what the last one has taught
EXPANSIONS = 8  # blocks that join before the basis is compressed


class Davidson:
    """The search for the eigenpairs of S of largest |λ|, each to its own true residual ‖S ψ − λ ψ‖.

    The basis grows by T times the residuals of the leading Ritz vectors that have not converged (generalised Davidson:
    Morgan & Scott 1986), where T is about (σ − S)⁻¹ for λ > 0 and (σ + S)⁻¹ for λ < 0. When all have converged, a
    random block shows whether an eigenvector was missed, as it can be where an eigenvalue is repeated more often than
    the block is wide.

    Args:
        matrix: S of N nodes.
        goal: what is wanted.
        lowest: no eigenvalue is less.
        last: about the |λ| of the last one wanted.
    """

    def __init__(self, matrix: ChebyshevMatrix, goal: Goal, lowest: float, last: float) -> None:
        self.matrix, self.goal, self.lowest = matrix, goal, lowest
        self.lower = self._lower_end(last)
        self.keep = goal.count + BLOCK
        besides = goal.residuals.new_empty(0, matrix.num_nodes)
        self.space = Subspace(matrix, self.keep + EXPANSIONS * BLOCK, besides)
        self.done = 0  # so many leading Ritz pairs have converged
        self.checks = 0  # for missing eigenvectors

    def run(self) -> tuple[Tensor, Tensor]:
        """(p,) eigenvalues by falling |λ| and (N, p) orthonormal eigenvectors.

        Raises:
            ConvergenceError: if they do not converge within `MAX_STEPS` blocks for each wanted block.
        """
        self._start()
        steps = MAX_STEPS * math.ceil(self.goal.count / BLOCK)
        for _ in range(steps):
            values, vectors = self._ritz()
            group = slice(self.done, min(self.done + BLOCK, self.keep))
            _, residual, norms = self._pairs(values, vectors[:, group], self.done)
            reached = norms <= self.goal.wanted(values, self.keep)[group][: len(norms)]
            self.done += _leading_true(reached)
            if self.done == self.goal.count:
                answer = self._verified(values, vectors)
                if answer is not None:
                    return answer
            elif len(norms) == 0:
                self.space.expand(self._random())  # all of a small basis has converged
            elif not bool(reached.all()):
                self.space.expand(self._expansion(values[group][~reached], residual[:, ~reached]))
        near = values[max(self.done - 1, 0) : self.done + 2].abs().tolist()
        raise ConvergenceError(
            f"{self.done} had converged after {steps} blocks of {BLOCK} vectors, and the next ones, near |λ| = {near}, "
            f"had residuals up to {max(norms.tolist(), default=0):.1e}"
        )

    def _start(self) -> None:
        for end in (self.matrix, self.lower):
            if end is not None:
                self.space.expand(end.apply_inverse(self._random()))

    def _random(self) -> Tensor:
        like = self.goal.residuals.new_empty(self.matrix.num_nodes, BLOCK)
        return random_like(like, seed=self.space.size)

    def _expansion(self, values: Tensor, residual: Tensor) -> Tensor:
        """What joins the basis for Ritz vectors of these `values` (b,) and `residual` (N, b)."""
        unit = residual / column_norms(residual).clamp(min=1e-300)
        below = torch.zeros_like(values, dtype=torch.bool) if self.lower is None else values < 0
        parts = ((end, unit[:, mask]) for end, mask in ((self.matrix, ~below), (self.lower, below)))
        return torch.cat([end.apply_inverse(part) for end, part in parts if end is not None and part.shape[1]], 1)

    def _lower_end(self, bound: float) -> Symmetric | None:
        """−S, if eigenvalues may be below −bound."""
        return self.matrix.mirrored if -self.lowest >= bound else None

    def _ritz(self) -> tuple[Tensor, Tensor]:
        """All Ritz pairs, in a basis that has room for one more block."""
        values, vectors = self.space.ritz(by_size=True)
        if self.space.fits(BLOCK):
            return values, vectors
        self.space.compress(values[: self.keep], vectors[:, : self.keep])
        return values[: self.keep], torch.eye(self.keep, dtype=values.dtype, device=values.device)

    def _pairs(self, values: Tensor, vectors: Tensor, first: int) -> tuple[Tensor, Tensor, Tensor]:
        """Ritz vectors x (N, b), S x − θ x, and the norms (b,) of that; `vectors` (m, b) start with pair `first`."""
        block = self.space.combine(vectors)
        residual = self.matrix.matmul(block).sub_(block * values[first : first + block.shape[1]])
        return block, residual, column_norms(residual)

    def _verified(self, values: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor] | None:
        """The answer, if all of it has converged still and nothing is missing."""
        count = self.goal.count
        block, _, norms = self._pairs(values, vectors[:, :count], 0)
        self.done = _leading_true(norms <= self.goal.wanted(values, count))
        if self.done < count:
            return None
        missed = self._missed(values, block)
        if missed is None:
            return values[:count], block
        self.done = 0
        self.space.expand(missed)
        return None

    def _missed(self, values: Tensor, found: Tensor) -> Tensor | None:
        """A block that holds an eigenvector beside `found` (N, p) with |λ| beyond the last of them, if there is one."""
        self.checks += 1  # each from another start
        sizes = values.abs().clamp(min=MIN_BOUND).tolist()
        last, bound = sizes[self.goal.kept - 1], sizes[self.goal.count - 1]
        self.lower = self._lower_end(bound)  # the survey may have taken the last for larger
        for end in (self.matrix, self.lower):
            missed = None if end is None else missing_by_inverse(end, found, bound, last, seed=self.checks)
            if missed is not None:
                return missed
        return None


def _leading_true(flags: Tensor) -> int:
    """How many are true before the first that is not."""
    return int(flags.int().cumprod(0).sum())
