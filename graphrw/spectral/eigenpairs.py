"""The leading eigenpairs of S with guards beside them: dense where the graph is small, iterative where it is not."""

from dataclasses import dataclass

import torch
from torch import Tensor

from graphrw.spectral.davidson import Davidson
from graphrw.spectral.filtered import FilteredSubspace, width
from graphrw.spectral.goal import Goal
from graphrw.spectral.layout import fold
from graphrw.spectral.matrix import EQUAL, HEADROOM, MIN_BOUND, ChebyshevMatrix, Folded, SymmetricMatrix
from graphrw.spectral.route import LONG_FILTER, MAX_FILTER, Route, in_order, in_turn
from graphrw.spectral.survey import survey

MIN_GUARDS = 16  # or a quarter of k, if that is more: each shortens the derivative's series and lengthens the search
GUARD_TOLERANCE = 1e-6  # guards serve as a deflation and need not be better
ROOM = 80  # columns that a search may need beyond those wanted
CAUSE = (
    "Likely cause: eigenvalues that lie too close together, as on long thin graphs. Ask for a larger `tolerance` or a "
    "smaller `k`."
)
MIN_SQUARE = 0.125  # λ² of what is unfolded: Bᵀu / λ keeps its digits, and the residual its size


@dataclass(frozen=True, eq=False)
class Leading:
    """k eigenpairs of largest |λ|, followed by guards: more of them, which make the derivative cheap.

    What is beside all p vectors has |λ| ≤ `bound`.
    """

    matrix: ChebyshevMatrix
    values: Tensor  # (p,) float64, by falling |λ|
    vectors: Tensor  # (N, p) float64
    kept: int  # k ≤ p

    @property
    def bound(self) -> float:
        return float(self.values[-1].abs())

    @property
    def complete(self) -> bool:
        """Whether there is nothing beside them."""
        return len(self.values) == self.matrix.num_nodes

    def __repr__(self) -> str:
        size, last = self.values.abs(), self.kept - 1
        kept = f"{self.kept} of {self.matrix.num_nodes:,}, |λ| from {float(size[0]):.6g} to {float(size[last]):.6g}"
        if self.complete:
            return f"{type(self).__name__}({kept}; all others are known)"
        guards = f"{len(size) - self.kept} guards from {float(size[self.kept]):.6g}"
        return f"{type(self).__name__}({kept}; {guards}, beyond them at most {self.bound:.6g})"


@dataclass(frozen=True, eq=False, repr=False)
class Eigenpairs(Leading):
    """Those of S; all rows are in the order of ``matrix.layout``."""

    matrix: SymmetricMatrix
    half: "Half | None" = None


@dataclass(frozen=True, eq=False, repr=False)
class Half(Leading):
    """Those of B Bᵀ, on a bipartite graph."""

    matrix: Folded


def decompose(matrix: SymmetricMatrix, kept: int, tolerance: float) -> Eigenpairs:
    """The `kept` leading eigenpairs to a residual of `tolerance`, and guards.

    Raises:
        ConvergenceError: if they do not converge.
    """
    count = kept + max(kept // 4, MIN_GUARDS)
    if _small(matrix.num_nodes, count):
        return _decompose_dense(matrix, kept)
    parts = fold(matrix.graph, matrix.values)
    if parts is not None and not _small(len(parts.upper), count // 2):
        folded = Folded(matrix, parts)
        squares, upper = _search(folded, (kept + 1) // 2, (count + 1) // 2, tolerance / 2)
        if float(squares[-1]) > MIN_SQUARE:
            half = Half(folded, squares, upper, (kept + 1) // 2)
            return _in_order(matrix, *folded.unfolded(squares, upper), kept, half=half)
    return _in_order(matrix, *_search(matrix, kept, count, tolerance), kept)


def _small(num_nodes: int, count: int) -> bool:
    """Whether the basis of a search would span a third of the space: a dense matrix is faster then."""
    return num_nodes <= 3 * (count + ROOM)


def _search(matrix: ChebyshevMatrix, kept: int, count: int, tolerance: float) -> tuple[Tensor, Tensor]:
    """The `count` leading eigenpairs, (count,) and (N, count), the `kept` first to `tolerance`."""
    residuals = torch.full((count,), max(tolerance, GUARD_TOLERANCE), dtype=torch.float64, device=matrix.device)
    residuals[:kept] = tolerance
    goal, seen = Goal(residuals, kept), survey(matrix)
    largest, last = float(seen.values[0]), seen.leading(count, matrix.num_nodes)
    beyond = seen.leading(width(count, matrix.num_nodes), matrix.num_nodes)

    def attempt(route: Route, final: bool) -> tuple[Tensor, Tensor]:
        if route is Route.INVERSE:
            return Davidson(matrix, goal, seen.lowest, last).run()
        return FilteredSubspace(matrix, goal, beyond, MAX_FILTER if final else LONG_FILTER).run(largest)

    terms = matrix.filter_degree(largest, max(last, MIN_BOUND), HEADROOM, LONG_FILTER + 1)
    routes = in_order(1 if largest <= MIN_BOUND else terms, LONG_FILTER)
    if routes[0] is Route.POLYNOMIAL:  # it may turn out long on the way: the inverse is asked first, then it may be
        routes = (*routes, Route.POLYNOMIAL)
    what = f"The {count} leading eigenpairs did not converge to a residual of {tolerance:.1e}"
    return in_turn(routes, attempt, what, lambda: CAUSE)


def _decompose_dense(matrix: SymmetricMatrix, kept: int) -> Eigenpairs:
    values, vectors = torch.linalg.eigh(matrix.dense())
    order = values.abs().argsort(descending=True, stable=True)
    return _in_order(matrix, values[order], vectors[:, order], kept)


def _in_order(
    matrix: SymmetricMatrix, values: Tensor, vectors: Tensor, kept: int, *, half: Half | None = None
) -> Eigenpairs:
    """With λ before −λ: rounding shall not decide."""
    size = values.abs()
    cluster = (size[:-1] - size[1:] > EQUAL).cumsum(0)
    # By cluster, and within it by falling λ: 3 apart, clusters do not mix with values in [−1, 1].
    order = (3 * torch.cat([cluster.new_zeros(1), cluster]) - values).argsort(stable=True)
    if bool((order.diff() < 0).any()):  # else there is no need of a copy
        values, vectors = values[order], vectors[:, order]
    return Eigenpairs(matrix, values, vectors, kept, half)
