"""Region adjacency graphs by hand, by loops and by scikit-image; pooling and projection; what they refuse."""

from typing import Any

import numpy as np
import pytest
import torch
from regions import every_shape, faces, labels, pairs_of_ids, values
from scipy.sparse import coo_array
from skimage.graph import RAG, pixel_graph, rag_boundary
from skimage.measure import regionprops

from graphrw.build.superpixel import (
    pool_boundaries,
    pool_regions,
    project_regions,
    region_features,
    region_index,
    superpixel_graph,
)
from graphrw.core.graph import Graph


@every_shape
@pytest.mark.parametrize("ignore_index", [None, 7, 5])
def test_regions_that_share_a_face_are_joined_with_the_number_of_faces(
    shape: tuple[int, ...], ignore_index: Any
) -> None:
    segments = labels(shape)
    graph, length = superpixel_graph(segments, ignore_index=ignore_index)
    ids, _ = region_index(segments, ignore_index=ignore_index)
    expected = faces(segments, ignore_index)
    assert pairs_of_ids(graph, ids) == sorted(expected)
    assert length.tolist() == [len(expected[pair]) for pair in sorted(expected)]
    assert graph.num_nodes == len(set(segments.flatten().tolist()) - {ignore_index})


def test_a_picture_by_hand() -> None:
    segments = torch.tensor([[5, 5, 2], [5, 9, 2], [9, 9, 9]])
    graph, length = superpixel_graph(segments)
    assert graph.edges.tolist() == [[0, 0, 1], [1, 2, 2]]  # nodes: 2, 5, 9
    assert length.tolist() == [1.0, 2.0, 3.0]


@every_shape
def test_the_graph_passes_every_check_that_other_graphs_must_pass(shape: tuple[int, ...]) -> None:
    graph, length = superpixel_graph(labels(shape))
    assert Graph(graph.edges, graph.num_nodes).num_edges == len(length)
    assert bool((graph.edges[0] < graph.edges[1]).all())


@pytest.mark.parametrize("shape", [(30, 40), (9, 12, 10)], ids=str)
def test_face_counts_are_those_of_scikit_images_pixel_graph(shape: tuple[int, ...]) -> None:
    segments = labels(shape)
    adjacency, _ = pixel_graph(np.ones(shape), edge_function=lambda a, b, distance: distance, connectivity=1)  # type: ignore[no-untyped-call]
    ids, index = np.unique(segments.numpy(), return_inverse=True)
    member = coo_array((np.ones(index.size), (index.ravel(), np.arange(index.size))), shape=(len(ids), index.size))
    counts = (member @ adjacency @ member.T).toarray()
    graph, length = superpixel_graph(segments)
    dense = torch.zeros(len(ids), len(ids))
    dense[graph.edges[0], graph.edges[1]] = length
    assert torch.equal(dense, torch.from_numpy(np.triu(counts, 1)).float())


@pytest.mark.parametrize("shape", [(30, 40), (9, 12, 10)], ids=str)
def test_edges_are_those_of_scikit_images_region_adjacency_graph(shape: tuple[int, ...]) -> None:
    _, index = region_index(labels(shape))
    graph, _ = superpixel_graph(index)
    expected = RAG(index.numpy(), connectivity=1)  # type: ignore[no-untyped-call]
    assert sorted(tuple(sorted(edge)) for edge in expected.edges) == [tuple(edge) for edge in graph.edges.T.tolist()]


def test_boundary_means_are_scikit_images_where_boundaries_are_straight() -> None:
    # Its weights average all pixels at a boundary; on straight ones that is the mean over faces.
    segments = torch.arange(4).repeat_interleave(5).repeat(6, 1)
    boundary_map = values(6, 20)
    expected = rag_boundary(segments.numpy(), boundary_map.numpy(), connectivity=1)  # type: ignore[no-untyped-call]
    graph, length = superpixel_graph(segments)
    mean = pool_boundaries(boundary_map, segments)
    for (i, j), b, count in zip(graph.edges.T.tolist(), mean.tolist(), length.tolist(), strict=True):
        assert b == pytest.approx(expected[i][j]["weight"])
        assert 2 * count == expected[i][j]["count"]


def test_spacing_turns_face_counts_into_lengths_and_areas() -> None:
    flat, solid = labels((7, 9)), labels((4, 5, 3))
    for segments, spacing, areas in ((flat, (2.0, 0.5), (0.5, 2.0)), (solid, (4.0, 2.0, 0.5), (1.0, 2.0, 8.0))):
        _, length = superpixel_graph(segments, spacing=spacing)
        expected = faces(segments)
        assert length.tolist() == [sum(areas[axis] for *_, axis in expected[pair]) for pair in sorted(expected)]


def test_boundary_lengths_have_torchs_default_type() -> None:
    assert superpixel_graph(labels((4, 4)))[1].dtype == torch.float32
    torch.set_default_dtype(torch.float64)
    try:
        assert superpixel_graph(labels((4, 4)))[1].dtype == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("kind", [torch.uint8, torch.int8, torch.int16, torch.int32])
def test_every_integer_type_gives_the_same_graph(kind: torch.dtype) -> None:
    segments = torch.tensor([[100, 3, 3], [100, 100, 120]])
    graph, length = superpixel_graph(segments.to(kind))
    assert torch.equal(graph.edges, superpixel_graph(segments)[0].edges)
    assert torch.equal(length, superpixel_graph(segments)[1])


def test_other_ids_in_the_same_order_change_nothing_and_in_another_order_permute_the_nodes() -> None:
    segments = labels((12, 14))
    ids, index = region_index(segments)
    graph, length = superpixel_graph(segments)
    for same in (index, 3 * index - 7, index * 10**15):
        assert torch.equal(superpixel_graph(same)[0].edges, graph.edges)
        assert torch.equal(superpixel_graph(same)[1], length)
    order = torch.randperm(len(ids), generator=torch.Generator().manual_seed(3))
    permuted, new_length = superpixel_graph(order[index])
    renamed = order[graph.edges].sort(0).values.T.tolist()
    old = {tuple(pair): value for pair, value in zip(renamed, length.tolist(), strict=True)}
    assert {tuple(p): v for p, v in zip(permuted.edges.T.tolist(), new_length.tolist(), strict=True)} == old


@every_shape
@pytest.mark.parametrize("far", [1, 10**15])
def test_the_region_index_is_numpys_unique(shape: tuple[int, ...], far: int) -> None:
    segments = labels(shape, 5) * far
    ids, index = region_index(segments)
    expected_ids, expected_index = np.unique(segments.numpy(), return_inverse=True)
    assert ids.tolist() == expected_ids.tolist()
    assert index.tolist() == expected_index.reshape(shape).tolist()


def test_a_region_index_gives_the_same_regions_again() -> None:
    segments = labels((7, 9))
    _, index = region_index(segments, ignore_index=0)
    assert torch.equal(region_index(index, ignore_index=-1)[1], index)
    assert torch.equal(
        superpixel_graph(index, ignore_index=-1)[0].edges, superpixel_graph(segments, ignore_index=0)[0].edges
    )


@every_shape
@pytest.mark.parametrize("ignore_index", [None, 8])
def test_pooling_is_the_mean_over_each_region(shape: tuple[int, ...], ignore_index: int | None) -> None:
    segments, image = labels(shape), values(3, *shape)
    pooled = pool_regions(image, segments, ignore_index=ignore_index)
    ids, _ = region_index(segments, ignore_index=ignore_index)
    expected = [image[:, segments == number].mean(1) for number in ids]
    torch.testing.assert_close(pooled, torch.stack(expected) if expected else torch.empty(0, 3).double())
    torch.testing.assert_close(pool_regions(image[1], segments, ignore_index=ignore_index), pooled[:, 1])


@every_shape
def test_projection_gives_each_pixel_the_value_of_its_region(shape: tuple[int, ...]) -> None:
    segments = labels(shape)
    ids, index = region_index(segments)
    of_regions = values(len(ids), 3)
    projected = project_regions(of_regions, segments)
    assert projected.shape == (3, *shape)
    for pixel in np.ndindex(*shape):
        assert torch.equal(projected[:, *pixel], of_regions[index[pixel]])
    assert torch.equal(project_regions(of_regions[:, 2], segments), projected[2])


def test_labels_of_regions_are_projected_as_they_are() -> None:
    segments = torch.tensor([[4, 4, 0], [9, 9, 0]])
    assert project_regions(torch.tensor([3, 5]), segments, ignore_index=0, fill=-1).tolist() == [[3, 3, -1], [5, 5, -1]]
    assert project_regions(torch.tensor([[3], [5]]), segments, ignore_index=0).tolist() == [[[3, 3, 0], [5, 5, 0]]]


def test_pooling_takes_back_what_projection_gave() -> None:
    segments = labels((8, 9))
    of_regions = values(len(region_index(segments)[0]), 2)
    torch.testing.assert_close(pool_regions(project_regions(of_regions, segments), segments), of_regions)


@every_shape
@pytest.mark.parametrize("ignore_index", [None, 8])
def test_boundary_means_are_those_over_all_faces_of_an_edge(shape: tuple[int, ...], ignore_index: int | None) -> None:
    segments, image = labels(shape), values(2, *shape)
    found = faces(segments, ignore_index)
    expected = [
        torch.stack([(image[:, *p] + image[:, *q]) / 2 for p, q, _ in found[pair]]).mean(0) for pair in sorted(found)
    ]
    pooled = pool_boundaries(image, segments, ignore_index=ignore_index)
    torch.testing.assert_close(pooled, torch.stack(expected) if expected else torch.empty(0, 2).double())
    torch.testing.assert_close(pool_boundaries(image[0], segments, ignore_index=ignore_index), pooled[:, 0])


@every_shape
def test_region_features_are_those_of_scikit_image_and_numpy(shape: tuple[int, ...]) -> None:
    segments, image = labels(shape), values(2, *shape)
    features = region_features(image, segments)
    ids, index = region_index(segments)
    properties = regionprops(index.numpy() + 1)  # type: ignore[no-untyped-call]
    assert features.size.tolist() == [region.area for region in properties]
    centroids = torch.tensor([region.centroid for region in properties], dtype=torch.float64)
    torch.testing.assert_close(features.centroid, centroids)
    for node, number in enumerate(ids.tolist()):
        inside = image[:, segments == number]
        torch.testing.assert_close(features.mean[node], inside.mean(1))
        torch.testing.assert_close(features.variance[node], inside.var(1, correction=0))


def test_ignored_pixels_have_no_part_in_any_feature() -> None:
    segments, image = labels((7, 9)), values(2, 7, 9)
    ids, _ = region_index(segments)
    outside = int((ids == 7).nonzero())
    every, some = region_features(image, segments), region_features(image, segments, ignore_index=7)
    for name in ("size", "centroid", "mean", "variance"):
        kept = torch.cat([getattr(every, name)[:outside], getattr(every, name)[outside + 1 :]])
        torch.testing.assert_close(getattr(some, name), kept)
    spoilt = torch.where(segments == 7, torch.nan, image).requires_grad_()
    features = region_features(spoilt, segments, ignore_index=7)
    torch.testing.assert_close(features.mean, some.mean)
    (gradient,) = torch.autograd.grad(features.mean.sum(), spoilt)
    assert bool((gradient[:, segments == 7] == 0).all())


def test_when_every_pixel_is_ignored_there_are_no_regions() -> None:
    segments = torch.zeros(3, 4, dtype=torch.int64)
    graph, length = superpixel_graph(segments, ignore_index=0)
    assert (graph.num_nodes, graph.num_edges, len(length)) == (0, 0, 0)
    assert pool_regions(torch.ones(5, 3, 4), segments, ignore_index=0).shape == (0, 5)
    assert pool_boundaries(torch.ones(5, 3, 4), segments, ignore_index=0).shape == (0, 5)
    assert region_features(torch.ones(3, 4), segments, ignore_index=0).centroid.shape == (0, 2)
    assert project_regions(torch.ones(0, 2), segments, ignore_index=0, fill=3.0).tolist() == [[[3.0] * 4] * 3] * 2
