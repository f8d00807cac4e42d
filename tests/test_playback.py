"""A cycle of multigrid that is recorded and played does what it would do anew: here on a tape, on a GPU as a graph."""

from functools import partial
from threading import Thread

import pytest
import torch
from tape import tape

import graphrw as rw
from graphrw.solvers import Multigrid
from graphrw.solvers.gpu.playback import Playback, cuda_graph
from graphrw.solvers.multigrid import cycle as cycles
from graphrw.solvers.multigrid import solver
from graphrw.solvers.multigrid.cycle import Cycle
from graphrw.solvers.multigrid.engine import TORCH
from graphrw.solvers.multigrid.inverse import MultigridInverse
from graphrw.solvers.multigrid.playback import PlayedCycle
from graphrw.solvers.multigrid.rows import structure

SHAPE = (30, 31)


@pytest.fixture(autouse=True)
def _several_levels(monkeypatch):
    monkeypatch.setattr(cycles, "DENSE", {"cpu": 20, "cuda": 20})
    monkeypatch.setattr(solver, "engine_for", lambda graph, triton: TORCH)  # as on a GPU, whatever is installed


def walk(device="cpu", killing=0.01):
    graph = rw.grid_graph(SHAPE).to(device)
    generator = torch.Generator().manual_seed(0)
    weight = 0.1 + torch.rand(graph.num_edges, generator=generator, dtype=torch.float64)
    return rw.walk(graph, weight.to(device), killing)


def columns(count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(SHAPE[0] * SHAPE[1], count, generator=generator, dtype=torch.float64)


def counted(record, calls):
    def recorder(work):
        calls.append(1)
        return record(work)

    return recorder


def recorder_for(device):
    return tape if device == "cpu" else partial(cuda_graph, device=torch.device(device))


def test_what_is_played_is_what_would_be_done(device):
    rows, calls = structure(walk(device).graph).rows(walk(device)), []
    plain, played = Cycle(rows), PlayedCycle(Cycle(rows), counted(recorder_for(device), calls))
    for seed, count in enumerate((4, 4, 4, 4, 1, 2, 4)):
        r = columns(count, seed).to(device)
        expected = plain.apply(r)
        torch.testing.assert_close(played.apply(r), expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))
    assert len(plain.levels) >= 4
    assert calls == [1]


def test_more_columns_are_recorded_anew_and_fewer_are_not():
    calls = []
    played = PlayedCycle(Cycle(structure(walk().graph).rows(walk())), counted(tape, calls))
    for expected, count in ((0, 2), (1, 2), (1, 1), (1, 3), (2, 3), (2, 2)):
        played.apply(columns(count))
        assert len(calls) == expected


def test_columns_that_do_not_come_leave_no_trace():
    """A column beside others, of NaN even, is gone in the next call."""
    rows = structure(walk().graph).rows(walk())
    played = PlayedCycle(Cycle(rows), tape)
    for _ in range(3):
        played.apply(torch.full_like(columns(3), torch.nan))
    torch.testing.assert_close(played.apply(columns(1)), Cycle(rows).apply(columns(1)), rtol=1e-4, atol=1e-4)


def solved(solver, device="cpu"):
    leaf = walk(device).weight.requires_grad_()
    with rw.record_solves() as reports:
        x = rw.solve(rw.walk(rw.grid_graph(SHAPE).to(device), leaf, 0.01), columns(5).to(device), solver)
        x.square().sum().backward()
    return x.detach(), leaf.grad, [report.iterations for report in reports]


def test_a_solve_and_its_gradient_play_one_recording(monkeypatch):
    """Of the widest block, although the verdict, which comes first, asks for one column."""
    plain, calls = solved(Multigrid(1e-10)), []
    make = MultigridInverse.__init__

    def with_a_tape(self, *args):
        make(self, *args)
        self._cycle = PlayedCycle(self._cycle, counted(tape, calls))

    monkeypatch.setattr(MultigridInverse, "__init__", with_a_tape)
    played = solved(Multigrid(1e-10))
    torch.testing.assert_close(played[0], plain[0], rtol=1e-7, atol=1e-7)
    torch.testing.assert_close(played[1], plain[1], rtol=1e-6, atol=1e-6)
    assert max(abs(ours - expected) for ours, expected in zip(played[2], plain[2], strict=True)) <= 1
    assert calls == [1]


def test_nothing_is_recorded_on_a_cpu():
    assert type(Multigrid().inverse_of(walk())._cycle) is Cycle


@pytest.mark.cuda
@pytest.mark.parametrize("capture", [True, False])
def test_a_solve_on_a_gpu_is_the_same_recorded_and_not(capture):
    expected, there = solved(Multigrid(1e-10)), solved(Multigrid(1e-10, capture=capture), "cuda")
    torch.testing.assert_close(there[0].cpu(), expected[0], rtol=1e-7, atol=1e-7)
    torch.testing.assert_close(there[1].cpu(), expected[1], rtol=1e-6, atol=1e-6)
    inverse = Multigrid(capture=capture).inverse_of(walk("cuda"))
    assert isinstance(inverse._cycle, PlayedCycle if capture else Cycle)


@pytest.mark.cuda
def test_a_cycle_becomes_part_of_a_graph_that_the_caller_records():
    inverse = Multigrid().inverse_of(walk("cuda"))
    given = columns(4).to("cuda")
    expected = inverse.precondition(given).clone()  # and takes its memory
    recording = torch.cuda.CUDAGraph()
    with torch.cuda.graph(recording):
        answer = inverse.precondition(given)
    given.mul_(4.0)  # exact, so that a cycle rounds as it did
    recording.replay()
    torch.testing.assert_close(answer, 4 * expected)


@pytest.mark.cuda
def test_recordings_leave_no_memory_behind():
    def held():
        for _ in range(3):
            solved(Multigrid(), "cuda")
        torch.cuda.synchronize()
        return torch.cuda.memory_allocated()

    held()
    assert held() == held()


def test_a_thread_does_the_work_plainly_before_it_records():
    calls, played = [], []
    playback = Playback(lambda work: calls.append(1) or (lambda: played.append(1)))
    playback(lambda: None)
    thread = Thread(target=playback, args=(lambda: None,))
    thread.start()
    thread.join()
    playback(lambda: None)
    assert (calls, played) == ([], [])
    playback(lambda: None)
    assert (calls, played) == ([1], [1])
