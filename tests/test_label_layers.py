"""Options that `HarmonicLabels` and `BoundaryLabels` share: L, directed edge lists, and parts without a seed."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from graphrw import Graph, SingularWalkError
from graphrw.core.walk import walk
from graphrw.functional import hitting_probabilities
from graphrw.functional.boundary import boundary_probabilities
from graphrw.nn import BoundaryLabels, FeatureAffinity, HarmonicLabels, Propagation

LAYERS: dict[str, Callable[..., nn.Module]] = {"harmonic": HarmonicLabels, "boundary": BoundaryLabels}
every_layer = pytest.mark.parametrize("make", LAYERS.values(), ids=list(LAYERS))
PRIOR = torch.tensor([0.5, 0.3, 0.2])


def batch(make: Callable[..., nn.Module]) -> tuple[Tensor, Tensor]:
    """Two images of what the layer reads, and seeds of two labels in the first alone."""
    channels = 2 if make is HarmonicLabels else 1
    images = 0.1 + torch.rand(2, channels, 4, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    seeds = torch.full((2, 4, 5), -1)
    seeds[0, 0, 0], seeds[0, 3, 4] = 0, 1
    return images, seeds


@every_layer
def test_an_image_without_seeds_gets_the_distribution_given(make: Callable[..., nn.Module]) -> None:
    images, seeds = batch(make)
    with pytest.raises(SingularWalkError, match="pass `unreachable=prior`"):
        make()(images, seeds)
    leaf = images.requires_grad_()
    answer = make(unreachable=PRIOR)(leaf, seeds)
    assert answer.shape == (2, 3, 4, 5)
    torch.testing.assert_close(answer[:1], make(num_labels=3)(images[:1], seeds[:1]))
    torch.testing.assert_close(answer[1], PRIOR.double()[:, None, None].expand(3, 4, 5))
    answer[:, 0].square().sum().backward()
    assert leaf.grad is not None
    assert bool(leaf.grad[0].any())
    assert not leaf.grad[1].any()


@every_layer
def test_a_batch_without_any_seed_gets_the_distribution_given(make: Callable[..., nn.Module]) -> None:
    images, seeds = batch(make)
    answer = make(unreachable=PRIOR)(images, torch.full_like(seeds, -1))
    torch.testing.assert_close(answer, PRIOR.double()[:, None, None].expand(2, 3, 4, 5))


@every_layer
def test_a_part_of_a_graph_without_seeds_gets_the_distribution_given(make: Callable[..., nn.Module]) -> None:
    graph, seeds = Graph(torch.tensor([[0, 1, 3], [1, 2, 4]]), num_nodes=5), torch.tensor([0, -1, 1, -1, -1])
    answer = make(unreachable=PRIOR)(graph, torch.ones(graph.num_edges if make is HarmonicLabels else 5), seeds)
    torch.testing.assert_close(answer[3:], PRIOR.expand(2, 3))
    torch.testing.assert_close(answer[:3].sum(1), torch.ones(3))


@every_layer
def test_the_distribution_is_saved_and_moved_with_the_module(make: Callable[..., nn.Module]) -> None:
    images, seeds = batch(make)
    layer = make(unreachable=torch.ones(3) / 3)
    layer.load_state_dict(make(unreachable=PRIOR).state_dict())
    expected = make(unreachable=PRIOR)(images, seeds)
    torch.testing.assert_close(layer(images, seeds), expected)
    torch.testing.assert_close(copy.deepcopy(layer).half()(images, seeds), expected, rtol=0, atol=1e-3)
    assert layer.double().unreachable.dtype == torch.float64
    assert make().state_dict() == {}


@every_layer
def test_options_have_to_be_named(make: Callable[..., nn.Module]) -> None:
    with pytest.raises(TypeError, match="positional argument"):
        make(3)


def test_harmonic_labels_of_a_fixed_number_have_zeros_for_labels_that_no_seed_has() -> None:
    images, seeds = batch(HarmonicLabels)
    answer = HarmonicLabels(num_labels=5)(images[:1], seeds[:1])
    torch.testing.assert_close(answer[:, :2], HarmonicLabels()(images[:1], seeds[:1]))
    assert answer.shape == (1, 5, 4, 5)
    assert not answer[:, 2:].any()


# One way round a ring: 0 → 1 → 2 → 3 → 0, and a short cut 1 → 3.
RING, WEIGHT = torch.tensor([[0, 1, 2, 3, 1], [1, 2, 3, 0, 3]]), torch.tensor([1.0, 2.0, 1.0, 1.0, 3.0])
SEEDS = torch.tensor([0, -1, 1, -1])


def test_harmonic_labels_run_along_a_directed_edge_list() -> None:
    graph = Graph(RING, num_nodes=4, directed=True)
    along, against = HarmonicLabels(directed=True)(RING, WEIGHT, SEEDS), HarmonicLabels()(graph, WEIGHT, SEEDS)
    assert along.argmax(1).tolist() == [0, 0, 1, 0]
    torch.testing.assert_close(
        along[3], torch.tensor([0.75, 0.25])
    )  # node 3 hears of 0 through 1 by weight 3, of 2 by 1
    torch.testing.assert_close(against[1], torch.tensor([0.6, 0.4]))  # a walker goes on from 1
    turned = walk(Graph(RING.flip(0), num_nodes=4, directed=True), WEIGHT)
    torch.testing.assert_close(along, hitting_probabilities(turned, SEEDS))


def test_boundary_labels_run_along_a_directed_edge_list() -> None:
    boundary, turned = torch.tensor([0.5, 0.2, 1.0, 0.7]), Graph(RING.flip(0), num_nodes=4, directed=True)
    along = BoundaryLabels(directed=True)(RING, boundary, SEEDS, WEIGHT)
    torch.testing.assert_close(along, boundary_probabilities(turned, boundary, SEEDS, weight=WEIGHT))
    graph = Graph(RING, num_nodes=4, directed=True)
    expected = boundary_probabilities(graph, boundary, SEEDS, weight=WEIGHT)
    torch.testing.assert_close(BoundaryLabels()(graph, boundary, SEEDS, WEIGHT), expected)


def test_labels_and_features_spread_the_same_way() -> None:
    """On a line 0 → 1 both move from 0 to 1."""
    line, seeds = torch.tensor([[0, 1], [1, 2]]), torch.tensor([1, -1, -1])
    assert HarmonicLabels(directed=True)(line, torch.ones(2), seeds)[:, 1].tolist() == [1.0, 1.0, 1.0]
    moved = Propagation(None, steps=1, directed=True)(torch.tensor([[1.0], [0.0], [0.0]]), torch.cat([line, line], 1))
    assert bool(moved[1] > 0)


# --- compiled, and on another device --------------------------------------------------------------------------------


class Scored(nn.Module):
    """A convolution, the walk, and something behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.scores = nn.Conv2d(1, 1, 3, padding=1)
        self.walk = BoundaryLabels(unreachable=torch.ones(2) / 2)
        self.out = nn.Conv2d(2, 2, 1)

    def forward(self, image: Tensor, seeds: Tensor) -> Tensor:
        answer: Tensor = self.out(self.walk(nn.functional.softplus(self.scores(image)), seeds))
        return answer


@pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning")  # raised by the compiler, which looks at it
def test_a_compiled_model_around_boundary_labels_answers_and_learns_as_before() -> None:
    torch.manual_seed(0)
    model, (images, seeds) = Scored(), batch(BoundaryLabels)
    answers, slopes = [], []
    for run in (model, torch.compile(model, backend="aot_eager")):
        model.zero_grad()
        answers.append(run(images.float(), seeds))
        answers[-1].square().sum().backward()
        slopes.append([parameter.grad.clone() for parameter in model.parameters()])
    torch.testing.assert_close(*answers)
    torch.testing.assert_close(*slopes)
    assert all(bool(slope.any()) for slope in slopes[0])


@every_layer
def test_labels_do_not_depend_on_the_device(make: Callable[..., nn.Module], device: str) -> None:
    images, seeds = batch(make)
    layer = make(unreachable=PRIOR)
    expected, slope = answer_and_slope(layer, images, seeds)
    ours, ours_slope = answer_and_slope(layer.to(device), images.to(device), seeds.to(device))
    torch.testing.assert_close(ours.cpu(), expected)
    torch.testing.assert_close(ours_slope.cpu(), slope)


def test_feature_affinity_does_not_depend_on_the_device(device: str) -> None:
    layer, x = FeatureAffinity(3, bias=True), torch.rand(4, 3, generator=torch.Generator().manual_seed(0))
    expected, slope = answer_and_slope(layer, x, RING)
    ours, ours_slope = answer_and_slope(layer.to(device), x.to(device), RING.to(device))
    torch.testing.assert_close(ours.cpu(), expected)
    torch.testing.assert_close(ours_slope.cpu(), slope)


def answer_and_slope(layer: nn.Module, values: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    leaf = values.detach().requires_grad_()
    answer = layer(leaf, other)
    return answer.detach(), torch.autograd.grad(answer.square().sum(), leaf)[0]
