"""Multigrid by compiled kernels: the levels and the answers of torch's way."""

import multiprocessing
import subprocess
import sys

import numpy as np
import pytest
import torch
from multigrid_walks import KINDS, absorbed, random_weights, right_hand_side, rows_of

import graphrw as rw
from graphrw.core.walk import apply
from graphrw.solvers import Multigrid, numba_kernels
from graphrw.solvers.iterative.krylov import ConjugateGradients, Uniform, iterate
from graphrw.solvers.multigrid import cycle as cycles
from graphrw.solvers.multigrid.aggregation import aggregate
from graphrw.solvers.multigrid.cycle import Cycle
from graphrw.solvers.multigrid.engine import TORCH, TRITON, engine_for
from graphrw.solvers.multigrid.level import TorchLevel
from graphrw.solvers.multigrid.solver import Plan
from graphrw.solvers.operator import Operator

numba = pytest.importorskip("numba")

from graphrw.solvers.compiled import COMPILED, rows, sweeps  # noqa: E402
from graphrw.solvers.compiled.compilation import Matrix  # noqa: E402
from graphrw.solvers.compiled.inverse import (  # noqa: E402
    CompiledConjugateGradients,
    CompiledOperator,
    CompiledSystem,
)
from graphrw.solvers.compiled.level import CompiledCycle, CompiledLevel  # noqa: E402
from graphrw.solvers.compiled.rows import structure  # noqa: E402

ENGINES = (TORCH, COMPILED)
WIDTHS = (1, 3, 4, 16, 21)


def close(found, expected, digits):
    """To so many digits of the largest."""
    torch.testing.assert_close(found, expected, rtol=0, atol=10**-digits * float(expected.abs().max()))


def system_of(walk):
    finest = structure(walk.graph).rows(walk)
    return CompiledSystem(CompiledOperator(walk, finest), CompiledCycle(finest))


def inverses(walk, solver):
    """Both ways, torch's first."""
    return [solver.invert(walk, Plan(engine, engine.structure(walk.graph))) for engine in ENGINES]


@pytest.mark.parametrize("decades", [0, 2, 6, 12, 300])
@pytest.mark.parametrize("kind", KINDS)
def test_levels_are_the_same_at_any_contrast(kind, decades):
    walk = absorbed(KINDS[kind], random_weights(KINDS[kind], decades))
    ours, theirs = structure(walk.graph).rows(walk), rows_of(walk)
    for _ in range(3):
        group, count = aggregate(theirs)
        found = rows.aggregate(ours)
        assert found[1] == count
        assert torch.equal(found[0], group)
        ours, theirs = ours.coarsened(group, count), theirs.coarsened(group, count)
        apart = theirs.row != theirs.column
        assert (ours.matrix.column == theirs.column[apart].numpy()).all()
        torch.testing.assert_close(torch.from_numpy(ours.matrix.value), theirs.weight[apart], rtol=1e-14, atol=0)
        torch.testing.assert_close(ours.killing, theirs.killing, rtol=1e-14, atol=0)
        torch.testing.assert_close(ours.rate, theirs.rate, rtol=1e-14, atol=0)


@pytest.mark.parametrize("size", [12, 40, 101])
def test_levels_are_the_same_where_all_weights_are(size):
    """There sums are often as large as a power of two, and rounding could decide what is as heavy."""
    graph = rw.grid_graph((size, size))
    walk = absorbed(graph, torch.full((graph.num_edges,), 0.3, dtype=torch.float64))
    assert repr(CompiledCycle(structure(graph).rows(walk))) == repr(Cycle(rows_of(walk)))


def test_a_level_can_be_shown_as_a_matrix():
    walk = absorbed(KINDS["image"], random_weights(KINDS["image"], 1))
    assert torch.equal(structure(walk.graph).rows(walk).dense(), rows_of(walk).dense())


@pytest.fixture(params=[torch.float32, torch.float64], ids=str)
def levels(request):
    """The same level in both ways, torch's first, and the share of each node in each aggregate."""
    walk = absorbed(KINDS["surface"], random_weights(KINDS["surface"], 2))
    group, count = aggregate(rows_of(walk))
    found = []
    for make, finest in ((TorchLevel, rows_of(walk)), (CompiledLevel, structure(walk.graph).rows(walk))):
        found.append(make(finest, request.param))
        found[-1].lead_to(make(finest.coarsened(group, count), request.param), group)
    spread = torch.nn.functional.one_hot(group.long(), count + 1)[:, :count] * found[0].share[:, None]
    return *found, spread.double()


def digits_of(level):
    return 5 if level.dtype == torch.float32 else 12


@pytest.mark.parametrize("width", WIDTHS)
def test_relaxation_is_gauss_seidel_forth_and_back(levels, width):
    theirs, ours, spread = levels
    matrix, digits = theirs.matrix.to_dense().double(), digits_of(ours)
    lower, upper = matrix.tril(), matrix.triu()
    b = ours.receive(right_hand_side(KINDS["surface"], width))
    close(b.double(), theirs.receive(right_hand_side(KINDS["surface"], width)).double(), digits)
    y = torch.empty_like(b)
    below, above = ours.descend(b, y)
    first = torch.linalg.solve_triangular(lower, b.double(), upper=False)
    close(y.double(), first, digits)
    close(below.double(), spread.T @ (b.double() - matrix @ first), digits)
    above.copy_(below)
    corrected = first + spread @ above.double()
    expected = corrected + torch.linalg.solve_triangular(upper, b.double() - matrix @ corrected, upper=True)
    close(ours.ascend(b, y).double(), expected, digits)
    close(ours.give(y), theirs.give(expected.to(ours.dtype)), digits)
    alone = first + torch.linalg.solve_triangular(upper, b.double() - matrix @ first, upper=True)
    close(ours.relax(b, torch.empty_like(b)).double(), alone, digits)


@pytest.mark.parametrize("width", WIDTHS)
def test_inner_steps_are_those_of_torch(levels, width):
    *both, _ = levels
    b, first, second = (right_hand_side(KINDS["surface"], width).roll(turn, 0).to(both[0].dtype) for turn in range(3))
    expected, found = (level.first_step(b, first) for level in both)
    for name in ("product", "curvature", "length", "rest"):
        close(getattr(found, name).double(), getattr(expected, name).double(), digits_of(both[0]))
    theirs, ours = (
        level.second_step(step, second.clone()) for level, step in zip(both, (expected, found), strict=True)
    )
    close(ours.double(), theirs.double(), digits_of(both[0]))


@pytest.mark.parametrize("decades", [2, 14])
def test_a_cycle_of_two_levels_is_symmetric_and_positive_definite(decades, monkeypatch):
    monkeypatch.setattr(cycles, "DENSE", {"cpu": 40})
    walk = absorbed(rw.grid_graph((9, 9)), random_weights(rw.grid_graph((9, 9)), decades))
    cycle = CompiledCycle(structure(walk.graph).rows(walk))
    assert len(cycle.levels) == 2
    assert cycle.dtype == Cycle(rows_of(walk)).dtype
    matrix = cycle.apply(torch.eye(81, dtype=torch.float64)).clone()
    scale = matrix.diagonal().sqrt()
    matrix = matrix / scale / scale[:, None]
    torch.testing.assert_close(matrix, matrix.T, rtol=0, atol=1e-4)
    assert torch.linalg.eigvalsh((matrix + matrix.T) / 2).min() > 0


@pytest.mark.parametrize("kind", KINDS)
def test_products_and_residuals_are_those_of_torch(kind):
    walk = absorbed(KINDS[kind], random_weights(KINDS[kind], 2))
    theirs, ours = Operator(walk), CompiledOperator(walk, structure(walk.graph).rows(walk))
    x, b = right_hand_side(walk.graph, 6), right_hand_side(walk.graph, 6).flip(0)
    close(ours.matmul(x), theirs.matmul(x), 14)
    close(ours.matmul_in_differences(x), theirs.matmul_in_differences(x), 14)
    close(ours.matmul(x, torch.empty_like(x), transpose=True), theirs.matmul(x), 14)
    close(ours.degree, theirs.degree, 14)
    for in_differences in (False, True):
        expected = theirs.residual(b, x, transpose=False, in_differences=in_differences)
        close(ours.residual(b, x, transpose=False, in_differences=in_differences), expected, 14)


@pytest.mark.parametrize(("decades", "limit"), [(0, 25), (2, 25), (6, 40), (12, 40)])
@pytest.mark.parametrize("kind", KINDS)
def test_iterations_stay_few_on_every_kind_of_graph_at_any_contrast(kind, decades, limit):
    walk = absorbed(KINDS[kind], random_weights(KINDS[kind], decades))
    b = apply(walk, right_hand_side(walk.graph))
    target = 1e-6 * b.norm(dim=0)
    x, iterations = iterate(CompiledConjugateGradients, system_of(walk), b, target, max_iterations=200)
    assert 0 < iterations <= limit
    assert ((b - Operator(walk).matmul(x)).norm(dim=0) <= 1.01 * target).all()


@pytest.mark.parametrize("kind", KINDS)
def test_answers_are_those_of_torch(kind):
    walk = absorbed(KINDS[kind], random_weights(KINDS[kind], 2))
    b = right_hand_side(walk.graph, 11)
    theirs, ours = (inverse.solve(b) for inverse in inverses(walk, Multigrid(1e-12)))
    assert ours.passes == theirs.passes
    close(ours.x, theirs.x, 8)


def test_a_right_hand_side_may_lie_in_memory_in_any_order():
    walk = absorbed(KINDS["image"], random_weights(KINDS["image"], 1))
    b = right_hand_side(walk.graph, 6)
    solve = rw.factorize(walk, Multigrid()).solve
    expected = solve(b)
    for same in (b.T.contiguous().T, torch.cat([b, b], 1)[:, :6], torch.stack([b, b], 2)[:, :, 0]):
        close(solve(same), expected, 13)
    close(solve(torch.cat([b, b, b], 1))[:, :6], expected, 7)


@pytest.mark.parametrize("decades", [2, 14])
def test_steps_are_those_of_conjugate_gradients(decades):
    """Over fourteen decades in float64, over two beside a cycle in float32."""
    walk = absorbed(KINDS["image"], random_weights(KINDS["image"], decades))
    fused, b = system_of(walk), right_hand_side(walk.graph, 5)
    plain = Uniform(fused.operator.matmul_in_differences, fused.cycle.apply)
    theirs, ours = ConjugateGradients.start(b), CompiledConjugateGradients.start(b)
    for _ in range(3):
        theirs.step(plain)
        ours.step(fused)
        digits = 4 if fused.cycle.dtype == torch.float32 else 8
        for name in ("x", "p", "q", "curvature"):
            close(getattr(ours, name), getattr(theirs, name), digits)
        # Residuals shrink, and what rounding has done to them does not.
        torch.testing.assert_close(ours.r, theirs.r, rtol=0, atol=10**-digits * float(b.abs().max()))
        theirs.measure()
        close(ours.norm, theirs.norm, 4)


def test_columns_that_are_done_are_laid_aside():
    walk = absorbed(KINDS["image"], random_weights(KINDS["image"], 2))
    b = right_hand_side(walk.graph, 6)
    b[:, 1] = 0.0
    b[:, 2:5] = walk.killing[:, None] * torch.tensor([1.0, 2.0, 3.0])
    theirs, ours = (inverse.solve(b) for inverse in inverses(walk, Multigrid(1e-12)))
    assert not ours.x[:, 1].any()
    close(ours.x, theirs.x, 8)


def test_a_fork_goes_on_where_its_parent_was():
    if "fork" not in multiprocessing.get_all_start_methods():
        pytest.skip("there are no forks here")
    walk = absorbed(KINDS["image"], random_weights(KINDS["image"], 1))
    b = right_hand_side(walk.graph)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        there = pool.apply(rw.solve, (walk, b, Multigrid()))
    assert torch.equal(there, rw.solve(walk, b, Multigrid()))


def test_no_edges_at_all_are_no_obstacle(monkeypatch):
    monkeypatch.setattr(cycles, "DENSE", {"cpu": 2})
    lonely = rw.walk(rw.Graph(torch.empty(2, 0, dtype=torch.int64), 30), torch.empty(0), killing=0.5)
    close(rw.solve(lonely, torch.ones(30), Multigrid()), torch.full((30,), 2.0), 6)


def test_it_is_taken_on_the_cpu_and_others_elsewhere():
    graph = rw.grid_graph((3, 3))
    assert engine_for(graph) is COMPILED
    assert engine_for(graph.to("meta")) is TRITON
    assert engine_for(graph.to("meta"), triton=False) is TORCH


@pytest.mark.usefixtures("kernels_are_asked_for_anew")
def test_where_nothing_can_be_kept_torch_serves_and_says_why(monkeypatch):
    def fails(module):
        raise RuntimeError("cannot cache function 'relax': no locator available for file")

    monkeypatch.setattr(numba_kernels, "import_module", fails)
    with pytest.warns(UserWarning, match="multigrid does without it.*NUMBA_CACHE_DIR"):
        assert engine_for(rw.grid_graph((3, 3))) is TORCH


@pytest.mark.usefixtures("kernels_are_asked_for_anew")
def test_what_else_is_wrong_with_kernels_is_told(monkeypatch):
    def fails(module):
        raise RuntimeError("out of order")

    monkeypatch.setattr(numba_kernels, "import_module", fails)
    with pytest.raises(RuntimeError, match="out of order"):
        engine_for(rw.grid_graph((3, 3)))


@pytest.mark.usefixtures("kernels_are_asked_for_anew")
def test_without_numba_torch_serves(monkeypatch):
    monkeypatch.setattr(numba_kernels, "NUMBA", False)
    assert engine_for(rw.grid_graph((3, 3))) is TORCH


def test_kernels_are_never_compiled_at_a_call():
    halves = np.ones((4, 4), np.float16)
    nothing = np.zeros(5, np.uint32), np.zeros(0, np.uint32), np.zeros(0, np.float16)
    with pytest.raises(TypeError, match="No matching definition"):
        sweeps.up(Matrix(*nothing), (nothing[0], halves[0]), (halves, halves))


def test_a_later_process_loads_what_an_earlier_one_has_compiled():
    code = "from graphrw.solvers.compiled.sweeps import down; print(sum(down.stats.cache_misses.values()))"
    assert sweeps.down.stats.cache_path
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "0\n"
