"""What a GPU would have to wait for: numbers that an iterative solver reads back from its tensors.

The same code runs on every device. Here it runs on the CPU, and its reads are counted; on a GPU each one stops the
queue until all work before it is done, and so does whatever gives a result of a size that the data decide.
"""

from collections import Counter

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import graphrw as rw
from graphrw.solvers import CG, BiCGStab, Multigrid
from graphrw.solvers.multigrid import cycle as cycles
from graphrw.solvers.multigrid import level, rows
from graphrw.solvers.multigrid import solver as multigrid
from graphrw.solvers.multigrid.cycle import Cycle
from graphrw.solvers.multigrid.engine import TORCH
from graphrw.solvers.multigrid.playback import PlayedCycle
from graphrw.solvers.multigrid.rows import structure


@pytest.fixture(autouse=True)
def as_on_a_gpu(monkeypatch):
    """By torch's operations, whatever is installed."""
    monkeypatch.setattr(multigrid, "engine_for", lambda graph, triton: TORCH)


WAITING = ("_local_scalar_dense", "nonzero", "unique", "masked_select", "repeat_interleave", "bincount")
PER_LEVEL = 6


class Reads(TorchDispatchMode):
    """Counts what a GPU would have to wait for."""

    def __init__(self):
        super().__init__()
        self.counts = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = func.name().removeprefix("aten::").split(".")[0]
        sized = name == "repeat_interleave" and kwargs.get("output_size") is not None
        masked = name.startswith("index") and any(_is_mask(index) for index in args[1:2])
        if masked or (not sized and any(waiting in name for waiting in WAITING)):
            self.counts[name] += 1
        return func(*args, **kwargs)


def _is_mask(indices):
    return isinstance(indices, list | tuple) and any(i is not None and i.dtype == torch.bool for i in indices)


def volume(size):
    graph = rw.grid_graph((size, size, size))
    generator = torch.Generator().manual_seed(0)
    weight = 0.1 + torch.rand(graph.num_edges, generator=generator, dtype=torch.float64)
    walk = rw.absorb(rw.walk(graph, weight), torch.arange(0, graph.num_nodes, 97))
    return walk, walk.killing[:, None] * torch.rand(graph.num_nodes, 1, generator=generator, dtype=torch.float64)


def reads_of_a_solve(solver):
    """And the iterations that it took: of the second solve, since the first looks at the factor, too."""
    walk, b = volume(12)
    factor = solver.inverse_of(walk)
    factor.solve(b)
    with Reads() as reads:
        found = factor.solve(b)
    return reads.counts.total(), found.iterations


@pytest.mark.parametrize("solver", [Multigrid, CG, BiCGStab])
def test_an_iteration_reads_one_number(solver):
    """Whether to stop. BiCGStab reads another: whether to start anew."""
    (few, short), (many, long) = (reads_of_a_solve(solver(rtol)) for rtol in (1e-5, 1e-9))
    assert long >= short + 5
    assert many - few == (2 if solver is BiCGStab else 1) * (long - short)


def recorded_cycle(walk):
    """What a GPU records, done plainly: it takes as many columns as ever came, and fewer beside zeros."""
    return PlayedCycle(Cycle(structure(walk.graph).rows(walk)), lambda work: work)


@pytest.mark.parametrize("columns", [1, 4])
def test_a_cycle_reads_nothing(columns):
    walk, b = volume(12)
    cycle = recorded_cycle(walk)
    cycle.apply(b.repeat(1, 4))
    with Reads() as reads:
        cycle.apply(b.repeat(1, columns))
    assert not reads.counts


class Takings(TorchDispatchMode):
    """The sizes of what is computed into new memory, rather than into what is there."""

    def __init__(self):
        super().__init__()
        self.sizes = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        found = func(*args, **(kwargs or {}))
        given = {each.untyped_storage().data_ptr() for each in tree_leaves((args, kwargs)) if dense(each)}
        new = [each for each in tree_leaves(found) if dense(each) and each.untyped_storage().data_ptr() not in given]
        self.sizes += [each.numel() for each in new]
        return found


def dense(value):
    return isinstance(value, torch.Tensor) and value.layout == torch.strided


@pytest.mark.parametrize("columns", [1, 4])
def test_a_cycle_takes_no_memory_but_for_numbers_per_column(columns):
    """So a GPU can record it once, and play it at every iteration."""
    walk, b = volume(12)
    cycle = recorded_cycle(walk)
    cycle.apply(b.repeat(1, 4))
    given = b.repeat(1, columns)
    with Takings() as takings:
        cycle.apply(given)
    assert max(takings.sizes, default=0) <= 4


def test_a_set_up_reads_a_few_numbers_for_each_level(monkeypatch):
    """Its size, and whether it has shrunk enough; with what is used where SciPy cannot be."""
    monkeypatch.setattr(rows, "compress", rows.compress_by_sorting)
    monkeypatch.setattr(level, "compress", rows.compress_by_sorting)
    monkeypatch.setattr(cycles, "DENSE", {"cpu": 40})
    for size in (8, 16):
        walk, _ = volume(size)
        plan = Multigrid().plan_for(walk.graph)
        with Reads() as reads:
            factor = Multigrid().invert(walk, plan)
        assert len(factor._cycle.levels) >= 3
        assert reads.counts.total() <= PER_LEVEL * len(factor._cycle.levels)
