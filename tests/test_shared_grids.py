"""Grids that are kept for later calls: the same object, bounded in bytes, and nobody else's trouble."""

import multiprocessing
import os
import threading

import numpy as np
import pytest
import torch

import graphrw as rw
from graphrw.build import shared_grids
from graphrw.core.graph import unchecked
from graphrw.solvers import Auto, Cholesky, cost
from graphrw.solvers.cost import seconds_of_analysis
from graphrw.solvers.pattern import lower_pattern, row_pattern

CHANCE = np.random.default_rng(0)


def test_the_same_grid_is_the_same_graph_and_others_are_not() -> None:
    assert rw.grid_graph((6, 7)) is rw.grid_graph([6, 7], connectivity=1) is rw.grid_graph((6, 7), radius=1.0)
    others = [(7, 6), {}], [(6, 7), {"connectivity": 2}], [(6, 7), {"radius": 2.0}]
    assert len({rw.grid_graph((6, 7)), *(rw.grid_graph(shape, **options) for shape, options in others)}) == 4


def test_a_second_image_of_a_shape_is_analysed_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    analysed: list[rw.Graph] = []
    plan = Cholesky.plan
    monkeypatch.setattr(Cholesky, "plan", lambda self, graph: analysed.append(graph) or plan(self, graph))
    seeds = np.zeros((30, 31), dtype=int)
    seeds[3, 4], seeds[20, 25] = 1, 2
    for _ in range(3):
        rw.random_walker(CHANCE.random((30, 31)), seeds)
    graph = rw.grid_graph((30, 31))
    rw.hitting_probabilities(rw.walk(graph, np.ones(graph.num_edges)), seeds.reshape(-1) - 1)
    assert analysed == [graph]


def test_the_least_recently_used_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = rw.grid_graph((50, 50)), rw.grid_graph((50, 51))
    monkeypatch.setattr(shared_grids, "MOST_BYTES", first.nbytes + second.nbytes + 1000)
    assert rw.grid_graph((50, 50)) is first
    rw.grid_graph((40, 40))
    assert rw.grid_graph((50, 50)) is first
    assert rw.grid_graph((50, 51)) is not second


def test_plans_count_and_what_is_too_large_by_itself_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = rw.grid_graph((50, 50))
    before = graph.nbytes
    Cholesky().plan_for(graph)
    assert graph.nbytes > before + 8 * 2 * (2500 + graph.num_edges) + 10_000
    monkeypatch.setattr(shared_grids, "MOST_BYTES", before)
    assert rw.grid_graph((50, 50)) is graph
    assert rw.grid_graph((50, 50)) is not graph


def test_what_is_made_in_inference_mode_can_be_trained_on() -> None:
    with torch.inference_mode():
        rw.grid_graph((5, 5))
    graph = rw.grid_graph((5, 5))
    weight = torch.rand(graph.num_edges, requires_grad=True)
    rw.solve(rw.walk(graph, weight, 0.1), torch.ones(25)).sum().backward()
    assert weight.grad is not None
    assert not graph.edges.is_inference()


def _told(queue: "multiprocessing.Queue[bool]", before: rw.Graph) -> None:
    queue.put(rw.grid_graph((8, 9)) is before)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork")
def test_a_forked_process_begins_anew() -> None:
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    process = context.Process(target=_told, args=(queue, rw.grid_graph((8, 9))))
    process.start()
    assert queue.get(timeout=60) is False
    process.join()


def test_threads_may_ask_at_once() -> None:
    found: list[int] = []

    def ask() -> None:
        found.extend(rw.grid_graph((2, 2 + size % 7)).num_nodes for size in range(200))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 800


@pytest.mark.parametrize("shape", [(1,), (5,), (1, 4), (4, 1), (3, 4), (2, 3, 4), (3, 1, 2)])
def test_patterns_that_are_counted_out_are_those_that_sorting_finds(shape: tuple[int, ...]) -> None:
    grid = rw.grid_graph(shape)
    other = unchecked(grid.edges, grid.num_nodes)
    for pattern in (row_pattern, lower_pattern):
        one, two = pattern(grid), pattern(other)
        assert torch.equal(one.indptr, two.indptr)
        assert torch.equal(one.indices, two.indices)
        assert torch.equal(one.source, two.source)


def test_auto_counts_an_analysis_until_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "SETUP_PER_ENTRY", 6e-8)  # as with compiled kernels, whether they are there or not
    monkeypatch.setattr(cost, "SOLVE_PER_ENTRY", 7.5e-9)
    graph = rw.grid_graph((40, 40))
    assert seconds_of_analysis(Cholesky(), graph) > 0
    Cholesky().plan_for(graph)
    assert seconds_of_analysis(Cholesky(), graph) == 0
    assert Auto(rtol=0.01).explain(graph).startswith("Cholesky")
    assert Auto(rtol=0.01).explain(unchecked(graph.edges, graph.num_nodes)).startswith("Multigrid")
