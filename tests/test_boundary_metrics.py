"""Boundary scores and trimap errors by hand, by brute force, against SciPy and networkx, and what they refuse."""

import math
from itertools import product

import networkx
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from graphrw.metrics.boundaries import BoundaryScore, boundary_f_score, boundary_score, trimap_error
from graphrw.metrics.pixels import near_boundary


def split(column: int, shape: tuple[int, int] = (6, 20)) -> Tensor:
    """Two segments, left and right: the boundary is in the column before the given one."""
    return (torch.arange(shape[1]) >= column).long().expand(shape)


def patches(seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randint(0, 3, (4, 5), generator=generator).repeat_interleave(4, 0).repeat_interleave(4, 1)
    noise = torch.randint(0, 3, coarse.shape, generator=generator)
    return torch.where(torch.rand(coarse.shape, generator=generator) < 0.05, noise, coarse)


def boundary_pixels(labels: Tensor) -> list[tuple[int, int]]:
    height, width = labels.shape
    return [
        (y, x)
        for y, x in product(range(height), range(width))
        if any(
            y + dy < height and x + dx < width and labels[y + dy, x + dx] != labels[y, x]
            for dy, dx in ((0, 1), (1, 0), (1, 1))
        )
    ]


def slow_score(predicted: Tensor, truth: Tensor, distance: float) -> BoundaryScore:
    """The definition, with networkx's maximum matching."""
    found, true = boundary_pixels(predicted), boundary_pixels(truth)
    graph: networkx.Graph[tuple[str, tuple[int, int]]] = networkx.Graph()
    graph.add_nodes_from(("found", pixel) for pixel in found)
    graph.add_nodes_from(("true", pixel) for pixel in true)
    graph.add_edges_from((("found", p), ("true", t)) for p in found for t in true if math.dist(p, t) <= distance)
    partners = len(networkx.max_weight_matching(graph, maxcardinality=True))
    return BoundaryScore(partners / len(found), partners / len(true))


# --- boundary scores ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("distance", [0, 1, 2, 3])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_score_is_that_of_a_largest_one_to_one_matching(seed: int, distance: int) -> None:
    predicted, truth = patches(seed), patches(seed + 10)
    expected = slow_score(predicted, truth, distance)
    found = boundary_score(predicted, truth, distance / math.hypot(*truth.shape))
    assert found.precision == pytest.approx(expected.precision, rel=1e-12)
    assert found.recall == pytest.approx(expected.recall, rel=1e-12)


@pytest.mark.parametrize("shift", [0, 1, 2, 3, 4])
def test_a_boundary_matches_as_long_as_it_lies_within_the_tolerance(shift: int) -> None:
    diagonal = math.hypot(6, 20)
    assert boundary_f_score(split(8 + shift), split(8), 3 / diagonal) == (1.0 if shift <= 3 else 0.0)


def test_two_boundaries_for_one_are_half_as_precise() -> None:
    doubled = split(8) + split(10)
    assert boundary_score(doubled, split(9), 0.1) == BoundaryScore(precision=0.5, recall=1.0)
    assert boundary_score(split(9), doubled, 0.1) == BoundaryScore(precision=1.0, recall=0.5)
    assert boundary_f_score(doubled, split(9), 0.1) == pytest.approx(2 / 3)


def test_precision_and_recall_change_places_with_prediction_and_truth() -> None:
    one, other = boundary_score(patches(2), patches(3), 0.05), boundary_score(patches(3), patches(2), 0.05)
    assert (one.precision, one.recall) == (other.recall, other.precision)
    assert 0 < one.precision != one.recall


def test_a_segmentation_matches_itself_and_its_other_names() -> None:
    labels = patches(4)
    assert boundary_f_score(labels, labels, 0) == 1.0
    assert boundary_f_score(torch.tensor([7, -3, 10**12])[labels], labels, 0) == 1.0


def test_more_tolerance_never_lowers_the_score() -> None:
    scores = [boundary_f_score(patches(5), patches(6), step / 100) for step in range(0, 12, 2)]
    assert scores == sorted(scores)
    assert 0 < scores[0] < scores[-1] <= 1


def test_no_boundary_is_right_where_there_is_none_and_misses_one_where_there_is() -> None:
    whole = torch.zeros(6, 20, dtype=torch.int64)
    assert boundary_score(whole, whole) == BoundaryScore(precision=1.0, recall=1.0)
    assert boundary_score(whole, split(8)) == BoundaryScore(precision=1.0, recall=0.0)
    assert boundary_score(split(8), whole) == BoundaryScore(precision=0.0, recall=1.0)
    assert boundary_f_score(whole, split(8)) == 0.0
    assert BoundaryScore(precision=0.0, recall=0.0).f_score == 0.0


def test_any_annotator_makes_a_boundary_right_and_all_of_them_ask_for_it() -> None:
    doubled, none = split(5) + split(15), torch.zeros(6, 20, dtype=torch.int64)
    for truth in ([split(5), split(15)], torch.stack([split(5), split(15)])):
        assert boundary_score(doubled, truth, 0) == BoundaryScore(precision=1.0, recall=1.0)
        assert boundary_score(split(5), truth, 0) == BoundaryScore(precision=1.0, recall=0.5)
    assert boundary_score(doubled, [split(5), none], 0) == BoundaryScore(precision=0.5, recall=1.0)
    assert boundary_score(doubled, [doubled, split(5)], 0) == BoundaryScore(precision=1.0, recall=1.0)


def test_the_default_tolerance_of_an_image_of_bsds_is_four_pixels() -> None:
    shape = (321, 481)
    assert boundary_f_score(split(204, shape), split(200, shape)) == 1.0
    assert boundary_f_score(split(205, shape), split(200, shape)) == 0.0


def test_boundaries_are_asked_of_one_image() -> None:
    volume = torch.zeros(2, 3, 4, dtype=torch.int64)
    with pytest.raises(ValueError, match=r"must be one image, \(H, W\); got \(2, 3, 4\)"):
        boundary_score(volume, volume)
    with pytest.raises(ValueError, match=r"same shape; got \(6, 20\) and \(6, 19\)"):
        boundary_f_score(split(3), split(3)[:, 1:])
    with pytest.raises(ValueError, match="`truth` must hold at least one annotator"):
        boundary_f_score(split(3), [])
    with pytest.raises(ValueError, match=r"`predicted` must be a tensor of integer labels; got torch\.float32"):
        boundary_f_score(split(3).float(), split(3))


@pytest.mark.parametrize("tolerance", [-0.1, math.nan, math.inf])
def test_an_impossible_tolerance_is_refused(tolerance: float) -> None:
    with pytest.raises(ValueError, match=f"a share of the image's diagonal.* finite and not negative; got {tolerance}"):
        boundary_f_score(split(3), split(3), tolerance)


# --- trimap errors --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "expected"), [(1, 1 / 2), (2, 2 / 4), (3, 2 / 6), (4, 2 / 8), (5, 2 / 10)])
def test_a_boundary_two_pixels_off_is_wrong_in_two_columns_of_every_band(width: int, expected: float) -> None:
    assert trimap_error(split(8), split(10), width) == pytest.approx(expected)


def test_an_error_far_from_boundaries_shows_only_in_wide_bands() -> None:
    predicted = split(10).clone()
    predicted[:, 0] = 1
    errors = [trimap_error(predicted, split(10), width) for width in (1, 9, 10, 50)]
    assert errors == [0, 0, pytest.approx(1 / 20), pytest.approx(1 / 20)]


@pytest.mark.parametrize("width", [1, 1.5, 2, 3, 4.3])
def test_bands_are_those_of_a_euclidean_distance_transform(width: float) -> None:
    predicted, truth = patches(7), patches(8)
    edge = near_boundary(truth, 0)
    band = torch.from_numpy(ndimage.distance_transform_edt(~edge.numpy())) <= width - 1
    expected = float((predicted != truth)[band].double().mean())
    assert trimap_error(predicted, truth, width) == pytest.approx(expected, rel=1e-12)


def test_a_wide_band_is_the_whole_image() -> None:
    predicted, truth = patches(9), patches(10)
    wrong = predicted != truth
    assert trimap_error(predicted, truth, 100) == pytest.approx(float(wrong.double().mean()))
    assert trimap_error(predicted, truth, 100, ignore_index=2) == pytest.approx(
        float(wrong[truth != 2].double().mean())
    )


def test_ignored_pixels_do_not_count_but_their_edges_are_boundaries() -> None:
    truth = torch.tensor([[0, 0, 0, 255, 0, 0, 0]])
    predicted = torch.tensor([[1, 0, 1, 9, 0, 0, 0]])
    assert trimap_error(predicted, truth, 1, ignore_index=255) == 0.5
    assert trimap_error(predicted, truth, 3, ignore_index=255) == pytest.approx(2 / 6)


def test_labels_of_a_trimap_count_by_name() -> None:
    assert trimap_error(1 - split(10), split(10), 3) == 1.0
    assert trimap_error(split(10), split(10), 3) == 0.0


def test_volumes_have_trimaps_too() -> None:
    truth = split(10).expand(3, 6, 20)
    assert trimap_error(split(9).expand(3, 6, 20), truth, 2) == pytest.approx(1 / 4)


def test_small_integer_types_compare_by_value() -> None:
    assert trimap_error(split(8).to(torch.uint8), split(10), 1) == trimap_error(split(8), split(10), 1)


def test_a_truth_without_boundaries_is_refused() -> None:
    whole = torch.zeros(6, 20, dtype=torch.int64)
    with pytest.raises(ValueError, match="of 120, none that counts lies within `width`=3 of a boundary"):
        trimap_error(split(8), whole, 3)
    with pytest.raises(ValueError, match="none that counts"):
        trimap_error(whole, torch.full((6, 20), 5), 1, ignore_index=5)


@pytest.mark.parametrize("width", [0, 0.5, -1, math.nan, math.inf])
def test_an_impossible_width_is_refused(width: float) -> None:
    with pytest.raises(ValueError, match=f"`width` is a finite number of pixels from 1 on; got {width}"):
        trimap_error(split(8), split(8), width)


def test_a_trimap_needs_an_image_or_a_volume() -> None:
    with pytest.raises(ValueError, match=r"must be \(H, W\) or \(D, H, W\), one image at a time; got \(4,\)"):
        trimap_error(torch.zeros(4, dtype=torch.int64), torch.zeros(4, dtype=torch.int64), 1)
    with pytest.raises(ValueError, match=r"same shape; got \(6, 20\) and \(6, 10\)"):
        trimap_error(split(8), split(8)[:, ::2], 1)
