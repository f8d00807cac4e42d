"""Pixel grids: which pixels are joined, in which order, and weights as images."""

import itertools
import math

import pytest
import torch
from scipy.ndimage import generate_binary_structure

from graphrw.build import grid_graph, grid_weight, weight_images
from graphrw.core.graph import Graph
from graphrw.solvers.pattern import grid_shapes, row_pattern

SHAPES = [(7,), (1,), (4, 5), (1, 6), (6, 1), (1, 1), (3, 4, 2), (2, 1, 3)]


def pixels(shape):
    return list(itertools.product(*map(range, shape)))


def pairs(graph):
    return {frozenset(edge) for edge in graph.edges.T.tolist()}


def pairs_where(shape, joined):
    found = itertools.combinations(enumerate(pixels(shape)), 2)
    return {frozenset((i, j)) for (i, p), (j, q) in found if joined([b - a for a, b in zip(p, q, strict=True)])}


@pytest.mark.parametrize(
    ("shape", "options"), [((5, 4), {}), ((3, 4, 5), {"connectivity": 3}), ((9, 7), {"radius": 3.7})]
)
def test_a_grid_passes_every_check_that_other_graphs_must_pass(shape, options):
    grid = grid_graph(shape, **options)
    assert Graph(grid.edges, grid.num_nodes).num_edges == grid.num_edges


@pytest.mark.parametrize(("shape", "connectivity"), [(s, c) for s in SHAPES for c in range(1, len(s) + 1)])
def test_connectivity_joins_the_pixels_that_scikit_image_and_scipy_call_neighbours(shape, connectivity):
    near = generate_binary_structure(len(shape), connectivity)

    def joined(step):
        return max(map(abs, step)) <= 1 and bool(near[tuple(s + 1 for s in step)])

    graph = grid_graph(shape, connectivity)
    assert pairs(graph) == pairs_where(shape, joined)
    assert graph.num_nodes == math.prod(shape)
    assert not graph.directed


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("radius", [1.0, 1.5, 2.0, math.sqrt(5), 2.9, 100.0])
def test_radius_joins_each_pair_of_pixels_within_reach_once(shape, radius):
    graph = grid_graph(shape, radius=radius)
    assert pairs(graph) == pairs_where(shape, lambda step: math.sqrt(sum(s * s for s in step)) <= radius)
    assert len(pairs(graph)) == graph.num_edges


@pytest.mark.parametrize(
    ("shape", "connectivity", "neighbours"),
    [((5,), 1, 2), ((5, 5), 1, 4), ((5, 5), 2, 8), ((5,) * 3, 1, 6), ((5,) * 3, 2, 18), ((5,) * 3, 3, 26)],
)
def test_the_pixel_in_the_middle_has_as_many_neighbours_as_promised(shape, connectivity, neighbours):
    graph = grid_graph(shape, connectivity)
    assert int(graph.edges.flatten().bincount()[graph.num_nodes // 2]) == neighbours


def test_a_radius_that_is_an_exact_distance_includes_that_distance():
    # math.sqrt(3) ** 2 is a little less than 3.
    assert pairs(grid_graph((3, 3, 3), radius=math.sqrt(3))) == pairs(grid_graph((3, 3, 3), connectivity=3))


@pytest.mark.parametrize("shape", SHAPES)
def test_edges_run_along_axis_0_first_then_1_then_2_each_in_c_order(shape):
    index = torch.arange(math.prod(shape)).reshape(shape)
    expected = []
    for axis, size in enumerate(shape):
        start, end = index.narrow(axis, 0, size - 1), index.narrow(axis, 1, size - 1)
        expected.append(torch.stack([start.flatten(), end.flatten()]))
    assert torch.equal(grid_graph(shape).edges, torch.cat(expected, dim=1))


def test_edges_are_grouped_by_offset_short_ones_first():
    rows, cols = torch.unravel_index(grid_graph((6, 6), radius=2.0).edges, (6, 6))
    steps = torch.stack([rows[1] - rows[0], cols[1] - cols[0]], dim=1).unique_consecutive(dim=0)
    assert steps.tolist() == [[1, 0], [0, 1], [1, 1], [1, -1], [2, 0], [0, 2]]


@pytest.mark.parametrize("wider", [{"connectivity": 3}, {"radius": 2.5}])
def test_wider_grids_begin_with_the_edges_of_connectivity_1(wider):
    narrow, wide = grid_graph((4, 3, 5)), grid_graph((4, 3, 5), **wider)
    assert wide.num_edges > narrow.num_edges
    assert torch.equal(wide.edges[:, : narrow.num_edges], narrow.edges)


def test_image_shapes_of_torch_and_numpy_are_accepted():
    assert torch.equal(grid_graph(torch.zeros(3, 4).shape).edges, grid_graph([3, 4]).edges)


@pytest.mark.parametrize("shape", [(), (3, 0), (-1, 4), (2, 2, 2, 2), (2.5, 3)])
def test_a_shape_that_is_no_1d_2d_or_3d_image_is_refused(shape):
    with pytest.raises(ValueError, match=r"`shape` must be 1 to 3 whole numbers, each at least 1; got \("):
        grid_graph(shape)


@pytest.mark.parametrize("connectivity", [0, 3, -1, 1.5])
def test_a_connectivity_outside_1_to_the_number_of_axes_is_refused(connectivity):
    with pytest.raises(
        ValueError, match=rf"`connectivity` must be .* from 1 to 2, the axes of a grid \(4, 5\); got {connectivity}\."
    ):
        grid_graph((4, 5), connectivity)


@pytest.mark.parametrize("radius", [0.5, 0.0, -2.0, math.inf, math.nan])
def test_a_radius_below_one_pixel_or_not_finite_is_refused(radius):
    with pytest.raises(ValueError, match=rf"`radius` must be finite and at least 1 pixel; got {radius}\."):
        grid_graph((4, 5), radius=radius)


def test_connectivity_and_radius_together_are_refused():
    with pytest.raises(ValueError, match=r"Give `connectivity` or `radius`, not both; got 2 and 3\.0\."):
        grid_graph((4, 5), connectivity=2, radius=3.0)


@pytest.mark.parametrize("shape", SHAPES)
def test_image_k_holds_the_weight_of_the_edge_from_a_pixel_to_the_next_along_axis_k(shape):
    images = torch.rand(len(shape), *shape)
    expected = []
    for tail, head in grid_graph(shape).edges.T.tolist():
        p, q = pixels(shape)[tail], pixels(shape)[head]
        axis = next(k for k in range(len(shape)) if p[k] != q[k])
        expected.append(images[(axis, *p)].item())
    assert grid_weight(images, shape).tolist() == expected


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("lead", [(), (2,), (3, 2)])
def test_weights_become_images_and_weights_again(shape, lead):
    weight = torch.rand(*lead, grid_graph(shape).num_edges) + 1
    images = weight_images(weight, shape)
    assert images.shape == (*lead, len(shape), *shape)
    assert torch.equal(grid_weight(images, shape), weight)
    assert int((images == 0).sum()) == images.numel() - weight.numel()


def test_the_last_row_and_column_without_an_edge_are_zero():
    images = weight_images(torch.ones(grid_graph((3, 4)).num_edges), (3, 4))
    assert bool((images[0, -1] == 0).all())
    assert bool((images[1, :, -1] == 0).all())
    assert int(images.sum()) == 17


def test_a_batch_of_weight_images_fits_the_batch_of_grids():
    images = torch.rand(3, 2, 4, 5)
    grid = grid_graph((4, 5))
    weight = grid_weight(images, (4, 5))
    assert weight.flatten().shape == (Graph.batch([grid] * 3).num_edges,)
    assert torch.equal(weight[1], grid_weight(images[1], (4, 5)))


@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 2)])
def test_gradients_flow_to_weight_images_and_back(shape):
    images = torch.rand(len(shape), *shape, dtype=torch.float64, requires_grad=True)
    weight = torch.rand(grid_graph(shape).num_edges, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: grid_weight(x, shape), images)
    assert torch.autograd.gradcheck(lambda x: weight_images(x, shape), weight)


def test_pixels_without_an_edge_get_no_gradient():
    images = torch.rand(2, 3, 4, requires_grad=True)
    (gradient,) = torch.autograd.grad(grid_weight(images, (3, 4)).sum(), images)
    assert torch.equal(gradient, weight_images(torch.ones(17), (3, 4)))


@pytest.mark.parametrize("wrong", [(2, 4, 5), (3, 3, 4), (3, 4), (2, 3, 4, 1), ()])
def test_images_that_do_not_fit_the_grid_are_refused(wrong):
    with pytest.raises(ValueError, match=r"`images` must have shape \(…, 2, 3, 4\) for a grid \(3, 4\); got \("):
        grid_weight(torch.ones(wrong), (3, 4))


@pytest.mark.parametrize("wrong", [(16,), (17, 1), ()])
def test_weights_that_do_not_fit_the_grid_are_refused(wrong):
    with pytest.raises(ValueError, match=r"`weight` must have shape \(…, 17\) for a grid \(3, 4\); got \("):
        weight_images(torch.ones(wrong), (3, 4))


def test_a_grid_on_another_device_is_still_one():
    """So that where its weights go is counted out there, too, and gradients gather nothing."""
    moved = Graph.batch([grid_graph((3, 4)), grid_graph((2, 2, 2))]).to("meta")
    assert grid_shapes(moved) == [(3, 4), (2, 2, 2)]
    assert grid_shapes(grid_graph((3, 4), connectivity=2).to("meta")) == []
    assert row_pattern(grid_graph((3, 4)).to("meta")).indices.device.type == "meta"
