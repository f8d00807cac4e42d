"""How many threads torch takes for small and large images."""

import numpy as np
import pytest
import torch

import graphrw as rw
from graphrw.core import threads
from graphrw.core.threads import threads_for
from graphrw.segmentation import labelling


@pytest.fixture
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("three_threads")
def test_few_pixels_take_one_thread_and_give_the_others_back():
    with threads_for(100):
        assert torch.get_num_threads() == 1
        with threads_for(100):
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 3


@pytest.mark.usefixtures("three_threads")
def test_many_pixels_keep_all_threads():
    with threads_for(threads.FEW):
        assert torch.get_num_threads() == 3


@pytest.mark.usefixtures("three_threads")
def test_an_error_gives_the_threads_back():
    with pytest.raises(RuntimeError, match="stop"), threads_for(1):
        raise RuntimeError("stop")
    assert torch.get_num_threads() == 3


@pytest.mark.usefixtures("three_threads")
def test_a_small_image_is_looked_at_and_labelled_on_one_thread(monkeypatch):
    seen = []
    for name in ("image_regions", "label_strokes"):
        function = getattr(labelling, name)

        def noted(*args, function=function, **options):
            seen.append(torch.get_num_threads())
            return function(*args, **options)

        monkeypatch.setattr(labelling, name, noted)
    labels = np.zeros((20, 30), dtype=int)
    labels[3, 3], labels[3, 25] = 1, 2
    rw.segment(np.random.default_rng(0).random((20, 30)), labels)
    assert seen == [1, 1]
    assert torch.get_num_threads() == 3


@pytest.mark.usefixtures("three_threads")
def test_what_does_not_spin_keeps_its_threads():
    with threads_for(100):
        assert threads.workers() == 3
        with threads_for(100):
            assert threads.workers() == 3
    assert threads.workers() == 3


@pytest.mark.usefixtures("three_threads")
def test_small_walks_are_solved_on_one_thread_of_torch_backward_too():
    seen = set()

    class Noted(rw.solvers.Dense):
        def inverse_of(self, walk):
            seen.add(torch.get_num_threads())
            inverse = super().inverse_of(walk)
            solve = inverse.solve

            def noted(*args):
                seen.add(torch.get_num_threads())
                return solve(*args)

            object.__setattr__(inverse, "solve", noted)
            return inverse

    graph = rw.grid_graph((5, 5))
    weight = torch.ones(graph.num_edges, requires_grad=True)
    seeds = torch.full((25,), -1)
    seeds[0], seeds[-1] = 0, 1
    rw.hitting_probabilities(rw.walk(graph, weight), seeds, solver=Noted()).square().sum().backward()
    assert seen == {1}
    assert torch.get_num_threads() == 3
