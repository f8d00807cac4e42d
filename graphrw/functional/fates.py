"""Which terminal state a cell ends in."""

from functools import partial
from typing import Any

import torch
from scipy import sparse
from torch import Tensor

from graphrw.convert.fold import Source
from graphrw.convert.scipy import folded_matrix
from graphrw.convert.torch_sparse import folded_tensor, is_sparse
from graphrw.core.arrays import as_tensor
from graphrw.core.errors import ConvergenceError, SingularWalkError
from graphrw.core.opaque import opaque
from graphrw.core.reach import stranded
from graphrw.core.transforms import plainly
from graphrw.core.walk import Walk
from graphrw.functional.harmonic import hitting_probabilities
from graphrw.solvers import BlockGaussSeidel, Solver

ROW = 1e-4  # how far rows of a transition matrix may be from 1: those in float32 are this far, and are divided by it
STRICT = BlockGaussSeidel(rtol=1e-12)  # factors of kNN graphs of cells fill up; long walks make errors of residuals
SOURCE = Source(entries="`transition`", values="`transition`", drop_loops="")  # self loops stay
CERTAIN = 1e-6  # how far fate probabilities may be from a sum of 1, and below 0


@opaque
def fate_probabilities(
    transition: "sparse.sparray[Any] | sparse.spmatrix[Any] | Tensor | Walk",
    terminal_states: Tensor,
    *,
    solver: Solver = STRICT,
) -> Tensor:
    """The probability that a cell, going from cell to cell as `transition` tells, first ends in each terminal state.

    (I − T_UU) F_U = T_UM F_M: absorption probabilities of a Markov chain, as CellRank computes them (Lange et al.,
    Nature Methods 2022), with M the cells of terminal states. They are `hitting_probabilities` of the directed walk
    with the transitions as weights. What the solver gives is looked at: rows that do not add up to 1, or negative
    entries, by more than 1e-6, raise. Entries that miss 0 or 1 by less are set to it.

    The times of those who get there: ``graph, weight, loops = from_scipy(transition, directed=True, self_loops=True)``,
    then ``absorption_time(walk(graph, weight), terminal_states, self_loops=loops)``.

    Args:
        transition: T, (N, N), of SciPy's sparse formats or a sparse tensor of torch, entries ≥ 0, rows with sum 1; or a
            walk that kills nobody, directed or not, whose weights need no sum.
        terminal_states: (N,) int64, of torch or NumPy: the terminal state that a cell belongs to, −1 for the others.
        solver: how to solve.

    Returns:
        (N, L) in [0, 1], with rows that sum to 1; differentiable with respect to a tensor `transition`, as weights of
        which each row is divided by its sum, or to the weights of a walk.

    Raises:
        SingularWalkError: if some cell can reach no terminal state.
        ConvergenceError: as `solve`, and for rows or signs that cannot be right.
        ValueError: for a wrong shape, type or value, rows that do not sum to 1, or a walk with killing.

    >>> chain = sparse.csr_array([[0.0, 1.0, 0.0], [0.25, 0.0, 0.75], [0.0, 0.0, 1.0]])
    >>> fate_probabilities(chain, torch.tensor([0, -1, 1]))[1]
    tensor([0.2500, 0.7500], dtype=torch.float64)
    """
    walk = _walk(transition)
    num_cells = walk.graph.num_nodes
    states = as_tensor("terminal_states", terminal_states, f"({num_cells},) int64")
    states = _checked_states(states, num_cells)
    try:
        found = hitting_probabilities(walk, states, solver=solver)
    except SingularWalkError as error:  # which speaks of seeds
        lost = stranded(walk, states >= 0)
        if not bool(lost.any()):
            raise
        raise SingularWalkError(
            f"From {int(lost.sum())} of {num_cells} cells (first: {int(lost.nonzero()[0])}) no walk leads to a "
            "terminal state. Give one of them a state, or leave them out."
        ) from error
    plainly(partial(_check_fates, solver), found)
    return found.clamp(0, 1)


def _walk(transition: "sparse.sparray[Any] | sparse.spmatrix[Any] | Tensor | Walk") -> Walk:
    """Without those who stay where they are, which changes no fate."""
    if isinstance(transition, Walk):
        plainly(_check_killing, transition.killing)
        return transition
    if is_sparse(transition):
        graph, weight, loops = folded_tensor(transition, SOURCE, directed=True, loops=True).triple
    elif sparse.issparse(transition):
        graph, weight, loops = folded_matrix(transition, SOURCE, directed=True, loops=True).triple
    else:
        raise ValueError(
            "`transition` must be a sparse matrix (N, N) of SciPy or torch, or a walk; got "
            f"{type(transition).__name__}. A dense one converts with `scipy.sparse.csr_array(…)`, or `.to_sparse()`."
        )
    walk = Walk(graph, weight, torch.zeros_like(loops))
    plainly(_check_rows, walk.degree + loops)
    return walk


def _check_killing(killing: Tensor) -> None:
    if bool((killing != 0).any()):
        raise ValueError(
            "`transition` must be a walk that kills nobody; got killing at node "
            f"{int(killing.nonzero()[0])}. Of those who may be killed, `hitting_probabilities` tells where they end."
        )


def _checked_states(states: Tensor, num_nodes: int) -> Tensor:
    if states.shape != (num_nodes,) or states.dtype != torch.int64:
        raise ValueError(f"`terminal_states` must be ({num_nodes},) int64; got {tuple(states.shape)} {states.dtype}.")
    low, high = (int(bound) for bound in torch.aminmax(states)) if num_nodes else (-1, 0)
    if low < -1 or high < 0:
        wrong = f"{low}" if low < -1 else "−1 alone, so that nowhere is an end"
        raise ValueError(f"`terminal_states` must be numbers of states from 0, or −1 for other cells; got {wrong}.")
    if high >= num_nodes > 0:
        raise ValueError(
            f"`terminal_states` holds state {high}, but there are {num_nodes} cells: number states from 0."
        )
    return states


def _check_rows(total: Tensor) -> None:
    wrong = ((total - 1).abs() > ROW).nonzero()
    if len(wrong):
        row = int(wrong[0])
        raise ValueError(
            f"`transition` must have rows that sum to 1; row {row} sums to {float(total[row]):.6g} ({len(wrong)} such "
            "rows). Divide each row by its sum."
        )


def _check_fates(solver: Solver, fates: Tensor) -> None:
    if fates.numel() == 0:
        return
    least, off = float(fates.amin()), float((fates.sum(1) - 1).abs().amax())
    if not (least >= -CERTAIN and off <= CERTAIN):
        raise ConvergenceError(
            f"{solver} gave fate probabilities down to {least:.1e} with sums off by {off:.1e}; asked is {CERTAIN:.0e}. "
            "Ask for a smaller `rtol`, or take `solvers.LU()`."
        )
