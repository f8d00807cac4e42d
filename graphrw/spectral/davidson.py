"""The leading eigenpairs of a large sparse S: block Davidson with a Chebyshev filter or an approximate inverse."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from graphrw.core.errors import ConvergenceError
from graphrw.spectral.matrix import EQUAL, HEADROOM, MIN_BOUND, ChebyshevMatrix, Symmetric
from graphrw.spectral.missing import missing_by_filter, missing_by_inverse
from graphrw.spectral.route import LONG_FILTER, MAX_FILTER, Route, in_order, in_turn
from graphrw.spectral.subspace import Subspace, random_like
from graphrw.spectral.survey import Survey

MAX_STEPS = 40  # expansions for each block of wanted eigenpairs, by each route; 3 to 10 were seen to be enough


@dataclass(frozen=True)
class Sizes:
    """Of the basis of a search."""

    block: int  # columns that join together
    expansions: int  # blocks that join before the basis is compressed


# A float32 product with 16 columns takes 1.3 to 1.6 times as long as with 8, so that filters take wide blocks. With the
# inverse, whose time is in proportion to the columns, narrow ones make better use of what the last has taught.
FILTERING = Sizes(block=16, expansions=4)
INVERTING = Sizes(block=8, expansions=8)


class Davidson:
    """The search for the eigenpairs of S of largest |λ|, each to its own true residual ‖S ψ − λ ψ‖.

    The basis grows by Ritz vectors that have not converged. Either they pass a Chebyshev polynomial of S that stays
    small on the unwanted spectrum, which lies between the two wanted ends (after Zhou & Saad, SIAM J. Matrix Anal.
    Appl. 2007, who want one end). Or, as soon as that would take a long polynomial, what joins is T times their
    residuals (generalised Davidson: Morgan & Scott 1986), where T is about (σ − S)⁻¹ for λ > 0 and (σ + S)⁻¹ for λ < 0.
    When all have converged, a random block shows whether an eigenvector was missed, as it can be where an eigenvalue is
    repeated more often than the block is wide.

    Args:
        matrix: S of N nodes.
        wanted: (p,) float64: the residual at which each eigenpair has converged, by falling |λ|.
        kept: how many of them nothing may be missing from; the rest are guards.
        seen: what is known of the spectrum beforehand.
    """

    def __init__(self, matrix: ChebyshevMatrix, wanted: Tensor, kept: int, seen: Survey) -> None:
        self.matrix, self.wanted, self.kept = matrix, wanted, kept
        self.lowest, last = seen.lowest, seen.leading(len(wanted), matrix.num_nodes)
        self.lower, largest = self._lower_end(last), float(seen.values[0])
        terms = self._degree(largest, max(last, MIN_BOUND), LONG_FILTER + 1) if largest > MIN_BOUND else 1
        self.routes = in_order(terms, LONG_FILTER)
        self.route, self.longest = self.routes[0], LONG_FILTER
        sizes = INVERTING if self.inverting else FILTERING
        self.block = sizes.block
        self.count, self.keep = len(wanted), len(wanted) + self.block
        capacity = self.keep + sizes.expansions * sizes.block
        self.space = Subspace(matrix, capacity, wanted.new_empty(0, matrix.num_nodes))
        self.done = 0  # so many leading Ritz pairs have converged
        self.near: list[float] = []  # |λ| next to the first that has not
        self.checks = 0  # for missing eigenvectors

    @property
    def inverting(self) -> bool:
        return self.route is Route.INVERSE

    def run(self) -> tuple[Tensor, Tensor]:
        """(p,) eigenvalues by falling |λ| and (N, p) orthonormal eigenvectors.

        Raises:
            ConvergenceError: if they do not converge within `MAX_STEPS` blocks for each wanted block, by either route.
        """
        routes = self.routes
        if not self.inverting:  # a filter may turn out long on the way: the inverse is asked first, then it may be
            routes = (*routes, Route.POLYNOMIAL)
        what = f"The {self.count} leading eigenpairs did not converge to a residual of {float(self.wanted[0]):.1e}"
        return in_turn(routes, self._search, what, self._cause)

    def _search(self, route: Route, last: bool) -> tuple[Tensor, Tensor]:
        """Go on by this route, in the basis that is there."""
        self.route, self.longest = route, MAX_FILTER if last else LONG_FILTER
        if self.space.size == 0:
            self._start()
        steps = MAX_STEPS * math.ceil(self.count / self.block)
        for _ in range(steps):
            values, vectors = self._ritz()
            group = slice(self.done, min(self.done + self.block, self.keep))
            block, product, norm = self._pairs(values, vectors[:, group], self.done)
            reached = norm <= self._wanted(values)[group][: len(norm)]
            self.done += _leading_true(reached)
            self.near = values[max(self.done - 1, 0) : self.done + 2].abs().tolist()
            if self.done == self.count:
                answer = self._verified(values, vectors)
                if answer is not None:
                    return answer
            elif len(norm) == 0:
                self.space.expand(self._random())  # all of a small basis has converged
            elif not bool(reached.all()):
                theirs = values[group][~reached]
                self.space.expand(self._expansion(values, theirs, (product - block * values[group])[:, ~reached]))
        raise ConvergenceError(
            f"{self.done} converged after {steps} blocks of {self.block} vectors, and the next ones have residuals up "
            f"to {max(norm.tolist(), default=0):.1e}"
        )

    def _cause(self) -> str:
        return (
            f"|λ| next to the first that has not converged: {self.near}. Likely cause: eigenvalues that lie too close "
            "together, as on long thin graphs. Ask for a larger `tolerance` or a smaller `k`."
        )

    def _wanted(self, values: Tensor) -> Tensor:
        """(keep,): the residuals asked for. Whichever of equal |λ| are kept in the end, they are good enough; what is
        beyond the last of them has never converged."""
        wanted = torch.nn.functional.pad(self.wanted, (0, self.keep - self.count), value=-1.0)
        if len(values) < self.kept:
            return wanted
        equal = values[: self.count].abs() >= float(values[self.kept - 1].abs()) - EQUAL
        wanted[: len(equal)] = torch.where(equal, self.wanted[0], wanted[: len(equal)])
        return wanted

    def _start(self) -> None:
        """Fill the basis with a block Krylov space of S, or begin one of T."""
        if self.inverting:
            for end in (self.matrix, self.lower):
                if end is not None:
                    self.space.expand(end.apply_inverse(self._random()))
            return
        block = self._random()
        while self.space.fits(self.block):
            block = self.space.expand(block)

    def _random(self) -> Tensor:
        return random_like(self.wanted.new_empty(self.matrix.num_nodes, self.block), seed=self.space.size)

    def _expansion(self, values: Tensor, theirs: Tensor, residual: Tensor) -> Tensor:
        """What joins the basis for Ritz vectors of values `theirs` (b,) and this `residual` (N, b).

        Raises:
            ConvergenceError: where the filter has become too long, and the inverse stands by.
        """
        if not self.inverting:
            bound = max(float(values[self.keep - 1].abs()), MIN_BOUND)
            degree = self._degree(float(values[0].abs()), bound, MAX_FILTER)
            if degree <= self.longest:
                return self.matrix.correction(residual, theirs, bound, degree)
            self.lower = self._lower_end(bound)
            raise ConvergenceError(f"the filter would need {degree} terms")
        unit = residual / torch.linalg.vector_norm(residual, dim=0).clamp(min=1e-300)
        below = torch.zeros_like(theirs, dtype=torch.bool) if self.lower is None else theirs < 0
        parts = ((end, unit[:, mask]) for end, mask in ((self.matrix, ~below), (self.lower, below)))
        return torch.cat([end.apply_inverse(part) for end, part in parts if end is not None and part.shape[1]], 1)

    def _degree(self, largest: float, bound: float, limit: int) -> int:
        """Of the filter: as high as rounding along the largest eigenvectors lets it be."""
        return self.matrix.filter_degree(largest, bound, HEADROOM, limit)

    def _lower_end(self, bound: float) -> Symmetric | None:
        """−S, if eigenvalues may be below −bound."""
        return self.matrix.mirrored if -self.lowest >= bound else None

    def _ritz(self) -> tuple[Tensor, Tensor]:
        """All Ritz pairs, in a basis that has room for one more block."""
        values, vectors = self.space.ritz(by_size=True)
        if self.space.fits(self.block):
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
        self.done = _leading_true(residual <= self._wanted(values)[: self.count])
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
        sizes = values.abs().clamp(min=MIN_BOUND).tolist()
        largest, last, bound = sizes[0], sizes[self.kept - 1], sizes[self.count - 1]
        if not self.inverting:
            return missing_by_filter(self.matrix, found, bound, (last, largest), seed=self.checks)
        self.lower = self._lower_end(bound)  # the survey may have taken the last for larger
        for end in (self.matrix, self.lower):
            missed = None if end is None else missing_by_inverse(end, found, bound, last, seed=self.checks)
            if missed is not None:
                return missed
        return None


def _leading_true(flags: Tensor) -> int:
    """How many are true before the first that is not."""
    return int(flags.int().cumprod(0).sum())
