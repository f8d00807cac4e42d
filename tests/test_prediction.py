"""NumPy in, NumPy out: prediction by the learned random walker, and the scale of its input."""

import numpy as np
import pytest
import torch

from graphrw import random_walker
from graphrw.models import InputScale, LearnedRandomWalker, Trunk
from graphrw.models.seeds import coarse_seeds

RNG = np.random.default_rng(0)


def scene(*shape: int) -> np.ndarray:
    """uint8: dark in front, bright behind, along the last axis."""
    image = RNG.normal(90, 8, shape)
    image[..., shape[-1] // 2 :] += 60
    return image.clip(0, 255).astype(np.uint8)


def strokes(*shape: int) -> np.ndarray:
    labels = np.zeros(shape, np.int32)
    middle = tuple(size // 2 for size in shape[:-1])
    labels[(*middle, 1)], labels[(*middle, -2)] = 7, 3
    return labels


class Contrast(torch.nn.Module):
    """A trunk that says how bright each block is, times 40."""

    out_channels, halo, alignment = 1, 0, 2

    def __init__(self, stride: int = 2) -> None:
        super().__init__()
        self.stride = self.alignment = stride
        self.pool = torch.nn.AvgPool2d(stride, ceil_mode=True)
        self.by = torch.nn.Parameter(torch.tensor(40.0))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.by * self.pool(image)


def walker(stride: int = 2) -> LearnedRandomWalker:
    """A model that knows: an edge is open where brightness does not change."""
    model = LearnedRandomWalker(1, trunk=Contrast(stride))
    for head in model.head.heads:
        with torch.no_grad():
            head.inner.weight.zero_()
            head.inner.weight[0, 0], head.outer.weight[:], head.outer.bias[:] = 1, 0, -3
            head.inner.bias.zero_()
            head.outer.weight[0, 0] = 1
    return model


@pytest.mark.parametrize(("axes", "shape"), [(2, (21, 30)), (2, (64, 48)), (3, (6, 11, 14))])
def test_labels_come_out_as_they_went_in(axes: int, shape: tuple[int, ...]) -> None:
    model, labels = LearnedRandomWalker(1, 8, axes=axes).train(), strokes(*shape)
    before = labels.copy()
    found = model.predict(scene(*shape), labels)
    assert found.shape == shape
    assert found.dtype == labels.dtype
    assert set(np.unique(found)) == {3, 7}
    assert (found[labels > 0] == labels[labels > 0]).all()
    assert np.array_equal(labels, before)
    assert model.training


def test_what_a_model_has_learned_decides() -> None:
    found = walker().predict(scene(40, 60), strokes(40, 60))
    truth = np.where(np.arange(60) < 30, 7, 3)
    assert (found == truth).mean() > 0.999


def test_tiles_and_the_whole_give_one_answer() -> None:
    model = LearnedRandomWalker(1, 8, trunk=Trunk(1, 8, levels=2, stride=2))
    image, labels = scene(150, 200), strokes(150, 200)
    whole = model.predict(image, labels, return_full_prob=True)
    tiled = model.predict(image, labels, return_full_prob=True, tile=64)
    np.testing.assert_allclose(tiled, whole, atol=1e-5)
    assert (model.predict(image, labels, tile=(40, 200)) == model.predict(image, labels)).mean() > 0.9999


def test_probabilities_are_those_of_forward() -> None:
    model, image, labels = LearnedRandomWalker(1, 8).eval(), scene(20, 30), strokes(20, 30)
    seeds = torch.from_numpy(np.select([labels == 3, labels == 7], [0, 1], -1))[None]
    with torch.no_grad():
        expected = model(model.as_input(image), seeds)[0].numpy()
    probability = model.predict(image, labels, return_full_prob=True)
    free = labels == 0
    assert probability.dtype == np.float32
    np.testing.assert_allclose(probability[:, free], expected[:, free], atol=1e-6)
    np.testing.assert_allclose(probability.sum(0), 1, atol=1e-6)
    assert np.array_equal(probability[:, ~free], (labels[~free] == np.array([[3], [7]])).astype(np.float32))
    assert np.array_equal(np.array([3, 7])[probability.argmax(0)], model.predict(image, labels))


def test_no_walker_enters_what_is_outside() -> None:
    image, labels = scene(40, 60).astype(float) / 255, strokes(40, 60)
    labels[:, 30:34], image[:, 31] = -1, np.nan
    found = walker().predict(image, labels)
    assert (found[:, :30] == 7).all()
    assert (found[:, 34:] == 3).all()
    assert (found[:, 30:34] == -1).all()
    probability = walker().predict(image, labels, return_full_prob=True)
    assert not probability[:, :, 30:34].any()
    np.testing.assert_allclose(np.delete(probability, np.s_[30:34], 2).sum(0), 1, atol=1e-6)


def test_pixels_that_no_seed_reaches_are_said() -> None:
    labels = strokes(20, 30)
    labels[:, 16:20], labels[:, 20:] = -1, 0
    labels[10, 4] = 3
    with pytest.warns(UserWarning, match="200 pixels to be labelled are reached by no seed; they are labelled −1"):
        found = walker().predict(scene(20, 30), labels)
    assert (found[:, 20:] == -1).all()


def test_where_two_labels_share_a_block_the_rarer_has_it() -> None:
    """A stroke of label 9 passes beside the only seed of label 2."""
    labels = np.zeros((20, 20), int)
    labels[4, :], labels[5, 10], labels[15, 15] = 9, 2, 1
    found = LearnedRandomWalker(1, 8, stride=4).predict(scene(20, 20), labels)
    assert found[5, 10] == 2
    assert (found[4] == 9).all()
    assert set(np.unique(found)) == {1, 2, 9}


def test_many_labels_are_compared_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = np.zeros((24, 24), int)
    labels[2::8, 2::8] = np.arange(1, 10).reshape(3, 3)
    model, image = LearnedRandomWalker(1, 8), scene(24, 24)
    found = model.predict(image, labels)
    probability = model.predict(image, labels, return_full_prob=True)
    assert np.array_equal(probability.argmax(0) + 1, found)
    monkeypatch.setattr("graphrw.models.prediction.MAPS", 24 * 24 * 2)
    assert np.array_equal(model.predict(image, labels), found)
    again = model.predict(image, labels, return_full_prob=True)
    np.testing.assert_allclose(again, probability, atol=1e-6)  # sums of other lengths round differently


def test_colour_images_say_where_their_channels_are() -> None:
    image, labels = np.stack([scene(20, 30)] * 3, -1), strokes(20, 30)
    model = LearnedRandomWalker(3, 8)
    last = model.predict(image, labels, channel_axis=-1)
    assert np.array_equal(model.predict(image.transpose(2, 0, 1), labels, channel_axis=0), last)


@pytest.mark.parametrize("kind", [np.uint8, np.int64, float, bool])
def test_labels_of_any_type_will_do(kind: type) -> None:
    labels = np.zeros((12, 16), kind)
    labels[4, 4] = 1
    found = LearnedRandomWalker(1, 8).predict(scene(12, 16), labels)
    assert found.dtype == np.int64
    assert (found == 1).all()


BAD = {
    "shape": (lambda: (scene(8, 8), strokes(8, 9)), r"`image` and `labels` must share the shape .* got \(8, 8\) and"),
    "none": (lambda: (scene(8, 8), np.zeros((8, 8), int)), r"`labels` holds no seed"),
    "halves": (lambda: (scene(8, 8), np.full((8, 8), 0.5)), r"`labels` must be whole numbers"),
    "nan": (lambda: (scene(8, 8), np.full((8, 8), np.nan)), r"`labels` must be whole numbers"),
    "huge": (
        lambda: (scene(8, 8), np.full((8, 8), 2**63, np.uint64)),
        r"`labels` holds 9223372036854775808, which",
    ),
    "flat": (lambda: (scene(8, 8)[0], strokes(8, 8)[0]), r"`labels` must be \(H, W\) or \(D, H, W\)"),
    "words": (lambda: (scene(8, 8), np.full((8, 8), "a")), r"`labels` must be \(H, W\) or \(D, H, W\) whole numbers"),
    "colour": (lambda: (scene(8, 8, 3), strokes(8, 8)), r"`image` must have 2 axes, and 1 channel\(s\)"),
    "not a number": (lambda: (np.full((8, 8), np.nan), strokes(8, 8)), r"`image` holds NaN .* mark their pixels −1"),
    "complex": (lambda: (np.ones((8, 8), complex), strokes(8, 8)), r"`image` must hold real numbers; got complex128"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_predicted_is_refused(name: str) -> None:
    make, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        LearnedRandomWalker(1, 8).predict(*make())


def test_a_label_without_a_block_of_its_own_is_named() -> None:
    labels = np.zeros((8, 8), int)
    labels[0, 0], labels[1, 1], labels[6, 6] = 40, 50, 60
    with pytest.raises(ValueError, match=r"one node for 2 pixels along each axis, and label 40 has none for itself"):
        LearnedRandomWalker(1, 8).predict(scene(8, 8), labels)


def test_without_a_halo_the_image_is_passed_whole() -> None:
    model = walker()
    del Contrast.halo
    try:
        assert set(np.unique(model.predict(scene(12, 16), strokes(12, 16)))) == {3, 7}
        with pytest.raises(ValueError, match=r"\(Contrast\) must have the attribute `halo` to be applied in tiles"):
            model.predict(scene(12, 16), strokes(12, 16), tile=8)
    finally:
        Contrast.halo = 0


def test_with_weights_of_one_the_walk_is_that_of_a_constant_image() -> None:
    model, labels = walker(stride=1), strokes(12, 16)
    flat = np.zeros((12, 16))
    ours = model.predict(flat, labels, return_full_prob=True)
    np.testing.assert_allclose(ours, random_walker(flat, labels, return_full_prob=True), atol=1e-4)


# --- the scale of the input -----------------------------------------------------------------------------------------


def test_integers_are_divided_by_the_largest_of_their_type_and_floats_taken_as_they_are() -> None:
    scale = InputScale(mean=(0.5,), std=(0.25,))
    assert scale.apply(np.array([[0, 255]], np.uint8)).flatten().tolist() == [-2, 2]
    assert scale.apply(np.array([[0, 65535]], np.uint16)).flatten().tolist() == [-2, 2]
    assert scale.apply(np.array([[0.0, 1.0]])).flatten().tolist() == [-2, 2]
    assert scale.apply(np.array([[False, True]])).flatten().tolist() == [-2, 2]


def test_one_number_is_for_all_channels() -> None:
    scale = InputScale(mean=0.5, std=0.25)
    assert scale == InputScale(mean=(0.5,), std=(0.25,))
    assert scale.apply(np.ones((3, 4, 5)), channel_axis=0).unique().tolist() == [2]


def test_the_unit_is_for_data_that_do_not_fill_their_type() -> None:
    assert InputScale(4095).apply(np.array([[0, 4095]], np.uint16)).flatten().tolist() == [0, 1]


def test_a_fitted_scale_gives_mean_0_and_deviation_1_over_all_images() -> None:
    images = [RNG.integers(0, 200, (5, 7, 3), dtype=np.uint8), RNG.integers(50, 255, (9, 4, 3), dtype=np.uint8)]
    scale = InputScale.fit(images, channel_axis=-1)
    values = torch.cat([scale.apply(image, -1)[0].flatten(1) for image in images], 1)
    torch.testing.assert_close(values.mean(1), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(values.std(1, correction=0), torch.ones(3), atol=1e-5, rtol=0)
    assert InputScale.fit([np.full((3, 3), 255, np.uint8)]) == InputScale(mean=(1.0,), std=(1.0,))


def test_percentiles_make_exposures_alike_and_ignore_what_is_not_finite() -> None:
    image = RNG.random((40, 50))
    scale = InputScale.fit([image], percentiles=(1, 99))
    dim = np.round(1000 + 400 * image).astype(np.uint16)
    torch.testing.assert_close(scale.apply(dim), scale.apply(image), atol=0.02, rtol=0)
    holes = np.full((41, 50), np.nan)
    holes[:40] = image
    torch.testing.assert_close(scale.apply(holes)[..., :40, :], scale.apply(image))
    assert scale.apply(np.full((3, 3), 7.0)).isfinite().all()


def test_percentiles_are_those_of_each_channel() -> None:
    image = RNG.random((40, 50))
    both = InputScale(percentiles=(0, 100)).apply(np.stack([image, 5 - 3 * image]), channel_axis=0)
    torch.testing.assert_close(both[0, 0], 1 - both[0, 1])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: InputScale(0.0), r"`unit` must be positive and finite, or None .* got 0.0"),
        (lambda: InputScale(mean=(float("nan"),)), r"`mean` must be finite"),
        (
            lambda: InputScale(percentiles=(99, 1)),
            r"`percentiles` must be two numbers in \[0, 100\], ascending, or None",
        ),
        (lambda: InputScale(std=(0.0,)), r"`std` must be positive and finite"),
        (lambda: InputScale.fit([]), r"`images` must hold at least one image"),
        (lambda: InputScale.fit(np.ones((4, 4))), r"`images` must be several images, .* One image: `\[image\]`"),
        (lambda: InputScale(mean=(0.1, 0.2)).apply(np.ones((4, 4))), r"`image` has 1 channels, .* `mean` is for 2"),
        (
            lambda: InputScale().apply(np.ones((4, 4)), 2),
            r"`channel_axis` must be .*, an axis of `image` \(4, 4\); got 2",
        ),
    ],
)
def test_scales_that_cannot_be_are_refused(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


# --- seeds of cells -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "seeds", [np.zeros((1, 4, 4), int), torch.zeros(4, 4, dtype=torch.int64), torch.zeros(1, 4, 4)]
)
def test_seeds_of_the_wrong_kind_are_refused(seeds: object) -> None:
    with pytest.raises(
        ValueError, match=r"`seeds` must be \(B, H, W\) or \(B, D, H, W\) int64, −1 where there is none"
    ):
        coarse_seeds(seeds, 2)
