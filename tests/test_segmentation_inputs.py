"""What `random_walker` takes and gives: arrays of every type and layout, tensors and gradients, and what it refuses."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from brute_force import Array, brute_force, close, markers, noise, reference
from torch import Tensor

from graphrw import random_walker

# --- images ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["uint8", "uint16", "uint32", "int16", "int32", "bool", "float32", "float16"])
def test_images_of_every_type_are_read_as_brute_force_reads_them(kind: str) -> None:
    integers = np.dtype(kind).kind in "iu"
    image = (noise(9, 11) * np.iinfo(kind).max if integers else noise(9, 11).round(0 if kind == "bool" else 9)).astype(
        kind
    )
    labels, tolerance = markers(image.shape), 1e-6 if np.dtype(kind).kind == "f" else 1e-9
    close(random_walker(image, labels, 10, return_full_prob=True), brute_force(image, labels, beta=10), tolerance)


def test_a_float32_array_gives_float64() -> None:
    probability = random_walker(noise(9, 11).astype(np.float32), markers((9, 11)), return_full_prob=True)
    assert probability.dtype == np.float64
    close(probability.sum(0), 1)


@pytest.mark.parametrize(
    "form",
    [
        pytest.param(lambda array: array[::-1].copy()[::-1], id="negative stride"),
        pytest.param(lambda array: array.astype(array.dtype.newbyteorder()), id="byte order"),
        pytest.param(lambda array: np.broadcast_to(array, array.shape), id="read only"),
        pytest.param(np.asfortranarray, id="Fortran order"),
    ],
)
def test_arrays_of_every_layout_are_read(form: Callable[[Array], Any]) -> None:
    image, labels = noise(9, 11), markers((9, 11))
    ours = random_walker(form(image), form(labels), return_full_prob=True)
    close(ours, random_walker(image, labels, return_full_prob=True), 0)


def test_with_a_data_range_the_type_of_an_image_does_not_matter() -> None:
    twelve_bits, labels = (4095 * noise(9, 11)).astype(np.uint16), markers((9, 11))
    expected = random_walker(twelve_bits / 4095, labels, return_full_prob=True)
    for kind in ("uint16", "int64", "float32", "float64", ">i4"):
        ours = random_walker(twelve_bits.astype(kind), labels, return_full_prob=True, data_range=4095)
        close(ours, expected, 1e-12)
    with pytest.warns(UserWarning, match="hardly an edge is left"):
        other = random_walker(twelve_bits, labels, return_full_prob=True)
    assert abs(other - expected).max() > 0.1
    of_torch = torch.from_numpy(twelve_bits.astype(np.float32))
    single = random_walker(of_torch, torch.from_numpy(labels), return_full_prob=True, data_range=4095)
    assert single.dtype == torch.float32
    close(single, expected, 1e-5)


def test_integers_that_use_little_of_their_type_are_warned_of() -> None:
    mask, labels = noise(9, 11).round().astype(np.uint8), markers((9, 11))
    with pytest.warns(
        UserWarning, match="is uint8 and uses 0 to 1. .* type holds, here 255, .*`data_range=1`"
    ) as caught:
        random_walker(mask, labels)
    assert caught[0].filename == __file__
    with pytest.warns(UserWarning, match="is int64 and uses 500 to 755"):
        random_walker((500 + 255 * np.arange(99) // 98).reshape(9, 11), labels)
    close(
        random_walker(mask, labels, return_full_prob=True, data_range=1),
        random_walker(mask.astype(bool), labels, return_full_prob=True),
    )


def test_only_pixels_inside_count_for_the_range_in_use() -> None:
    mask, labels = noise(9, 11).round().astype(np.uint8), markers((9, 11))
    mask[labels > 0], mask[0] = 0, 255
    random_walker(mask, labels)
    with pytest.warns(UserWarning, match="is uint8 and uses 0 to 1"):
        random_walker(mask, np.where(np.arange(9)[:, None] > 0, labels, -1))


def test_neither_a_constant_image_nor_a_tenth_of_the_type_is_warned_of() -> None:
    image, labels = np.full((9, 11), 7, np.uint16), markers((9, 11))
    random_walker(image, labels)
    image[4, 4] += 6554  # a little more than a tenth of 65535
    random_walker(image, labels)
    image[4, 4] -= 2
    with pytest.warns(UserWarning, match="is uint16 and uses 7 to 6559"):
        random_walker(image, labels)


def test_what_is_outside_may_be_nan() -> None:
    image, labels = noise(9, 11), markers((9, 11))
    image[0, labels[0] == 0], labels[0, labels[0] == 0] = np.nan, -1
    assert np.isfinite(random_walker(image, labels, return_full_prob=True)).all()


# --- labels ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind",
    ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64"],
)
def test_labels_are_whole_numbers_of_any_type_which_comes_back(kind: str) -> None:
    labels = markers((9, 11)).astype(kind)
    answer = random_walker(noise(9, 11), labels)
    assert answer.dtype == kind
    assert answer.shape == labels.shape
    np.testing.assert_array_equal(answer, random_walker(noise(9, 11), labels.astype(np.int64)))
    of_torch = random_walker(torch.from_numpy(noise(9, 11)), torch.from_numpy(labels))
    assert of_torch.dtype == torch.from_numpy(labels).dtype
    np.testing.assert_array_equal(of_torch, answer)
    np.testing.assert_array_equal(random_walker(noise(9, 11), labels, copy=False), answer)
    np.testing.assert_array_equal(labels, answer)


def test_the_first_line_that_everybody_writes_works() -> None:
    seeds = np.zeros((9, 11))
    seeds[1, 1], seeds[7, 9], seeds[0] = 1, 2, -1
    answer = random_walker(noise(9, 11), seeds)
    np.testing.assert_array_equal(answer, reference(noise(9, 11), seeds, mode="bf"))
    assert answer.dtype == np.float64


def test_boolean_labels_are_seeds_of_one_label() -> None:
    labels = markers((9, 11)) > 0
    np.testing.assert_array_equal(random_walker(noise(9, 11), labels), np.ones((9, 11), bool))
    assert random_walker(noise(9, 11), labels).dtype == bool
    assert random_walker(torch.from_numpy(noise(9, 11)), torch.from_numpy(labels)).dtype == torch.bool
    np.testing.assert_array_equal(random_walker(noise(9, 11), labels, return_full_prob=True), np.ones((1, 9, 11)))


def test_only_without_copy_labels_are_overwritten() -> None:
    image, labels = noise(9, 11), markers((9, 11), (3, 7))
    kept = labels.copy()
    answer = random_walker(image, labels)
    random_walker(image, labels, copy=False, return_full_prob=True)
    np.testing.assert_array_equal(labels, kept)
    np.testing.assert_array_equal(random_walker(image, labels, copy=False), answer)
    np.testing.assert_array_equal(labels, answer)


# --- torch ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [torch.float64, torch.float32, torch.uint8])
def test_torch_in_torch_out(kind: torch.dtype) -> None:
    image, labels = torch.from_numpy(200 * noise(9, 11)).to(kind), torch.from_numpy(markers((9, 11), (3, 7)))
    image = image / 200 if kind.is_floating_point else image
    answer, probability = random_walker(image, labels), random_walker(image, labels, return_full_prob=True)
    assert isinstance(answer, Tensor)
    assert answer.dtype == torch.int64
    assert probability.dtype == (torch.float32 if kind == torch.float32 else torch.float64)
    close(probability, brute_force(image.numpy(), labels.numpy()), 1e-6)
    np.testing.assert_array_equal(answer, random_walker(image.numpy(), labels.numpy()))


def test_a_gradient_reaches_every_pixel_of_a_torch_image() -> None:
    image = torch.from_numpy(noise(6, 7)).requires_grad_()
    probability = random_walker(image, torch.from_numpy(markers((6, 7))), return_full_prob=True)
    probability[0].square().sum().backward()
    assert image.grad is not None
    assert bool((torch.isfinite(image.grad) & (image.grad != 0)).all())
    assert random_walker(image, torch.from_numpy(markers((6, 7)))).requires_grad is False


def test_the_gradient_is_that_of_finite_differences() -> None:
    image, labels = torch.from_numpy(noise(4, 5)).requires_grad_(), torch.from_numpy(markers((4, 5)))
    assert torch.autograd.gradcheck(lambda leaf: random_walker(leaf, labels, 30, return_full_prob=True), image)


# --- errors ---------------------------------------------------------------------------------------------------------

IMAGE, LABELS = noise(4, 5), markers((4, 5))
REFUSED: dict[str, tuple[Any, Any, dict[str, Any], str]] = {
    "labels that are not whole": (IMAGE, LABELS + 0.5, {}, "`labels` must be whole numbers; got 3.5"),
    "labels that are NaN": (IMAGE, LABELS * np.nan, {}, "`labels` must be whole numbers; got nan"),
    "complex labels": (IMAGE, LABELS * 1j, {}, "`labels` must be whole numbers; got torch.complex128"),
    "labels of words": (IMAGE, LABELS.astype(str), {}, "`labels` must be .* whole numbers; got a NumPy array of <U"),
    "no labels": (IMAGE, None, {}, "`labels` must be .* whole numbers, of torch or NumPy; got NoneType"),
    "no image": (None, LABELS, {}, "`image` must be .* numbers, with `channel_axis` one axis more, .* got NoneType"),
    "lists": (IMAGE.tolist(), LABELS.tolist(), {}, r"`labels` must be .*; got list\. Make"),
    "an image of lists": (IMAGE.tolist(), LABELS, {}, r"`image` must be .*; got list\. Make"),
    "array and tensor": (
        IMAGE,
        torch.from_numpy(LABELS),
        {},
        "both be NumPy arrays or both torch tensors; got ndarray and Tensor. `torch.from_numpy",
    ),
    "labels beyond int64": (
        IMAGE,
        np.where(LABELS > 0, LABELS.astype(np.uint64) + np.uint64(2**63 + 5), 0).astype(np.uint64),
        {},
        r"`labels` holds 92233720368547758\d\d, which is more than int64 does",
    ),
    "another shape": (IMAGE, LABELS[:3], {}, r"shape \(H, W\) or \(D, H, W\); got \(4, 5\) and \(3, 5\)"),
    "one axis": (IMAGE[0], LABELS[0], {}, r"must be \(H, W\) or \(D, H, W\) and not empty; got \(5,\)"),
    "no channels": (IMAGE, LABELS, {"channel_axis": -1}, "`image` with channels along `channel_axis`; got"),
    "zero channels": (
        IMAGE[..., None][..., :0],
        LABELS,
        {"channel_axis": -1},
        r"`image` must have at least one channel along `channel_axis`; got \(4, 5, 0\)",
    ),
    "empty": (IMAGE[:0], LABELS[:0], {}, r"`labels` must be .* and not empty; got \(0, 5\)"),
    "no such axis": (IMAGE, LABELS, {"channel_axis": 5}, "`channel_axis`"),
    "NaN": (IMAGE * np.nan, LABELS, {}, "`image` holds NaN or infinite values; fill them"),
    "complex image": (IMAGE * 1j, LABELS, {}, "`image` must be real; got torch.complex128. Take its `abs`"),
    "data range": (IMAGE, LABELS, {"data_range": 0}, "`data_range` must be positive and finite, or None; got 0"),
    "no seed": (IMAGE, 0 * LABELS - 1, {}, "No seeds provided in `labels`: mark at least one pixel"),
    "spacing": (IMAGE, LABELS, {"spacing": (1.0, 1, 2)}, r"`spacing` must be 2 positive, .*; got \(1.0, 1, 2\)"),
    "negative spacing": (IMAGE, LABELS, {"spacing": (1, -1)}, r"`spacing` must be 2 positive, .*; got \(1, -1\)"),
    "infinite spacing": (IMAGE, LABELS, {"spacing": (1, np.inf)}, r"2 positive, finite numbers, .*; got \(1, inf\)"),
    "mode": (IMAGE, LABELS, {"mode": "amg"}, "`mode` must be one of .*'cg_mg'.*; got 'amg'"),
    "beta": (IMAGE, LABELS, {"beta": -1}, "`beta` must be finite and not negative; got -1"),
    "beta of a constant image": (0 * IMAGE, LABELS, {"beta": -1}, "`beta` must be finite and not negative; got -1"),
}


@pytest.mark.parametrize(
    ("image", "labels", "keywords", "message"),
    [pytest.param(*case, id=name) for name, case in REFUSED.items()],
)
def test_what_has_no_answer_is_refused(image: Any, labels: Any, keywords: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        random_walker(image, labels, **keywords)
