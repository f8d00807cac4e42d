"""Hierarchies of segments: nested, connected, merged as by scikit-learn with Ward's criterion, and what they refuse."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage
from scipy.sparse import coo_array
from sklearn.cluster import AgglomerativeClustering  # type: ignore[import-untyped]
from torch import Tensor

from graphrw import grid_graph
from graphrw.partition.clustering import in_order_of_appearance, kernel_kmeans, kmeans
from graphrw.partition.hierarchy import kernel_hierarchy, map_hierarchy

SHAPE = (8, 9)
GRID = grid_graph(SHAPE).edges


def cloud(nodes: int, width: int = 3, seed: int = 0) -> Tensor:
    return torch.randn(nodes, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def gaussian(points: Tensor) -> Tensor:
    return torch.exp(-torch.cdist(points, points).square())


def smooth(seed: int = 0) -> Tensor:
    """Features of the pixels of an image that vary slowly, with some noise."""
    rough = cloud(SHAPE[0] * SHAPE[1], 3, seed).reshape(*SHAPE, 3).numpy()
    return torch.from_numpy(np.asarray(ndimage.gaussian_filter(rough, (1.2, 1.2, 0)))).reshape(-1, 3) * 4


def is_connected(labels: Tensor) -> bool:
    image = labels.reshape(SHAPE).numpy()
    return all(ndimage.label(image == label)[1] == 1 for label in np.unique(image))


def numbered_alike(ours: Tensor, theirs: object) -> bool:
    return torch.equal(ours, in_order_of_appearance(torch.as_tensor(theirs)))


@pytest.mark.parametrize("edges", [None, GRID], ids=["free", "grid"])
@pytest.mark.parametrize("hierarchy", ["kernel", "map"])
def test_levels_are_nested_and_have_the_numbers_asked_for(hierarchy: str, edges: Tensor | None) -> None:
    counts = [12, 7, 6, 2, 1]
    points = smooth()
    if hierarchy == "kernel":
        levels = kernel_hierarchy(gaussian(points), counts, edges=edges)
    else:
        levels = map_hierarchy(points, counts, edges=edges)
    assert levels.shape == (5, len(points))
    for level, count in zip(levels, counts, strict=True):
        assert torch.equal(level.unique(), torch.arange(count))
        assert torch.equal(level, in_order_of_appearance(level))
    for fine, coarse in pairwise(levels):
        assert len((fine * 100 + coarse).unique()) == len(fine.unique())


def test_levels_come_in_the_order_asked_for_and_may_repeat() -> None:
    points = cloud(20)
    levels = map_hierarchy(points, [2, 9, 4, 9])
    assert [int(level.max()) + 1 for level in levels] == [2, 9, 4, 9]
    assert torch.equal(levels[1], levels[3])
    assert torch.equal(map_hierarchy(points, [9, 4, 2]), levels[[1, 2, 0]])


def test_the_finest_level_is_k_means() -> None:
    points, weight = cloud(30), 0.5 + torch.rand(30, generator=torch.Generator().manual_seed(1))
    similarity = gaussian(points)
    fine = kernel_hierarchy(similarity, [6, 3], weight=weight, seed=2, starts=2)[0]
    assert torch.equal(fine, kernel_kmeans(similarity, 6, weight=weight, seed=2, starts=2))
    fine = map_hierarchy(points, [6, 3], weight=weight, seed=2, starts=2)[0]
    assert torch.equal(fine, kmeans(points, 6, weight=weight, seed=2, starts=2))


@pytest.mark.parametrize("seed", [0, 1])
def test_from_single_nodes_it_is_wards_linkage(seed: int) -> None:
    similarity = gaussian(cloud(25, seed=seed))
    levels = kernel_hierarchy(similarity, [25, 10, 4, 2], starts=1)
    points = torch.linalg.cholesky(similarity).numpy()  # whose inner products are the similarity
    for level, count in zip(levels, [25, 10, 4, 2], strict=True):
        assert numbered_alike(level, AgglomerativeClustering(count, linkage="ward").fit_predict(points))


@pytest.mark.parametrize("seed", [0, 1])
def test_from_single_pixels_it_is_wards_linkage_of_those_that_touch(seed: int) -> None:
    points = smooth(seed)
    levels = map_hierarchy(points, [72, 20, 5], edges=GRID, starts=1)
    touching = coo_array((np.ones(GRID.shape[1]), GRID.numpy()), shape=(72, 72)).tocsr()
    for level, count in zip(levels, [72, 20, 5], strict=True):
        theirs = AgglomerativeClustering(count, linkage="ward", connectivity=touching + touching.T)
        assert numbered_alike(level, theirs.fit_predict(points.numpy()))


def test_a_weight_of_two_is_two_nodes() -> None:
    points, weight = cloud(20), 1 + torch.arange(20) % 2
    twice = torch.arange(20).repeat_interleave(weight)
    levels = map_hierarchy(points, [20, 12, 6, 3], weight=weight.float(), starts=1)
    expected = map_hierarchy(points[twice], [30, 12, 6, 3], starts=1)[1:]
    assert torch.equal(levels[1:][:, twice], expected)
    assert not torch.equal(map_hierarchy(points, [20, 12, 6, 3], starts=1), levels)
    similarity = gaussian(points)
    levels = kernel_hierarchy(similarity, [20, 12, 3], weight=weight.float(), starts=1)
    expected = kernel_hierarchy(similarity[twice][:, twice], [30, 12, 3], starts=1)
    assert torch.equal(levels[1:][:, twice], expected[1:])


def test_a_small_segment_merges_before_large_ones_that_are_nearer() -> None:
    points = torch.tensor([0.0] * 20 + [1.0] * 20 + [-1.5])[:, None]
    levels = map_hierarchy(points, [3, 2])
    assert levels[1].tolist() == [0] * 20 + [1] * 20 + [0]


def test_a_map_merges_as_its_negative_squared_distances_would() -> None:
    points = cloud(40) + 50
    distance = torch.cdist(points, points).square()
    centred = points - points.mean(0)
    expected = kernel_hierarchy(centred @ centred.T, [10, 5, 2], linkage=-distance)
    assert torch.equal(map_hierarchy(points, [10, 5, 2]), expected)


def test_points_far_from_the_origin_merge_as_near_it() -> None:
    points = cloud(40)
    assert torch.equal(map_hierarchy(points + 1e7, [10, 5, 2]), map_hierarchy(points, [10, 5, 2]))


def test_another_similarity_can_decide_over_merges() -> None:
    clusters = torch.block_diag(*[torch.ones(3, 3)] * 4)
    linkage = torch.zeros(12, 12)
    linkage[:3, 9:] = linkage[9:, :3] = 1
    levels = kernel_hierarchy(clusters, [4, 3], linkage=linkage)
    assert levels[1].tolist() == [0] * 3 + [1] * 3 + [2] * 3 + [0] * 3


@pytest.mark.parametrize("seed", range(4))
def test_with_edges_segments_are_connected_on_every_level(seed: int) -> None:
    points = smooth(seed) + 0.5 * cloud(72, 3, seed + 10)
    levels = kernel_hierarchy(gaussian(points), [9, 5, 3], edges=GRID)
    assert all(is_connected(level) for level in levels)
    assert not is_connected(kernel_hierarchy(gaussian(points), [9])[0])


def test_a_lost_part_of_a_cluster_goes_to_the_segment_around_it() -> None:
    image = torch.zeros(SHAPE)
    image[:, 4:] = 1
    expected = image.flatten().long()
    image[3, 7], image[5, 1] = 0, 1
    labels = map_hierarchy(image.reshape(-1, 1), [2], edges=GRID)[0]
    assert torch.equal(labels, expected)


def test_parts_within_lost_parts_go_along() -> None:
    image = torch.zeros(SHAPE)
    image[:, 6:] = 1
    image[2:5, 1:4] = 1
    image[3, 2] = 0
    labels = map_hierarchy(image.reshape(-1, 1), [2], edges=GRID)[0]
    assert torch.equal(labels.reshape(SHAPE), (torch.arange(9) >= 6).long().expand(SHAPE))


def test_segments_do_not_span_components() -> None:
    edges = torch.tensor([[0, 1, 3, 4], [1, 2, 4, 5]])
    points = torch.tensor([0.0, 0.1, 5.0, 0.0, 5.0, 5.1]).reshape(6, 1)
    levels = map_hierarchy(points, [4, 2], edges=edges)
    assert levels.tolist() == [[0, 0, 1, 2, 3, 3], [0, 0, 0, 1, 1, 1]]
    assert map_hierarchy(points, [2], edges=edges)[0].tolist() == [0, 0, 0, 1, 1, 1]


def test_edges_may_name_both_directions_and_loops() -> None:
    points = smooth(3)
    loops = torch.arange(72).expand(2, 72)
    both = torch.cat([GRID, GRID.flip(0), loops], 1)
    assert torch.equal(map_hierarchy(points, [8, 3], edges=both), map_hierarchy(points, [8, 3], edges=GRID))


def test_edges_may_be_listed_any_number_of_times() -> None:
    points = smooth(3)
    levels = map_hierarchy(points, [8, 3], edges=GRID.repeat(1, 256))
    assert torch.equal(levels, map_hierarchy(points, [8, 3], edges=GRID))


# --- what they refuse -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("counts", [[], [0, 3], [21, 3]])
def test_impossible_numbers_of_segments_are_refused(counts: list[int]) -> None:
    expected = r"`num_segments` must be a list of whole numbers in \[1, 20\], the number of nodes, at least one; got \["
    with pytest.raises(ValueError, match=expected):
        map_hierarchy(cloud(20), counts)
    with pytest.raises(ValueError, match=expected):
        kernel_hierarchy(gaussian(cloud(20)), counts)


@pytest.mark.parametrize("counts", [3, 3.0, torch.tensor([3, 2]), torch.tensor(3), [3.0, 2.0], [True], None])
def test_segments_that_are_not_counted_are_refused(counts: Any) -> None:
    with pytest.raises(ValueError, match="`num_segments` must be a list of whole numbers"):
        map_hierarchy(cloud(20), counts)
    with pytest.raises(ValueError, match="`num_segments` must be a list of whole numbers"):
        kernel_hierarchy(gaussian(cloud(20)), counts)


def test_segments_may_be_counted_by_numpy() -> None:
    assert torch.equal(map_hierarchy(cloud(20), [np.int64(3), np.int64(2)]), map_hierarchy(cloud(20), [3, 2]))


def test_fewer_segments_than_components_are_refused() -> None:
    edges = torch.tensor([[0, 1, 3, 4], [1, 2, 4, 5]])
    with pytest.raises(ValueError, match="`edges` leaves 2 components, so that there cannot be 1 segments"):
        map_hierarchy(cloud(6), [3, 1], edges=edges)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_a_linkage_that_is_not_finite_is_refused(bad: float) -> None:
    linkage = torch.zeros(5, 5)
    linkage[2, 3] = bad
    with pytest.raises(ValueError, match=r"`linkage` must be finite"):
        kernel_hierarchy(torch.eye(5), [2], linkage=linkage)


def test_a_linkage_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"`linkage` must have the shape of `similarity`, \(5, 5\); got \(5, 4\)"):
        kernel_hierarchy(torch.eye(5), [2], linkage=torch.ones(5, 4))


def test_edges_that_are_none_are_refused() -> None:
    for edges in (GRID.float(), GRID.T, GRID[0]):
        with pytest.raises(ValueError, match=r"`edges` must be \(2, E\) int64; got"):
            map_hierarchy(smooth(), [3], edges=edges)
    with pytest.raises(ValueError, match="`edges` names node 72, but there are 72, counted from 0"):
        map_hierarchy(smooth(), [3], edges=torch.tensor([[0], [72]]))
