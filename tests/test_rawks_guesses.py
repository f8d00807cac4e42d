"""Labels of scribbled images in which walkers may end in the segmenter's guesses, too."""

import pytest
import torch
from small_pictures import image, two_seeds
from torch import Tensor, nn

from graphrw.build import grid_graph
from graphrw.core.walk import neighbour_sum
from graphrw.models import RAWKS


def learned(height: float = 0.0) -> tuple[RAWKS, Tensor, Tensor]:
    """A model that has guesses of its own, walls of about this logit, an image and its seeds."""
    torch.manual_seed(0)
    model = RAWKS(1, 3, 8)
    nn.init.normal_(model.edges.weight)
    nn.init.constant_(model.edges.bias, height)
    return model, image(7, 9), two_seeds(7, 9)


def test_the_answer_solves_the_equations_of_a_walk_that_guesses_absorb() -> None:
    model, picture, seeds = learned()
    rate, graph = 0.3, grid_graph((7, 9))
    guess = model(picture).softmax(1)[0].flatten(1).T.double()
    boundary = model.boundary(picture).flatten().double()
    degree = neighbour_sum(graph, torch.ones(graph.num_edges).double(), torch.ones(63, 1).double())
    matrix = torch.diag(degree[:, 0] * (boundary.exp() + rate))
    tail, head = graph.edges
    matrix[tail, head], matrix[head, tail] = -1.0, -1.0
    held, right = seeds.flatten() >= 0, rate * degree * guess
    matrix[held] = torch.eye(63).double()[held]
    right[held] = torch.eye(3).double()[seeds.flatten()[held]]
    z = torch.linalg.solve(matrix, right)
    found = model.propagate(picture, seeds, guess_rate=rate)[0].flatten(1).T.double()
    torch.testing.assert_close(found, z / z.sum(1, keepdim=True), atol=1e-6, rtol=1e-5)


def test_few_guesses_leave_the_papers_labels_and_seeds_keep_theirs() -> None:
    model, picture, seeds = learned(-3.0)
    plain, few = model.propagate(picture, seeds), model.propagate(picture, seeds, guess_rate=1e-9)
    torch.testing.assert_close(few, plain, atol=1e-5, rtol=1e-4)
    found = model.propagate(picture, seeds, guess_rate=100.0)
    assert torch.equal(found.argmax(1)[seeds >= 0], seeds[seeds >= 0])


def test_between_walls_that_nobody_passes_all_that_is_left_are_guesses() -> None:
    model, picture, seeds = learned(100.0)
    nn.init.zeros_(model.edges.weight)
    found = model.propagate(picture, seeds, guess_rate=0.1)
    torch.testing.assert_close(found[:, :, 3, 4], model(picture).softmax(1)[:, :, 3, 4])


def test_images_without_a_seed_or_of_one_cell_have_an_answer() -> None:
    model, picture, _ = learned()
    bare = model.propagate(picture, torch.full((1, 7, 9), -1), guess_rate=0.1)
    torch.testing.assert_close(bare.sum(1), torch.ones(1, 7, 9))
    cell = RAWKS(1, 2, 8, stride=4)
    dot = image(3, 4)
    torch.testing.assert_close(
        cell.propagate(dot, torch.full((1, 3, 4), -1), guess_rate=0.1), cell(dot).softmax(1), atol=1e-6, rtol=1e-5
    )


def test_a_batch_is_answered_like_its_images_and_all_parts_have_gradients() -> None:
    model, first, seeds = learned()
    both = torch.cat([first, first.flip(3)])
    pair = torch.cat([seeds, seeds.flip(2)])
    found = model.propagate(both, pair, guess_rate=0.1)
    torch.testing.assert_close(found[:1], model.propagate(first, seeds, guess_rate=0.1))
    found[:, 0].sum().backward()
    for head in (model.classes, model.edges):
        assert float(head.weight.grad.abs().max()) > 0


@pytest.mark.parametrize("rate", [-1.0, float("nan"), float("inf")])
def test_a_rate_out_of_range_is_refused(rate: float) -> None:
    model, picture, seeds = learned()
    with pytest.raises(ValueError, match="`guess_rate`"):
        model.propagate(picture, seeds, guess_rate=rate)
