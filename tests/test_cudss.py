"""`CuDSS` on a stand-in for nvmath-python, which needs no GPU; on a GPU with cuDSS `test_solvers` runs the real one."""

import gc
import sys

import nvmath_stand_in
import pytest
import test_solvers as table
import torch
from nvmath_stand_in import DirectSolver, DirectSolverOptions, Kind, View

import graphrw as rw
from graphrw.core.errors import MissingDependencyError
from graphrw.solvers import CuDSS, Dense
from graphrw.solvers.direct import cudss
from graphrw.solvers.operator import csr
from graphrw.testing import SOLVERS, Traits, check_solver, sample_graphs, sample_walk

GRAPHS = sample_graphs()
(HERE,) = (traits for traits in SOLVERS if isinstance(traits.solver, CuDSS))


@pytest.fixture(autouse=True)
def calls(monkeypatch):
    """What the stand-in was asked to do."""
    for name, module in nvmath_stand_in.modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(cudss, "_gpu", lambda device: device)
    monkeypatch.setattr(DirectSolver, "calls", [])
    return DirectSolver.calls


@pytest.mark.parametrize("name", GRAPHS)
def test_it_is_right_on_every_graph(name):
    check_solver(CuDSS(), GRAPHS[name])


@pytest.mark.parametrize("contrast", [0, 6, 12, 16])
def test_it_keeps_every_digit_at_any_contrast(contrast):
    table.test_direct_solvers_keep_every_digit_at_any_contrast(HERE, contrast)


def test_what_other_direct_solvers_promise_it_does_too():
    table.test_several_factors_of_one_graph_live_side_by_side(HERE)
    table.test_an_exactly_singular_factor_raises(HERE)
    for order in ((0, 1), (1, 0)):
        table.test_two_forwards_then_both_backwards_give_each_walk_its_gradient(HERE, order)


@pytest.mark.parametrize("columns", [1, 8, 9, 21])
@pytest.mark.parametrize("name", ["grid", "directed"])
def test_any_number_of_columns(name, columns):
    walk = sample_walk(GRAPHS[name])
    b = torch.randn(walk.graph.num_nodes, columns, dtype=torch.float64)
    torch.testing.assert_close(rw.solve(walk, b, CuDSS()), rw.solve(walk, b, Dense()), rtol=1e-10, atol=1e-12)


def test_a_graph_is_analysed_once_and_factorised_where_the_walk_changes(calls):
    walks, b = table.two_walks("grid")
    first, second = (rw.solve(walk, b, CuDSS()).sum() for walk in walks)
    second.backward()
    first.backward()
    assert [call for call in calls if call != "solve"] == ["plan", "factorize", "factorize", "factorize"]


def test_a_directed_graph_is_analysed_for_its_transpose_once_that_is_asked_for(calls):
    (walk, _), b = table.two_walks("directed")
    x = rw.solve(walk, b, CuDSS())
    assert calls.count("plan") == 1
    x.sum().backward()
    assert [call for call in calls if call != "solve"] == ["plan", "factorize"] * 2


def test_its_memory_goes_back_with_the_graph(calls):
    graph = rw.grid_graph((5, 5))
    gc.disable()
    try:
        rw.solve(rw.walk(graph, torch.ones(40), 0.1), torch.ones(25), CuDSS())
        assert "free" not in calls
        rw.build.forget_grids()
        del graph
        assert calls.count("free") == 1
    finally:
        gc.enable()


def test_without_nvmath_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "nvmath.sparse", None)
    with pytest.raises(MissingDependencyError, match=r"needs the packages nvmath-python and nvidia-cudss: pip install"):
        CuDSS().plan(rw.grid_graph((3, 3)))


def test_without_a_gpu_it_says_so(monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(MissingDependencyError, match="needs an NVIDIA GPU"):
        CuDSS().plan(rw.grid_graph((3, 3)))
    assert not Traits(CuDSS(), directed=True, iterative=False, needs="torch", on_gpu=True).installed


def test_the_stand_in_refuses_what_nvmath_does():
    matrix = torch.eye(3, dtype=torch.float64)
    index, ones = torch.arange(4), torch.ones(3, dtype=torch.float64)
    good = csr(index, index[:3], ones, (3, 3))
    with pytest.raises(TypeError, match="int32"):
        DirectSolver(torch.sparse_csr_tensor(index, index[:3], ones, (3, 3), check_invariants=False), matrix)
    for wrong in (torch.ones(3, 2, dtype=torch.float64), torch.ones(2, 3).T, torch.ones(4, dtype=torch.float64)):
        with pytest.raises(TypeError, match="RHS"):
            DirectSolver(good, wrong)
    spd = DirectSolverOptions(sparse_system_type=Kind.SPD, sparse_system_view=View.UPPER)
    solver = DirectSolver(good, ones, options=spd)
    with pytest.raises(RuntimeError, match=r"before plan\(\)"):
        solver.factorize()
