"""The approximate inverse that other methods iterate around: which one it is, and how near to A⁻¹."""

import pytest
import torch
from torch import Tensor

from graphrw import Walk, grid_graph, walk
from graphrw.core import memory
from graphrw.solvers import Auto, Cholesky, Multigrid
from graphrw.solvers.approximate_inverse import approximate_inverse
from graphrw.solvers.auto import Choice
from graphrw.solvers.iterative.cg import CG
from graphrw.testing import dense_operator


def random_grid(side: int) -> Walk:
    graph, generator = grid_graph((side, side)), torch.Generator().manual_seed(0)
    weight = 0.5 + torch.rand(graph.num_edges, generator=generator, dtype=torch.float64)
    return walk(graph, 7 * weight, killing=0.1)


def applied(moved: Walk) -> Tensor:
    return approximate_inverse(moved)(torch.eye(moved.graph.num_nodes, dtype=torch.float64)).clone()


@pytest.mark.parametrize("side", [5, 20])
def test_where_a_direct_solver_is_chosen_it_is_the_inverse(side: int) -> None:
    moved = random_grid(side)
    torch.testing.assert_close(applied(moved) @ dense_operator(moved), torch.eye(side**2, dtype=torch.float64))


@pytest.mark.parametrize("first", [Multigrid(), CG()])
def test_elsewhere_a_multigrid_cycle_is_near_it_at_its_scale(first: CG, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Auto, "plan_for", lambda *_: Choice((first, Cholesky()), ""))
    moved = random_grid(30)  # more nodes than a cycle inverts at once
    values = torch.linalg.eigvals(applied(moved) @ dense_operator(moved)).real
    assert 0.3 < float(values.min()) < float(values.max()) < 1.5


def test_it_says_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    moved = random_grid(30)
    name = repr(Auto().plan_for(moved.graph).solvers[0])
    assert repr(approximate_inverse(moved)) == f"ApproximateInverse of 900 nodes by {name}"
    monkeypatch.setattr(Auto, "plan_for", lambda *_: Choice((Multigrid(),), ""))
    assert repr(approximate_inverse(moved)).startswith(
        "ApproximateInverse of 900 nodes by Cycle of 2 levels in float32"
    )


def test_where_a_factor_does_not_fit_a_cycle_takes_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    moved = random_grid(30)
    assert isinstance(Auto().plan_for(moved.graph).solvers[0], Cholesky)
    monkeypatch.setattr(memory, "available_memory", lambda: 2**10)
    with pytest.warns(UserWarning, match="ran out of memory.*a cycle of multigrid takes its place"):
        inverse = approximate_inverse(moved)
    assert "by Cycle" in repr(inverse)
