"""BiCGStab under a block Gauss–Seidel sweep that runs against the walk, for walks that mostly go one way."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_array, csc_array
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu
from torch import Tensor

from graphrw.core.graph import Graph
from graphrw.core.walk import Walk
from graphrw.solvers import krylov
from graphrw.solvers.direct import could_not_factorise
from graphrw.solvers.iterative import IterativeInverse, IterativeSolver

# Transitions more probable than this tie nodes together; the next where their groups would be too large to factorise.
STRONG = (0.1, 0.2, 0.4, 0.8)
LEAST = 1e-15  # transitions less probable than this are lost beside the others
LARGEST = 4  # mean of the squared sizes of groups, for each node: what their factors hold


@dataclass(frozen=True)
class BlockGaussSeidel(IterativeSolver[None]):
    """BiCGStab (van der Vorst 1992) preconditioned by a block Gauss–Seidel sweep, on any graph, A or Aᵀ.

    For large graphs on which walkers mostly go one way, but are held up in places: cells along their development,
    citations, queues. Walkers who go to and fro between a few nodes for long give A an eigenvalue near 0 for each such
    place, and Jacobi's preconditioner hundreds of iterations. Here the strongly connected components of all transitions
    with a probability above 0.1 are the blocks, and their topological order is that of the sweep:

        M = the entries of A within a block, and from a block to those after it along the walk,

    so that what is left, A − M, holds improbable transitions alone. On an acyclic graph M is A. Its factor, by SuperLU,
    has hardly more entries than M.

    Tensors on another device stay there but for the preconditioner, which is applied on the CPU.

    Args:
        rtol: the relative residual at which a column has converged, in (0, 1). A residual of 1e-6 is not an error of
            1e-6.
        max_iterations: of one pass, ≥ 1, each of two products; and four times as many in all passes before a
            `ConvergenceError`.
        forecast_after: raise after so many iterations, ≥ 1, if they will not do at the pace so far; None: never.

    >>> import graphrw as rw
    >>> line = torch.arange(999)
    >>> graph = rw.Graph(torch.stack([line, line + 1]), 1000, directed=True)
    >>> killing = torch.nn.functional.one_hot(torch.tensor(999), 1000).double()
    >>> with rw.record_solves() as reports:
    ...     x = rw.solve(rw.walk(graph, torch.ones(999).double(), killing), killing, rw.solvers.BlockGaussSeidel())
    >>> reports[0].iterations, torch.equal(x, torch.ones_like(x))
    (1, True)
    """

    def plan(self, graph: Graph) -> None:
        """Nothing can be prepared: blocks and their order depend on the weights."""

    def invert(self, walk: Walk, plan: None) -> "_BlockGaussSeidelInverse":
        return _BlockGaussSeidelInverse(walk, self)


class _BlockGaussSeidelInverse(IterativeInverse):
    method = krylov.StabilisedBiconjugateGradients

    def __init__(self, walk: Walk, solver: BlockGaussSeidel) -> None:
        super().__init__(walk, solver)
        rate = self.operator.diagonal.cpu().numpy()
        tail, head, weight = _transitions(walk)
        block = blocks(tail, head, weight / rate[tail], len(rate))
        self._order: NDArray[np.intp] = np.argsort(block, kind="stable")
        place = np.empty_like(self._order)
        place[self._order] = np.arange(len(rate))
        kept = block[tail] >= block[head]
        nodes = np.arange(len(rate))
        row, column = np.concatenate([nodes, place[tail[kept]]]), np.concatenate([nodes, place[head[kept]]])
        values = np.concatenate([rate[self._order], -weight[kept]])
        try:
            self._factor: Any = splu(
                csc_array(coo_array((values, (row, column)), shape=(len(rate),) * 2)),
                permc_spec="NATURAL",
                diag_pivot_thresh=0.0,
                options={"SymmetricMode": True, "Equil": False},
            )
        except RuntimeError as error:
            if "singular" in str(error):  # SciPy raises RuntimeError for this and for whatever else
                dies = walk.killing.cpu().numpy() / rate > LEAST
                traps = _traps((tail, head), weight / rate[tail], dies)
                raise could_not_factorise(solver, f"{error}{traps}") from error
            raise

    def precondition(self, r: Tensor, transpose: bool = False) -> Tensor:
        ordered = np.asfortranarray(r.cpu().numpy()[self._order])
        x = np.empty(r.shape)
        x[self._order] = self._factor.solve(ordered, trans="T" if transpose else "N")
        return torch.from_numpy(x).to(r.device)


def _transitions(walk: Walk) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """From where, to where, and with which weight a step may lead; undirected edges both ways."""
    (tail, head), weight = walk.graph.edges.cpu().numpy(), walk.weight.cpu().numpy()
    if not walk.graph.directed:
        tail, head, weight = np.concatenate([tail, head]), np.concatenate([head, tail]), np.concatenate([weight] * 2)
    used = weight > 0
    return tail[used], head[used], weight[used]


def blocks(
    tail: NDArray[np.int64], head: NDArray[np.int64], chance: NDArray[np.float64], num_nodes: int
) -> NDArray[np.int32]:
    """(N,): the block of each node, numbered so that probable steps never lead to a higher number.

    SciPy numbers strongly connected components in the order in which Pearce's algorithm (2005) completes them, sinks
    first. Were it otherwise, M would only be a worse preconditioner.
    """
    for strong in STRONG:
        kept = chance > strong
        probable = coo_array((chance[kept], (tail[kept], head[kept])), shape=(num_nodes, num_nodes))
        _, block = connected_components(probable.tocsr(), connection="strong")
        if float(np.square(np.bincount(block, minlength=1), dtype=np.float64).sum()) <= LARGEST * num_nodes:
            break
    else:
        block = np.arange(num_nodes, dtype=np.int32)
    return block


def _traps(ends: tuple[NDArray[np.int64], ...], chance: NDArray[np.float64], dies: NDArray[np.bool_]) -> str:
    """What an error says of groups that walkers leave, or die in (where `dies` (N,)), with less than that chance."""
    tail, head = (end[chance > LEAST] for end in ends)
    seen = coo_array((np.ones(len(tail)), (tail, head)), shape=(len(dies),) * 2)
    count, group = connected_components(seen.tocsr(), connection="strong")
    left = np.zeros(count, dtype=bool)
    left[group[tail[group[tail] != group[head]]]] = True
    left[group[dies]] = True
    traps = np.flatnonzero(~left)
    if len(traps) == 0:
        return ""
    nodes = np.flatnonzero(group == traps[0])
    named = f"{len(nodes)} nodes (first: {nodes[0]})" if len(nodes) > 1 else f"node {nodes[0]}"
    others = f", nor {len(traps) - 1} such groups more" if len(traps) > 1 else ""
    return f"; walkers hardly ever leave {named}{others}"
