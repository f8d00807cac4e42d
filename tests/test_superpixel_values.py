"""Superpixels: sums and types, gradients, and what is refused."""

from typing import Any

import pytest
import torch
from regions import labels, values
from torch import Tensor

from graphrw.build.superpixel import (
    pool_boundaries,
    pool_regions,
    project_regions,
    region_features,
    region_index,
    superpixel_graph,
)


def test_large_regions_are_summed_without_loss_in_float32() -> None:
    image = torch.full((1000, 1000), 0.1)
    segments = torch.zeros(1000, 1000, dtype=torch.int64)
    features = region_features(image, segments)
    assert float(features.mean[0, 0]) == float(image[0, 0])
    assert float(features.variance) == 0.0
    assert features.centroid.tolist() == [[499.5, 499.5]]


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_pixels_are_counted_in_full_also_for_values_in_half_precision(kind: torch.dtype) -> None:
    features = region_features(torch.ones(1, 4099, dtype=kind), torch.zeros(1, 4099, dtype=torch.int64))
    assert features.size.tolist() == [4099.0]
    assert features.centroid.tolist() == [[0.0, 2049.0]]
    assert features.mean.dtype == features.variance.dtype == kind


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_pooled_values_have_the_type_of_the_pixels(kind: torch.dtype) -> None:
    image, segments = values(2, 4, 5).to(kind), labels((4, 5))
    features = region_features(image, segments)
    for pooled in (features.size, features.centroid, features.mean, features.variance):
        assert pooled.dtype == kind
    assert pool_regions(image, segments).dtype == kind
    assert pool_boundaries(image, segments).dtype == kind


@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 2)], ids=str)
@pytest.mark.parametrize("ignore_index", [None, 0])
def test_gradients_are_those_of_finite_differences(shape: tuple[int, ...], ignore_index: int | None) -> None:
    segments, image = labels(shape, 4), values(2, *shape).requires_grad_()
    of_regions = values(len(region_index(segments, ignore_index=ignore_index)[0]), 2).requires_grad_()

    def features(pixels: Tensor) -> tuple[Tensor, Tensor]:
        found = region_features(pixels, segments, ignore_index=ignore_index)
        return found.mean, found.variance

    assert torch.autograd.gradcheck(lambda x: pool_regions(x, segments, ignore_index=ignore_index), image)
    assert torch.autograd.gradcheck(lambda x: pool_boundaries(x, segments, ignore_index=ignore_index), image)
    assert torch.autograd.gradcheck(lambda x: project_regions(x, segments, ignore_index=ignore_index), of_regions)
    assert torch.autograd.gradcheck(features, image)
    assert torch.autograd.gradgradcheck(features, image)


@pytest.mark.parametrize(
    ("segments", "message"),
    [
        (torch.zeros(3, 4), r"`segments` must be int64 or another integer type; got torch\.float32\. Use `\.long\(\)`"),
        (torch.zeros(3, 4, dtype=torch.bool), r"`segments` must be int64 .* got torch\.bool"),
        (torch.zeros(3, 4, dtype=torch.uint64), r"`segments` must be int64 .* got torch\.uint64"),
        (torch.zeros(4, dtype=torch.int64), r"`segments` must be \(H, W\) or \(D, H, W\), .* got \(4,\)"),
        (torch.zeros(1, 2, 3, 4, dtype=torch.int64), r"`segments` must be .* got \(1, 2, 3, 4\)"),
        (torch.zeros(3, 0, dtype=torch.int64), r"`segments` must be .* with at least one pixel; got \(3, 0\)"),
    ],
)
def test_what_is_no_segmentation_is_refused(segments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        superpixel_graph(segments)


@pytest.mark.parametrize("spacing", [(1.0,), (1.0, 2.0, 3.0), (0.0, 1.0), (1.0, -2.0), (1.0, float("inf"))])
def test_a_spacing_that_does_not_fit_is_refused(spacing: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match=r"`spacing` must be 2 finite numbers > 0, one per axis; got \("):
        superpixel_graph(torch.zeros(3, 4, dtype=torch.int64), spacing=spacing)


@pytest.mark.parametrize("pool", [pool_regions, pool_boundaries, region_features])
@pytest.mark.parametrize(
    "wrong", [torch.ones(2, 4, 3), torch.ones(4), torch.ones(1, 2, 3, 4), torch.ones(0, 3, 4), torch.ones(3, 4).long()]
)
def test_values_that_do_not_fit_the_segments_are_refused(pool: Any, wrong: Tensor) -> None:
    message = r"`values` must be floats \(K, 3, 4\) or \(3, 4\), as `segments` asks; got .*torch"
    with pytest.raises(ValueError, match=message):
        pool(wrong, torch.zeros(3, 4, dtype=torch.int64))


@pytest.mark.parametrize("wrong", [(3, 2), (1,), (2, 0), (2, 1, 1), ()])
def test_values_that_are_not_one_row_per_region_are_refused(wrong: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"`values` must be \(R, K\) or \(R,\) with R = 2 regions; got \("):
        project_regions(torch.ones(wrong), torch.tensor([[0, 3]]))
