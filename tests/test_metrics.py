"""Metrics against scikit-image and scikit-learn, closed forms, and what they refuse."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage
from skimage import metrics as skimage_metrics
from sklearn import metrics as scikit_learn  # type: ignore[import-untyped]
from torch import Tensor

from graphrw import metrics

Score = Callable[..., float]
scikit_image: Any = skimage_metrics  # it has no types

SCORES: list[Score] = [
    lambda *labels, **options: metrics.variation_of_information(*labels, **options).split,
    lambda *labels, **options: metrics.variation_of_information(*labels, **options).merge,
    metrics.adjusted_rand_error,
    metrics.adapted_rand_error,
]
every_score = pytest.mark.parametrize("score", SCORES, ids=["split", "merge", "adjusted", "adapted"])


def blocks(shape: tuple[int, ...], seed: int, size: int = 5) -> Tensor:
    """Labels that are constant on blocks of the given size, with a few pixels changed."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randint(0, 9, tuple(-(-extent // size) for extent in shape), generator=generator)
    for axis, extent in enumerate(shape):
        coarse = coarse.repeat_interleave(size, axis).narrow(axis, 0, extent)
    noise = torch.randint(0, 9, shape, generator=generator)
    return torch.where(torch.rand(shape, generator=generator) < 0.1, noise, coarse)


def every(label: int | None) -> tuple[int, ...]:
    return () if label is None else (label,)


@pytest.fixture(params=[(200,), (23, 31), (7, 12, 9)], ids=["nodes", "image", "volume"])
def labels(request: pytest.FixtureRequest) -> tuple[Tensor, Tensor]:
    return blocks(request.param, seed=0, size=4), blocks(request.param, seed=1)


@pytest.mark.parametrize("ignore_index", [None, 0, 3])
def test_variation_of_information_is_that_of_scikit_image(
    labels: tuple[Tensor, Tensor], ignore_index: int | None
) -> None:
    predicted, truth = labels
    ours = metrics.variation_of_information(predicted, truth, ignore_index=ignore_index)
    theirs = scikit_image.variation_of_information(truth.numpy(), predicted.numpy(), ignore_labels=every(ignore_index))
    np.testing.assert_allclose([ours.split, ours.merge], theirs, rtol=1e-12)
    assert ours.total == pytest.approx(theirs.sum(), rel=1e-12)


@pytest.mark.parametrize("ignore_index", [None, 0, 3])
def test_adapted_rand_error_is_that_of_scikit_image(labels: tuple[Tensor, Tensor], ignore_index: int | None) -> None:
    predicted, truth = labels
    theirs, _, _ = scikit_image.adapted_rand_error(truth.numpy(), predicted.numpy(), ignore_labels=every(ignore_index))
    assert metrics.adapted_rand_error(predicted, truth, ignore_index=ignore_index) == pytest.approx(theirs, rel=1e-12)


@pytest.mark.parametrize("ignore_index", [None, 0, 3])
def test_adjusted_rand_error_is_one_minus_the_index_of_scikit_learn(
    labels: tuple[Tensor, Tensor], ignore_index: int | None
) -> None:
    predicted, truth = labels
    kept = torch.ones_like(truth, dtype=torch.bool) if ignore_index is None else truth != ignore_index
    index = scikit_learn.adjusted_rand_score(truth[kept].numpy(), predicted[kept].numpy())
    assert metrics.adjusted_rand_error(predicted, truth, ignore_index=ignore_index) == pytest.approx(
        1 - index, rel=1e-12
    )


@pytest.mark.parametrize("ignore_index", [None, 0, 3])
def test_mean_iou_is_the_macro_jaccard_score_of_scikit_learn(
    labels: tuple[Tensor, Tensor], ignore_index: int | None
) -> None:
    predicted, truth = labels
    kept = torch.ones_like(truth, dtype=torch.bool) if ignore_index is None else truth != ignore_index
    theirs = scikit_learn.jaccard_score(truth[kept].numpy(), predicted[kept].numpy(), average="macro")
    assert metrics.mean_iou(predicted, truth, ignore_index=ignore_index) == pytest.approx(theirs, rel=1e-12)


def test_cutting_a_true_segment_in_half_is_one_bit_of_split_and_no_merge() -> None:
    cut, whole = torch.tensor([1, 1, 2, 2]), torch.tensor([7, 7, 7, 7])
    assert metrics.variation_of_information(cut, whole) == metrics.VariationOfInformation(split=1.0, merge=0.0)
    assert metrics.variation_of_information(whole, cut) == metrics.VariationOfInformation(split=0.0, merge=1.0)


@every_score
def test_the_same_partition_under_other_names_scores_zero(score: Score) -> None:
    truth = blocks((20, 20), seed=2)
    renamed = torch.randperm(9, generator=torch.Generator().manual_seed(0))[truth] * 10**12 - 5
    assert score(renamed, truth) == 0.0


@every_score
@pytest.mark.parametrize(
    ("trivial", "shape"), [(torch.zeros, (4,)), (torch.arange, 4), (torch.zeros, (1,))], ids=["one", "many", "pixel"]
)
def test_trivial_partitions_that_agree_score_zero(score: Score, trivial: Callable[..., Tensor], shape: object) -> None:
    partition = trivial(shape).long()
    assert score(partition, partition) == 0.0


def test_one_segment_against_single_pixels_is_as_bad_as_chance() -> None:
    one, many = torch.zeros(8, dtype=torch.int64), torch.arange(8)
    assert metrics.adjusted_rand_error(one, many) == 1.0
    assert metrics.adapted_rand_error(one, many) == 1.0
    assert metrics.variation_of_information(one, many).merge == 3.0


def test_the_adjusted_rand_error_exceeds_one_for_partitions_worse_than_chance() -> None:
    assert metrics.adjusted_rand_error(torch.tensor([0, 1, 0, 1]), torch.tensor([0, 0, 1, 1])) == 1.5


@every_score
def test_huge_and_negative_labels_cost_nothing(score: Score) -> None:
    predicted, truth = blocks((20, 20), seed=3), blocks((20, 20), seed=4)
    far = torch.tensor([-(2**63), -1, 0, 1, 2**31, 2**40, 2**60, 2**62, 2**63 - 1])
    assert score(far[predicted], far[truth]) == score(predicted, truth)


@every_score
@pytest.mark.parametrize("kind", [torch.uint8, torch.int32, torch.bool])
def test_every_kind_of_integer_counts_as_a_label(score: Score, kind: torch.dtype) -> None:
    predicted, truth = blocks((20, 20), seed=3) % 2, blocks((20, 20), seed=4) % 2
    assert score(predicted.to(kind), truth.to(kind)) == score(predicted, truth)


@every_score
def test_only_true_labels_are_ignored(score: Score) -> None:
    predicted, truth = torch.tensor([0, 0, 1, 1, 2]), torch.tensor([1, 1, 1, 2, 0])
    assert score(predicted, truth, ignore_index=0) == score(predicted[:4], truth[:4])
    assert score(predicted, truth, ignore_index=9) == score(predicted, truth)


def outside_the_boundary(truth: np.ndarray, tolerance: float) -> np.ndarray:
    """Which pixels count, by SciPy's exact distance to the pixels that differ from a neighbour along an axis."""
    shape = ndimage.generate_binary_structure(truth.ndim, 1)
    highest = ndimage.maximum_filter(truth, footprint=shape, mode="nearest")
    lowest = ndimage.minimum_filter(truth, footprint=shape, mode="nearest")
    return np.asarray(ndimage.distance_transform_edt(highest == lowest) > tolerance)


@every_score
@pytest.mark.parametrize("tolerance", [0.5, 1, math.sqrt(2), math.sqrt(3), 2, 2.236, math.sqrt(5), 4])
@pytest.mark.parametrize("shape", [(60, 47), (24, 19, 22)], ids=["image", "volume"])
def test_the_boundary_tolerance_is_a_euclidean_distance(score: Score, tolerance: float, shape: tuple[int, ...]) -> None:
    truth = torch.zeros(shape, dtype=torch.int64)
    truth[tuple(slice(extent // 3) for extent in shape)] = 1
    truth[tuple(slice(extent // 3 + 6, None) for extent in shape[:2])] = 2
    predicted = blocks(shape, seed=5)
    kept = torch.from_numpy(outside_the_boundary(truth.numpy(), tolerance))
    assert 0 < int(kept.sum()) < kept.numel()
    assert score(predicted, truth, boundary_tolerance=tolerance) == score(predicted[kept], truth[kept])


def test_a_tolerance_wider_than_the_image_still_counts_what_lies_beyond_it() -> None:
    truth = torch.zeros(3, 50, dtype=torch.int64)
    truth[:, 45:] = 1
    predicted = (torch.arange(50) < 24).long().expand(3, 50)
    score = metrics.variation_of_information(predicted, truth, boundary_tolerance=20)
    assert score == metrics.VariationOfInformation(split=0.0, merge=0.0)
    assert metrics.variation_of_information(predicted, truth, boundary_tolerance=19).split > 0


@every_score
def test_an_image_without_a_boundary_counts_whole_at_any_tolerance(score: Score) -> None:
    predicted, truth = blocks((9, 9), seed=5), torch.zeros(9, 9, dtype=torch.int64)
    assert score(predicted, truth, boundary_tolerance=100) == score(predicted, truth)


@every_score
def test_the_boundary_of_the_prediction_is_not_tolerated(score: Score) -> None:
    truth, shifted = torch.zeros(2, 20, 40, dtype=torch.int64)
    truth[:, 20:] = 1
    shifted[:, 30:] = 1
    assert score(shifted, truth, boundary_tolerance=3) > 0
    shifted[:, 22:] = 1
    assert score(shifted, truth) > 0
    assert score(shifted, truth, boundary_tolerance=3) == 0


@every_score
def test_the_border_of_an_ignored_region_is_a_boundary_too(score: Score) -> None:
    truth, predicted = torch.ones(2, 20, 20, dtype=torch.int64)
    truth[:, :10] = 0
    predicted[:, 10:12] = 2  # wrong beside the ignored region
    truth[:9, 15:], predicted[:9, 15:], predicted[9:11, 15:] = 3, 3, 3  # wrong beside another segment
    assert score(predicted, truth, ignore_index=0, boundary_tolerance=2) == 0
    assert score(predicted, truth, ignore_index=0) > 0


def test_a_class_that_occurs_nowhere_is_not_counted() -> None:
    predicted, truth = torch.tensor([0, 0, 2, 2]), torch.tensor([0, 2, 2, 2])
    assert metrics.mean_iou(predicted, truth, num_classes=10) == pytest.approx((1 / 2 + 2 / 3) / 2)


def test_a_class_that_is_only_predicted_counts_as_zero() -> None:
    assert metrics.mean_iou(torch.tensor([0, 1]), torch.tensor([0, 0])) == pytest.approx(1 / 4)


def test_ignored_pixels_may_hold_any_class_at_all() -> None:
    predicted, truth = torch.tensor([0, 1, -7, 99]), torch.tensor([0, 1, 255, 255])
    assert metrics.mean_iou(predicted, truth, num_classes=2, ignore_index=255) == 1.0


@every_score
def test_metrics_are_plain_numbers(score: Score) -> None:
    truth = blocks((5, 5), seed=0)
    assert type(score(truth, truth.T)) is float
    assert type(metrics.mean_iou(truth, truth.T)) is float


all_metrics = pytest.mark.parametrize(
    "metric", [metrics.variation_of_information, metrics.adjusted_rand_error, metrics.adapted_rand_error]
)
all_with_iou = pytest.mark.parametrize("metric", [metrics.variation_of_information, metrics.mean_iou])


@all_with_iou
def test_differing_shapes_are_refused(metric: Score) -> None:
    with pytest.raises(ValueError, match=r"same shape; got \(3, 4\) and \(4, 3\)"):
        metric(torch.zeros(3, 4, dtype=torch.int64), torch.zeros(4, 3, dtype=torch.int64))


@all_with_iou
@pytest.mark.parametrize("kind", [torch.float32, torch.complex64])
def test_labels_that_are_no_integers_are_refused(metric: Score, kind: torch.dtype) -> None:
    integers = torch.zeros(3, dtype=torch.int64)
    with pytest.raises(ValueError, match=f"`predicted` must be a tensor of integer labels; got {kind}"):
        metric(integers.to(kind), integers)
    with pytest.raises(ValueError, match=f"`truth` must be a tensor of integer labels; got {kind}"):
        metric(integers, integers.to(kind))


@all_with_iou
def test_arrays_do_as_well_as_tensors(metric: Score) -> None:
    predicted, truth = torch.tensor([0, 1, 1]), torch.tensor([0, 0, 1])
    assert metric(predicted.numpy(), truth.numpy()) == metric(predicted, truth)  # type: ignore[arg-type]


def test_labels_on_two_devices_are_refused() -> None:
    here = torch.zeros(3, dtype=torch.int64)
    with pytest.raises(ValueError, match="`predicted` is on meta and `truth` on cpu; move them to one device"):
        metrics.adapted_rand_error(here.to("meta"), here)


@all_with_iou
def test_empty_labels_are_refused(metric: Score) -> None:
    empty = torch.zeros(0, 4, dtype=torch.int64)
    with pytest.raises(ValueError, match=r"no pixel to score: `predicted` and `truth` have shape \(0, 4\)"):
        metric(empty, empty)


@all_with_iou
def test_ignoring_everything_is_refused(metric: Score) -> None:
    truth = torch.full((3, 3), -1)
    with pytest.raises(ValueError, match="No pixel is left to score: of 9, 9 have the ignored label -1"):
        metric(truth, truth, ignore_index=-1)


def test_a_tolerance_that_leaves_nothing_is_refused() -> None:
    truth = torch.eye(3, dtype=torch.int64)
    with pytest.raises(ValueError, match="of 9, 0 have the ignored label None, and `boundary_tolerance`=3 leaves out"):
        metrics.adapted_rand_error(truth, truth, boundary_tolerance=3)


@all_metrics
@pytest.mark.parametrize("shape", [(5,), (2, 3, 4, 5)])
def test_a_tolerance_needs_an_image_or_a_volume(metric: Score, shape: tuple[int, ...]) -> None:
    truth = torch.zeros(shape, dtype=torch.int64)
    with pytest.raises(ValueError, match=r"needs labels of shape \(H, W\) or \(D, H, W\).* got shape \(.*5,?\)"):
        metric(truth, truth, boundary_tolerance=1)


@all_metrics
@pytest.mark.parametrize("tolerance", [-1, math.nan, math.inf])
def test_an_impossible_tolerance_is_refused(metric: Score, tolerance: float) -> None:
    truth = torch.zeros(4, 4, dtype=torch.int64)
    with pytest.raises(ValueError, match=f"finite and not negative; got {tolerance}"):
        metric(truth, truth, boundary_tolerance=tolerance)


def test_negative_classes_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"not be negative; got -1\. If it marks unlabelled truth, pass `ignore_index=-1`"
    ):
        metrics.mean_iou(torch.tensor([0, 1]), torch.tensor([0, -1]))


def test_classes_beyond_the_number_of_classes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"lie in \[0, 3\) \(`num_classes`=3\); got 255.*pass `ignore_index=255`"):
        metrics.mean_iou(torch.tensor([0, 1]), torch.tensor([0, 255]), num_classes=3)
