"""A thousand steps, many threads, an interrupt: what is shared stays right, and nothing piles up."""

import copy
import gc
import io
import pickle
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
import torch

import graphrw as rw
from graphrw.solvers import CG, LU, ApproximateCholesky, Auto, Cholesky, Dense, Multigrid, SuperLU

SOLVERS = (Auto(), Dense(), Cholesky(), LU(), SuperLU(), CG(), Multigrid(), ApproximateCholesky())


def name(solver):
    return type(solver).__name__


def problem(size=24):
    graph = rw.grid_graph((size, size))
    seeds = torch.full((graph.num_nodes,), -1)
    seeds[0], seeds[-1] = 0, 1
    return graph, seeds, torch.rand(graph.num_edges, dtype=torch.float64) + 0.5


def train(steps, solver):
    """Bytes that the process holds half way and at the end, and how many plans the graph then has."""
    graph, seeds, _ = problem()
    logits = torch.zeros(graph.num_edges, requires_grad=True)
    optimiser = torch.optim.Adam([logits], lr=0.1)
    truth = (torch.arange(graph.num_nodes) > graph.num_nodes // 2).long()
    held = []
    for step in range(steps):
        optimiser.zero_grad()
        probability = rw.hitting_probabilities(rw.walk(graph, logits.exp()), seeds, solver=solver)
        loss = rw.losses.cross_entropy(probability, truth)
        loss.backward()
        optimiser.step()
        if step in (steps // 2, steps - 1):
            gc.collect()
            held.append(psutil.Process().memory_info().rss)
    return held, len(graph._plans), float(loss.detach())


def num_tensors():
    """How many there are; by type, since some objects warn when they are asked for their class."""
    gc.collect()
    return sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects())


@pytest.mark.parametrize(
    ("steps", "solver"),
    [
        pytest.param(100, Auto(), id="100-Auto"),
        *[pytest.param(1000, s, id=f"1000-{name(s)}", marks=pytest.mark.nightly) for s in (Auto(), LU(), Multigrid())],
    ],
)
def test_training_holds_no_more_at_the_end_than_half_way(steps, solver):
    train(5, solver)
    tensors = num_tensors()
    (half, end), plans, loss = train(steps, solver)
    assert end < 1.01 * half
    assert plans <= 6
    assert loss < 0.5
    assert num_tensors() <= tensors


@pytest.mark.parametrize("solver", SOLVERS, ids=name)
def test_eight_threads_on_one_graph_factor_and_module_answer_as_one_does(solver):
    graph, seeds, weight = problem()
    factor = rw.factorize(rw.walk(graph, weight, killing=0.1), solver)
    layer = rw.nn.HarmonicLabels(num_labels=2, solver=solver)
    b = torch.rand(graph.num_nodes, 3, dtype=torch.float64)

    def answers(number):
        own = (weight * (1 + number)).requires_grad_()
        x = rw.solve(rw.walk(graph, own, 0.1), b, solver)
        (slope,) = torch.autograd.grad(x.square().sum(), own)
        return x.detach(), slope, factor.solve(b * (1 + number)), layer(graph, weight * (1 + number), seeds)

    expected = [answers(number) for number in range(8)]
    start = threading.Barrier(8)

    def at_once(number):
        start.wait(60)
        return answers(number)

    fresh = rw.grid_graph((24, 24))  # not planned for: all threads ask for its plans at once
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(at_once, range(8)))
        first = list(pool.map(lambda _: rw.solve(rw.walk(fresh, weight, 0.1), b, solver), range(8)))
    for one, other in zip(expected, found, strict=True):
        for mine, its in zip(one, other, strict=True):
            torch.testing.assert_close(its, mine, rtol=1e-6, atol=1e-9)
    for x in first:
        torch.testing.assert_close(x, expected[0][0], rtol=1e-6, atol=1e-9)


# An interrupt may meet psutil, too, between the opening of a file in /proc and its `with`.
@pytest.mark.filterwarnings("ignore:unclosed file", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers here")
@pytest.mark.parametrize("solver", [Auto(), LU(), CG(), Multigrid()], ids=name)
def test_an_interrupt_leaves_graph_and_solver_as_good_as_new(solver):
    graph, seeds, weight = problem(48)
    walk = rw.walk(graph, weight)
    expected = rw.hitting_probabilities(walk, seeds, solver=Cholesky())
    factor = rw.factorize(rw.walk(graph, weight, killing=0.1), solver)
    b = torch.rand(graph.num_nodes, 2, dtype=torch.float64)
    solved = factor.solve(b)

    def forever():
        for size in range(48, 10_000):
            rw.hitting_probabilities(walk, seeds, solver=solver)
            rw.hitting_probabilities(rw.walk(rw.Graph(graph.edges, graph.num_nodes), weight), seeds, solver=solver)
            factor.solve(b * size)

    previous = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        for seconds in (0.003, 0.011, 0.037, 0.1):
            signal.setitimer(signal.ITIMER_REAL, seconds)
            with pytest.raises(KeyboardInterrupt):
                forever()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
        # An interrupt may meet torch's own `no_grad` between the switch and its `with`, which then never switches back.
        torch.set_grad_enabled(True)
    assert (rw.hitting_probabilities(walk, seeds, solver=solver) - expected).abs().max() < 1e-6
    assert torch.equal(factor.solve(b), solved)
    with rw.record_solves() as reports:
        rw.solve(rw.walk(graph, weight, 0.1), b, solver)
    assert len(reports) == 1


def test_an_interrupt_while_a_graph_is_planned_for_leaves_it_unplanned(monkeypatch):
    graph, _, weight = problem()
    b = torch.ones(graph.num_nodes, dtype=torch.float64)

    def interrupted(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Multigrid, "plan", interrupted)
        with pytest.raises(KeyboardInterrupt):
            rw.solve(rw.walk(graph, weight, 0.1), b, Multigrid())
    there = threading.Thread(target=lambda: rw.solve(rw.walk(graph, weight, 0.1), b, Multigrid()), daemon=True)
    there.start()
    there.join(60)
    assert not there.is_alive(), "the graph's lock is still held"
    x = rw.solve(rw.walk(graph, weight, 0.1), b, Multigrid())
    torch.testing.assert_close(x, torch.full_like(x, 10), rtol=1e-6, atol=0)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda module: pickle.loads(pickle.dumps(module))])
def test_a_used_layer_and_a_used_model_can_be_copied_and_sent(copied):
    seeds = torch.full((1, 8, 8), -1)
    seeds[0, 0, 0], seeds[0, -1, -1] = 0, 1
    model = rw.models.LearnedRandomWalker(1, 4, stride=1).eval()
    layer = rw.nn.HarmonicLabels(num_labels=2)
    for module, inputs in ((model, torch.rand(1, 1, 8, 8)), (layer, torch.rand(1, 2, 8, 8) + 0.1)):
        before, after = module(inputs, seeds), copied(module)(inputs, seeds)
        assert all(map(torch.equal, *((x,) if torch.is_tensor(x) else x for x in (before, after))))


def test_torch_loads_a_saved_graph_with_weights_only():
    graph, _, weight = problem()
    rw.solve(rw.walk(graph, weight, 0.1), torch.ones(graph.num_nodes))
    for saved in (graph, rw.Graph.batch([graph, graph])):
        file = io.BytesIO()
        torch.save({"graph": saved, "weight": weight}, file)
        file.seek(0)
        loaded = torch.load(file, weights_only=True)["graph"]
        assert repr(loaded) == repr(saved)
        assert torch.equal(loaded.edges, saved.edges)
