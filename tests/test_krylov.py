"""Krylov methods with many columns side by side."""

import torch
from multigrid_walks import KINDS, absorbed, random_weights, right_hand_side, rows_of
from tape import tape

from graphrw.core.walk import apply
from graphrw.solvers.iterative.krylov import ConjugateGradients, Uniform, column_dots, iterate
from graphrw.solvers.multigrid.cycle import Cycle
from graphrw.solvers.operator import Operator


class Shifted:
    """A + s_j in column j, without a preconditioner."""

    def __init__(self, matrix, shifts, told):
        self.matrix, self.shifts, self.told = matrix, shifts, told

    def matmul(self, x, out):
        return torch.addcmul(self.matrix @ x, x, self.shifts, out=out)

    def precondition(self, r):
        return r.clone()

    def narrowed(self, place):
        self.told.append(place.tolist())
        return Shifted(self.matrix, self.shifts[place], self.told)


def test_systems_that_differ_from_column_to_column_are_narrowed_to_the_columns_that_are_left():
    rows = rows_of(absorbed(KINDS["image"], random_weights(KINDS["image"], 1)))
    matrix = rows.dense() / rows.rate.sqrt() / rows.rate.sqrt()[:, None]
    system = Shifted(matrix, torch.tensor([100.0, 10.0, 1.0, 0.1], dtype=torch.float64), [])
    b, target = right_hand_side(KINDS["image"], 4), torch.full((4,), 1e-9, dtype=torch.float64)
    x, _ = iterate(ConjugateGradients, system, b, target, max_iterations=300)
    torch.testing.assert_close(matrix @ x + system.shifts * x, b)
    assert system.told == [[2, 3], [3], []]


def test_columns_that_have_converged_are_laid_aside():
    graph = KINDS["image"]
    walk = absorbed(graph, random_weights(graph, 2))
    widths = []
    cycle = Cycle(rows_of(walk))
    operator = Operator(walk)
    b = apply(walk, right_hand_side(graph, 4))
    target = torch.tensor([1e-9, 1e9, 1e9, 1e9], dtype=torch.float64)

    def precondition(r):
        widths.append(r.shape[1])
        return cycle.apply(r)

    x, _ = iterate(ConjugateGradients, Uniform(operator.matmul, precondition), b, target, max_iterations=100)
    assert set(widths) == {1}
    assert (x[:, 1:] == 0).all()
    assert torch.linalg.vector_norm(b[:, 0] - operator.matmul(x)[:, 0]) < 2e-9


def test_iterations_that_are_recorded_and_played_are_those_that_are_done():
    graph = KINDS["image"]
    operator = Operator(absorbed(graph, torch.ones(graph.num_edges, dtype=torch.float64)))
    b, calls = right_hand_side(graph, 4), []
    target = b.norm(dim=0) * torch.tensor([1e-9, 1e-4, 1.0, 1e-9], dtype=torch.float64)
    system = Uniform(operator.matmul, lambda r: r / operator.diagonal[:, None])

    def record(work):
        calls.append(1)
        return tape(work)

    plain, iterations = iterate(ConjugateGradients, system, b, target, max_iterations=500)
    played, again = iterate(ConjugateGradients, system, b, target, max_iterations=500, record=record)
    assert 10 < again == iterations < 500
    torch.testing.assert_close(played, plain, rtol=1e-12, atol=1e-12)
    assert len(calls) == 2  # the second for the columns that are left


def test_column_dots_are_inner_products():
    a, b = right_hand_side(KINDS["image"], 3), right_hand_side(KINDS["image"], 3) + 1
    torch.testing.assert_close(column_dots(a, b, torch.empty_like(a)), torch.einsum("nk,nk->k", a, b))
