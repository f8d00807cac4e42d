"""Meshes with known edges, weights and angles; finite elements and loops as oracles; what is refused."""

import itertools
import math
from collections import defaultdict
from typing import Any

import pytest
import torch
from scipy.spatial import ConvexHull, Delaunay
from torch import Tensor

from graphrw.build.mesh import cotangent_weight, mesh_dual_graph, mesh_graph, shared_edge_length
from graphrw.graph import Graph

DOUBLE = torch.float64
CORNERS = torch.tensor(list(itertools.product([0.0, 1.0], repeat=3)), dtype=DOUBLE)
SQUARES = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]  # outward
CUBE = torch.tensor([face for a, b, c, d in SQUARES for face in ((a, b, c), (a, c, d))])


def plane(rows: int, cols: int) -> tuple[Tensor, Tensor]:
    """A grid of points in the plane z = 0, each unit square cut in two along the same diagonal."""
    y, x = torch.meshgrid(torch.arange(rows), torch.arange(cols), indexing="ij")
    number = torch.arange(rows * cols).reshape(rows, cols)
    a, b, c, d = (part.flatten() for part in (number[:-1, :-1], number[:-1, 1:], number[1:, :-1], number[1:, 1:]))
    vertices = torch.stack([x.flatten(), y.flatten(), torch.zeros(rows * cols)], dim=1).to(DOUBLE)
    return vertices, torch.cat([torch.stack([a, b, d], dim=1), torch.stack([a, d, c], dim=1)])


def icosahedron() -> tuple[Tensor, Tensor]:
    golden = (1 + math.sqrt(5)) / 2
    corners = [p for s, t in itertools.product((-1, 1), (-golden, golden)) for p in ((0, s, t), (s, t, 0), (t, 0, s))]
    return torch.tensor(corners, dtype=DOUBLE), outward(torch.tensor(corners, dtype=DOUBLE))


def outward(points: Tensor) -> Tensor:
    """The faces of the convex hull around the origin, counter-clockwise as seen from outside."""
    faces = torch.from_numpy(ConvexHull(points.numpy()).simplices).long()
    turned = torch.linalg.det(points[faces]) < 0
    return torch.where(turned[:, None], faces.flip(1), faces)


def sphere(num_points: int = 60) -> tuple[Tensor, Tensor]:
    points = torch.randn(num_points, 3, generator=torch.Generator().manual_seed(0), dtype=DOUBLE)
    points = torch.nn.functional.normalize(points, dim=1)
    return points, outward(points)


def sheet(num_points: int = 40) -> tuple[Tensor, Tensor]:
    """Random points in the plane with their Delaunay triangles: every inner edge has a weight ≥ 0."""
    points = torch.rand(num_points, 2, generator=torch.Generator().manual_seed(1), dtype=DOUBLE)
    return torch.nn.functional.pad(points, (0, 1)), torch.from_numpy(Delaunay(points.numpy()).simplices).long()


def by_edge(faces: Tensor) -> dict[tuple[int, int], list[int]]:
    """The faces at each edge, by a loop."""
    found = defaultdict(list)
    for face, corners in enumerate(faces.tolist()):
        for i, j in itertools.combinations(sorted(corners), 2):
            found[i, j].append(face)
    return dict(found)


MESHES = {"cube": (CORNERS, CUBE), "plane": plane(4, 5), "icosahedron": icosahedron(), "sphere": sphere()}
every_mesh = pytest.mark.parametrize("mesh", MESHES.values(), ids=MESHES.keys())


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


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_attributes_have_the_type_of_the_vertices_and_faces_may_be_int32(kind: torch.dtype) -> None:
    vertices, faces = sphere()
    for attribute in (
        lambda *mesh: mesh_graph(*mesh)[1],
        lambda *mesh: mesh_dual_graph(*mesh)[1],
        cotangent_weight,
        shared_edge_length,
    ):
        found = attribute(vertices.to(kind), faces.int())
        assert found.dtype == kind
        torch.testing.assert_close(found.double(), attribute(vertices, faces), rtol=1e-4, atol=1e-5)


def test_gradients_with_respect_to_vertices_are_those_of_finite_differences() -> None:
    vertices, faces = sphere(9)
    vertices = vertices * torch.linspace(0.8, 1.2, 9, dtype=DOUBLE)[:, None]
    vertices.requires_grad_()
    assert float(cotangent_weight(vertices.detach(), faces).min()) == 0.0  # clamped edges are among them
    for attribute in (
        lambda points: mesh_graph(points, faces)[1],
        lambda points: mesh_dual_graph(points, faces)[1],
        lambda points: cotangent_weight(points, faces),
        lambda points: shared_edge_length(points, faces),
    ):
        assert torch.autograd.gradcheck(attribute, vertices)
        assert torch.autograd.gradgradcheck(attribute, vertices)


def test_flat_meshes_have_finite_gradients_of_their_angles() -> None:
    vertices, faces = plane(3, 3)
    vertices.requires_grad_()
    _, angle = mesh_dual_graph(vertices, faces)
    assert torch.equal(angle.detach(), torch.zeros_like(angle))
    (gradient,) = torch.autograd.grad(angle.sum(), vertices)
    assert bool(gradient.isfinite().all())
    assert float(gradient[:, 2].abs().max()) > 0.1


def test_an_edge_of_length_0_has_gradient_0() -> None:
    vertices = torch.tensor([[0.0, 0, 0], [0, 0, 0], [0, 1, 0]], dtype=DOUBLE, requires_grad=True)
    _, length = mesh_graph(vertices, torch.tensor([[0, 1, 2]]))
    assert length.tolist() == [0.0, 1.0, 1.0]
    (gradient,) = torch.autograd.grad(length[0], vertices)
    assert torch.equal(gradient, torch.zeros_like(gradient))


BUILDERS = [mesh_graph, mesh_dual_graph, cotangent_weight, shared_edge_length]
every_builder = pytest.mark.parametrize("build", BUILDERS, ids=lambda build: build.__name__)
NAN = CORNERS.clone()
NAN[5, 1] = torch.nan


@every_builder
@pytest.mark.parametrize(
    ("vertices", "faces", "message"),
    [
        (CORNERS[:, :2], CUBE, r"`vertices` must be \(V, 3\) float32 or float64; got \(8, 2\) .* let z = 0"),
        (CORNERS.flatten(), CUBE, r"`vertices` must be \(V, 3\) .* got \(24,\)"),
        (CORNERS.long(), CUBE, r"`vertices` must be \(V, 3\) .* got \(8, 3\) torch\.int64"),
        (CORNERS.half(), CUBE, r"`vertices` must be \(V, 3\) .* got \(8, 3\) torch\.float16"),
        (NAN, CUBE, r"`vertices` must be finite; got \[1\.0, nan, 1\.0\] at vertex 5"),
        (CORNERS, torch.tensor(SQUARES), r"`faces` must be \(F, 3\) int32 or int64; got \(6, 4\) .* into triangles"),
        (CORNERS, CUBE.flatten(), r"`faces` must be \(F, 3\) .* got \(36,\)"),
        (CORNERS, CUBE.double(), r"`faces` must be \(F, 3\) .* got \(12, 3\) torch\.float64"),
        (CORNERS, CUBE + 1, r"`faces` must name vertices from 0 to 7; got \[5, 7, 8\] at face 2\. Count .* from 0"),
        (CORNERS, CUBE - 1, r"`faces` must name vertices from 0 to 7; got \[-1, 0, 2\] at face 0"),
        (
            CORNERS,
            torch.tensor([[0, 1, 2], [3, 4, 3], [5, 5, 6]]),
            r"`faces` must have three different vertices each; got \[3, 4, 3\] at face 1\. .*\(2 in all\)",
        ),
        (
            CORNERS,
            torch.tensor([[0, 1, 2], [3, 4, 5], [2, 1, 0]]),
            r"`faces` must not repeat: face 2 has the same vertices as face 0\. .*\(1 such pairs\)",
        ),
    ],
)
def test_what_is_no_mesh_is_refused(build: Any, vertices: Tensor, faces: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(vertices, faces)


@every_builder
def test_faces_on_another_device_are_refused(build: Any) -> None:
    with pytest.raises(ValueError, match=r"`faces` is on meta but `vertices` on cpu; move one with `\.to`"):
        build(CORNERS, CUBE.to("meta"))


@pytest.mark.parametrize("build", [mesh_dual_graph, cotangent_weight])
@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
@pytest.mark.parametrize("step", [(0.0, 0.0, 0.0), (0.1, 0.2, 0.7)])
def test_a_face_without_area_is_named(build: Any, kind: torch.dtype, step: tuple[float, float, float]) -> None:
    along = torch.tensor([[0.0], [1.0], [3.3]], dtype=DOUBLE) * torch.tensor(step, dtype=DOUBLE)
    vertices = torch.cat([CORNERS, along + 0.1]).to(kind)
    faces = torch.cat([CUBE, torch.tensor([[8, 9, 10]])])
    message = (
        r"`faces` holds 1 faces without area \(first: \[8, 9, 10\] at face 12\), which have neither .* Remove them"
    )
    with pytest.raises(ValueError, match=message):
        build(vertices, faces)
    assert mesh_graph(vertices, faces)[0].num_edges == 21
