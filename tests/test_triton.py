"""The Triton kernels of multigrid do what torch's do: under Triton's interpreter, or on a GPU."""

import os
import subprocess
import sys

import pytest
import torch

import graphrw as rw
from graphrw.core.errors import MissingDependencyError
from graphrw.solvers import Multigrid
from graphrw.solvers.multigrid import cycle as cycles
from graphrw.solvers.multigrid import triton_level
from graphrw.solvers.multigrid.cycle import Cycle
from graphrw.solvers.multigrid.rows import structure
from graphrw.solvers.multigrid.triton_level import TritonCycle, launch
from graphrw.solvers.operator import csr

EMPTY, HUB = 5, 17


@pytest.fixture
def device(device):
    """Where Triton runs: its interpreter takes the place of a GPU, not a place beside it."""
    pytest.importorskip("triton")
    if device == "cpu" and torch.cuda.is_available():
        pytest.skip("kernels are compiled for the GPU here")
    return device


def matrix(dtype, device):
    """(50, 40), with rows of all lengths: one without entries, one full."""
    generator = torch.Generator().manual_seed(0)
    dense = torch.randn(50, 40, generator=generator, dtype=torch.float64)
    dense[torch.rand(50, 40, generator=generator) < 0.9] = 0.0
    dense[EMPTY], dense[HUB] = 0.0, 1.0
    start = torch.cat([torch.zeros(1, dtype=torch.int64), (dense != 0).sum(1).cumsum(0)])
    parts = start, dense.nonzero()[:, 1], dense[dense != 0].to(dtype)
    return csr(*(part.to(device) for part in parts), (50, 40)), dense.to(device)


@pytest.mark.parametrize("factors", [(80, -32, 41), (1, -1, 1), (0, 1, 1)], ids=["relax", "residual", "restrict"])
@pytest.mark.parametrize("count", [1, 3, 8])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_each_product_is_what_its_factors_say(dtype, count, factors, device):
    sparse, dense = matrix(dtype, device)
    generator = torch.Generator().manual_seed(1)
    x, b = (torch.randn(rows, count, generator=generator, dtype=torch.float64).to(device, dtype) for rows in (40, 50))
    out = torch.full_like(b, torch.nan)
    alpha, beta, gamma = factors
    expected = (alpha * b.double() + beta * (dense @ x.double())) / gamma
    found = launch(sparse, x, b if alpha else out, out, factors=factors)
    tolerance = 1e-13 if dtype == torch.float64 else 1e-5
    assert found.dtype == dtype
    torch.testing.assert_close(found.double(), expected, rtol=tolerance, atol=tolerance)


def test_a_cycle_relaxes_leaves_and_restricts_by_the_kernel(monkeypatch):
    """And does what torch's does: with torch in the kernel's place, so that triton need not be there."""
    asked = set()

    def by_torch(matrix, x, b, out, *, factors):
        asked.add(factors)
        alpha, beta, gamma = factors
        added = alpha * b if alpha else 0.0
        return out.copy_((added + beta * (matrix @ x)) / gamma)

    monkeypatch.setattr(triton_level, "launch", by_torch)
    monkeypatch.setattr(cycles, "DENSE", {"cpu": 20})
    graph = rw.grid_graph((20, 21))
    rows = structure(graph).rows(rw.walk(graph, torch.ones(graph.num_edges, dtype=torch.float64), 0.1))
    r = torch.linspace(0, 1, 840, dtype=torch.float64).reshape(420, 2)
    torch.testing.assert_close(TritonCycle(rows).apply(r), Cycle(rows).apply(r), rtol=1e-4, atol=1e-4)
    assert asked == {(80, -32, 41), (1, -1, 1), (0, 1, 1)}


def test_a_solve_and_its_gradient_are_those_with_torch(monkeypatch, device):
    monkeypatch.setattr(cycles, "DENSE", {"cpu": 20, "cuda": 20})
    graph = rw.grid_graph((6, 7)).to(device)
    answers, b = [], torch.linspace(0, 1, 84, dtype=torch.float64, device=device).reshape(42, 2)
    for solver in (Multigrid(1e-6), Multigrid(1e-6, triton=True)):
        leaf = torch.linspace(0.1, 1.0, graph.num_edges, dtype=torch.float64, device=device).requires_grad_()
        x = rw.solve(rw.walk(graph, leaf, 0.5), b, solver)
        answers.append((x.detach(), torch.autograd.grad(x.square().sum(), leaf)[0]))
    for ours, theirs in zip(*answers, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_without_triton_they_say_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "triton", None)
    graph = rw.grid_graph((30, 31))
    walk = rw.walk(graph, torch.ones(graph.num_edges), 0.1)
    with pytest.raises(MissingDependencyError, match="needs the package triton: pip install triton"):
        rw.solve(walk, torch.ones(930), Multigrid(triton=True))


COMPILES = """
import warnings
warnings.simplefilter("ignore")  # of Triton's own versions to come
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from graphrw.solvers.multigrid.triton_product import combine

options = ("ALPHA", "BETA", "DIVISOR", "ROWS", "COLUMNS")
for dtype in ("fp32", "fp64"):
    kinds = {"start": "*i32", "column": "*i32", "num_rows": "i32", "width": "i32"}
    kinds |= dict.fromkeys(options, "constexpr")
    kinds = {name: kinds.get(name, f"*{dtype}") for name in combine.arg_names}
    source = ASTSource(combine, kinds, constexprs=dict(zip(options, (80, -32, 41, 64, 8))))
    assert triton.compile(source, target=GPUTarget("cuda", 90, 32)).asm["cubin"]
print("compiled")
"""


def test_the_kernel_compiles_for_a_gpu_that_is_not_here(tmp_path):
    pytest.importorskip("triton")
    environment = {**os.environ, "TRITON_INTERPRET": "0", "TRITON_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", COMPILES], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout == "compiled\n", done.stderr
