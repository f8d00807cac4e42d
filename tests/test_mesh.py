"""Meshes with known edges, weights and angles; finite elements and loops as oracles; what is refused."""

import itertools
import math

import pytest
import torch
from meshes import CORNERS, CUBE, DOUBLE, by_edge, every_mesh, icosahedron, plane, sheet, sphere
from torch import Tensor

from graphrw.build.mesh import cotangent_weight, mesh_dual_graph, mesh_graph, shared_edge_length
from graphrw.core.graph import Graph


@every_mesh
def test_every_edge_of_a_face_is_listed_once_in_order_with_its_length(mesh: tuple[Tensor, Tensor]) -> None:
    vertices, faces = mesh
    graph, length = mesh_graph(vertices, faces)
    assert [tuple(edge) for edge in graph.edges.T.tolist()] == sorted(by_edge(faces))
    expected = [math.dist(vertices[i].tolist(), vertices[j].tolist()) for i, j in graph.edges.T.tolist()]
    assert length.tolist() == pytest.approx(expected, rel=1e-14)
    assert Graph(graph.edges, graph.num_nodes).num_edges == graph.num_edges


def test_an_icosahedron_has_30_edges_and_is_its_own_dual_in_number() -> None:
    vertices, faces = icosahedron()
    graph, length = mesh_graph(vertices, faces)
    assert (graph.num_nodes, graph.num_edges, len(faces)) == (12, 30, 20)
    assert graph.num_nodes - graph.num_edges + len(faces) == 2  # Euler
    torch.testing.assert_close(length, torch.full_like(length, 2.0))
    dual, angle = mesh_dual_graph(vertices, faces)
    assert (dual.num_nodes, dual.num_edges) == (20, 30)
    assert set(dual.edges.flatten().bincount().tolist()) == {3}
    torch.testing.assert_close(angle, torch.full_like(angle, math.acos(math.sqrt(5) / 3)))


def test_vertices_of_no_face_are_isolated_nodes() -> None:
    vertices = torch.cat([CORNERS, torch.ones(2, 3, dtype=DOUBLE)])
    graph, _ = mesh_graph(vertices, CUBE)
    assert graph.num_nodes == 10
    assert graph.edges.flatten().bincount(minlength=10)[8:].tolist() == [0, 0]


@pytest.mark.parametrize("vertices", [CORNERS, CORNERS[:0]])
def test_a_mesh_without_faces_has_no_edges(vertices: Tensor) -> None:
    nothing = torch.empty(0, 3, dtype=torch.int64)
    graph, length = mesh_graph(vertices, nothing)
    dual, angle = mesh_dual_graph(vertices, nothing)
    assert (graph.num_nodes, graph.num_edges, len(length)) == (len(vertices), 0, 0)
    assert (dual.num_nodes, dual.num_edges, len(angle)) == (0, 0, 0)
    assert len(cotangent_weight(vertices, nothing)) == len(shared_edge_length(vertices, nothing)) == 0


def test_a_regular_grid_has_weights_1_inside_a_half_on_its_border_and_0_on_diagonals() -> None:
    vertices, faces = plane(4, 5)
    graph, _ = mesh_graph(vertices, faces)
    weight = cotangent_weight(vertices, faces)
    at_edge = by_edge(faces)
    for (i, j), w in zip(graph.edges.T.tolist(), weight.tolist(), strict=True):
        diagonal = not bool((vertices[i] == vertices[j])[:2].any())
        assert w == pytest.approx(0.0 if diagonal else len(at_edge[i, j]) / 2, abs=1e-15)


def test_the_weights_of_an_equilateral_triangle_are_half_the_cotangent_of_60_degrees() -> None:
    vertices = torch.tensor([[0.0, 0, 5], [1, 0, 5], [0.5, math.sqrt(3) / 2, 5]], dtype=DOUBLE)
    weight = cotangent_weight(vertices, torch.tensor([[2, 0, 1]]))
    assert weight.tolist() == pytest.approx([1 / (2 * math.sqrt(3))] * 3)


@pytest.mark.parametrize("mesh", [icosahedron(), sheet()], ids=["icosahedron", "sheet"])
def test_the_energy_of_a_function_is_that_of_linear_finite_elements(mesh: tuple[Tensor, Tensor]) -> None:
    vertices, faces = mesh
    graph, _ = mesh_graph(vertices, faces)
    inner = torch.tensor([len(at) == 2 for _, at in sorted(by_edge(faces).items())])
    function = torch.randn(len(vertices), generator=torch.Generator().manual_seed(2), dtype=DOUBLE)
    function[graph.edges[:, ~inner]] = 0.0  # at the border a single obtuse angle may have been clamped
    energy = (cotangent_weight(vertices, faces) * (function[graph.edges[0]] - function[graph.edges[1]]) ** 2).sum()
    expected = 0.0
    for face in faces:
        a, b, c = vertices[face]
        sides = torch.stack([b - a, c - a])
        metric = sides @ sides.T
        step = function[face[1:]] - function[face[0]]
        expected += float(step @ torch.linalg.solve(metric, step)) * float(metric.det().sqrt()) / 2
    assert float(energy) == pytest.approx(expected, rel=1e-10)


def test_linear_functions_are_harmonic_inside_a_flat_delaunay_mesh() -> None:
    vertices, faces = sheet()
    graph, _ = mesh_graph(vertices, faces)
    weight = cotangent_weight(vertices, faces)
    flow = weight[:, None] * (vertices[graph.edges[1]] - vertices[graph.edges[0]])
    total = torch.zeros_like(vertices).index_add(0, graph.edges[0], flow).index_add(0, graph.edges[1], -flow)
    border = {i for edge, at in by_edge(faces).items() if len(at) == 1 for i in edge}
    inside = [i for i in range(len(vertices)) if i not in border]
    assert len(inside) > 20
    assert float(total[inside].abs().max()) < 1e-12


def test_a_negative_cotangent_weight_becomes_zero() -> None:
    kite = torch.tensor([[-2.0, 0, 0], [2, 0, 0], [0, 1, 0], [0, -1, 0]], dtype=DOUBLE)  # obtuse at 2 and 3
    faces = torch.tensor([[0, 1, 2], [1, 0, 3]])
    weight = cotangent_weight(kite, faces)
    assert mesh_graph(kite, faces)[0].edges.T.tolist()[0] == [0, 1]
    assert weight[0] == 0.0
    assert weight[1:].tolist() == pytest.approx([1.0] * 4)  # ½ cot of the angle whose tangent is ½


def test_cotangent_weights_do_not_depend_on_scale_or_orientation() -> None:
    vertices, faces = sphere()
    weight = cotangent_weight(vertices, faces)
    torch.testing.assert_close(cotangent_weight(1e-6 * vertices, faces), weight)
    torch.testing.assert_close(cotangent_weight(vertices, faces.flip(1)), weight)


def test_a_cube_has_right_angles_at_its_edges_and_flat_squares() -> None:
    dual, angle = mesh_dual_graph(CORNERS, CUBE)
    assert (dual.num_nodes, dual.num_edges) == (12, 18)
    flat = dual.edges[0] // 2 == dual.edges[1] // 2
    assert int(flat.sum()) == 6
    torch.testing.assert_close(angle, torch.where(flat, 0.0, math.pi / 2).to(DOUBLE))


def test_the_sign_of_every_angle_turns_when_the_inside_becomes_the_outside() -> None:
    vertices, faces = sphere()
    graph, angle = mesh_dual_graph(vertices, faces)
    turned, other = mesh_dual_graph(vertices, faces.flip(1))
    assert bool((angle > 0).all())
    assert torch.equal(turned.edges, graph.edges)
    torch.testing.assert_close(other, -angle)


@pytest.mark.parametrize("fold", [-170.0, -90.0, -30.0, 0.0, 1e-4, 60.0, 179.0])
def test_two_triangles_folded_by_an_angle_have_that_angle(fold: float) -> None:
    theta = math.radians(fold)
    wing = [0.3, -math.cos(theta), -math.sin(theta)]  # falls away from the first face's normal, +z, where θ > 0
    vertices = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0.4, 1, 0], wing], dtype=DOUBLE)
    _, angle = mesh_dual_graph(vertices, torch.tensor([[0, 1, 2], [1, 0, 3]]))
    assert math.degrees(float(angle)) == pytest.approx(fold, rel=1e-12, abs=1e-12)
    _, unlike = mesh_dual_graph(vertices, torch.tensor([[0, 1, 2], [0, 1, 3]]))  # the second is turned over
    assert math.degrees(float(unlike)) == pytest.approx(fold, rel=1e-12, abs=1e-12)


def test_where_orientations_differ_the_first_face_decides_the_sign() -> None:
    faces = CUBE.clone()
    faces[0] = faces[0].flip(0)
    dual, angle = mesh_dual_graph(CORNERS, faces)
    _, before = mesh_dual_graph(CORNERS, CUBE)
    torch.testing.assert_close(angle, torch.where(dual.edges[0] == 0, -before, before))


@every_mesh
def test_faces_that_share_an_edge_are_joined_and_its_length_is_known(mesh: tuple[Tensor, Tensor]) -> None:
    vertices, faces = mesh
    dual, _ = mesh_dual_graph(vertices, faces)
    shared = {tuple(at): edge for edge, at in by_edge(faces).items() if len(at) == 2}
    assert [tuple(pair) for pair in dual.edges.T.tolist()] == sorted(shared)
    expected = [math.dist(*vertices[list(shared[pair])].tolist()) for pair in sorted(shared)]
    assert shared_edge_length(vertices, faces).tolist() == pytest.approx(expected, rel=1e-14)
    assert Graph(dual.edges, dual.num_nodes).num_edges == dual.num_edges


def test_an_edge_of_many_faces_joins_all_pairs_and_sums_all_cotangents() -> None:
    around = [(math.cos(t), math.sin(t), 0.5) for t in (0.0, 1.0, 2.5, 4.0)]
    vertices = torch.tensor([(0.0, 0, 0), (0, 0, 1), *around], dtype=DOUBLE)
    faces = torch.tensor([[0, 1, 2], [0, 1, 3], [1, 0, 4], [0, 1, 5]])
    dual, angle = mesh_dual_graph(vertices, faces)
    assert [tuple(pair) for pair in dual.edges.T.tolist()] == list(itertools.combinations(range(4), 2))
    directions = (0.0, 1.0, 2.5, 4.0)
    for (f, g), theta in zip(dual.edges.T.tolist(), angle.tolist(), strict=True):
        between = (directions[g] - directions[f]) % (2 * math.pi)
        assert abs(theta) == pytest.approx(abs(math.pi - between))
    cotangent = (1 - 0.25) / 1.0  # at (1, 0, ½), between (0, 0, 0) and (0, 0, 1): dot product ¾, twice the area 1
    assert float(cotangent_weight(vertices, faces)[0]) == pytest.approx(4 * cotangent / 2)
    assert shared_edge_length(vertices, faces).tolist() == [1.0] * 6


def test_the_order_of_faces_and_corners_does_not_change_the_vertex_graph() -> None:
    vertices, faces = sphere()
    mixed = faces[torch.randperm(len(faces), generator=torch.Generator().manual_seed(5))].roll(1, 1)
    assert torch.equal(mesh_graph(vertices, mixed)[0].edges, mesh_graph(vertices, faces)[0].edges)
    torch.testing.assert_close(cotangent_weight(vertices, mixed), cotangent_weight(vertices, faces))


def test_other_numbers_for_the_vertices_permute_the_graph() -> None:
    vertices, faces = sphere()
    new = torch.randperm(len(vertices), generator=torch.Generator().manual_seed(6))
    moved = torch.empty_like(vertices)
    moved[new] = vertices

    def weights(vertices: Tensor, faces: Tensor, name: Tensor) -> dict[tuple[int, ...], float]:
        edges = name[mesh_graph(vertices, faces)[0].edges].sort(0).values.T.tolist()
        return dict(zip(map(tuple, edges), cotangent_weight(vertices, faces).tolist(), strict=True))

    assert weights(moved, new[faces], torch.arange(len(new))) == pytest.approx(weights(vertices, faces, new))
    torch.testing.assert_close(mesh_dual_graph(moved, new[faces])[1], mesh_dual_graph(vertices, faces)[1])
