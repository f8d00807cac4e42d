"""What all models do, and their trunk: gradients to every parameter, learning, saving."""

import pytest
import torch
from small_pictures import halves, image, losses_of, saved_and_loaded, two_seeds

from graphrw.models import NDD, RAWKS, RWN, LearnedRandomWalker, Trunk


@pytest.mark.parametrize(("stride", "shape"), [(1, (13, 9)), (2, (7, 5)), (4, (4, 3)), (8, (2, 2))])
def test_the_trunk_keeps_one_pixel_for_each_stride(stride: int, shape: tuple[int, int]) -> None:
    assert Trunk(2, 8, stride=stride)(torch.zeros(3, 2, 13, 9)).shape == (3, 8, *shape)


def test_a_trunk_sees_no_brightness_until_it_has_learned_to() -> None:
    """Filters sum to 0 at first; what a pixel is by itself is learned, from weights of 0."""
    trunk, dark = Trunk(1, 8), image(16, 16)
    first, inner = trunk.down[0].first[0], (..., slice(1, -1), slice(1, -1))
    torch.testing.assert_close(first(dark)[inner], first(dark + 1)[inner], atol=1e-5, rtol=0)
    trunk(dark).square().mean().backward()
    assert bool(first.level.grad.any())
    first.level.data += 1
    torch.testing.assert_close(first(dark + 1)[inner], first(dark)[inner] + 1)


@pytest.mark.parametrize("stride", [1, 2, 4, 8, 16])
@pytest.mark.parametrize(("axes", "least"), [(2, 2), (3, 1)])
def test_at_every_stride_the_trunk_has_a_way_up(axes: int, least: int, stride: int) -> None:
    """Some levels lie below that of the features, and their weights count."""
    trunk = Trunk(1, 4, stride=stride, axes=axes)
    assert len(trunk.up) >= least
    trunk(image(*[64] * 2 if axes == 2 else [32] * 3)).square().mean().backward()
    assert all(float(parameter.grad.abs().max()) > 0 for parameter in trunk.up.parameters())


def test_deep_levels_do_not_make_the_trunk_heavy() -> None:
    assert sum(value.numel() for value in Trunk(3, stride=8).parameters()) < 7e6


def test_the_trunk_takes_volumes() -> None:
    assert Trunk(1, 8, levels=1, axes=3)(torch.zeros(1, 1, 5, 6, 7)).shape == (1, 8, 5, 6, 7)


def test_the_trunk_sees_farther_than_its_levels_alone() -> None:
    """A change in one corner reaches features that no single convolution could."""
    trunk, plain = Trunk(1, 8), torch.zeros(1, 1, 32, 32)
    changed = plain.clone()
    changed[..., 0, 0] = 1
    moved = (trunk(plain) - trunk(changed)).abs().amax(1)[0] > 1e-6
    assert moved[12, 12]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 0}, r"`width` must be a whole number from 1; got 0"),
        ({"stride": 3}, r"`stride` must be a power of two; got 3"),
        ({"stride": 0}, r"`stride` must be a whole number from 1; got 0"),
        ({"stride": 16, "levels": 3}, r"`levels` must be at least log2\(stride\) = 4; got 3"),
        ({"axes": 1}, r"`axes` must be 2 \(images\) or 3 \(volumes\); got 1"),
    ],
)
def test_a_trunk_that_cannot_be_is_refused(options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Trunk(1, **{"width": 8} | options)


SHAPE = (12, 14)
CASES = {
    "learned random walker": (
        lambda: LearnedRandomWalker(1, 8),
        lambda model: model.loss(image(*SHAPE), two_seeds(*SHAPE), halves(*SHAPE)),
    ),
    "rawks": (lambda: RAWKS(1, 2, 8), lambda model: model.loss(image(*SHAPE), two_seeds(*SHAPE))),
    "rwn": (lambda: RWN(1, 2, 8, training_radius=3.0), lambda model: model.loss(image(*SHAPE), halves(*SHAPE))),
    "ndd": (lambda: NDD(1, 8, k=6, stride=2, radius=2.0), lambda model: model.loss(image(*SHAPE), halves(1, 6, 7))),
}
every_model = pytest.mark.parametrize("case", CASES, indirect=True)


@pytest.fixture
def case(request):
    """A model made from the seed of this test and its loss."""
    make, loss = CASES[request.param]
    return make(), loss


@every_model
def test_a_model_learns(case) -> None:
    model, loss = case
    history = losses_of(model, lambda: loss(model), steps=30)
    assert min(history[-3:]) < 0.9 * history[0]


@every_model
def test_gradients_reach_every_parameter(case) -> None:
    model, loss = case
    losses_of(model, lambda: loss(model), steps=1)
    loss(model).backward()
    idle = [name for name, value in model.named_parameters() if value.grad is None or not value.grad.isfinite().all()]
    assert idle == []


@every_model
def test_a_saved_model_answers_as_before(case) -> None:
    model, loss = case[0].eval(), case[1]
    torch.manual_seed(1)
    before = loss(model)
    torch.manual_seed(1)
    torch.testing.assert_close(loss(saved_and_loaded(model)), before)


def test_a_network_that_has_diverged_is_said_to_have() -> None:
    model = LearnedRandomWalker(1, 8)
    model.trunk.out.bias.data[0] = torch.nan
    with pytest.raises(ValueError, match=r"`features` must be finite; got nan .* its training has diverged"):
        model.edge_weights(image(8, 8))
