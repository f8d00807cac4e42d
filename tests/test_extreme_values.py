"""Numbers near the ends of their type: what depends on no unit is right in every unit, its gradient too."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import graphrw as rw
from graphrw import build, functional, losses

SIZES = [1e10, 1e-12, 1e30, 1e-30, 1e38]
FACES = torch.tensor([[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]])
PATH = rw.Graph(torch.tensor([[0, 1], [1, 2]]), 3)
WEIGHT = torch.tensor([1.0, 3.0], dtype=torch.float64)


def corners() -> Tensor:
    return torch.tensor([[0.0, 0, 0], [1, 0, 0.25], [0, 1, 0], [0.25, 0, 1]], dtype=torch.float64)


def value_and_gradient(of: Callable[[Tensor], Tensor], x: Tensor, size: float = 1.0) -> tuple[Tensor, Tensor]:
    """f and size · df/dx in float64, for an f that depends on no unit."""
    x = x.clone().requires_grad_()
    value = of(x)
    (gradient,) = torch.autograd.grad((value * torch.arange(1, value.numel() + 1).view_as(value)).sum(), x)
    return value.detach().double(), gradient.double() * size


def assert_without_unit(of: Callable[[Tensor], Tensor], x: Tensor, size: float, rtol: float = 1e-5) -> None:
    """`of` gives for float32 numbers of this size what it gives for them in float64, and so does its gradient."""
    moved = (x * size).float()
    expected = value_and_gradient(of, moved.double(), size)
    for ours, exact in zip(value_and_gradient(of, moved, size), expected, strict=True):
        torch.testing.assert_close(ours, exact, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "of", [lambda v: build.mesh_dual_graph(v, FACES)[1], lambda v: build.cotangent_weight(v, FACES)]
)
def test_angles_and_cotangents_of_a_mesh_depend_on_no_unit(of: Callable[[Tensor], Tensor], size: float) -> None:
    assert_without_unit(of, corners(), size)


def test_faces_of_very_different_size_have_their_angles() -> None:
    tiny = corners() * 1e-25
    both = torch.cat([corners(), tiny]).float()
    _, angle = build.mesh_dual_graph(both, torch.cat([FACES, FACES + 4]))
    torch.testing.assert_close(angle[:6], angle[6:])


def test_vertices_further_apart_than_their_type_holds_are_refused() -> None:
    with pytest.raises(ValueError, match=r"`vertices` are more than torch.float32 holds"):
        build.mesh_graph(torch.tensor([[3e38, 0, 0], [-3e38, 0, 0], [0, 1, 0]]), torch.tensor([[0, 1, 2]]))


@pytest.mark.parametrize("size", [1e-170, 1e200, 1e-300, 1.5e307])
@pytest.mark.parametrize("channels", [3, 12])
def test_neighbours_depend_on_no_unit(channels: int, size: float) -> None:
    points = torch.rand(60, channels, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected, length = rw.knn_graph(points, 4)
    moved = (points * size).requires_grad_()
    graph, distance = rw.knn_graph(moved, 4)
    assert torch.equal(graph.edges, expected.edges)
    torch.testing.assert_close(distance.detach() / size, length)
    (gradient,) = torch.autograd.grad(distance.sum(), moved)
    plain = points.clone().requires_grad_()
    torch.testing.assert_close(gradient, torch.autograd.grad(rw.knn_graph(plain, 4)[1].sum(), plain)[0])


def test_points_that_no_square_tells_apart_are_refused() -> None:
    points = torch.tensor([[0.0], [1e-200], [3e-200], [1.0]], dtype=torch.float64)
    with pytest.raises(ValueError, match=r"`points` lie 1.0e-200 times as close together"):
        rw.knn_graph(points, 1)
    with pytest.raises(ValueError, match=r"Lengths of edges between `points` are more than torch.float64 holds"):
        rw.knn_graph(torch.tensor([[1.7e308], [-1.7e308]], dtype=torch.float64), 1)


@pytest.mark.parametrize("size", [1e25, 1e-25, 1e18])
@pytest.mark.parametrize("channels", [False, True])
def test_gaussian_weights_are_right_where_squares_are_not_held(size: float, channels: bool) -> None:
    features = torch.tensor([[0.0, 1.0], [0.5, 0.25], [2.0, 0.0]], dtype=torch.float64) * size
    beta = torch.tensor([0.7, 0.2] if channels else 0.7, dtype=torch.float64)
    if size > 1e20 or size < 1e-20:  # β is not held either: lengths bring slopes back to about 1
        length = torch.full((2,), size, dtype=torch.float64)
    else:
        length, beta = None, beta / size**2

    def weights(given: Tensor) -> Tensor:
        long = None if length is None else length.to(given.dtype)
        return build.gaussian_affinity(PATH, given, beta.to(given.dtype), long)

    assert_without_unit(weights, features / size, size)


def test_where_a_gaussian_weight_vanishes_so_does_its_derivative() -> None:
    features = torch.tensor([0.0, 1e30, 1e30]).requires_grad_()
    beta = torch.tensor(2.0, requires_grad=True)
    weight = build.gaussian_affinity(PATH, features, beta)
    weight.sum().backward()
    assert weight.tolist() == [0, 1]
    assert features.grad.tolist() == [0, 0, 0]
    assert beta.grad == 0


@pytest.mark.parametrize("affinity", [build.gaussian_affinity, build.l1_affinity])
def test_a_beta_that_is_infinite_or_lost_is_refused(affinity: Callable[..., Tensor]) -> None:
    features = torch.tensor([1.0, 1.0, 2.0])
    with pytest.raises(ValueError, match=r"`beta` must be finite and not negative; got inf"):
        affinity(PATH, features, math.inf)
    with pytest.raises(ValueError, match=r"`beta` holds 1e-60, which is 0.0 in torch.float32"):
        affinity(PATH, features, 1e-60)


@pytest.mark.parametrize("size", [1e37, 1e-30, 1e-37, 6e37])
@pytest.mark.parametrize(
    "of",
    [
        lambda w: rw.step(rw.walk(PATH, w), w.new_tensor([1e-5, 0, 1])),
        lambda w: rw.step(rw.walk(PATH, w), w.new_tensor([1e-5, 0, 1]), steps=2, restart=0.5, symmetric=True),
        lambda w: functional.pagerank(rw.walk(PATH, w)),
        lambda w: rw.resolvent(rw.walk(PATH, w, w.detach().mean() / 9), w.new_tensor([1e-5, 0, 1])),
        lambda w: rw.diffusion_distance(rw.walk(PATH, w), 1.0, 3),
        lambda w: functional.unrolled_diffusion_map(rw.walk(PATH, w), 1.0, 1, as_published=True).abs(),
        lambda w: rw.hitting_probabilities(rw.walk(PATH, w), torch.tensor([0, -1, 1])),
    ],
    ids=["step", "symmetric step", "pagerank", "resolvent", "diffusion distance", "published", "hitting"],
)
def test_walks_depend_on_no_unit_of_their_weights(of: Callable[[Tensor], Tensor], size: float) -> None:
    assert_without_unit(of, WEIGHT, size, rtol=1e-4)


def test_walks_of_the_least_weights_have_right_values() -> None:
    walk = rw.walk(PATH, torch.full((2,), 1e-40))
    assert rw.step(walk, torch.tensor([0.0, 1.0, 0.0])).tolist() == [1, 0, 1]
    torch.testing.assert_close(functional.pagerank(walk), functional.pagerank(rw.walk(PATH, torch.ones(2))))
    low, high = torch.tensor([1e-40, 1e-30]), torch.tensor([0.0, 1.0, 0.0])
    torch.testing.assert_close(rw.step(rw.walk(PATH, low), high), torch.tensor([1.0, 0.0, 1.0]))


@pytest.mark.parametrize("size", [1e38, 1e-37])
@pytest.mark.parametrize(
    ("of", "x"),
    [
        (lambda s: functional.pagerank(rw.walk(PATH, s.new_ones(2)), start=s), torch.tensor([1.0, 2.0, 0.5])),
        (lambda k: functional.region_pooling(k.new_tensor([[0.0], [2.0], [5.0]]), k), torch.rand(3, 3) + 0.1),
        (lambda k: losses.kernel_matching(k, torch.tensor([[0, 1, 1], [0, 0, 1]])), torch.rand(3, 3) + 0.1),
        (
            lambda v: losses.cross_entropy(v.new_tensor([[0.2, 0.8]] * 3), torch.tensor([0, 1, 0]), weight=v),
            torch.tensor([1.0, 3.0, 2.0]),
        ),
    ],
    ids=["pagerank's start", "region pooling", "kernel matching", "cross entropy's weight"],
)
def test_sums_and_squares_depend_on_no_unit(of: Callable[[Tensor], Tensor], x: Tensor, size: float) -> None:
    assert_without_unit(of, x.double(), size)


@pytest.mark.parametrize("size", [1e38, 1e-38])
@pytest.mark.parametrize(
    ("of", "x"),
    [
        (lambda x: functional.region_pooling(x, x.new_ones(3, 3)), torch.tensor([[1.0], [2.0], [3.0]])),
        (lambda p: functional.class_mass_normalize(p, torch.tensor([0, -1, -1, 1])), torch.rand(4, 2) + 0.1),
        (lambda v: rw.harmonic(rw.walk(PATH, 3e38 * v.new_tensor([0.1, 0.5])), torch.tensor([0, 2]), v), torch.ones(2)),
        (lambda f: rw.step(rw.walk(PATH, f.new_tensor([1.0, 2.0])), f), torch.tensor([1.0, 0.5, 2.0])),
        (lambda v: build.pool_boundaries(v, torch.arange(3)[None]), torch.tensor([[1.0, 3.0, 2.0]])),
    ],
    ids=["region pooling", "class mass", "harmonic", "step", "pool boundaries"],
)
def test_averages_of_large_and_small_values_are_held(of: Callable[[Tensor], Tensor], x: Tensor, size: float) -> None:
    moved = (x * size).float()
    exact = of(moved.double())
    torch.testing.assert_close(of(moved).double() / size, exact / size, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size", [1e25, 1e-25])
def test_interpolation_attends_to_features_of_any_size(size: float) -> None:
    generator = torch.Generator().manual_seed(0)
    high, values = torch.rand(1, 2, 8, 8, generator=generator), torch.rand(1, 1, 4, 4, generator=generator)
    ours = functional.attentional_interpolation(values, high * size, scale=3.0)
    exact = functional.attentional_interpolation(values.double(), (high * size).double(), scale=3.0)
    torch.testing.assert_close(ours.double(), exact, rtol=1e-5, atol=1e-5)


def test_answers_that_their_type_does_not_hold_are_refused() -> None:
    faint = rw.walk(PATH, torch.full((2,), 1e-40))
    with pytest.raises(
        ValueError, match=r"for this `weight` and `b` .* would hold .*e.40, more than torch.float32 does"
    ):
        rw.effective_resistance(faint, torch.tensor([[0, 2]]))
    with pytest.raises(ValueError, match=r"more than torch.float32 does"):
        rw.poisson_labels(faint, torch.tensor([0, -1, 1]))
    with pytest.raises(ValueError, match=r"A mean or variance of `values` would hold"):
        build.region_features(torch.tensor([[1e30, -1e30]]), torch.zeros(1, 2, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"`spacing` gives boundaries of a length that torch.float32 does not hold"):
        build.superpixel_graph(torch.tensor([[[0, 1]]]), spacing=(1e30, 1e30, 1))
