"""BiCGStab under a block Gauss–Seidel sweep that runs against the walk, for walks that mostly go one way."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_array, csc_array, csr_array
from scipy.sparse.linalg import splu
from torch import Tensor

from graphrw.core.graph import Graph
from graphrw.core.walk import Walk
from graphrw.solvers import krylov
from graphrw.solvers.direct import could_not_factorise
from graphrw.solvers.elimination import Entries, grouped_inverse, summed
from graphrw.solvers.iterative import IterativeInverse, IterativeSolver
from graphrw.solvers.norms import column_norm
from graphrw.solvers.wells import wells


@dataclass(frozen=True)
class BlockGaussSeidel(IterativeSolver[None]):
    """BiCGStab (van der Vorst 1992) preconditioned by a block Gauss–Seidel sweep, on any graph, A or Aᵀ.

    For large graphs on which walkers mostly go one way, but are held up in places: cells along their development,
    citations, queues. Walkers who go to and fro between a few nodes for long give A an eigenvalue near 0 for each such
    place, and Jacobi's preconditioner hundreds of iterations. Here such places are the blocks: groups to which who
    leaves soon comes back. With the order of the walk among them,

        M = the entries of A within a block, and from a block to those after it along the walk,

    so that N = M − A holds improbable transitions, mostly; the iteration is on I − M⁻¹N. On an acyclic graph M is A.

    Nothing is subtracted, neither in M⁻¹ nor in N: blocks are inverted by the sums of what leaves them (Grassmann,
    Taksar & Heyman 1985). So it does not matter how rarely walkers leave a block. But for Aᵀ, and so for gradients: its
    answers grow with the time that walkers stay, from block to block, and where they leave one so rarely that the
    residual cannot be told from rounding, less than once in some 1e13 steps, that is an error.

    Tensors on another device come to the CPU for it, and their answers go back.

    Args:
        rtol: the relative residual at which a column has converged, in (0, 1), also that of M⁻¹A x = M⁻¹b. A residual
            of 1e-6 is not an error of 1e-6.
        max_iterations: of one pass, ≥ 1, each of two products; and four times as many in all passes before a
            `ConvergenceError`.
        forecast_after: raise after so many iterations, ≥ 1, if they will not do at the pace so far; None: never.

    >>> import graphrw as rw
    >>> line = torch.arange(999)
    >>> graph = rw.Graph(torch.stack([line, line + 1]), 1000, directed=True)
    >>> killing = torch.nn.functional.one_hot(torch.tensor(999), 1000).double()
    >>> with rw.record_solves() as reports:
    ...     x = rw.solve(rw.walk(graph, torch.ones(999).double(), killing), killing, rw.solvers.BlockGaussSeidel())
    >>> reports[0].iterations, bool((x - 1).abs().amax() < 1e-14)
    (1, True)
    """

    def plan(self, graph: Graph) -> None:
        """Nothing can be prepared: blocks and their order depend on the weights."""

    def invert(self, walk: Walk, plan: None) -> "_BlockGaussSeidelInverse":
        return _BlockGaussSeidelInverse(walk, self)


class _BlockGaussSeidelInverse(IterativeInverse):
    """A = M (I − M⁻¹N), so that A x = b is (I − M⁻¹N) x = M⁻¹b, and Aᵀx = b is (I − NᵀM⁻ᵀ) y = b with x = M⁻ᵀ y."""

    method = krylov.StabilisedBiconjugateGradients

    def __init__(self, walk: Walk, solver: BlockGaussSeidel) -> None:
        super().__init__(walk, solver)
        weight, killing = _transitions(walk), walk.killing.cpu().numpy()
        group = wells(weight, killing)
        start, end = group[weight.row], group[weight.column]
        inner, later, back = (weight.where(part) for part in (start == end, start > end, start < end))
        leave = sum((summed(out.row, out.value, len(group)) for out in (later, back)), start=killing)
        inverse = grouped_inverse(inner, leave, group)
        if not np.isfinite(inverse.value).all():
            raise could_not_factorise(solver, _closed(inverse, group))
        self._sweep = _Sweep(inverse, later, group)
        self._back = back.over(len(group))
        self._back_transpose = csr_array(self._back.T)

    def system(self, transpose: bool, step: int) -> krylov.Narrowing:
        """I − M⁻¹N, or I − NᵀM⁻ᵀ; nothing is left to precondition."""
        return krylov.Uniform(partial(self._without_returns, transpose=transpose), lambda r: r)

    def apply(self, b: Tensor, target: Tensor, transpose: bool, step: int) -> tuple[Tensor, int]:
        device, b, target = b.device, b.cpu(), target.cpu()
        if transpose:
            flow, iterations = super().apply(b, target, transpose, step)
            return self.precondition(flow, transpose).to(device), iterations
        begun = self.precondition(b)
        norm, scaled = column_norm(b), column_norm(b / self.operator.diagonal.cpu()[:, None])
        # The first keeps the digits of x where walkers stay long, the second makes b − A x as small as is asked.
        goal = target / torch.where(norm > 0, norm, 1.0) * torch.minimum(column_norm(begun), scaled)
        x, iterations = super().apply(begun, goal, transpose, step)
        return x.to(device), iterations

    def precondition(self, r: Tensor, transpose: bool = False) -> Tensor:
        return torch.from_numpy(self._sweep.solve(r.numpy(), transpose))

    def _without_returns(self, x: Tensor, out: Tensor, *, transpose: bool) -> Tensor:
        if transpose:
            returned = torch.from_numpy(self._back_transpose @ self._sweep.solve(x.numpy(), transpose))
        else:
            returned = torch.from_numpy(self._sweep.solve(self._back @ x.numpy(), transpose))
        return torch.sub(x, returned, out=out)


class _Sweep:
    """M⁻¹ as one sparse triangular matrix.

    With B the inverses of the blocks and L what leads to later ones, M x = b is y = b + L x and x = B y, block by
    block, the ends of the walk first: unknowns y of a block, then x of it. Of a node alone y is left out.
    """

    def __init__(self, inverse: Entries, later: Entries, group: NDArray[np.int64]) -> None:
        size = np.bincount(group)
        rows, count = np.where(size > 1, 2 * size, 1), len(group)
        place = np.empty(count, dtype=np.int64)
        place[np.argsort(group, kind="stable")] = np.arange(count)
        self._y = place + (np.cumsum(rows - size) - (rows - size))[group]
        self._x = self._y + np.where(size > 1, size, 0)[group]
        self._rows = int(rows.sum())
        alone = size[group[inverse.row]] == 1
        diagonal = np.ones(self._rows)
        diagonal[self._y[inverse.row[alone]]] = 1 / inverse.value[alone]
        row = np.concatenate([np.arange(self._rows), self._y[later.row], self._x[inverse.row[~alone]]])
        column = np.concatenate([np.arange(self._rows), self._x[later.column], self._y[inverse.column[~alone]]])
        values = np.concatenate([diagonal, -later.value, -inverse.value[~alone]])
        self._factor: Any = splu(  # which has no arithmetic to do but divisions by the diagonal
            csc_array(coo_array((values, (row, column)), shape=(self._rows,) * 2)),
            permc_spec="NATURAL",
            diag_pivot_thresh=0.0,
            options={"SymmetricMode": True, "Equil": False},
        )

    def solve(self, r: NDArray[np.float64], transpose: bool) -> NDArray[np.float64]:
        given, asked = (self._x, self._y) if transpose else (self._y, self._x)
        wide = np.zeros((self._rows, r.shape[1]), order="F")
        wide[given] = r
        found: NDArray[np.float64] = self._factor.solve(wide, trans="T" if transpose else "N")
        return np.ascontiguousarray(found[asked])


def _transitions(walk: Walk) -> Entries:
    """From where, to where, and with which weight a step may lead; undirected edges both ways."""
    (tail, head), weight = walk.graph.edges.cpu().numpy(), walk.weight.cpu().numpy()
    if not walk.graph.directed:
        tail, head, weight = np.concatenate([tail, head]), np.concatenate([head, tail]), np.concatenate([weight] * 2)
    return Entries(tail, head, weight).where(weight > 0)


def _closed(inverse: Entries, group: NDArray[np.int64]) -> str:
    """What an error says of groups that walkers never leave, as far as float64 can tell."""
    closed = np.unique(group[inverse.row[~np.isfinite(inverse.value)]])
    nodes = np.flatnonzero(group == closed[0])
    named = f"{len(nodes)} nodes (first: {nodes[0]})" if len(nodes) > 1 else f"node {nodes[0]}"
    others = f", nor {len(closed) - 1} such groups more" if len(closed) > 1 else ""
    return f"walkers never leave {named}{others}, as far as float64 can tell"
