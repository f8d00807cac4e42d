"""Forks, copies, limits of memory: a solver in a process of its own gives the parent's answers, or says why not."""

import copy
import multiprocessing
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

import graphrw as rw
from graphrw.core import memory
from graphrw.solvers import LU, Auto, Cholesky, Multigrid
from graphrw.solvers.direct import rslab

STARTS = [start for start in ("fork", "spawn") if start in multiprocessing.get_all_start_methods()]


def image_of(number):
    return np.random.default_rng(number).random((150, 150))


def labels_of(number):
    """Large enough for the embedded solver's threads."""
    seeds = np.zeros((150, 150), dtype=np.int64)
    seeds[0, 0], seeds[-1, -1] = 1, 2
    return rw.random_walker(image_of(number), seeds)


class Images(Dataset):
    def __len__(self):
        return 2

    def __getitem__(self, number):
        return labels_of(number)


@pytest.mark.parametrize("start", STARTS)
def test_a_data_loader_solves_in_its_workers_as_the_parent_does(start):
    expected = np.stack([labels_of(number) for number in range(2)])  # so that the parent has solved before it forks
    loader = DataLoader(Images(), batch_size=2, num_workers=1, timeout=60, multiprocessing_context=start)
    (found,) = list(loader)
    assert np.array_equal(found.numpy(), expected)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("solver", [Cholesky(), LU(), Auto()], ids=str)
def test_a_factor_that_the_parent_made_serves_a_forked_child(solver):
    graph = rw.grid_graph((150, 150))
    walk = rw.walk(graph, torch.rand(graph.num_edges, dtype=torch.float64), killing=0.1)
    factor, b = rw.factorize(walk, solver), torch.rand(graph.num_nodes, 8, dtype=torch.float64)
    expected = factor.solve(b)
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    child = context.Process(target=lambda: there.send(factor.solve(b).numpy()), daemon=True)
    child.start()
    assert here.poll(60), "the child hangs"
    assert np.array_equal(here.recv(), expected.numpy())


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda factor: pickle.loads(pickle.dumps(factor))])
def test_a_used_factor_can_be_copied_and_sent(copied):
    graph = rw.grid_graph((20, 20))
    factor = rw.factorize(rw.walk(graph, torch.rand(graph.num_edges, dtype=torch.float64), killing=0.1)).T
    b = torch.rand(400, 2, dtype=torch.float64)
    expected = factor.solve(b)
    other = copied(factor)
    assert repr(other) == repr(factor)
    assert torch.equal(other.solve(b), expected)
    assert copied(graph).edges.equal(graph.edges)


def test_what_does_not_fit_is_an_error_before_it_is_tried(monkeypatch):
    graph = rw.grid_graph((60, 60))
    walk = rw.walk(graph, torch.ones(graph.num_edges, dtype=torch.float64), killing=0.1)
    Cholesky().plan_for(graph)
    monkeypatch.setattr(memory, "available_memory", lambda: 2**20)
    with pytest.raises(
        MemoryError, match=r"Factorising by Cholesky\(.*needs about .* GiB are free.*`solvers.Multigrid"
    ):
        rw.factorize(walk, Cholesky())
    with pytest.raises(MemoryError, match="The analysis of this graph by rslab needs about"):
        Cholesky().plan_for(rw.grid_graph((61, 60)))


def test_auto_sees_how_much_memory_there_is(monkeypatch):
    monkeypatch.setattr("graphrw.solvers.auto.available_memory", lambda: 2**20)
    assert Auto().explain(rw.grid_graph((60, 60))).startswith("Multigrid")


def test_auto_hands_over_when_memory_has_gone_since_it_chose(monkeypatch):
    graph = rw.grid_graph((60, 60))
    assert Auto().explain(graph).startswith("Cholesky")
    monkeypatch.setattr(memory, "available_memory", lambda: 2**20)
    walk = rw.walk(graph, torch.ones(graph.num_edges, dtype=torch.float64), killing=0.1)
    with pytest.warns(UserWarning, match="ran out of memory"), rw.record_solves() as reports:
        x = rw.solve(walk, walk.killing)
    assert isinstance(reports[0].solver, Multigrid)
    assert (x - 1).abs().max() < 1e-6


def test_where_nothing_fits_the_error_says_what_to_do(monkeypatch):
    def run_out(self, *args, **options):
        raise RuntimeError("can't allocate memory")

    for method, step in ((rslab._RslabInverse, "__init__"), (Multigrid, "invert")):
        monkeypatch.setattr(method, step, run_out)
    graph = rw.grid_graph((30, 30))
    walk = rw.walk(graph, torch.ones(graph.num_edges, dtype=torch.float64), killing=0.1)
    with (
        pytest.raises(MemoryError, match="no method is left that needs less"),
        pytest.warns(UserWarning, match="ran out of memory"),
    ):
        rw.solve(walk, walk.killing)


LIMITED = """
import resource
import torch, graphrw as rw
resource.setrlimit(resource.RLIMIT_AS, (4_500_000 * 1024, 4_500_000 * 1024))
graph = rw.grid_graph((2048, 2048))
seeds = torch.full((2048 ** 2,), -1)
seeds[0], seeds[-1] = 0, 1
try:
    rw.hitting_probabilities(rw.walk(graph, torch.ones(graph.num_edges)), seeds)
except MemoryError as error:
    print("MemoryError", error)
"""


@pytest.mark.nightly
@pytest.mark.skipif(sys.platform != "linux", reason="limits of the address space are Linux's")
def test_under_a_limit_the_process_is_never_aborted():
    run = subprocess.run([sys.executable, "-c", LIMITED], capture_output=True, text=True, timeout=600)
    assert run.returncode == 0, run.stderr
    assert "Traceback" not in run.stderr
