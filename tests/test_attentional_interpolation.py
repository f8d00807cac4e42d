"""Attentional interpolation against a loop over pixels, its limits, derivatives, memory, and what it refuses."""

import io
import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import interpolate, one_hot

from graphrw.functional import attentional_interpolation, interpolation
from graphrw.nn import AttentionalInterpolation


def rand(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def slow(
    values: Tensor, high: Tensor, low: Tensor, *, scale: float, window: int = 5, align_corners: bool = False
) -> Tensor:
    """The definition, pixel by pixel; the window is made of the cells whose centres are nearest, along each axis."""
    result = values.new_zeros(*values.shape[:2], *high.shape[2:])
    for y in range(high.shape[2]):
        for x in range(high.shape[3]):
            rows = nearest(y, high.shape[2], values.shape[2], window, align_corners)
            columns = nearest(x, high.shape[3], values.shape[3], window, align_corners)
            apart = (low[:, :, rows][:, :, :, columns] - high[:, :, y : y + 1, x : x + 1]).square().mean(1)
            attention = (-scale * apart).flatten(1).softmax(1)
            inside = values[:, :, rows][:, :, :, columns].flatten(2)
            result[:, :, y, x] = (inside * attention[:, None]).sum(2)
    return result


def nearest(pixel: int, fine: int, coarse: int, window: int, align_corners: bool) -> Tensor:
    """The cells nearest to a pixel; of two at the same distance the later one."""
    if align_corners:
        centres = torch.linspace(0, fine - 1, coarse, dtype=torch.float64)
    else:
        centres = (torch.arange(coarse, dtype=torch.float64) + 0.5) * fine / coarse - 0.5
    distance = (centres - pixel).abs() - 1e-9 * torch.arange(coarse)
    return distance.argsort()[: min(window, coarse)].sort().values


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("window", [1, 2, 3, 4, 5, 50])
@pytest.mark.parametrize("sizes", [((3, 4), (9, 8)), ((6, 7), (13, 31)), ((5, 5), (5, 5)), ((1, 6), (4, 11))])
def test_each_pixel_is_the_attention_over_the_cells_nearest_to_it(
    sizes: tuple[tuple[int, int], tuple[int, int]], window: int, align_corners: bool
) -> None:
    coarse, fine = sizes
    values, high, low = rand(2, 3, *coarse), rand(2, 4, *fine, seed=1), rand(2, 4, *coarse, seed=2)
    found = attentional_interpolation(values, high, low, scale=3.0, window=window, align_corners=align_corners)
    expected = slow(values, high, low, scale=3.0, window=window, align_corners=align_corners)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("align_corners", [False, True])
def test_without_coarse_features_the_fine_ones_are_resized(align_corners: bool) -> None:
    values, high = rand(1, 2, 3, 4), rand(1, 5, 9, 12, seed=1)
    low = interpolate(high, (3, 4), mode="bilinear", align_corners=align_corners)
    with_low = attentional_interpolation(values, high, low, scale=2.0, align_corners=align_corners)
    without = attentional_interpolation(values, high, scale=2.0, align_corners=align_corners)
    torch.testing.assert_close(without, with_low)


def test_a_grid_of_stride_eight_lies_on_every_eighth_pixel() -> None:
    values, low = rand(1, 1, 41, 41), rand(1, 3, 41, 41, seed=1)
    high = interpolate(low, (321, 321), mode="bilinear", align_corners=True)
    found = attentional_interpolation(values, high, low, scale=1.0, window=1, align_corners=True)
    torch.testing.assert_close(found[:, :, ::8, ::8], values)


def test_a_large_scale_takes_the_cell_that_looks_the_same() -> None:
    low = torch.randperm(12, generator=torch.Generator().manual_seed(0)).double().reshape(1, 1, 3, 4)
    values = rand(1, 2, 3, 4)
    high = low.repeat_interleave(5, 2).repeat_interleave(5, 3)
    found = attentional_interpolation(values, high, low, scale=1e4)
    torch.testing.assert_close(found, values.repeat_interleave(5, 2).repeat_interleave(5, 3))


def test_labels_follow_an_edge_of_the_image_that_the_coarse_grid_misses() -> None:
    image = (torch.arange(16) >= 7).double().expand(1, 1, 16, 16)
    coarse = one_hot(torch.tensor([[0, 0, 1, 1]]).expand(4, 4)).movedim(-1, 0).unsqueeze(0).double()
    low = coarse[:, 1:]
    assert bool((interpolate(coarse, (16, 16), mode="bilinear").argmax(1) != image[0]).any())
    assert torch.equal(attentional_interpolation(coarse, image, low, scale=50.0).argmax(1).double(), image[0])


def test_without_features_that_differ_it_is_the_mean_over_the_window() -> None:
    values = rand(1, 1, 5, 5)
    found = attentional_interpolation(values, torch.ones(1, 2, 5, 5, dtype=torch.float64), scale=7.0, window=3)
    torch.testing.assert_close(found[0, 0, 2, 2], values[0, 0, 1:4, 1:4].mean())
    torch.testing.assert_close(found[0, 0, 0, 0], values[0, 0, :3, :3].mean())


def test_values_stay_within_their_range_and_constants_stay_constant() -> None:
    values, high = rand(2, 3, 4, 5), rand(2, 4, 17, 19, seed=1)
    found = attentional_interpolation(values, high, scale=5.0)
    assert values.min() <= found.min() < found.max() <= values.max()
    constant = attentional_interpolation(torch.full_like(values, 0.3), high, scale=5.0)
    torch.testing.assert_close(constant, torch.full_like(found, 0.3))


def test_interpolation_has_exact_derivatives_of_both_orders() -> None:
    inputs = (rand(1, 2, 2, 2), rand(1, 2, 3, 3, seed=1), rand(1, 2, 2, 2, seed=2), torch.tensor(1.7).double())
    leaves = tuple(leaf.requires_grad_() for leaf in inputs)

    def run(values: Tensor, high: Tensor, low: Tensor, scale: Tensor) -> Tensor:
        return attentional_interpolation(values, high, low, scale=scale, window=2)

    assert torch.autograd.gradcheck(run, leaves)
    assert torch.autograd.gradgradcheck(run, leaves, fast_mode=True)
    assert torch.autograd.gradcheck(lambda v, h: attentional_interpolation(v, h, scale=2.0), leaves[:2])


def test_what_is_kept_for_backward_does_not_hold_the_features_of_every_window() -> None:
    values, high = rand(1, 20, 6, 6), rand(1, 64, 48, 48, seed=1).requires_grad_()
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        found = attentional_interpolation(values, high, scale=torch.tensor(1.0, requires_grad=True))
    for given in (values, high):
        kept.pop(given.untyped_storage().data_ptr(), None)
    pixels = 48 * 48 * 8  # bytes of one channel
    assert 25 * pixels <= sum(kept.values()) < 3 * 25 * pixels  # the attention; features would be 64 × 25
    found.sum().backward()
    assert high.grad is not None


@pytest.mark.parametrize("strip", [1, 200, 300])
def test_an_image_done_in_strips_is_the_same(strip: int, monkeypatch: pytest.MonkeyPatch) -> None:
    values, high, low = rand(1, 2, 4, 5), rand(1, 3, 17, 19, seed=1), rand(1, 3, 4, 5, seed=2)
    leaves = [leaf.requires_grad_() for leaf in (values, high, low)]
    whole = attentional_interpolation(*leaves, scale=4.0)
    expected = torch.autograd.grad(whole.square().sum(), leaves)
    monkeypatch.setattr(interpolation, "AT_ONCE", strip)
    found = attentional_interpolation(*leaves, scale=4.0)
    torch.testing.assert_close(found, whole)
    torch.testing.assert_close(torch.autograd.grad(found.square().sum(), leaves), expected)


def test_the_scale_is_learned_and_stays_positive() -> None:
    layer = AttentionalInterpolation(scale=1.5, window=2).double()
    values, high = rand(1, 2, 4, 4), rand(1, 3, 12, 12, seed=1)
    target = attentional_interpolation(values, high, scale=6.0, window=2)
    optimiser = torch.optim.Adam(layer.parameters(), lr=0.2)
    for _ in range(100):
        optimiser.zero_grad()
        (layer(values, high) - target).square().mean().backward()
        optimiser.step()
    assert float(layer.scale.detach()) == pytest.approx(6.0, rel=0.02)
    assert [name for name, _ in layer.named_parameters()] == ["log_scale"]


def test_the_layer_is_the_function_and_can_be_saved() -> None:
    layer = AttentionalInterpolation(scale=3.0, window=4, align_corners=True)
    values, high, low = rand(1, 2, 4, 4).float(), rand(1, 3, 9, 9).float(), rand(1, 3, 4, 4).float()
    expected = attentional_interpolation(values, high, low, scale=3.0, window=4, align_corners=True)
    torch.testing.assert_close(layer(values, high, low), expected)
    file = io.BytesIO()
    torch.save(layer.state_dict(), file)
    file.seek(0)
    other = AttentionalInterpolation(scale=1.0, window=4, align_corners=True)
    other.load_state_dict(torch.load(file))
    assert torch.equal(other(values, high, low), layer(values, high, low))
    assert repr(layer) == "AttentionalInterpolation(scale=3, window=4, align_corners=True)"


def test_levels_of_a_pyramid_follow_one_another() -> None:
    levels = torch.nn.ModuleList(AttentionalInterpolation(scale) for scale in (8.0, 4.0, 1.0))
    values = rand(1, 20, 4, 5).float()
    for layer, size in zip(levels, ((4, 5), (8, 10), (16, 20)), strict=True):
        values = layer(values, rand(1, 6, *size).float())
    assert values.shape == (1, 20, 16, 20)


def test_half_precision_is_widened() -> None:
    values, high = rand(1, 2, 3, 3).bfloat16(), rand(1, 4, 9, 9).half()
    assert attentional_interpolation(values, high, scale=1.0).dtype == torch.float32


@pytest.mark.parametrize(
    ("values", "high"),
    [((2, 3, 3), (1, 4, 9, 9)), ((1, 2, 3, 3), (4, 9, 9)), ((2, 2, 3, 3), (1, 4, 9, 9)), ((1, 2, 0, 3), (1, 4, 9, 9))],
)
def test_maps_that_do_not_belong_together_are_refused(values: tuple[int, ...], high: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"\(B, R, h, w\) and \(B, C, H, W\), not empty; got .* batch of one"):
        attentional_interpolation(torch.zeros(values), torch.zeros(high), scale=1.0)


def test_coarse_features_on_another_grid_are_refused() -> None:
    with pytest.raises(ValueError, match=r"on the grid of `values`, \(1, 4, 3, 3\); got \(1, 4, 3, 2\)"):
        attentional_interpolation(torch.zeros(1, 2, 3, 3), torch.zeros(1, 4, 9, 9), torch.zeros(1, 4, 3, 2), scale=1.0)


def test_integer_labels_are_refused() -> None:
    with pytest.raises(ValueError, match=r"got torch\.int64\. Turn labels into one-hot maps"):
        attentional_interpolation(torch.zeros(1, 1, 3, 3).long(), torch.zeros(1, 4, 9, 9), scale=1.0)


@pytest.mark.parametrize("scale", [0.0, -1.0, math.nan, math.inf])
def test_an_impossible_scale_is_refused(scale: float) -> None:
    with pytest.raises(ValueError, match=f"`scale` must be one finite number > 0; got {scale}"):
        AttentionalInterpolation(scale=scale)


def test_scales_of_each_channel_are_refused() -> None:
    with pytest.raises(ValueError, match="`scale` must be one finite number"):
        attentional_interpolation(torch.zeros(1, 1, 3, 3), torch.zeros(1, 4, 9, 9), scale=torch.ones(4))


def test_an_empty_window_is_refused() -> None:
    with pytest.raises(ValueError, match="`window` must be a whole number from 1, in cells; got 0"):
        AttentionalInterpolation(window=0)
