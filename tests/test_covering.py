"""Segmentation covering by hand-worked examples, a loop over segments, properties, and what it refuses."""

import pytest
import torch
from sklearn.metrics import jaccard_score  # type: ignore[import-untyped]
from torch import Tensor

from graphrw.metrics.covering import (
    ScaleCovering,
    annotator_coverings,
    best_segmentation_covering,
    hierarchy_covering,
    segmentation_covering,
)

ONE = torch.zeros(4, 4, dtype=torch.int64)
HALVES = torch.arange(4).div(2, rounding_mode="floor").expand(4, 4)
QUARTERS = HALVES + 2 * HALVES.T
PIXELS = torch.arange(16).reshape(4, 4)


def patches(seed: int, shape: tuple[int, ...] = (12, 15)) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randint(0, 5, (4, 5), generator=generator).repeat_interleave(3, 0).repeat_interleave(3, 1)
    noise = torch.randint(0, 5, shape, generator=generator)
    return torch.where(torch.rand(shape, generator=generator) < 0.1, noise, coarse)


def slow_covering(predicted: Tensor, truth: Tensor) -> float:
    """The definition, segment by segment, with scikit-learn's overlap."""
    total = 0.0
    for label in truth.unique():
        inside = (truth == label).flatten().numpy()
        best = max(jaccard_score(inside, (predicted == other).flatten().numpy()) for other in predicted.unique())
        total += float(inside.sum()) * best
    return total / truth.numel()


@pytest.mark.parametrize(
    ("predicted", "truth", "expected"),
    [
        (ONE, HALVES, 0.5),
        (HALVES, ONE, 0.5),
        (QUARTERS, HALVES, 0.5),
        (QUARTERS, ONE, 0.25),
        (HALVES, HALVES.T, 1 / 3),
        (PIXELS, HALVES, 1 / 8),
        (torch.tensor([0, 0, 0, 1]), torch.tensor([0, 0, 1, 1]), (2 * 2 / 3 + 2 * 1 / 2) / 4),
    ],
)
def test_coverings_worked_by_hand(predicted: Tensor, truth: Tensor, expected: float) -> None:
    assert segmentation_covering(predicted, truth) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_covering_is_its_definition(seed: int) -> None:
    predicted, truth = patches(seed), patches(seed + 50)
    assert segmentation_covering(predicted, truth) == pytest.approx(slow_covering(predicted, truth), rel=1e-12)


def test_covering_is_not_symmetric() -> None:
    coarse, fine = torch.tensor([0, 0, 0, 0, 0, 1]), torch.tensor([0, 0, 0, 1, 1, 1])
    assert segmentation_covering(coarse, fine) != segmentation_covering(fine, coarse)


def test_the_same_segments_under_other_names_are_covered_fully() -> None:
    truth = patches(1)
    assert segmentation_covering(torch.tensor([9, -4, 10**12, 7, 0])[truth], truth) == 1.0


@pytest.mark.parametrize("seed", range(5))
def test_covering_lies_between_zero_and_one(seed: int) -> None:
    assert 0 < segmentation_covering(patches(seed), patches(seed + 20)) < 1


def test_the_order_of_pixels_does_not_matter() -> None:
    predicted, truth = patches(2).flatten(), patches(3).flatten()
    order = torch.randperm(len(truth), generator=torch.Generator().manual_seed(0))
    assert segmentation_covering(predicted[order], truth[order]) == segmentation_covering(predicted, truth)


def test_annotators_are_averaged_and_the_best_is_told() -> None:
    truths = [HALVES, HALVES.T, ONE]
    assert annotator_coverings(HALVES, truths) == pytest.approx([1, 1 / 3, 1 / 2])
    for given in (truths, torch.stack(truths)):
        assert segmentation_covering(HALVES, given) == pytest.approx((1 + 1 / 3 + 1 / 2) / 3)
        assert best_segmentation_covering(HALVES, given) == 1.0


def test_ignored_pixels_might_as_well_be_absent() -> None:
    predicted, truth = patches(4).flatten(), patches(5).flatten()
    kept = truth != 2
    expected = segmentation_covering(predicted[kept], truth[kept])
    assert segmentation_covering(predicted, truth, ignore_index=2) == expected
    assert best_segmentation_covering(predicted, [truth], ignore_index=2) == expected


def test_the_best_level_is_taken_for_all_images_or_for_each() -> None:
    levels = torch.stack([ONE, HALVES, QUARTERS])
    found = hierarchy_covering([levels, levels, levels], [ONE, HALVES, QUARTERS])
    means = [(1 + 0.5 + 0.25) / 3, (0.5 + 1 + 0.5) / 3, (0.25 + 0.5 + 1) / 3]
    assert found.dataset_scale == pytest.approx(max(means))
    assert found.image_scale == 1.0
    assert found == ScaleCovering(found.dataset_scale, 1.0)


def test_a_hierarchy_can_be_scored_by_the_best_annotator() -> None:
    levels = torch.stack([ONE, HALVES])
    mean = hierarchy_covering([levels], [[ONE, HALVES]])
    best = hierarchy_covering([levels], [[ONE, HALVES]], best_segmentation_covering)
    assert (mean.image_scale, best.image_scale) == (0.75, 1.0)


def test_the_scale_of_each_image_is_never_worse() -> None:
    levels = [torch.stack([patches(10 * image + level) for level in range(4)]) for image in range(3)]
    found = hierarchy_covering(levels, [patches(7), patches(8), patches(9)])
    assert 0 < found.dataset_scale < found.image_scale < 1


def test_hierarchies_that_do_not_correspond_are_refused() -> None:
    with pytest.raises(ValueError, match="`hierarchies` and one of `truths`; got 2 and 1"):
        hierarchy_covering([ONE[None], ONE[None]], [ONE])
    with pytest.raises(ValueError, match="got 0 and 0"):
        hierarchy_covering([], [])
    with pytest.raises(ValueError, match=r"same number of levels, at least one; got \[1, 2\]"):
        hierarchy_covering([ONE[None], torch.stack([ONE, ONE])], [ONE, ONE])
    with pytest.raises(ValueError, match=r"at least one; got \[0\]"):
        hierarchy_covering([torch.zeros(0, 4, 4, dtype=torch.int64)], [ONE])


def test_a_truth_without_annotators_is_refused() -> None:
    nobody: list[Tensor] = []
    for none in (nobody, torch.zeros(0, 4, 4, dtype=torch.int64)):
        with pytest.raises(ValueError, match="`truth` must hold at least one annotator"):
            segmentation_covering(ONE, none)


def test_labels_that_cannot_be_scored_are_refused() -> None:
    with pytest.raises(ValueError, match=r"same shape; got \(4, 4\) and \(4, 3\)"):
        segmentation_covering(ONE, ONE[:, :3])
    with pytest.raises(ValueError, match=r"`truth` must be a tensor of integer labels; got torch\.float32"):
        segmentation_covering(ONE, [ONE, ONE.float()])
    with pytest.raises(ValueError, match="of 16, 16 have the ignored label 0"):
        segmentation_covering(ONE, ONE, ignore_index=0)
