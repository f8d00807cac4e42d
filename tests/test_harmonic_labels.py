"""`HarmonicLabels` against hitting probabilities on the same graph, dense linear algebra and finite differences."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from graphrw import Graph, grid_graph, hitting_probabilities, to_edge_index, walk
from graphrw.build import grid_weight
from graphrw.nn import HarmonicLabels
from graphrw.testing import dense_operator

SHAPES = {"image": (3, 5), "volume": (2, 3, 3)}
every_shape = pytest.mark.parametrize("shape", SHAPES.values(), ids=list(SHAPES))
OPTIONS = {"exact": HarmonicLabels(), "sampled": HarmonicLabels(num_samples=5), "pruned": HarmonicLabels(prune=True)}
every_option = pytest.mark.parametrize("option", OPTIONS.values(), ids=list(OPTIONS))


def images(batch: int, shape: tuple[int, ...], seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    """Weight images in [0.1, 1.1)."""
    generator = torch.Generator().manual_seed(seed)
    return (0.1 + torch.rand(batch, len(shape), *shape, generator=generator, dtype=torch.float64)).to(dtype)


def markers(batch: int, shape: tuple[int, ...], num_labels: int = 3, seed: int = 1) -> Tensor:
    """One seed of each label in each image."""
    generator = torch.Generator().manual_seed(seed)
    seeds = torch.full((batch, math.prod(shape)), -1)
    for row in seeds:
        row[torch.randperm(len(row), generator=generator)[:num_labels]] = torch.arange(num_labels)
    return seeds.reshape(batch, *shape)


def gradient(layer: Callable[..., Tensor], *inputs: Any, against: Tensor) -> Tensor:
    """The gradient of Σ `against` · layer(…) with respect to the weights, the last but one of `inputs`."""
    weight = inputs[-2].detach().clone().requires_grad_()
    answer = layer(*inputs[:-2], weight, inputs[-1])
    slopes: Tensor = torch.autograd.grad(answer, weight, against.expand_as(answer))[0]
    return slopes


def incoming(*shape: int, seed: int = 2) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# --- values ---------------------------------------------------------------------------------------------------------


@every_shape
@every_option
def test_each_image_gets_the_hitting_probabilities_of_its_grid(shape: tuple[int, ...], option: HarmonicLabels) -> None:
    weight, seeds = images(3, shape), markers(3, shape)
    answer = option(weight, seeds)
    assert answer.shape == (3, 3, *shape)
    for image, seed, ours in zip(weight, seeds, answer, strict=True):
        moved = walk(grid_graph(shape), grid_weight(image, shape))
        expected = hitting_probabilities(moved, seed.flatten())
        torch.testing.assert_close(ours.flatten(1).T, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(answer.sum(1), torch.ones(3, *shape, dtype=torch.float64), rtol=0, atol=1e-9)


@every_option
def test_a_graph_and_both_ways_of_its_edge_list_get_the_same_answer_and_gradient(option: HarmonicLabels) -> None:
    graph, weight, seeds = grid_graph((4, 5)), images(1, (40,))[0, 0, :31], markers(1, (4, 5)).flatten()
    edge_index, both = to_edge_index(graph, weight)
    answer = option(graph, weight, seeds)
    torch.testing.assert_close(answer, hitting_probabilities(walk(graph, weight), seeds), rtol=0, atol=0)
    shuffle = torch.randperm(62, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(option(edge_index[:, shuffle], both[shuffle], seeds), answer)
    if option.num_samples is None:
        per_edge = gradient(option, graph, weight, seeds, against=incoming(20, 3))
        per_way = gradient(option, edge_index, both, seeds, against=incoming(20, 3))
        torch.testing.assert_close(per_way, torch.cat([per_edge, per_edge]) / 2)


def test_images_with_fewer_labels_have_probability_zero_for_the_rest() -> None:
    weight = images(3, (4, 5))
    seeds = torch.cat([markers(1, (4, 5), count, seed=count) for count in (1, 4, 2)])
    answer = HarmonicLabels()(weight, seeds)
    assert answer.shape == (3, 4, 4, 5)
    for i, count in enumerate((1, 4, 2)):
        alone = HarmonicLabels()(weight[i : i + 1], seeds[i : i + 1])
        torch.testing.assert_close(answer[i, :count], alone[0])
        assert bool((answer[i, count:] == 0).all())


def test_a_batch_of_graphs_is_answered_like_its_parts() -> None:
    parts = [grid_graph((2, 3)), grid_graph((4, 2))]
    weights = [images(1, (30,), seed)[0, 0, : part.num_edges] for seed, part in enumerate(parts)]
    seeds = [markers(1, (part.num_nodes,), 2)[0] for part in parts]
    together = HarmonicLabels()(Graph.batch(parts), torch.cat(weights), torch.cat(seeds))
    alone = [HarmonicLabels()(*arguments) for arguments in zip(parts, weights, seeds, strict=True)]
    torch.testing.assert_close(together, torch.cat(alone))


def test_relabelled_nodes_get_the_relabelled_answer() -> None:
    graph, weight, seeds = grid_graph((4, 5)), images(1, (31,))[0, 0], markers(1, (4, 5)).flatten()
    order = torch.randperm(20, generator=torch.Generator().manual_seed(0))  # node i becomes order[i]
    renamed = Graph(order[graph.edges], 20)
    answer = HarmonicLabels()(renamed, weight, seeds[order.argsort()])
    torch.testing.assert_close(answer[order], HarmonicLabels()(graph, weight, seeds))


@pytest.mark.parametrize("seed", range(3))
def test_no_probability_exceeds_those_around_it(seed: int) -> None:
    shape, seeds = (4, 5), markers(1, (4, 5), seed=seed).flatten()
    graph, weight = grid_graph(shape), grid_weight(images(1, shape, seed)[0], shape)
    answer = HarmonicLabels()(graph, weight, seeds)
    assert float(answer.min()) >= 0
    assert float(answer.max()) <= 1 + 1e-12
    for node in (seeds < 0).nonzero().flatten().tolist():
        tail, head = graph.edges
        around = answer[torch.cat([head[tail == node], tail[head == node]])]
        assert bool((answer[node] <= around.amax(0) + 1e-12).all())
        assert bool((answer[node] >= around.amin(0) - 1e-12).all())


def test_float32_agrees_with_float64() -> None:
    weight, seeds, against = images(2, (8, 9)), markers(2, (8, 9)), incoming(2, 3, 8, 9)
    narrow = HarmonicLabels()(weight.float(), seeds)
    assert narrow.dtype == torch.float32
    torch.testing.assert_close(narrow.double(), HarmonicLabels()(weight, seeds), rtol=0, atol=1e-6)
    slopes = gradient(HarmonicLabels(), weight.float(), seeds, against=against.float())
    expected = gradient(HarmonicLabels(), weight, seeds, against=against)
    torch.testing.assert_close(slopes.double(), expected, rtol=1e-5, atol=1e-5)


# --- the exact gradient ---------------------------------------------------------------------------------------------


@every_shape
def test_gradients_are_those_of_finite_differences(shape: tuple[int, ...]) -> None:
    seeds = markers(2, shape, 2)
    assert torch.autograd.gradcheck(lambda leaf: HarmonicLabels()(leaf, seeds), images(2, shape).requires_grad_())


def test_second_derivatives_are_those_of_finite_differences() -> None:
    seeds = markers(1, (2, 3), 2)
    assert torch.autograd.gradgradcheck(lambda leaf: HarmonicLabels()(leaf, seeds), images(1, (2, 3)).requires_grad_())


def test_edges_that_touch_a_seed_get_their_true_gradient() -> None:
    graph, seeds, step = grid_graph((3, 3)), torch.full((9,), -1), 1e-6
    seeds[0], seeds[4], seeds[5] = 0, 1, 0
    weight, against = images(1, (12,))[0, 0], incoming(9, 2)
    slopes = gradient(HarmonicLabels(), graph, weight, seeds, against=against)
    seeded = (seeds >= 0)[graph.edges]
    for edge in seeded.any(0).nonzero().flatten().tolist():
        values = []
        for sign in (1, -1):
            moved = weight.clone()
            moved[edge] += sign * step
            values.append(float((HarmonicLabels()(graph, moved, seeds) * against).sum()))
        assert float(slopes[edge]) == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-6, abs=1e-8)
    assert bool((slopes[seeded.any(0) & ~seeded.all(0)] != 0).all())
    assert bool((slopes[seeded.all(0)] == 0).all())  # between two seeds nothing walks


# --- num_samples ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("num_samples", [1, 5])
def test_the_sampled_gradient_is_unbiased(num_samples: int) -> None:
    draws, shape = 1000, (3, 3)
    weight, seeds, against = images(1, shape), markers(1, shape), incoming(1, 3, *shape)
    exact = grid_weight(gradient(HarmonicLabels(), weight, seeds, against=against), shape)[0]
    torch.manual_seed(0)
    layer, copies = HarmonicLabels(num_samples=num_samples), weight.expand(draws, -1, -1, -1)
    drawn = grid_weight(gradient(layer, copies, seeds.expand(draws, -1, -1), against=against), shape)
    assert bool(((drawn != 0).sum(1) == num_samples).all())  # each image draws its own
    assert len(torch.unique(drawn != 0, dim=0)) >= 12
    chosen = drawn[drawn != 0]
    torch.testing.assert_close(chosen, (exact * 12 / num_samples).expand_as(drawn)[drawn != 0])
    standard_error = exact.abs() * math.sqrt((12 / num_samples - 1) / draws)
    assert bool(((drawn.mean(0) - exact).abs() < 4 * standard_error).all())


def test_all_edges_sampled_is_the_exact_gradient() -> None:
    graph = Graph.batch([grid_graph((2, 3)), grid_graph((4, 5))])
    weight, seeds = images(1, (38,))[0, 0], torch.cat([markers(1, (6,), 2)[0], markers(1, (20,), 2)[0]])
    exact = gradient(HarmonicLabels(), graph, weight, seeds, against=incoming(26, 2))
    for count in (31, 1000):
        sampled = gradient(HarmonicLabels(num_samples=count), graph, weight, seeds, against=incoming(26, 2))
        torch.testing.assert_close(sampled, exact, rtol=0, atol=0)
    some = gradient(HarmonicLabels(num_samples=7), graph, weight, seeds, against=incoming(26, 2))
    torch.testing.assert_close(some[:7], exact[:7], rtol=0, atol=0)  # the first graph has no more than seven


# --- prune ----------------------------------------------------------------------------------------------------------


def test_the_pruned_gradient_keeps_of_each_edge_the_label_of_largest_incoming_gradient() -> None:
    graph, weight, seeds, against = grid_graph((4, 5)), images(1, (31,))[0, 0], torch.full((20,), -1), incoming(20, 3)
    seeds[torch.tensor([0, 7, 19])] = torch.arange(3)
    matrix, free = dense_operator(walk(graph, weight)), seeds < 0
    answer, adjoint = torch.eye(3, dtype=torch.float64)[seeds], torch.zeros(20, 3, dtype=torch.float64)
    answer[free] = torch.linalg.solve(matrix[free][:, free], -matrix[free][:, ~free] @ answer[~free])
    adjoint[free] = torch.linalg.solve(matrix[free][:, free], against[free])
    expected = []
    for tail, head in graph.edges.T.tolist():
        size = sum(against[node].abs() * free[node] for node in (tail, head))
        kept = int(size.argmax())
        expected.append(-(adjoint[tail, kept] - adjoint[head, kept]) * (answer[tail, kept] - answer[head, kept]))
    pruned = gradient(HarmonicLabels(prune=True), graph, weight, seeds, against=against)
    torch.testing.assert_close(pruned, torch.stack(expected))
    exact = gradient(HarmonicLabels(), graph, weight, seeds, against=against)
    assert not torch.allclose(pruned, exact, rtol=1e-2)


def test_pruning_changes_nothing_if_only_one_label_has_an_incoming_gradient() -> None:
    weight, seeds, against = images(2, (4, 5)), markers(2, (4, 5)), incoming(2, 3, 4, 5)
    against[:, [0, 2]] = 0
    exact, pruned = (gradient(HarmonicLabels(prune=on), weight, seeds, against=against) for on in (False, True))
    torch.testing.assert_close(pruned, exact)
