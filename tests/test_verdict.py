"""What an inverse is worth is found from the walk alone: no answer depends on what was solved before it."""

import contextvars
import dataclasses
import threading
import warnings

import pytest
import torch
from hard_walks import noise

import graphrw as rw
from graphrw.core.plans import MOST
from graphrw.solvers import CG, Auto, BiCGStab, BlockGaussSeidel, Cholesky, Multigrid, SuperLU
from graphrw.solvers.direct import rslab
from graphrw.solvers.verdict import CLEAN, Verdict
from graphrw.testing import SOLVERS

INSTALLED = [pytest.param(traits.solver, id=str(traits)) for traits in SOLVERS if traits.installed]


def contrast_walk(decades, size=20):
    graph = rw.grid_graph((size, size))
    generator = torch.Generator().manual_seed(0)
    weight = 10 ** (-decades * torch.rand(graph.num_edges, generator=generator, dtype=torch.float64))
    return rw.absorb(rw.walk(graph, weight), torch.tensor([0, size * size - 1]))


def right_hand_sides(walk):
    """Some that add up to the killing, as those of hitting probabilities do, and some that do not."""
    generator = torch.Generator().manual_seed(1)
    share = torch.rand(walk.graph.num_nodes, 1, generator=generator, dtype=torch.float64)
    adding_up = walk.killing[:, None] * torch.cat([share, 1 - share], 1)
    other = torch.randn(walk.graph.num_nodes, 3, generator=generator, dtype=torch.float64)
    return adding_up, other * walk.rate[:, None]


@pytest.mark.parametrize("decades", [0, 6, 12])
@pytest.mark.parametrize("solver", INSTALLED)
def test_an_answer_is_bit_for_bit_the_same_whatever_was_solved_before(solver, decades):
    grows = (isinstance(solver, CG) and decades > 6) or (isinstance(solver, BlockGaussSeidel) and decades > 6)
    if grows or (isinstance(solver, BiCGStab) and decades > 0):
        pytest.skip("their iterations grow with the contrast")
    walk = contrast_walk(decades)
    for b in right_hand_sides(walk):
        fresh = rw.factorize(walk, solver).solve(b)
        used = rw.factorize(walk, solver)
        for other in right_hand_sides(walk):
            used.solve(other)
        assert torch.equal(used.solve(b), fresh)


@pytest.mark.parametrize("decades", [0, 6, 10, 12])
@pytest.mark.parametrize("solver", [Cholesky(), SuperLU(), Multigrid(), Multigrid(1e-6)], ids=str)
def test_the_sum_of_answers_and_a_column_of_its_own_give_one_verdict(solver, decades):
    walk = contrast_walk(decades)
    by_sum, by_column = solver.inverse_of(walk), solver.inverse_of(walk)
    by_sum.solve(right_hand_sides(walk)[0])
    assert by_sum.verdict == by_column.judge()


@pytest.mark.parametrize("solver", [CG(), BiCGStab(), Multigrid()], ids=str)
def test_small_right_hand_sides_that_add_up_do_not_clear_an_iteration(solver):
    """Two grids, of which one hardly ends: a column for each is solved to its own residual, one for both is not."""
    grid = rw.grid_graph((12, 12))
    graph, killing = rw.Graph.batch([grid, grid]), torch.zeros(288, dtype=torch.float64)
    killing[0], killing[144] = 1.0, 1e-7
    walk = rw.walk(graph, torch.ones(graph.num_edges, dtype=torch.float64), killing)
    used, both = rw.factorize(walk, solver), 2 * killing
    used.solve(torch.block_diag(killing[:144, None], killing[144:, None]))
    assert (used.solve(both) - 2).abs().max() < 0.01
    assert torch.equal(used.solve(both), rw.factorize(walk, solver).solve(both))


def test_a_start_that_is_right_already_is_no_test_of_the_factor():
    lost = rw.absorb(noise(34)[0], torch.tensor([0, 34 * 34 - 1]))
    b, right = lost.killing[:, None], torch.ones(34 * 34, 1, dtype=torch.float64)
    inverse = Cholesky().inverse_of(lost)
    with pytest.raises(rw.ConvergenceError, match="on A 1 = killing"):
        inverse.solve(b, start=right)


def test_a_verdict_says_what_the_walk_asks_for():
    assert Cholesky().inverse_of(contrast_walk(2)).verdict == CLEAN
    assert Cholesky(1e-14).inverse_of(contrast_walk(12)).verdict.refinements >= 1
    lost = rw.absorb(noise(34)[0], torch.tensor([0, 34 * 34 - 1]))
    assert "on A 1 = killing" in Cholesky().inverse_of(lost).verdict.refusal
    assert Multigrid(1e-6).inverse_of(rw.absorb(noise(12)[0], torch.tensor([0, 143]))).verdict.sharpness < 1
    assert Verdict() == CLEAN


def test_after_a_hand_over_easy_answers_are_still_those_of_the_first_method():
    """Plain CG gives up on some right-hand sides and not on others: each is answered as by a fresh factor."""
    points = torch.rand(3000, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    graph, _ = rw.knn_graph(points, 10)
    assert Auto().explain(graph).startswith("CG(")
    killing = torch.full((3000,), 1e-4, dtype=torch.float64)  # the same everywhere: for b = 1 CG needs one iteration
    walk = rw.walk(graph, torch.ones(graph.num_edges, dtype=torch.float64), killing)
    used = rw.factorize(walk)
    hard = torch.randn(3000, dtype=torch.float64)
    with rw.record_solves() as reports:
        for b in (torch.ones_like(hard), hard, torch.ones_like(hard)):
            assert torch.equal(used.solve(b), rw.factorize(walk).solve(b))
    assert [type(report.solver) for report in reports[::2]] == [CG, Multigrid, CG]


@pytest.mark.parametrize("method", ["__init__", "substitute"])
def test_a_bug_in_a_solver_stays_a_bug(monkeypatch, method):
    def bug(self, *args, **options):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(rslab._RslabInverse, method, bug)
    walk = contrast_walk(1, size=40)
    for solver in (Auto(), Cholesky()):
        with pytest.raises(RuntimeError, match="mat1 and mat2 shapes cannot be multiplied") as caught:
            rw.solve(walk, walk.killing, solver)
        assert type(caught.value) is RuntimeError


OUT_OF_MEMORY = [MemoryError("no"), torch.OutOfMemoryError("no"), RuntimeError("can't allocate memory")]


@pytest.mark.parametrize("error", OUT_OF_MEMORY)
def test_out_of_memory_stays_what_it_is_and_auto_hands_over_with_a_warning(monkeypatch, error):
    def run_out(self, *args, **options):
        raise error

    monkeypatch.setattr(rslab._RslabInverse, "__init__", run_out)
    walk = contrast_walk(1, size=40)
    with pytest.raises(type(error), match=str(error)):
        rw.solve(walk, walk.killing, Cholesky())
    with pytest.warns(UserWarning, match=r"Cholesky\(.*ran out of memory \(.*the next method takes its place"):
        x = rw.solve(walk, walk.killing)
    assert (x - 1).abs().max() < 1e-6


def test_the_last_method_out_of_memory_is_told_of_once(monkeypatch):
    def run_out(self, *args, **options):
        raise MemoryError("no")

    for method, step in ((rslab._RslabInverse, "__init__"), (Multigrid, "invert")):
        monkeypatch.setattr(method, step, run_out)
    walk = contrast_walk(1, size=40)
    with pytest.warns(UserWarning, match="ran out of memory"), pytest.raises(MemoryError, match="is left") as caught:
        rw.solve(walk, walk.killing)
    assert str(caught.value).count("ran out of memory") == 1


def test_options_that_do_not_shape_a_plan_do_not_part_plans():
    graph = rw.grid_graph((30, 30))
    assert Cholesky(1e-10).plan_for(graph) is Cholesky(1e-8).plan_for(graph)
    assert Multigrid(1e-10).plan_for(graph) is Multigrid(1e-6, max_iterations=7).plan_for(graph)
    assert Cholesky().plan_for(graph) is not rw.solvers.LU().plan_for(graph)
    assert Auto(1e-6).explain(graph) != Auto(1e-8).explain(graph)


def test_a_session_that_tries_many_settings_keeps_few_plans():
    graph = rw.grid_graph((30, 30))
    symbolic = Cholesky().plan_for(graph)
    for digits in range(3 * MOST):
        Auto(rtol=1e-12 * (1 + digits)).explain(graph)
        assert Cholesky().plan_for(graph) is symbolic  # what is asked for again and again stays
    assert len(graph._plans) <= MOST


def test_other_threads_solves_are_not_in_my_records():
    walk = contrast_walk(1)
    with rw.record_solves() as mine:
        thread = threading.Thread(target=lambda: rw.solve(walk, walk.killing))
        thread.start()
        thread.join()
    assert mine == []


def test_a_backward_pass_on_another_thread_reports_to_the_block_of_its_forward_pass():
    walk = contrast_walk(1)
    weight = walk.weight.clone().requires_grad_()
    with rw.record_solves() as mine:
        loss = rw.solve(rw.Walk(walk.graph, weight, walk.killing), walk.killing).square().sum()
        thread = threading.Thread(target=loss.backward)
        thread.start()
        thread.join()
    assert len(mine) == 2


def test_each_block_around_a_solve_gets_one_report_and_none_after_its_end():
    walk = contrast_walk(1)
    weight = walk.weight.clone().requires_grad_()
    with rw.record_solves() as outer, rw.record_solves() as inner:
        loss = rw.solve(rw.Walk(walk.graph, weight, walk.killing), walk.killing).square().sum()
        loss.backward(retain_graph=True)
    loss.backward()
    assert (len(outer), len(inner)) == (2, 2)


def test_blocks_of_generators_may_end_in_any_order_and_in_any_context():
    def generator():
        with rw.record_solves() as reports:
            yield reports

    first, second = generator(), generator()
    next(first)
    reports = next(second)
    first.close()
    walk = contrast_walk(1)
    rw.solve(walk, walk.killing)
    assert len(reports) == 1
    contextvars.copy_context().run(second.close)


def test_changing_weights_in_place_makes_a_factor_refuse_to_answer():
    graph = rw.grid_graph((10, 10))
    weight = torch.nn.Parameter(torch.ones(graph.num_edges, dtype=torch.float64))
    killing = torch.full((100,), 0.1, dtype=torch.float64)
    factor, b = rw.factorize(rw.walk(graph, weight, killing)), torch.ones(100, dtype=torch.float64)
    optimiser = torch.optim.SGD([weight], 0.01)
    factor.solve(b).square().sum().backward()
    optimiser.step()
    with pytest.raises(ValueError, match=r"`weight` was changed in place.*Call `factorize` again"):
        factor.solve(b)
    again = rw.factorize(rw.walk(graph, weight, killing))
    killing.mul_(2)
    with pytest.raises(ValueError, match=r"`killing` was changed in place"):
        again.T.solve(b)


def test_a_factor_is_of_the_weights_it_was_made_of_even_before_its_first_solve():
    graph = rw.grid_graph((10, 10))
    weight = torch.ones(graph.num_edges, dtype=torch.float64)
    factor = rw.factorize(rw.walk(graph, weight, 0.1))
    weight.mul_(2)
    with pytest.raises(ValueError, match="`weight` was changed in place"):
        factor.solve(torch.ones(100, dtype=torch.float64))


def test_factors_say_what_they_are():
    walk = contrast_walk(1)
    assert repr(rw.factorize(walk, Cholesky())) == "Factor(Cholesky(rtol=1e-10); 400 nodes)"
    assert repr(rw.factorize(walk).T).endswith("then Multigrid(rtol=1e-10, max_iterations=100), transposed; 400 nodes)")


def test_a_barbell_that_direct_solvers_cannot_resolve_is_answered_all_the_same():
    """Two triangles and a bridge of 1e-17 between them: the far one hangs on it alone."""
    edges = torch.tensor([[0, 1, 0, 2, 3, 4, 3], [1, 2, 2, 3, 4, 5, 5]])
    weight = torch.ones(7, dtype=torch.float64)
    weight[3] = 1e-17
    seeds = torch.tensor([0, 1, -1, -1, -1, -1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        z = rw.hitting_probabilities(rw.walk(rw.Graph(edges, 6), weight), seeds)
    torch.testing.assert_close(z[2:], torch.full((4, 2), 0.5, dtype=torch.float64), rtol=1e-12, atol=1e-12)


def test_solvers_keep_no_state():
    for traits in SOLVERS:
        assert dataclasses.is_dataclass(traits.solver)
        assert vars(traits.solver).keys() == {field.name for field in dataclasses.fields(traits.solver)}
