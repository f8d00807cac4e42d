"""`segment`: strokes on images and volumes of every kind."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import skimage.data
import torch
from numpy.typing import NDArray

import graphrw as rw
from graphrw.core import blocks, memory

Array = NDArray[Any]


def two_halves(*shape: int, noise: float = 0.1) -> tuple[Array, Array]:
    """A noisy step along the last axis, and a stroke in each half."""
    image = noise * np.random.default_rng(0).standard_normal(shape)
    image[..., shape[-1] // 2 :] += 1
    labels = np.zeros(shape, dtype=np.int64)
    middle = tuple(size // 2 for size in shape[:-1])
    labels[middle][2:6], labels[middle][-6:-2] = 7, 3
    return image, labels


def halves(*shape: int) -> Array:
    return np.where(np.arange(shape[-1]) < shape[-1] // 2, 7, 3) * np.ones(shape, dtype=np.int64)


@pytest.mark.parametrize("shape", [(40, 60), (12, 20, 24)])
def test_a_step_is_found_in_images_and_volumes(shape: tuple[int, ...]) -> None:
    image, labels = two_halves(*shape)
    answer = rw.segment(image, labels)
    assert answer.dtype == labels.dtype
    assert (answer != halves(*shape)).mean() < 0.01


def test_a_volume_may_be_cut_into_slabs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "SLAB", 2000)
    image, labels = two_halves(12, 20, 24)
    labels[:, :2] = -1
    answer = rw.segment(image, labels)
    assert (answer != np.where(labels < 0, -1, halves(12, 20, 24))).mean() < 0.01


def test_what_does_not_fit_into_memory_is_refused_before_it_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_memory", lambda: 2**10)
    with pytest.raises(MemoryError, match=r"Segmenting \(40, 60\) pixels needs about .* Segment it in parts"):
        rw.segment(*two_halves(40, 60))


def test_probabilities_sum_to_one_and_are_those_of_the_labels() -> None:
    image, labels = two_halves(40, 60)
    probability = rw.segment(image, labels, return_full_prob=True)
    np.testing.assert_allclose(probability.sum(0), 1, atol=1e-3)  # solved to 1e-4
    ids = np.array([3, 7])
    np.testing.assert_array_equal(ids[probability.argmax(0)], rw.segment(image, labels))
    for place, label in enumerate(ids):
        assert (probability[place][labels == label] == 1).all()


@pytest.mark.parametrize("band", [0, 4])
def test_strokes_keep_their_label_wherever_they_are(band: int) -> None:
    image, labels = two_halves(40, 60)
    labels[5:9, 30:33] = np.random.default_rng(1).integers(1, 9, (4, 3))
    answer = rw.segment(image, labels, band=band)
    np.testing.assert_array_equal(answer[labels > 0], labels[labels > 0])


def test_what_is_outside_stays_and_may_be_nan() -> None:
    image, labels = two_halves(40, 60)
    labels[:, :3], labels[20, 10:50] = -1, -5
    image[labels < 0] = np.nan
    answer = rw.segment(image, labels)
    np.testing.assert_array_equal(answer < 0, labels < 0)
    np.testing.assert_array_equal(answer[labels < 0], labels[labels < 0])


def test_nan_inside_is_refused() -> None:
    image, labels = two_halves(40, 60)
    image[3, 3] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        rw.segment(image, labels)


@pytest.mark.parametrize("where", [0, -1])
def test_no_stroke_is_refused(where: int) -> None:
    image, labels = two_halves(40, 60)
    with pytest.raises(ValueError, match="holds no stroke"):
        rw.segment(image, 0 * labels + where)


def test_one_label_is_all_of_it() -> None:
    image, labels = two_halves(40, 60)
    labels[labels == 3] = 0
    labels[0] = -1
    answer = rw.segment(image, labels)
    assert (answer[1:] == 7).all()
    assert (answer[0] == -1).all()


def test_strokes_of_one_pixel_do() -> None:
    image, labels = two_halves(40, 60)
    labels[:] = 0
    labels[10, 3], labels[30, 50] = 7, 3
    assert (rw.segment(image, labels) != halves(40, 60)).mean() < 0.01


@pytest.mark.parametrize("kind", ["uint8", "uint16", "int32", "float32", "float64"])
def test_the_units_of_an_image_do_not_matter(kind: str) -> None:
    image, labels = two_halves(40, 60)
    levels = np.clip(image * 100 + 80, 0, 255).round()
    expected = rw.segment(levels / 255, labels)
    np.testing.assert_array_equal(rw.segment(levels.astype(kind), labels), expected)


@pytest.mark.parametrize(
    "change",
    [
        lambda levels: levels + 1e9,
        lambda levels: levels * 1e300,
        lambda levels: (levels - 128) * 1e306,
        lambda levels: levels * 1e-300,
        lambda levels: levels.astype(np.int64) + 2**40,
    ],
    ids=["offset", "large", "of both signs", "small", "int64"],
)
def test_neither_do_offsets_and_units_that_float32_does_not_hold(change: Callable[[Array], Array]) -> None:
    image, labels = two_halves(40, 60)
    levels = np.clip(image * 100 + 80, 0, 255).round()
    np.testing.assert_array_equal(rw.segment(change(levels), labels), rw.segment(levels, labels))


def test_the_same_strokes_give_the_same_answer_in_torch_too() -> None:
    image, labels = two_halves(40, 60)
    first = rw.segment(image, labels, return_full_prob=True)
    np.testing.assert_array_equal(rw.segment(image, labels, return_full_prob=True), first)
    ours = rw.segment(torch.from_numpy(image), torch.from_numpy(labels), return_full_prob=True)
    assert isinstance(ours, torch.Tensor)
    np.testing.assert_array_equal(ours.numpy(), first)


@pytest.mark.parametrize("channels", [2, 3, 5])
def test_channels_may_stand_on_any_axis(channels: int) -> None:
    image, labels = two_halves(40, 60)
    stacked = np.stack([image] + [np.roll(image, 1, 0)] * (channels - 1))
    answer = rw.segment(stacked, labels, channel_axis=0, n_segments=200)
    assert (answer != halves(40, 60)).mean() < 0.01
    np.testing.assert_array_equal(
        rw.segment(np.moveaxis(stacked, 0, -1), labels, channel_axis=-1, n_segments=200), answer
    )


@pytest.mark.parametrize("colour_model", [True, False])
def test_a_constant_image_is_shared_by_distance(colour_model: bool) -> None:
    _, labels = two_halves(200, 300)
    answer = rw.segment(np.full((200, 300), 5.0), labels, colour_model=colour_model)
    assert (answer != halves(200, 300)).mean() < 0.05


@pytest.mark.parametrize("noise", [0.0, 0.02, 0.1])
@pytest.mark.parametrize("seed", range(3))
def test_a_part_apart_gets_the_label_of_its_colour_not_of_the_nearest_stroke(noise: float, seed: int) -> None:
    image = noise * np.random.default_rng(seed).standard_normal((120, 180))
    image[:, 60:120] += 1
    labels = np.zeros((120, 180), dtype=int)
    labels[50:70, 20], labels[50:70, 90] = 1, 2
    expected = np.where((np.arange(180) // 60) % 2, 2, 1) * np.ones_like(labels)
    assert (rw.segment(image, labels) != expected).mean() < 0.03


def test_what_no_stroke_reaches_is_minus_one_without_colours() -> None:
    image, labels = two_halves(40, 60)
    labels[:, 25:28], image[:, :25] = -1, 99.0
    labels[labels == 7] = 0
    labels[5, 40] = 9
    with pytest.warns(UserWarning, match="reached by no stroke"):
        answer = rw.segment(image, labels, colour_model=False)
    assert (answer[:, :25] == -1).all()
    assert (answer[:, 28:] > 0).all()


def test_the_unit_of_spacing_does_not_matter() -> None:
    values = np.random.default_rng(0).random((4, 12, 16)) * 0.3
    values[..., 8:] += 0.7
    labels = np.zeros(values.shape, int)
    labels[2, 3, 2:4], labels[2, 3, 12:14] = 1, 2
    millimetres, metres = (rw.segment(values, labels, spacing=(4 * u, u, u)) for u in (1.0, 1e-3))
    np.testing.assert_array_equal(millimetres, metres)


def test_the_spacing_says_how_far_it_is() -> None:
    image, labels = np.zeros((60, 60)), np.zeros((60, 60), dtype=int)
    labels[2:5, 28:32], labels[28:32, 2:5] = 1, 2  # at the top, and on the left
    wide, high = (rw.segment(image, labels, spacing=spacing, n_segments=600) for spacing in ((1, 5), (5, 1)))
    assert (wide == 1).mean() > 0.9  # columns are far apart: what is left of most pixels is farther than what is above
    assert (high == 2).mean() > 0.9


def test_labels_keep_their_type() -> None:
    image, labels = two_halves(20, 30)
    for kind in ("uint8", "int16", "int32", "uint64"):
        assert rw.segment(image, labels.astype(kind)).dtype == kind


def test_a_photograph_is_split_where_a_person_would() -> None:
    image = skimage.data.astronaut()
    labels = np.zeros(image.shape[:2], dtype=int)
    labels[100:160, 220] = 1  # the face
    labels[400:480, 200] = 1  # the suit
    labels[20:200, 60], labels[30:60, 430] = 2, 2  # the flag, the model of a shuttle
    answer = rw.segment(image, labels, channel_axis=-1)
    assert (answer[130:150, 200:240] == 1).all()
    assert (answer[:60, :100] == 2).all()
