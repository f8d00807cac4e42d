"""Factors of all graphs of a batch at once."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from multigrid_walks import absorbed, random_weights

import graphrw as rw
from graphrw.core.errors import ConvergenceError, MissingDependencyError
from graphrw.core.graph import unchecked
from graphrw.solvers import Auto, Cholesky, Simplicial, numba_kernels, operator
from graphrw.solvers.direct import simplicial
from graphrw.solvers.gradients import weight_gradient
from graphrw.testing import dense_operator

numba = pytest.importorskip("numba")

from graphrw.solvers.direct import simplicial_kernels as kernels  # noqa: E402


def images(count, side=12):
    return rw.Graph.batch([rw.grid_graph((side, side))] * count)


def step(graph, solver, weight):
    """The answer, and a gradient."""
    weight = weight.clone().requires_grad_()
    b = torch.randn(graph.num_nodes, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    x = rw.solve(rw.walk(graph, weight, 0.01), b, solver)
    return x, *torch.autograd.grad(x.square().sum(), weight)


@pytest.fixture(params=[1, 2, 3])
def threads(request, monkeypatch):
    monkeypatch.setattr(simplicial, "ENTRIES_A_THREAD", 1)
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.parametrize("count", [1, 2, 7])
def test_a_step_is_that_of_cholesky_for_any_number_of_graphs_on_any_number_of_threads(count, threads):
    graph = images(count)
    weight = torch.rand(graph.num_edges, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 0.1
    for found, expected in zip(step(graph, Simplicial(), weight), step(graph, Cholesky(), weight), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


def test_answers_do_not_depend_on_the_other_graphs_of_a_batch():
    weight = torch.rand(images(4).num_edges, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 0.1
    factor = rw.factorize(rw.walk(images(4), weight, 0.1), Simplicial())
    alone = rw.factorize(rw.walk(images(1), weight.view(4, -1)[2], 0.1), Simplicial())
    b = torch.ones(4, 144, 2, dtype=torch.float64)
    torch.testing.assert_close(factor.solve(b.flatten(0, 1)).view_as(b)[2], alone.solve(b[2]), rtol=1e-13, atol=0)


@pytest.mark.parametrize("decades", [0, 6, 12])
def test_the_factor_is_that_of_the_matrix_in_its_order(decades):
    graph = rw.knn_graph(torch.rand(60, 2, generator=torch.Generator().manual_seed(0)), 5)[0]
    walk = absorbed(graph, random_weights(graph, decades))
    inverse = Simplicial().invert(walk, plan := Simplicial().plan_for(graph))
    ((below, pivot),) = inverse._factors
    lower = np.eye(60)
    row = plan.lower.row
    lower[row, np.repeat(np.arange(60), np.diff(plan.lower.column_start))] = below[:, 0]
    order = torch.from_numpy(plan.lower.order.astype(np.int64))
    expected = dense_operator(walk)[order][:, order]
    found = torch.from_numpy(lower @ np.diag(1 / pivot[:, 0]) @ lower.T)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14 * float(expected.max()))


def test_a_matrix_that_is_not_positive_definite_has_no_factor(monkeypatch):
    graph = images(2)
    walk = rw.walk(graph, torch.ones(graph.num_edges, dtype=torch.float64), 0.1)
    monkeypatch.setattr(type(walk), "degree", -torch.ones(graph.num_nodes, dtype=torch.float64))
    with pytest.raises(ConvergenceError, match="could not factorise A: a pivot is not positive"):
        rw.factorize(walk, Simplicial())


def test_auto_takes_it_for_batches_of_equal_small_graphs_alone():
    points = torch.rand(300, 8, generator=torch.Generator().manual_seed(0))
    others = {
        "a single image": rw.grid_graph((32, 32)),
        "images of two sizes": rw.Graph.batch([rw.grid_graph((32, 32)), rw.grid_graph((32, 31))]),
        "directed": rw.Graph.batch([rw.Graph(rw.grid_graph((32, 32)).edges, 1024, directed=True)] * 2),
        "large": images(2, 129),
        "much fill": rw.Graph.batch([rw.knn_graph(points, 30)[0]] * 2),
    }
    assert Auto().explain(images(2, 32)).startswith("Simplicial(rtol=1e-10), then Multigrid")
    assert Auto(1e-6).explain(images(10, 64)).startswith("Simplicial(rtol=1e-06)")
    assert not {name for name, graph in others.items() if "Simplicial" in Auto().explain(graph)}


def test_auto_counts_the_memory_of_all_graphs():
    part = rw.grid_graph((30, 30))
    limit = 2.5 * Simplicial().plan_for(part).bytes
    assert Auto(max_bytes=limit).explain(rw.Graph.batch([part] * 2)).startswith("Simplicial")
    assert Auto(max_bytes=limit).explain(rw.Graph.batch([part] * 3)).startswith("Multigrid")


@pytest.mark.usefixtures("kernels_are_asked_for_anew")
def test_without_numba_it_says_what_to_install_and_auto_does_without_it(monkeypatch):
    monkeypatch.setattr(numba_kernels, "NUMBA", False)
    with pytest.raises(MissingDependencyError, match=r"pip install graphrw\[fast\]"):
        Simplicial().plan(images(2))
    assert "Simplicial" not in Auto().explain(images(3, 32))


@pytest.mark.usefixtures("kernels_are_asked_for_anew")
def test_where_nothing_can_be_kept_auto_says_so_and_does_without_it(monkeypatch):
    def fails(*_, **__):
        raise RuntimeError("cannot cache function 'factorise': no locator available for file")

    monkeypatch.delitem(sys.modules, "graphrw.solvers.direct.simplicial_kernels")
    monkeypatch.delattr("graphrw.solvers.direct.simplicial_kernels")
    monkeypatch.setattr(numba, "njit", fails)
    with pytest.warns(UserWarning, match="NUMBA_CACHE_DIR"):
        assert "Simplicial" not in Auto().explain(images(4, 32))


def test_a_later_process_loads_what_an_earlier_one_has_compiled():
    code = (
        "from graphrw.solvers.direct import simplicial_kernels as kernels\n"
        "print(sum(kernels.factorise.stats.cache_misses.values()))"
    )
    assert kernels.factorise.stats.cache_path
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "0\n"


@pytest.mark.parametrize("at_once", [1, 7, 4096])
def test_gradients_on_grids_are_those_along_their_edges(at_once, monkeypatch):
    monkeypatch.setattr(operator, "EDGES_AT_ONCE", at_once)
    graph = rw.Graph.batch([rw.grid_graph(shape) for shape in ((5,), (3, 4), (2, 3, 4), (1, 6), (3, 4))])
    generator = torch.Generator().manual_seed(0)
    left, right = torch.randn(2, graph.num_nodes, 3, generator=generator, dtype=torch.float64)
    expected = weight_gradient(unchecked(graph.edges, graph.num_nodes), left, right, None)
    torch.testing.assert_close(weight_gradient(graph, left, right, None), expected)
