"""The Triton kernels do what torch's operations do: under Triton's interpreter, or on a GPU."""

import itertools
import os
import subprocess
import sys

import pytest
import torch

import graphrw as rw
from graphrw.solvers import Multigrid
from graphrw.solvers.gpu import operator as operators
from graphrw.solvers.gpu import rows as gpu
from graphrw.solvers.gpu.operator import GpuOperator, operator_of
from graphrw.solvers.gpu.rows import EvenRows
from graphrw.solvers.multigrid import cycle as cycles
from graphrw.solvers.multigrid import rows as rows_of_level
from graphrw.solvers.multigrid import solver
from graphrw.solvers.multigrid.cycle import Cycle
from graphrw.solvers.multigrid.engine import TORCH, TRITON
from graphrw.solvers.multigrid.level import TorchLevel
from graphrw.solvers.multigrid.rows import structure
from graphrw.solvers.multigrid.triton_level import TritonCycle, TritonLevel
from graphrw.solvers.operator import Operator, csr

EMPTY, HUB = 5, 17


@pytest.fixture
def device(device, monkeypatch):
    """Where Triton runs: its interpreter takes the place of a GPU, not a place beside it."""
    pytest.importorskip("triton")
    if device == "cpu" and torch.cuda.is_available():
        pytest.skip("kernels are compiled for the GPU here")
    if device == "cpu":
        monkeypatch.setattr(rows_of_level, "serve", lambda start: True)
        monkeypatch.setattr(operators, "_serve", lambda graph: True)
    monkeypatch.setattr(gpu, "PROGRAMS", 3)  # so that each takes several blocks of rows
    monkeypatch.setattr(gpu, "ADDED_UP", 16)  # and their sums are added up in several turns
    return device


def drawn(rows, count, seed, device, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, count, generator=generator, dtype=torch.float64).to(device, dtype)


def matrix(dtype, device, rows=50):
    """(rows, 40), with rows of all lengths: one without entries, one full."""
    generator = torch.Generator().manual_seed(0)
    dense = torch.randn(rows, 40, generator=generator, dtype=torch.float64)
    dense[torch.rand(rows, 40, generator=generator) < 0.9] = 0.0
    dense[EMPTY], dense[HUB] = 0.0, 1.0
    start = torch.cat([torch.zeros(1, dtype=torch.int64), (dense != 0).sum(1).cumsum(0)])
    parts = start, dense.nonzero()[:, 1], dense[dense != 0].to(dtype)
    return EvenRows.of(csr(*(part.to(device) for part in parts), (rows, 40))), dense.to(device)


@pytest.mark.parametrize("added", [False, True], ids=["written", "added"])
@pytest.mark.parametrize("factors", [(80, -32, 41), (1, -1, 1), (0, 1, 1)], ids=["relax", "residual", "restrict"])
@pytest.mark.parametrize("count", [1, 3, 8])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_each_product_is_what_its_factors_say(dtype, count, factors, added, device):
    rows, dense = matrix(dtype, device)
    x, b = drawn(40, count, 1, device, dtype), drawn(50, count, 2, device, dtype)
    out = torch.ones_like(b) if added else torch.full_like(b, torch.nan)
    alpha, beta, gamma = factors
    expected = (alpha * b.double() + beta * (dense @ x.double())) / gamma + (1.0 if added else 0.0)
    found = rows.combine(x, b if alpha else out, out, *factors, added=added)
    tolerance = 1e-13 if dtype == torch.float64 else 1e-5
    assert found.dtype == dtype
    torch.testing.assert_close(found.double(), expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("maximum", [False, True], ids=["sum", "maximum"])
def test_rows_are_reduced(maximum, device):
    rows, _ = matrix(torch.float64, device)
    kept = torch.cat([rows.start[: EMPTY + 1], rows.start[EMPTY + 2 :]])  # of no numbers torch knows no maximum
    expected = torch.segment_reduce(rows.value, "max" if maximum else "sum", offsets=kept)
    torch.testing.assert_close(gpu.reduce_rows(kept, rows.value, maximum=maximum), expected)


@pytest.mark.parametrize("count", [1, 3, 8])
def test_inner_products_of_columns_are_those_of_torch(count, device):
    a, b = drawn(300, count, 1, device), drawn(300, count, 2, device)
    torch.testing.assert_close(gpu.dots(a, b), (a * b).sum(0))


def a_walk(device, directed=False):
    graph = rw.grid_graph((6, 7))
    if directed:
        graph = rw.Graph(torch.cat([graph.edges, graph.edges.flip(0)[:, ::2]], 1), 42, directed=True)
    weight = drawn(graph.num_edges, 1, 3, "cpu").squeeze(1).abs()
    return rw.walk(graph.to(device), weight.to(device), 0.25)


@pytest.mark.parametrize("count", [1, 3, 8])
@pytest.mark.parametrize("directed", [False, True])
def test_products_with_an_operator_are_those_of_torch(directed, count, device):
    walk = a_walk(device, directed)
    plain, ours = Operator(walk), operator_of(walk)
    x, b = drawn(42, count, 4, device), drawn(42, count, 5, device)
    assert type(ours) is GpuOperator
    for given, transpose in itertools.product((x, x.repeat(1, 2)[:, :count]), (False, True)):
        for out in (None, torch.empty_like(x), torch.empty_like(x.T).T):
            for product in (Operator.matmul, Operator.matmul_in_differences):
                expected = product(plain, x, transpose=transpose)
                found = getattr(ours, product.__name__)(given, out, transpose=transpose)
                torch.testing.assert_close(found, expected)
        for way in (False, True):
            torch.testing.assert_close(ours.residual(b, given, transpose, way), plain.residual(b, x, transpose, way))


def test_in_differences_nothing_cancels(device):
    walk = a_walk(device)
    ones = torch.full((42, 2), 1e9, dtype=torch.float64, device=device)
    torch.testing.assert_close(operator_of(walk).matmul_in_differences(ones), 0.25 * ones, rtol=1e-15, atol=0)


def levels(device):
    walk = a_walk(device)
    return tuple(cycle(structure(walk.graph).rows(walk)) for cycle in (Cycle, TritonCycle))


@pytest.fixture
def _several_levels(monkeypatch):
    monkeypatch.setattr(cycles, "DENSE", {"cpu": 6, "cuda": 6})


@pytest.mark.usefixtures("_several_levels")
@pytest.mark.parametrize("count", [1, 3, 8])
def test_a_level_takes_the_steps_that_torch_takes(count, device):
    plain, ours = (cycle.levels[0] for cycle in levels(device))
    assert (type(plain), type(ours)) == (TorchLevel, TritonLevel)
    b, first, second = (drawn(42, count, seed, device, plain.dtype) for seed in (6, 7, 8))
    b[:, 0] = 0.0  # a column that is done
    first[:, 0] = 0.0
    second[:, 0] = 0.0
    answers = []
    for level in (plain, ours):
        step = level.first_step(b, first)
        answers.append([step.product, step.curvature, step.length, step.rest, level.second_step(step, second.clone())])
    for expected, found in zip(*answers, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.usefixtures("_several_levels")
@pytest.mark.parametrize("count", [1, 3, 8])
def test_a_cycle_does_what_torchs_does(count, device):
    plain, ours = levels(device)
    assert len(plain.levels) >= 3
    for seed in (9, 10):
        r = drawn(42, count, seed, device)
        torch.testing.assert_close(ours.apply(r), plain.apply(r), rtol=1e-4, atol=1e-4)


@pytest.mark.usefixtures("_several_levels")
def test_a_solve_and_its_gradient_are_those_with_torch(monkeypatch, device):
    graph = rw.grid_graph((6, 7)).to(device)
    answers, b = [], drawn(42, 2, 11, device)
    for engine in (TORCH, TRITON):
        monkeypatch.setattr(solver, "engine_for", lambda graph, triton, engine=engine: engine)
        leaf = torch.linspace(0.1, 1.0, graph.num_edges, dtype=torch.float64, device=device).requires_grad_()
        x = rw.solve(rw.walk(graph, leaf, 0.5), b, Multigrid(1e-6, triton=engine is TRITON))
        answers.append((x.detach(), torch.autograd.grad(x.square().sum(), leaf)[0]))
    for ours, theirs in zip(*answers, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.cuda
@pytest.mark.skipif(not gpu.TRITON, reason="triton is not installed")
def test_on_a_gpu_the_kernels_are_taken_but_for_hubs():
    star = torch.stack([torch.zeros(300, dtype=torch.int64), torch.arange(1, 301)])
    for graph, expected in ((rw.grid_graph((20, 20)), GpuOperator), (rw.Graph(star, 301), Operator)):
        walk = rw.walk(graph.to("cuda"), torch.ones(graph.num_edges, device="cuda"), 0.1)
        inverse = Multigrid().inverse_of(walk)
        assert type(inverse.operator) is expected
    assert type(TritonCycle(structure(walk.graph).rows(walk)).levels[0]) is TorchLevel


def test_on_a_cpu_torch_does_it():
    walk = rw.walk(rw.grid_graph((3, 4)), torch.ones(17), 0.1)
    assert type(operator_of(walk)) is Operator
    start = torch.tensor([0, 2, 4])
    assert not gpu.serve(start)


COMPILES = """
import inspect, warnings
warnings.simplefilter("ignore")  # of Triton's own versions to come
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from graphrw.solvers.gpu import kernels

OPTIONS = {"ALPHA": 80, "BETA": -32, "DIVISOR": 41, "ADDED": True, "SECOND": True, "MAXIMUM": True}
OPTIONS |= {"WIDTH": 6, "ROWS": 32, "COLUMNS": 8, "PARTS": 256}
for dtype in ("fp32", "fp64"):
    kinds = dict.fromkeys(("start", "column", "aggregate"), "*i32")
    kinds |= dict.fromkeys(("num_rows", "count", "killing_stride"), "i32") | dict.fromkeys(OPTIONS, "constexpr")
    for name in ("combine", "flow_out", "reduce_rows", "prolong", "dots", "product_and_dots", "settle_step", "blend"):
        kernel = getattr(kernels, name)
        given = {key: kinds.get(key, f"*{dtype}") for key in kernel.arg_names}
        options = {key: value for key, value in OPTIONS.items() if key in given}
        source = ASTSource(kernel, given, constexprs=options)
        assert triton.compile(source, target=GPUTarget("cuda", 90, 32)).asm["cubin"]
        print(name)
"""


def test_the_kernels_compile_for_a_gpu_that_is_not_here(tmp_path):
    pytest.importorskip("triton")
    environment = {**os.environ, "TRITON_INTERPRET": "0", "TRITON_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", COMPILES], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == 2 * KERNELS, done.stderr


KERNELS = ["combine", "flow_out", "reduce_rows", "prolong", "dots", "product_and_dots", "settle_step", "blend"]
