"""Weights that do not depend on the rest of the picture, and prediction of images of any size in tiles."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from graphrw.models import LearnedRandomWalker, Trunk, apply_in_tiles
from graphrw.models.tiling import fitting_tile


def picture(*shape: int, channels: int = 1, batch: int = 1) -> Tensor:
    """Noise with a few bright steps."""
    image = 0.3 * torch.randn(batch, channels, *shape)
    image[..., shape[-1] // 3 :] += 1
    image[..., : shape[-2] // 2, :] -= 1
    return image


def lively(model: nn.Module) -> nn.Module:
    """Weights as after a training: the parameters of norms and biases are not at their starts any more."""
    for value in model.parameters():
        value.data += 0.2 * torch.randn_like(value)
    return model.eval()


CASES = [
    # axes, stride, levels, shape, tile
    (2, 1, 3, (97, 131), 32),
    (2, 2, None, (150, 83), (48, 40)),
    (2, 4, 2, (101, 77), 16),
    (2, 8, 4, (203, 190), 64),
    (2, 2, 1, (7, 9), 4),
    (3, 1, 1, (11, 20, 17), 6),
    (3, 2, 2, (33, 47, 50), 16),
]


@pytest.mark.parametrize(("axes", "stride", "levels", "shape", "tile"), CASES)
def test_features_in_tiles_are_those_of_the_whole_image(axes, stride, levels, shape, tile) -> None:
    trunk, image = lively(Trunk(1, 4, levels=levels, stride=stride, axes=axes)), picture(*shape)
    tiled = apply_in_tiles(trunk, image, tile=tile, halo=trunk.halo, stride=stride, alignment=trunk.alignment)
    with torch.no_grad():
        torch.testing.assert_close(tiled, trunk(image), rtol=0, atol=1e-5)


def test_a_rim_that_is_too_narrow_shows() -> None:
    """So that the test above can fail."""
    trunk, image = lively(Trunk(1, 4, stride=2)), picture(150, 83)
    narrow = apply_in_tiles(trunk, image, tile=48, halo=8, stride=2, alignment=8)
    shifted = apply_in_tiles(trunk, image, tile=44, halo=trunk.halo, stride=2, alignment=4)
    with torch.no_grad():
        whole = trunk(image)
    assert float((narrow - whole).abs().max()) > 1e-3
    assert float((shifted - whole).abs().max()) > 1e-3


@pytest.mark.parametrize(("stride", "levels"), [(1, 1), (1, 3), (2, 3), (4, 3), (8, 4)])
def test_the_halo_is_what_a_feature_sees_and_hardly_more(stride: int, levels: int) -> None:
    """Gradients of the features of one row of cells, for each place that the row can have within a pooled block."""
    trunk = lively(Trunk(1, 8, stride=stride, levels=levels)).double()
    start = trunk.alignment * (-(-trunk.halo // trunk.alignment) + 1)
    image = torch.rand(1, 1, 2 * start + trunk.alignment, trunk.alignment, dtype=torch.float64, requires_grad=True)
    features, seen = trunk(image), 0
    for row in range(start, start + trunk.alignment, stride):
        (gradient,) = torch.autograd.grad(features[0, :, row // stride].square().sum(), image, retain_graph=True)
        rows = gradient[0, 0].abs().sum(1).nonzero()
        seen = max(seen, row - int(rows.min()), int(rows.max()) - (row + stride - 1))
    assert trunk.halo - trunk.alignment <= seen <= trunk.halo


@pytest.mark.parametrize("axes", [2, 3])
def test_hot_pixels_far_away_do_not_shift_weights(axes: int) -> None:
    shape = (160, 160) if axes == 2 else (64, 16, 16)
    model = lively(LearnedRandomWalker(1, 8, stride=1, axes=axes))
    image = picture(*shape)
    hot = image.clone()
    hot[(..., *([slice(-3, None)] * axes))] = 30
    with torch.no_grad():
        moved = (model.edge_weights(hot) - model.edge_weights(image)).abs()
    reach = model.trunk.halo + 1
    near = shape[0] - 3 - reach
    assert near > 0
    assert float(moved[:, :, :near].max()) == 0
    assert float(moved.max()) > 0


def test_a_tile_alone_has_the_weights_of_the_whole_away_from_its_borders() -> None:
    model, image = lively(LearnedRandomWalker(1, 8, stride=1)), picture(240, 240)
    inner = 96 + 56 - model.trunk.halo
    with torch.no_grad():
        tile, whole = model.edge_weights(image[..., :152, :152]), model.edge_weights(image)
    torch.testing.assert_close(tile[..., :inner, :inner], whole[..., :inner, :inner], rtol=0, atol=1e-5)


@pytest.mark.parametrize(("axes", "shape", "tile"), [(2, (131, 180), 64), (3, (30, 41, 50), 16)])
def test_tiled_edge_weights_are_those_of_the_whole_image(axes: int, shape: tuple[int, ...], tile: int) -> None:
    model = lively(LearnedRandomWalker(1, 4, axes=axes, trunk=Trunk(1, 4, levels=2, stride=2, axes=axes)))
    image = picture(*shape)
    with torch.no_grad():
        whole = model.edge_weights(image)
    torch.testing.assert_close(model.tiled_edge_weights(image, tile), whole, rtol=0, atol=1e-5)
    torch.testing.assert_close(model.tiled_edge_weights(image), whole, rtol=0, atol=1e-5)


def test_one_image_trains_as_well_as_a_batch() -> None:
    """What a batch of two gives is what each of them gives alone."""
    trunk, image = lively(Trunk(1, 8)).train(), picture(24, 24, batch=2)
    torch.testing.assert_close(trunk(image), torch.cat([trunk(image[:1]), trunk(image[1:])]))


def test_any_function_can_be_applied_in_tiles() -> None:
    image = torch.rand(2, 3, 21, 34)
    answer = apply_in_tiles(lambda part: part.amax(1, keepdim=True), image, tile=(5, 34), halo=0)
    assert torch.equal(answer, image.amax(1, keepdim=True))


def test_interpolation_by_a_whole_factor_fits_together_on_aligned_tiles() -> None:
    net = nn.Sequential(
        nn.Conv2d(1, 3, 3, stride=4, padding=1), nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
    )
    image = torch.rand(1, 1, 64, 96)
    with torch.no_grad():
        whole = net(image)
    tiled = apply_in_tiles(net, image, tile=16, halo=8, stride=2, alignment=4)
    torch.testing.assert_close(tiled, whole, rtol=0, atol=1e-6)


def test_tiles_keep_the_type_and_are_no_part_of_a_gradient() -> None:
    net = nn.Conv2d(1, 2, 3, padding=1).double()
    answer = apply_in_tiles(net, torch.rand(1, 1, 9, 9, dtype=torch.float64, requires_grad=True), tile=4, halo=1)
    assert answer.dtype == torch.float64
    assert not answer.requires_grad


@pytest.mark.parametrize("axes", [2, 3])
def test_the_tile_that_fits_keeps_feature_maps_small(axes: int) -> None:
    side = fitting_tile(axes, channels=32, halo=48, alignment=8)
    assert side % 8 == 0
    assert 2**24 < 32 * (side + 96) ** axes <= 2**26


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"halo": -1}, r"`halo` must be a whole number from 0, in pixels; got -1"),
        ({"tile": 0}, r"`tile` must be a whole number from 1, in pixels; got 0"),
        ({"tile": 2.0}, r"`tile` must be a whole number from 1, in pixels; got 2.0"),
        ({"tile": (4, 4, 4)}, r"`tile` must be a whole number, or 2 of them, one for each axis; got \(4, 4, 4\)"),
        ({"stride": 2}, r"`module` must give \('B', 'K', 4, 4\) for a tile of \(8, 8\) pixels at stride 2; got"),
        ({"stride": 2, "alignment": 3}, r"`alignment` must be a multiple of `stride`; got 3 and 2"),
    ],
)
def test_tiles_that_cannot_be_are_refused(options, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        apply_in_tiles(nn.Identity(), torch.rand(1, 1, 9, 9), **{"tile": 5, "halo": 1} | options)


def test_what_is_no_batch_of_images_has_no_tiles() -> None:
    with pytest.raises(ValueError, match=r"`image` must be \(B, C, H, W\) or \(B, C, D, H, W\); got \(9, 9\)"):
        apply_in_tiles(nn.Identity(), torch.rand(9, 9), tile=4, halo=1)
    with pytest.raises(ValueError, match=r"`image` must hold pixels; got \(1, 1, 0, 9\)"):
        apply_in_tiles(nn.Identity(), torch.rand(1, 1, 0, 9), tile=4, halo=1)


def test_weights_with_groupnorm_are_refused_with_what_to_do() -> None:
    trunk = Trunk(1, 8)
    state = dict(trunk.state_dict()) | {"down.0.1.weight": torch.ones(8), "down.0.1.bias": torch.zeros(8)}
    with pytest.raises(ValueError, match=r"a trunk with GroupNorm.* train the model again, or use"):
        trunk.load_state_dict(state)
    old = {f"trunk.{name}": value for name, value in state.items()}
    with pytest.raises(ValueError, match=r"a trunk with GroupNorm"):
        LearnedRandomWalker(1, 8).load_state_dict(old, strict=False)


def test_a_pickled_trunk_with_groupnorm_is_refused(tmp_path) -> None:
    trunk = Trunk(1, 8)
    trunk.down[0].first[1] = nn.GroupNorm(8, 8)
    torch.save(trunk, tmp_path / "old.pt")
    with pytest.raises(ValueError, match=r"a trunk with GroupNorm"):
        torch.load(tmp_path / "old.pt", weights_only=False)


def test_statistics_of_an_array_are_not_needed() -> None:
    """The input scale has fixed numbers: a crop of an image is read as in the image."""
    model, image = LearnedRandomWalker(1, 8), np.random.default_rng(0).integers(0, 255, (40, 40), dtype=np.uint8)
    torch.testing.assert_close(model.as_input(image)[..., :20, :20], model.as_input(image[:20, :20]))
