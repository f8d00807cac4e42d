"""Distances along surfaces, and the triangulations they are found on: great circles, planes, SciPy's Delaunay."""

import math

import pytest
import torch
from meshes import MESHES, plane, sheet, sphere
from scipy.spatial import Delaunay

import graphrw as rw

DOUBLE = torch.float64


def sheared(num_points):
    """Points in the plane with triangles that are anything but Delaunay."""
    vertices, faces = sheet(num_points)
    return vertices * torch.tensor([4.0, 1.0, 1.0], dtype=DOUBLE), faces


def test_away_from_the_border_flips_end_at_the_delaunay_triangulation_of_points_in_the_plane():
    """At the border the sheet goes on behind, where its points have other neighbours."""
    vertices, faces = sheared(80)
    flat, _ = rw.mesh_graph(vertices, torch.from_numpy(Delaunay(vertices[:, :2].numpy()).simplices).long())
    mesh = rw.build.intrinsic_delaunay(vertices, faces)
    graphs = flat, rw.mesh_graph(vertices, faces)[0], mesh.walk_weight()[0]
    delaunay, before, after = ({*map(tuple, graph.edges.T.tolist())} for graph in graphs)
    assert len(delaunay & before) < 0.7 * len(delaunay)
    assert len(delaunay & after) > 0.8 * len(delaunay)
    straight = (vertices[mesh.faces.roll(-1, 1)] - vertices[mesh.faces.roll(-2, 1)]).norm(dim=2)
    assert bool((mesh.length >= straight - 1e-12).all())  # no way is shorter
    assert float(torch.isclose(mesh.length, straight).double().mean()) > 0.8


@pytest.mark.parametrize("mesh", [*MESHES.values(), sheared(60)], ids=[*MESHES, "sheared"])
def test_flips_leave_the_area_and_make_every_weight_positive(mesh):
    vertices, faces = mesh
    found = rw.build.intrinsic_delaunay(vertices, faces)
    sides = vertices[faces]
    area = torch.linalg.cross(sides[:, 1] - sides[:, 0], sides[:, 2] - sides[:, 0]).norm(dim=1).sum() / 2
    torch.testing.assert_close(found.vertex_area().sum(), area)
    twins = found.twin
    assert bool((twins[twins] == torch.arange(len(twins))).all())
    torch.testing.assert_close(found.length.flatten()[twins], found.length.flatten())
    assert bool((found.cotangent.flatten() + found.cotangent.flatten()[twins] > -1e-9).all())


def test_a_mesh_that_is_delaunay_keeps_its_cotangent_weights():
    vertices, faces = MESHES["icosahedron"]
    _, weight = rw.build.intrinsic_delaunay(vertices, faces).walk_weight()
    torch.testing.assert_close(weight, rw.build.cotangent_weight(vertices, faces))


def test_an_edge_of_three_faces_is_no_trouble():
    corners = torch.tensor([[0.0, 0, 0], [3, 0, 0], [1, 0.3, 0], [1, 0, 0.3], [1, -0.3, 0]], dtype=DOUBLE)
    fan = torch.tensor([[0, 1, 2], [0, 1, 3], [1, 0, 4]])
    _, weight = rw.build.intrinsic_delaunay(corners, fan).walk_weight()
    assert bool((weight >= 0).all())
    distance = rw.geodesic_distance(corners, fan, torch.tensor([0]))
    assert bool(distance.isfinite().all())


def test_distances_on_a_sphere_are_great_circles_and_on_a_plane_straight():
    vertices, faces = sphere(3000)
    distance = rw.geodesic_distance(vertices, faces, torch.tensor([0]))
    circle = torch.arccos((vertices @ vertices[0]).clamp(-1, 1))
    assert float((distance - circle).abs().mean() / circle.mean()) < 0.02
    for vertices, faces in (sheet(3000), sheared(3000)):
        distance = rw.geodesic_distance(vertices, faces, torch.tensor([5]))
        straight = (vertices - vertices[5]).norm(dim=1)
        assert float((distance - straight).abs().mean() / straight.mean()) < 0.02


def test_a_finer_mesh_is_nearer_to_the_truth():
    errors = []
    for cells in (10, 20, 40):
        vertices, faces = plane(cells + 1, cells + 1)
        straight = vertices.norm(dim=1) / cells
        errors.append((rw.geodesic_distance(vertices / cells, faces, torch.tensor([0])) - straight).abs().mean())
    assert errors[2] < errors[1] < errors[0]


def test_sources_are_at_zero_and_units_and_turns_change_nothing_else():
    vertices, faces = MESHES["sphere"]
    sources = torch.tensor([3, 11])
    distance = rw.geodesic_distance(vertices, faces, sources)
    assert distance[sources].tolist() == [0, 0]
    turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(3), dtype=DOUBLE))[0]
    for unit in (1e-100, 1e100):
        torch.testing.assert_close(rw.geodesic_distance(unit * (vertices @ turn), faces, sources) / unit, distance)


def test_vertices_that_no_way_joins_to_a_source_are_infinitely_far():
    vertices, faces = MESHES["icosahedron"]
    two, both = torch.cat([vertices, vertices + 9, vertices[:1]]), torch.cat([faces, faces + 12])
    distance = rw.geodesic_distance(two, both, torch.tensor([0]))
    torch.testing.assert_close(distance[:12], rw.geodesic_distance(vertices, faces, torch.tensor([0])))
    assert distance[12:].tolist() == [math.inf] * 13


@pytest.mark.parametrize(
    "mesh", [sheared(14), sphere(16), MESHES["icosahedron"]], ids=["sheared", "sphere", "icosahedron"]
)
def test_distances_are_differentiable_in_the_vertices_across_flips(mesh):
    vertices, faces = mesh
    shift = 0.01 * torch.randn(vertices.shape, generator=torch.Generator().manual_seed(1), dtype=DOUBLE)
    smoothing = torch.tensor(1.3, dtype=DOUBLE, requires_grad=True)
    leaves = ((vertices + shift).requires_grad_(), smoothing)

    def run(vertices, smoothing):
        return rw.geodesic_distance(vertices, faces, torch.tensor([2, 7]), smoothing=smoothing)

    assert torch.autograd.gradcheck(run, leaves, fast_mode=True)
    assert torch.autograd.gradgradcheck(run, leaves, fast_mode=True)


def test_heat_that_cannot_be_told_from_zero_is_said_to_be():
    length = 1200
    vertices, faces = plane(2, length)
    far = rw.geodesic_distance(vertices, faces, torch.tensor([0]), smoothing=9.0)[length - 1]
    assert float(far) == pytest.approx(length - 1, rel=0.02)
    with pytest.raises(rw.ConvergenceError, match="Of the heat from `sources`"):
        rw.geodesic_distance(vertices, faces, torch.tensor([0]), smoothing=0.1)


def test_without_sources_there_is_no_distance():
    with pytest.raises(ValueError, match="`sources` must name at least one vertex"):
        rw.geodesic_distance(*MESHES["cube"], torch.tensor([], dtype=torch.int64))


def test_faces_without_area_are_refused_by_name():
    vertices, faces = sphere()
    vertices = vertices.clone()
    vertices[faces[0, 1]] = vertices[faces[0, 0]]
    with pytest.raises(ValueError, match=r"`faces` holds \d+ faces without area"):
        rw.geodesic_distance(vertices, faces, torch.tensor([5]))
