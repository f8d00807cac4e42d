"""`BoundaryLabels` against `boundary_probabilities`, as a module among others, and what it refuses."""

import copy
import io
import math
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from graphrw import ConvergenceError, Graph, SingularWalkError, grid_graph, solvers, to_edge_index
from graphrw.functional.boundary import boundary_probabilities, missing_neighbours
from graphrw.losses.propagation import propagation_loss
from graphrw.nn import HarmonicLabels
from graphrw.nn.boundary_labels import BoundaryLabels
from graphrw.nn.grids import GRIDS_KEPT, Grids

SHAPES = {"image": (3, 5), "volume": (2, 3, 3)}
every_shape = pytest.mark.parametrize("shape", SHAPES.values(), ids=list(SHAPES))


def images(batch: int, shape: tuple[int, ...], seed: int = 0, high: float = 2.0) -> Tensor:
    """Boundary scores in [0, high)."""
    generator = torch.Generator().manual_seed(seed)
    return high * torch.rand(batch, 1, *shape, generator=generator, dtype=torch.float64)


def markers(batch: int, shape: tuple[int, ...], num_labels: int = 3, seed: int = 1) -> Tensor:
    """One seed of each label in each image."""
    generator = torch.Generator().manual_seed(seed)
    seeds = torch.full((batch, math.prod(shape)), -1)
    for row in seeds:
        row[torch.randperm(len(row), generator=generator)[:num_labels]] = torch.arange(num_labels)
    return seeds.reshape(batch, *shape)


# --- values ---------------------------------------------------------------------------------------------------------

FORMS = {
    "normalised": (BoundaryLabels(), lambda missing: {}),
    "normalised, leaving": (BoundaryLabels(leave=True), lambda missing: {"exits": missing}),
    "printed, leaving": (
        BoundaryLabels(degree_normalised=False, leave=True),
        lambda missing: {"degree_normalised": False},
    ),
    "printed, reflected": (
        BoundaryLabels(degree_normalised=False),
        lambda missing: {"degree_normalised": False, "stay": missing},
    ),
}


@every_shape
@pytest.mark.parametrize(("layer", "options"), FORMS.values(), ids=list(FORMS))
def test_each_image_gets_the_probabilities_of_its_grid(shape, layer, options):
    boundary, seeds = 2 + images(3, shape), markers(3, shape)
    answer = layer(boundary, seeds)
    assert answer.shape == (3, 3, *shape)
    for image, seed, ours in zip(boundary, seeds, answer, strict=True):
        chosen = options(missing_neighbours(shape))
        expected = boundary_probabilities(grid_graph(shape), image.flatten(), seed.flatten(), **chosen)
        torch.testing.assert_close(ours.flatten(1).T, expected, rtol=0, atol=1e-12)


def test_at_the_border_the_four_forms_differ():
    boundary, seeds = 2 + images(1, (4, 5)), markers(1, (4, 5))
    answers = [layer(boundary, seeds) for layer, _ in FORMS.values()]
    for i, one in enumerate(answers):
        assert all((one - other).abs().max() > 1e-3 for other in answers[:i])


def test_without_any_boundary_a_layer_is_a_harmonic_one():
    seeds = markers(2, (4, 5))
    weights = torch.ones(2, 2, 4, 5, dtype=torch.float64)
    flat = torch.zeros(2, 1, 4, 5, dtype=torch.float64)
    torch.testing.assert_close(BoundaryLabels()(flat, seeds), HarmonicLabels()(weights, seeds))


def test_a_graph_and_both_ways_of_its_edge_list_get_the_same_answer():
    graph, boundary, seeds = grid_graph((4, 5)), images(1, (20,)).flatten(), markers(1, (20,)).flatten()
    weight = 0.5 + images(1, (31,), 3).flatten()
    edge_index, both = to_edge_index(graph, weight)
    answer = BoundaryLabels()(graph, boundary, seeds, weight)
    expected = boundary_probabilities(graph, boundary, seeds, weight=weight)
    torch.testing.assert_close(answer, expected, rtol=0, atol=0)
    shuffle = torch.randperm(62, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(BoundaryLabels()(edge_index[:, shuffle], boundary, seeds, both[shuffle]), answer)
    plain = BoundaryLabels()(graph, boundary, seeds)
    torch.testing.assert_close(plain, boundary_probabilities(graph, boundary, seeds), rtol=0, atol=0)
    torch.testing.assert_close(BoundaryLabels()(edge_index, boundary, seeds), plain)


def test_a_batch_of_graphs_is_answered_like_its_parts():
    parts = [grid_graph((2, 3)), grid_graph((4, 2))]
    scores = [images(1, (part.num_nodes,), seed).flatten() for seed, part in enumerate(parts)]
    seeds = [markers(1, (part.num_nodes,), 2)[0] for part in parts]
    together = BoundaryLabels()(Graph.batch(parts), torch.cat(scores), torch.cat(seeds))
    alone = [BoundaryLabels()(*arguments) for arguments in zip(parts, scores, seeds, strict=True)]
    torch.testing.assert_close(together, torch.cat(alone))


def test_the_number_of_labels_can_be_fixed():
    boundary, seeds = images(1, (4, 5)), markers(1, (4, 5))
    answer = BoundaryLabels(num_labels=21)(boundary, seeds)
    assert answer.shape == (1, 21, 4, 5)
    torch.testing.assert_close(answer[:, :3], BoundaryLabels()(boundary, seeds))
    assert bool((answer[:, 3:] == 0).all())


# --- derivatives ----------------------------------------------------------------------------------------------------


@every_shape
def test_derivatives_are_those_of_finite_differences(shape):
    boundary, seeds = 0.1 + images(2, shape), markers(2, shape, 2)
    leaf = boundary.requires_grad_()
    assert torch.autograd.gradcheck(lambda leaf: BoundaryLabels()(leaf, seeds), leaf, fast_mode=True)
    assert torch.autograd.gradgradcheck(lambda leaf: BoundaryLabels()(leaf, seeds), leaf, fast_mode=True)


def test_a_network_learns_where_the_boundary_is():
    """The picture is in two halves; the seeds do not say where they meet, the prediction does."""
    torch.manual_seed(0)
    picture = torch.zeros(1, 1, 12, 12)
    picture[..., 8:] = 1
    seeds = torch.full((1, 12, 12), -1)
    seeds[0, 6, 0], seeds[0, 6, 11] = 0, 1
    truth = (picture[:, 0] > 0).long()
    log_prediction = functional.one_hot(truth, 2).movedim(-1, 1).float().mul(4).log_softmax(1)
    network = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 3, padding=1), nn.Softplus())
    layer, optimiser = BoundaryLabels(), torch.optim.Adam(network.parameters(), lr=0.05)
    before = (layer(network(picture), seeds).argmax(1) == truth).double().mean()
    for _ in range(25):
        loss = propagation_loss(layer(network(picture), seeds), log_prediction, alpha=1.0)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    after = (layer(network(picture), seeds).argmax(1) == truth).double().mean()
    assert before < 0.9
    assert after > 0.97


# --- a module among others ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Planned(solvers.Dense):
    """Dense, and a note of every graph that it plans for."""

    log: tuple[list[Graph], ...] = ()

    __hash__ = object.__hash__

    def plan(self, graph: Graph) -> None:
        self.log[0].append(graph)
        super().plan(graph)


@pytest.mark.parametrize("high", [1.0, 900.0])
def test_batches_of_one_shape_share_their_graphs_and_plans(high):
    planned: list[Graph] = []
    layer = BoundaryLabels(solver=Planned(log=(planned,)))
    for step in range(3):
        layer(images(2, (3, 4), step, high).requires_grad_(), markers(2, (3, 4), seed=step)).sum().backward()
    assert len(planned) == len({id(graph) for graph in planned}) <= 2  # one graph, and its two directions if needed
    assert {graph.directed for graph in planned} == ({True} if high > 100 else {False})


def test_only_the_latest_grids_are_kept():
    grids = Grids()
    first = grids.batch(2, (2, 2), torch.device("cpu"))  # a batch: grids of one image are shared beyond this
    assert grids.batch(2, (2, 2), torch.device("cpu")) is first
    for size in range(3, 3 + GRIDS_KEPT):
        grids.batch(2, (size, 2), torch.device("cpu"))
    assert grids.batch(2, (2, 2), torch.device("cpu")) is not first


def test_a_used_layer_has_no_state_and_can_be_copied_and_saved():
    boundary, seeds = images(2, (12, 13)), markers(2, (12, 13))  # too large for `Dense`: plans are compiled objects
    layer = BoundaryLabels(num_labels=4, leave=True)
    answer = layer(boundary, seeds)
    assert layer.state_dict() == {}
    buffer = io.BytesIO()
    torch.save(layer, buffer)
    buffer.seek(0)
    for other in (copy.deepcopy(layer), torch.load(buffer, weights_only=False)):
        torch.testing.assert_close(other(boundary, seeds), answer, rtol=0, atol=0)
        assert repr(other) == repr(layer)
    assert "num_labels=4, degree_normalised=True, leave=True, directed=False, solver=Auto(" in repr(layer)


def test_scores_of_a_convolution_under_autocast_are_widened():
    torch.manual_seed(0)
    convolution, seeds = nn.Conv2d(1, 1, 3, padding=1), markers(2, (4, 5))
    with torch.autocast("cpu", torch.bfloat16):
        boundary = functional.softplus(convolution(torch.rand(2, 1, 4, 5))).bfloat16()
        answer = BoundaryLabels()(boundary, seeds)
        on_graph = BoundaryLabels()(grid_graph((4, 5)), boundary[0].flatten(), seeds[0].flatten())
    assert answer.dtype == on_graph.dtype == torch.float32
    torch.testing.assert_close(answer, BoundaryLabels()(boundary.float(), seeds))
    torch.testing.assert_close(on_graph, answer[0].flatten(1).T)
    answer[:, 0].sum().backward()
    assert convolution.weight.grad is not None
    assert bool((convolution.weight.grad != 0).any())


# --- errors ---------------------------------------------------------------------------------------------------------

SCORES, SEEDS, LAYER = images(2, (4, 5)), markers(2, (4, 5)), BoundaryLabels()
NO_SEED = torch.stack([SEEDS[0], torch.full((4, 5), -1)])
REFUSED: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "no channel": (
        lambda: LAYER(SCORES[:, 0], SEEDS),
        ValueError,
        r"`boundary` must be \(B, 1, H, W\) or \(B, 1, D, H, W\); got \(2, 4, 5\)",
    ),
    "a number": (lambda: LAYER(torch.tensor(1.0), SEEDS), ValueError, r"`boundary` must be \(B, 1, H, W\).*; got \(\)"),
    "no label": (lambda: BoundaryLabels(num_labels=0), ValueError, "`num_labels` must be a whole number from 1.*got 0"),
    "a prior of other labels": (
        lambda: BoundaryLabels(num_labels=3, unreachable=torch.ones(2) / 2),
        ValueError,
        r"`unreachable` must be \(3,\), a share for each label; got \(2,\)",
    ),
    "two channels": (
        lambda: LAYER(SCORES.expand(-1, 2, -1, -1), SEEDS),
        ValueError,
        r"`boundary` must be \(B, 1, H, W\).*; got \(2, 2, 4, 5\)",
    ),
    "seeds' shape": (
        lambda: LAYER(SCORES, SEEDS[:, 1:]),
        ValueError,
        r"`seeds` must be \(2, 4, 5\) as `boundary` asks; got \(2, 3, 5\)",
    ),
    "negative scores": (lambda: LAYER(-SCORES, SEEDS), ValueError, "`boundary` must be finite and not negative; got -"),
    "an image without seed": (
        lambda: LAYER(SCORES, NO_SEED),
        SingularWalkError,
        r"leaves 20 of 40 nodes \(first: 20, in graph 1 of the batch\) in components without any seed",
    ),
    "seeds left out": (
        lambda: LAYER(grid_graph((2, 2)), torch.ones(4)),
        ValueError,
        "`BoundaryLabels` needs `seeds`, int64 labels and −1 where there is none; got none",
    ),
    "too many labels": (
        lambda: BoundaryLabels(num_labels=2)(SCORES, SEEDS),
        ValueError,
        "`seeds` holds label 2, but labels run from 0 to 1",
    ),
    "an infinite sum": (
        lambda: BoundaryLabels(degree_normalised=False)(0 * SCORES, SEEDS),
        ConvergenceError,
        r"sum over paths is infinite: .* = 3\.\d+, and must be < 1\. Raise `boundary` \(B > 1\.38629",
    ),
}


@pytest.mark.parametrize(("call", "error", "message"), REFUSED.values(), ids=list(REFUSED))
def test_what_has_no_answer_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
