"""What a factor keeps, tells and refuses, beside its answers."""

import copy
import pickle
from dataclasses import FrozenInstanceError, fields, replace

import pytest
import torch

import graphrw as rw
from graphrw.solve import Factor, _Solve, _Task, factor_by
from graphrw.solvers import CG, Dense
from graphrw.testing import dense_operator

PATH = rw.Graph(torch.tensor([[0, 1], [1, 2]]), 3)
ONE_WAY = rw.Graph(torch.tensor([[0, 1], [1, 2]]), 3, directed=True)
B = torch.tensor([[1.0, 0.0], [0.0, 2.0], [0.5, 0.0]], dtype=torch.float64)


def walk(graph: rw.Graph = PATH) -> rw.Walk:
    weight = torch.tensor([2.0, 3.0], dtype=torch.float64, requires_grad=True)
    return rw.walk(graph, weight, torch.ones(3, dtype=torch.float64))


def test_the_time_of_a_factorisation_is_told_in_the_first_report_alone() -> None:
    with rw.record_solves() as reports:
        factor = rw.factorize(walk(), Dense())
        factor.solve(B)
        factor.T.solve(B)
    assert [report.factor_seconds > 0 for report in reports] == [True, False]
    assert factor.seconds_not_yet_reported() == 0
    assert [report.transpose for report in reports] == [False, True]
    assert [(report.num_nodes, report.num_columns) for report in reports] == [(3, 2)] * 2
    assert all(report.seconds > 0 for report in reports)


def test_a_direct_solve_reports_no_step_and_an_iteration_its_own() -> None:
    with rw.record_solves() as reports:
        rw.solve(walk(), B, Dense())
        rw.solve(walk(), B, CG(rtol=1e-12))
    assert reports[0].iterations == 0
    assert reports[1].iterations > 0


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda factor: pickle.loads(pickle.dumps(factor))])
def test_a_copy_keeps_its_direction_and_pruning(copied) -> None:
    factor = Factor.of(walk(ONE_WAY), Dense(), True).T
    again = copied(factor)
    assert (again.transpose, again.prune, again.solver) == (True, True, Dense())
    assert torch.equal(again.solve(B), factor.solve(B))
    assert torch.equal(copied(factor.T).solve(B), factor.T.solve(B))


def test_transposing_twice_is_the_factor_and_says_so() -> None:
    factor = rw.factorize(walk(ONE_WAY), Dense())
    assert not factor.T.T.transpose
    assert "transposed" in repr(factor.T)
    assert "transposed" not in repr(factor)


def test_a_factor_notices_changes_of_weights_and_of_killing() -> None:
    for name in ("weight", "killing"):
        made = walk()
        factor = rw.factorize(made, Dense())
        factor.solve(B)
        with torch.no_grad():
            getattr(made, name).mul_(2)
        with pytest.raises(ValueError, match=f"`{name}` was changed in place"):
            factor.solve(B)


def test_weights_of_inference_mode_are_not_counted_and_serve() -> None:
    with torch.inference_mode():
        made = rw.walk(PATH, torch.ones(2), 1.0)
        factor = rw.factorize(made, Dense())
        assert torch.equal(factor.solve(B.float()), factor.solve(B.float()))


def test_a_factor_around_an_inverse_that_is_there_answers_as_it_does() -> None:
    factor = rw.factorize(rw.walk(PATH, torch.ones(2, dtype=torch.float64), 1.0), Dense())
    again = factor_by(factor.inverse)
    assert torch.equal(again.solve(B), factor.solve(B))
    assert not again.prune
    again.walk.weight.mul_(2)
    with pytest.raises(ValueError, match="changed in place"):
        again.solve(B)


@pytest.mark.parametrize("transpose", [False, True])
def test_only_what_asks_for_a_gradient_gets_one(transpose: bool) -> None:
    weight, killing = torch.ones(2, dtype=torch.float64), torch.ones(3, dtype=torch.float64)
    for asks in range(3):
        leaves = [value.clone().requires_grad_(asks == n) for n, value in enumerate((weight, killing, B))]
        made = rw.walk(ONE_WAY, leaves[0], leaves[1])
        rw.solve(made, leaves[2], Dense(), transpose).square().sum().backward()
        assert [leaf.grad is not None for leaf in leaves] == [asks == n for n in range(3)]


def test_pruned_gradients_follow_the_column_that_asks_most() -> None:
    """With one column there is nothing to prune; with two, each edge follows one of them."""
    gradients = []
    for prune in (False, True):
        made = walk()
        x = Factor.of(made, Dense(), prune).solve(B[:, :1])
        gradients.append(torch.autograd.grad(x.sum(), made.weight)[0])
    assert torch.equal(*gradients)
    made = walk()
    x = Factor.of(made, Dense(), True).solve(B)
    (pruned,) = torch.autograd.grad((x * torch.tensor([1.0, 1e-3])).sum(), made.weight)
    made = walk()
    (first,) = torch.autograd.grad(Factor.of(made, Dense()).solve(B)[:, 0].sum(), made.weight)
    torch.testing.assert_close(pruned, first)


def test_nothing_is_solved_for_no_column_and_no_node() -> None:
    made = walk()
    x = rw.solve(made, B[:, :0])
    assert x.shape == (3, 0)
    (gradient,) = torch.autograd.grad(x.sum(), made.weight)
    assert gradient.tolist() == [0, 0]
    none = rw.walk(rw.Graph(torch.zeros(2, 0, dtype=torch.int64), 0), torch.zeros(0))
    assert rw.factorize(none).solver == Dense()
    assert rw.solve(none, torch.zeros(0, 2)).shape == (0, 2)


def test_vmap_over_starts_and_right_hand_sides_is_a_loop() -> None:
    made = rw.walk(PATH, torch.ones(2, dtype=torch.float64), 1.0)
    batch = torch.stack([B, 2 * B, -B])
    expected = torch.stack([rw.solve(made, b, CG(rtol=1e-13)) for b in batch])
    both = torch.func.vmap(lambda b, s: rw.solve(made, b, CG(rtol=1e-13), start=s))(batch, expected)
    starts = torch.func.vmap(lambda s: rw.solve(made, B, CG(rtol=1e-13), start=s))(expected)
    one = torch.func.vmap(lambda b: rw.solve(made, b, CG(rtol=1e-13), start=B))(batch)
    last = torch.func.vmap(lambda b: rw.solve(made, b, Dense()), in_dims=2, out_dims=2)(batch.movedim(0, 2))
    torch.testing.assert_close(both, expected)
    torch.testing.assert_close(starts, expected[:1].expand_as(starts))
    torch.testing.assert_close(one, expected)
    torch.testing.assert_close(last, expected.movedim(0, 2))


@pytest.mark.parametrize("call", [lambda *given: rw.solve(given[0], B, *given[1:]), rw.factorize, Factor.of])
def test_what_is_no_walk_or_no_solver_is_refused_by_name(call) -> None:
    if call is not Factor.of:  # whose callers have a walk
        with pytest.raises(ValueError, match=r"`walk` must be a `Walk`.*got str"):
            call("a walk")
    with pytest.raises(ValueError, match=r"`solver` must be a solver.*got 'cg'"):
        call(walk(), "cg")


def test_a_walk_that_never_ends_is_not_factorised() -> None:
    endless = rw.walk(rw.grid_graph((3, 4)), torch.ones(17))
    for solver in (Dense(), CG()):
        with pytest.raises(rw.SingularWalkError):
            rw.factorize(endless, solver)


def test_seconds_are_told_and_no_date() -> None:
    with rw.record_solves() as reports:
        rw.solve(walk(), B, Dense())
    assert 0 < reports[0].factor_seconds < 60
    assert 0 < reports[0].seconds < 60


def test_factors_are_told_apart_and_hold_still() -> None:
    factor = rw.factorize(walk(), Dense())
    for noun in (factor, _Task(factor, ())):
        assert noun != replace(noun)
        assert len({noun, noun.T, noun}) == 2
        with pytest.raises(FrozenInstanceError):
            setattr(noun, fields(noun)[0].name, None)


def test_a_factor_around_an_inverse_is_not_transposed_nor_pruned() -> None:
    made = rw.factorize(walk(ONE_WAY), Dense())
    again = factor_by(made.inverse)
    assert (again.transpose, again.prune) == (False, False)
    assert torch.equal(again.solve(B), made.solve(B))


def test_unless_said_otherwise_the_operator_is_not_transposed() -> None:
    made = walk(ONE_WAY)
    matrix = dense_operator(made)
    torch.testing.assert_close(rw.solve(made, B).detach(), torch.linalg.solve(matrix, B))
    torch.testing.assert_close(rw.solve(made, B, Dense(), True).detach(), torch.linalg.solve(matrix.T, B))
    assert not torch.allclose(matrix, matrix.T)


@pytest.mark.parametrize("in_dims", [(0, None), (None, 0), (0, 0)])
def test_many_walks_at_once_are_refused_where_the_factor_is_one(in_dims) -> None:
    with pytest.raises(ValueError, match="`vmap` over weights or killing needs one factor a walk"):
        _Solve.vmap(None, (*in_dims, None, None, None), None, None, None, None, None)
