"""Every solver on every kind of graph, and what each promises of its own."""

import dataclasses
import gc
import sys

import pytest
import torch

import graphrw as rw
from graphrw.core.errors import MissingDependencyError
from graphrw.solvers import CG, CHOLMOD, Auto, Cholesky, Dense, Pardiso, SuperLU
from graphrw.solvers.direct import rslab as embedded
from graphrw.testing import (
    SOLVERS,
    check_solver,
    dense_operator,
    sample_graphs,
    sample_walk,
)

GRAPHS = sample_graphs()


def listed(traits):
    missing = pytest.mark.skip(reason=f"{traits.needs} is not installed")
    return pytest.param(traits, marks=() if traits.installed else missing, id=str(traits))


EVERY = [listed(traits) for traits in SOLVERS]
DIRECT = [listed(traits) for traits in SOLVERS if not traits.iterative and not isinstance(traits.solver, Auto)]


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("traits", EVERY)
def test_every_solver_is_right_on_every_graph(traits, name, device):
    graph = GRAPHS[name].to(device)
    if graph.directed and not traits.directed:
        with pytest.raises(ValueError, match="needs an undirected graph"):
            rw.factorize(sample_walk(graph), traits.solver)
    else:
        check_solver(traits.solver, graph)


@pytest.mark.parametrize("traits", EVERY)
def test_solvers_are_values(traits):
    solver = traits.solver
    assert dataclasses.replace(solver) == solver
    assert hash(dataclasses.replace(solver)) == hash(solver)


@pytest.mark.parametrize("traits", DIRECT)
@pytest.mark.parametrize("contrast", [0, 6, 10, 12, 16])
def test_direct_solvers_keep_every_digit_at_any_contrast(traits, contrast):
    graph = rw.grid_graph((20, 20))
    generator = torch.Generator().manual_seed(0)
    weight = 10 ** (-contrast * torch.rand(graph.num_edges, generator=generator, dtype=torch.float64))
    seeds = torch.full((400,), -1)
    seeds[[0, 217, 399]] = torch.tensor([0, 1, 2])
    z = rw.hitting_probabilities(rw.walk(graph, weight), seeds, solver=traits.solver)
    assert (z.sum(1) - 1).abs().max() < 1e-11


def two_walks(name):
    graph = sample_graphs()[name]
    b = torch.randn(graph.num_nodes, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return [sample_walk(graph, seed) for seed in (0, 1)], b


@pytest.mark.parametrize("traits", DIRECT)
def test_several_factors_of_one_graph_live_side_by_side(traits):
    for name in ("grid", "directed") if traits.directed else ("grid",):
        walks, b = two_walks(name)
        matrices = [dense_operator(walk) for walk in walks]
        factors = [rw.factorize(walk, traits.solver) for walk in walks]
        for turn in (0, 1, 1, 0, 1):
            for transpose in (False, True):
                x = (factors[turn].T if transpose else factors[turn]).solve(b).detach()
                expected = torch.linalg.solve(matrices[turn].T if transpose else matrices[turn], b)
                torch.testing.assert_close(x, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("traits", DIRECT)
def test_two_forwards_then_both_backwards_give_each_walk_its_gradient(traits, order):
    walks, b = two_walks("grid")
    alone = [torch.autograd.grad(rw.solve(walk, b, Dense()).square().sum(), walk.weight)[0] for walk in walks]
    losses = [rw.solve(walk, b, traits.solver).square().sum() for walk in walks]
    for turn in order:
        losses[turn].backward()
        torch.testing.assert_close(walks[turn].weight.grad, alone[turn])


def test_a_factor_without_digits_raises():
    generator = torch.Generator().manual_seed(0)
    graph = rw.grid_graph((9, 9))
    weight = torch.rand(graph.num_edges, generator=generator, dtype=torch.float64)
    weight[(graph.edges == 80).any(0)] = 1e-16
    with pytest.raises(rw.ConvergenceError, match="more orders of magnitude than float64"):
        rw.harmonic(rw.walk(graph, weight), torch.tensor([80]), torch.ones(1, dtype=torch.float64), SuperLU())


@pytest.mark.parametrize("traits", DIRECT)
def test_an_exactly_singular_factor_raises(traits):
    lost = rw.walk(rw.grid_graph((3,)), torch.tensor([1.0, 1e-20], dtype=torch.float64))
    words = r"could not factorise A: .*(exactly singular|exactly 0|rank-deficient|a pivot is not|not positive definite)"
    with pytest.raises(rw.ConvergenceError, match=words):
        rw.harmonic(lost, torch.tensor([2]), torch.ones(1, dtype=torch.float64), traits.solver)


def test_cg_that_may_not_iterate_raises_with_causes_and_cures():
    graph = rw.grid_graph((30, 30))
    walk = rw.walk(graph, torch.ones(graph.num_edges), killing=1e-4)
    with pytest.raises(
        rw.ConvergenceError, match=r"CG\(.*left a true relative residual of .*asked was 1.0e-08.*Cholesky"
    ):
        rw.solve(walk, torch.randn(900, 2), CG(max_iterations=2))


def test_a_missed_tolerance_raises_in_backward_too():
    ring = torch.arange(100)
    graph = rw.Graph(torch.stack([ring, (ring + 1) % 100]), 100)
    weight = torch.ones(100, dtype=torch.float64, requires_grad=True)
    walk = rw.walk(graph, weight, killing=1e-3)
    easy = rw.solve(walk, walk.killing, CG(max_iterations=2))  # the constant is an eigenvector: one iteration
    with pytest.raises(rw.ConvergenceError):
        (easy * torch.randn(100, dtype=torch.float64)).sum().backward()


def test_the_plan_is_made_once_per_graph(monkeypatch):
    calls = []
    analyse = embedded._analyse
    monkeypatch.setattr(embedded, "_analyse", lambda *args: calls.append(1) or analyse(*args))
    graph = rw.grid_graph((20, 20))
    for seed in range(3):
        seeds = torch.full((400,), -1)
        seeds[seed], seeds[399] = 0, 1
        weight = torch.rand(graph.num_edges, requires_grad=True)
        z = rw.hitting_probabilities(rw.walk(graph, weight + 0.1), seeds, solver=Cholesky())
        z[:, 0].sum().backward()
    assert calls == [1]


def test_batches_of_equal_graphs_share_one_plan(monkeypatch):
    calls = []
    analyse = embedded._analyse
    monkeypatch.setattr(embedded, "_analyse", lambda *args: calls.append(1) or analyse(*args))
    grid = rw.grid_graph((20, 20))
    for copies in (1, 2, 3):
        graph = rw.Graph.batch([grid] * copies)
        rw.solve(rw.walk(graph, torch.rand(graph.num_edges), 0.1), torch.ones(graph.num_nodes), Cholesky())
    assert calls == [1]


def test_forward_and_backward_share_one_factor(monkeypatch):
    factors = []
    make = embedded._RslabInverse.__init__
    monkeypatch.setattr(embedded._RslabInverse, "__init__", lambda self, *args: factors.append(1) or make(self, *args))
    graph = rw.grid_graph((20, 20))
    weight = torch.ones(graph.num_edges, requires_grad=True)
    rw.solve(rw.walk(graph, weight, 0.1), torch.ones(400), Cholesky()).square().sum().backward()
    assert factors == [1]


def test_record_solves_sees_forward_and_backward():
    graph = rw.grid_graph((20, 20))
    weight = torch.ones(graph.num_edges, requires_grad=True)
    with rw.record_solves() as reports:
        rw.solve(rw.walk(graph, weight, 0.1), torch.rand(400, 3), Cholesky()).square().sum().backward()
    forward, backward = reports
    assert isinstance(forward.solver, Cholesky)
    assert (forward.num_nodes, forward.num_columns, forward.iterations) == (400, 3, 0)
    assert forward.factor_seconds > 0
    assert backward.factor_seconds == 0
    assert max(forward.relative_residual, backward.relative_residual) < 1e-10
    rw.solve(rw.walk(graph, weight.detach(), 0.1), torch.rand(400))
    assert len(reports) == 2


def test_recorded_cg_iterations_and_residuals_are_true():
    graph = rw.grid_graph((16, 16))
    walk = rw.walk(graph, torch.ones(graph.num_edges, dtype=torch.float64), 0.1)
    b = torch.rand(256, 1, dtype=torch.float64)
    with rw.record_solves() as reports:
        x = rw.solve(walk, b, CG(rtol=1e-6))
    residual = b - dense_operator(walk) @ x
    assert reports[0].iterations > 5
    assert float(residual.norm() / b.norm()) == pytest.approx(reports[0].relative_residual, rel=1e-3)


def test_a_missing_embedded_solver_says_what_to_install(monkeypatch):
    monkeypatch.setattr(embedded, "AVAILABLE", False)
    with pytest.raises(MissingDependencyError, match="pip install rslab"):
        Cholesky().plan(rw.grid_graph((3, 3)))


def test_a_missing_pardiso_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pypardiso", None)
    with pytest.raises(MissingDependencyError, match="needs the package pypardiso and MKL: pip install pypardiso"):
        Pardiso().plan(rw.grid_graph((3, 3)))


def test_a_missing_cholmod_says_what_to_install(monkeypatch):
    monkeypatch.setattr("graphrw.solvers.direct.cholmod.AVAILABLE", False)
    with pytest.raises(MissingDependencyError, match=r'pip install "scikit-sparse>=0\.5", which compiles'):
        CHOLMOD().plan(rw.grid_graph((3, 3)))


def test_pardiso_gives_its_memory_back_with_the_graph(monkeypatch):
    pypardiso = pytest.importorskip("pypardiso", reason="pypardiso is not installed")
    released = []
    free = pypardiso.PyPardisoSolver.free_memory
    monkeypatch.setattr(
        pypardiso.PyPardisoSolver, "free_memory", lambda self, everything: released.append(free(self, everything))
    )
    graph = rw.grid_graph((5, 5))
    rw.solve(rw.walk(graph, torch.ones(graph.num_edges), 0.1), torch.ones(25), Pardiso())
    assert released == []
    del graph
    gc.collect()
    assert released == [None]


def test_pardiso_factorises_again_only_where_the_walk_changes(monkeypatch):
    pypardiso = pytest.importorskip("pypardiso", reason="pypardiso is not installed")
    phases = []
    call = pypardiso.PyPardisoSolver._call_pardiso
    monkeypatch.setattr(
        pypardiso.PyPardisoSolver, "_call_pardiso", lambda self, A, b: phases.append(self.phase) or call(self, A, b)
    )
    walks, b = two_walks("grid")
    first, second = (rw.solve(walk, b, Pardiso()).sum() for walk in walks)
    second.backward()
    first.backward()
    assert [phase for phase in phases if phase != 33] == [11, 22, 22, 22]
